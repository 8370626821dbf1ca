import type { Call } from "../api/terminals.ts";
import { CallSocket } from "./call-socket.ts";
import { closeCode } from "./close-code.ts";
import { readMessage } from "./message.ts";
import { PollWait, SHORT_WAIT_S } from "./poll-wait.ts";

/** Beyond the wait: an answer that has not begun by then, or has stopped for so long, will not come. */
export const SLACK_MS = 10_000;
/** Asking says that everything before was parsed: so it waits until nearly everything was. */
export const UNPARSED_BYTES = 64 * 1024;
/** Before asking again, where "nothing" came though nobody can have waited: from a cache, in spite of no-store. */
const REST_MS = 1_000;
/** What proxies say that wait no longer. */
const IMPATIENT = [408, 502, 504, 524];

/** A terminal by plain requests: what is new is asked for again and again, each time from where the last ended. */
export class PollSocket extends CallSocket {
  #received: number;
  #parsed: number;
  #room: (() => void) | null = null;

  /** @param patient Whether it may keep a connection for itself: where they are scarce, others want one, too. */
  constructor(
    call: Call,
    offset: number,
    client: string,
    readonly patient = true,
    readonly wait = new PollWait(),
  ) {
    super(call, offset, client);
    this.#received = offset;
    this.#parsed = offset;
    void this.#run();
  }

  override send(data: string | Uint8Array<ArrayBuffer>): void {
    const said = typeof data === "string" ? (JSON.parse(data) as { type: string; offset: number }) : null;
    if (said?.type !== "ack") {
      super.send(data);
      return;
    }
    this.#parsed = said.offset;
    if (this.#received - this.#parsed <= UNPARSED_BYTES) this.#room?.();
  }

  async #run(): Promise<void> {
    try {
      for (let first = true; !this.disposed; first = false) {
        if (this.#received - this.#parsed > UNPARSED_BYTES) await this.#untilRoom();
        const code = await this.#ask(first);
        if (code !== null) return this.fail(code);
      }
    } catch {
      this.fail(1006);
    }
  }

  /** One request; returns the close code when it was the last. */
  async #ask(first: boolean): Promise<number | null> {
    const wait = first ? 0 : this.patient ? this.wait.seconds : SHORT_WAIT_S;
    const asked = Date.now();
    const response = await this.#answer(wait);
    if (response === null) return null;
    if (response.status === 204 && !(await this.#waited(wait, asked))) return null;
    const begins = Number(response.headers.get("Muxboard-Offset") ?? "-1");
    if (!response.ok || !Number.isSafeInteger(begins) || begins < 0) return closeCode(response);
    if (first) this.opened();
    const after: string[] = [];
    for (const message of readControl(response.headers.get("Muxboard-Control"))) {
      const text = JSON.stringify(message);
      const said = readMessage(text);
      if (said?.type === "exit") after.push(text);
      else if (said?.type !== "hello") this.deliver(text);
      else if (first) {
        // Every answer begins with hello; the terminal's connection only once.
        this.posts.begin(said.input_offset);
        this.#received = said.offset;
        this.#parsed = said.offset;
        this.deliver(text);
      }
      if (said?.type === "reset") {
        this.#received = said.offset;
        this.#parsed = said.offset;
      }
    }
    if (begins !== this.#received && after.length === 0) return 1006;
    await this.#read(response);
    for (const text of after) this.deliver(text);
    return after.length > 0 ? 1000 : null;
  }

  /** The head of an answer; null: something gave up waiting for it, and it is asked for again. */
  async #answer(wait: number): Promise<Response | null> {
    const asked = Date.now();
    const impatient = (): boolean => this.wait.gaveUp(wait, Date.now() - asked);
    this.#within(wait * 1000 + SLACK_MS, impatient);
    const path = `output?offset=${this.#received}&wait=${wait}&client=${this.client}`;
    try {
      const response = await this.call(path, { signal: this.signal, waits: wait > 0 });
      if (!IMPATIENT.includes(response.status) || !impatient()) return response;
      await response.arrayBuffer(); // read to its end, the connection can be used again
    } catch (error) {
      if (this.disposed || !impatient()) throw error;
    }
    return null;
  }

  /** Takes in that there is nothing; false, after a rest, when nobody can have waited for it. */
  async #waited(wait: number, asked: number): Promise<boolean> {
    const early = Date.now() - asked < wait * 500;
    if (early) await new Promise<void>((done) => this.silence.start(REST_MS, done));
    else this.wait.waited(wait);
    return !early;
  }

  async #read(response: Response): Promise<void> {
    const reader = response.body?.getReader();
    while (reader) {
      this.#within(SLACK_MS);
      const { done, value } = await reader.read();
      if (done) return;
      this.#received += value.length;
      this.deliver(value.slice().buffer);
    }
  }

  #within(ms: number, late?: () => void): void {
    if (this.disposed) return;
    this.silence.start(ms, () => {
      late?.();
      this.fail(1006);
    });
  }

  async #untilRoom(): Promise<void> {
    this.silence.stop();
    await new Promise<void>((done) => {
      this.#room = done;
    });
    this.#room = null;
  }
}

function readControl(header: string | null): unknown[] {
  const messages: unknown = header === null ? [] : JSON.parse(header);
  return Array.isArray(messages) ? messages : [];
}
