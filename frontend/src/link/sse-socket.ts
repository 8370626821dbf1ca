import type { Call } from "../api/terminals.ts";
import { EventStream } from "../lib/event-stream.ts";
import { CallSocket } from "./call-socket.ts";
import { closeCode } from "./close-code.ts";
import { SILENT } from "./connection.ts";
import { readMessage } from "./message.ts";

/** The server says something at least every 15 s. */
export const SILENCE_MS = 40_000;
/** A stream that was fine for so long is not one that a proxy holds back: its network has changed. */
const PROVEN_MS = 120_000;
/** A timer that is later than this ran in a machine that slept or in a hidden tab: it proves nothing. */
const LATE_MS = 5_000;

type FromBase64 = { fromBase64?: (text: string) => Uint8Array<ArrayBuffer> };

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const { fromBase64 } = Uint8Array as FromBase64;
  if (fromBase64) return fromBase64(text);
  const packed = atob(text);
  const bytes = new Uint8Array(packed.length);
  for (let i = 0; i < packed.length; i++) bytes[i] = packed.charCodeAt(i);
  return bytes;
}

/** A terminal by server-sent events. By fetch, not EventSource: that sends no header and hides every status. */
export class SseSocket extends CallSocket {
  #next = 0;
  #began: number;
  #heardAt: number;
  #events = new EventStream((type, data, id) => this.#event(type, data, id));

  constructor(
    call: Call,
    offset: number,
    client: string,
    readonly now: () => number = Date.now,
  ) {
    super(call, offset, client);
    this.#began = now();
    this.#heardAt = this.#began;
    void this.#run();
  }

  async #run(): Promise<void> {
    this.#hear();
    try {
      const path = `stream?offset=${this.offset}&client=${this.client}`;
      const response = await this.call(path, { signal: this.signal, waits: true });
      const right = response.headers.get("Content-Type")?.startsWith("text/event-stream");
      if (!response.ok || !right || !response.body) return this.fail(closeCode(response));
      this.opened();
      const reader = response.body.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done || this.disposed) break;
        this.#hear();
        this.#events.push(value);
      }
    } catch {
      // The network, or no base64: either way the next connection goes on from what is here.
    }
    this.fail(1006);
  }

  #event(type: string, data: string, id: string): void {
    if (this.disposed) return;
    if (type === "control") {
      const message = readMessage(data);
      if (message?.type === "hello") this.posts.begin(message.input_offset);
      if (message?.type === "hello" || message?.type === "reset") this.#next = message.offset;
      this.deliver(data);
    } else if (type === "output") {
      const bytes = fromBase64(data);
      this.#next += bytes.length;
      if (String(this.#next) === id) this.deliver(bytes.buffer);
      else this.fail(1006); // something is missing, and the terminal must not be drawn without it
    }
  }

  #hear(): void {
    this.#heardAt = this.now();
    this.silence.start(SILENCE_MS, () => {
      const late = this.now() - this.#heardAt > SILENCE_MS + LATE_MS;
      const proven = this.#heardAt - this.#began > PROVEN_MS;
      this.fail(late || proven ? 1006 : SILENT);
    });
  }
}
