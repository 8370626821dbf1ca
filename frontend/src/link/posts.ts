import type { Call } from "../api/terminals.ts";
import { Disposable, Timer } from "../lib/disposable.ts";
import { closeCode } from "./close-code.ts";

/** Most that one request carries; the server takes no more. */
export const POST_BYTES = 64 * 1024;
/** An answer that takes longer will not come: 64 KiB take 8 s at 64 kbit/s. */
export const POST_MS = 30_000;
/** A terminal that has ended refuses input; why it ended comes another way, and may be a little later. */
export const GONE_MS = 2_000;

const isAck = (message: string): boolean => (JSON.parse(message) as { type?: string }).type === "ack";

/**
 * What goes to a terminal by requests, input and control messages each with one under way: what is typed
 * meanwhile goes along with the next. After a failure nothing more is sent; the next connection's hello says
 * what has arrived.
 */
export class Posts extends Disposable {
  #input: Uint8Array<ArrayBuffer>[] = [];
  #waiting = 0;
  #offset = 0;
  #typing = false;
  #messages: string[] = [];
  #ack = "";
  #saying = false;
  #gone = this.own(new Timer());

  constructor(
    readonly call: Call,
    readonly failed: (code: number) => void,
    readonly signal: AbortSignal,
  ) {
    super();
  }

  /** Bytes typed that the server has not confirmed. */
  get waiting(): number {
    return this.#waiting;
  }

  /** The server's hello: input goes on at `offset`. */
  begin(offset: number): void {
    this.#offset = offset;
  }

  type(bytes: Uint8Array<ArrayBuffer>): void {
    this.#input.push(bytes);
    this.#waiting += bytes.length;
    if (!this.#typing) void this.#type();
  }

  say(message: string): void {
    if (isAck(message)) this.#ack = message;
    else this.#messages.push(message);
    if (!this.#saying) void this.#say();
  }

  async #type(): Promise<void> {
    this.#typing = true;
    while (this.#input.length > 0) {
      const body = this.#take();
      const path = `input?offset=${this.#offset}`;
      if (!(await this.#post(path, body, "application/octet-stream"))) return;
      this.#offset += body.length;
      this.#waiting -= body.length;
    }
    this.#typing = false;
  }

  async #say(): Promise<void> {
    this.#saying = true;
    for (;;) {
      const message = this.#messages.shift() ?? this.#ack;
      if (!message) break;
      if (message === this.#ack) this.#ack = "";
      if (!(await this.#post("control", message, "application/json"))) return;
    }
    this.#saying = false;
  }

  #take(): Uint8Array<ArrayBuffer> {
    const body = new Uint8Array(Math.min(this.#waiting, POST_BYTES));
    let at = 0;
    while (at < body.length) {
      const part = this.#input[0] as Uint8Array<ArrayBuffer>;
      const fits = part.subarray(0, body.length - at);
      body.set(fits, at);
      at += fits.length;
      if (fits.length === part.length) this.#input.shift();
      else this.#input[0] = part.subarray(fits.length);
    }
    return body;
  }

  /** Returns whether to go on. */
  async #post(path: string, body: Uint8Array<ArrayBuffer> | string, type: string): Promise<boolean> {
    if (this.disposed) return false;
    const late = new Timer();
    late.start(POST_MS, () => this.#fail(1006));
    try {
      const response = await this.call(path, { body, type, signal: this.signal });
      if (response.ok) {
        await response.arrayBuffer(); // read to its end, the connection can be used again
        return !this.disposed;
      }
      this.#fail(closeCode(response));
    } catch {
      this.#fail(1006);
    } finally {
      late.stop();
    }
    return false;
  }

  #fail(code: number): void {
    if (this.disposed) return;
    if (code === 4404) this.#gone.start(GONE_MS, () => this.failed(code));
    else this.failed(code);
  }
}
