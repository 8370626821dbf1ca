import type { ExitMessage, HelloMessage, NoticeMessage, TerminalMode } from "../api/types.gen.ts";
import { Disposable, Timer } from "../lib/disposable.ts";
import { InputLog } from "./input-log.ts";
import { readMessage, writeMessage } from "./message.ts";

/** Sent input kept for sending again after a cut; more than sockets and the server together can hold. */
export const KEEP_BYTES = 4 * 1024 * 1024;
/** What may be typed while nobody takes it. A person does not type more into a dead line; a paste does. */
export const PENDING_BYTES = 64 * 1024;
/** One paste at once while connected: beyond it the tab, not the terminal, is the bottleneck. */
export const BACKLOG_BYTES = 16 * 1024 * 1024;
/** Input frames: small enough that a ^C typed behind a paste is not stuck behind one giant frame. */
export const FRAME_BYTES = 16 * 1024;
/** The socket's own queue stays this short, so that what a cut loses is still ours to send again. */
export const SOCKET_BYTES = 256 * 1024;
export const PACE_MS = 5;
/** The window reopens in eighths, at most ACK_BYTES apart. On a slow link the server's own window is smaller than
 * what its hello names, and follows the acks: none waits longer than ACK_MS after the first byte that it covers. */
export const ACK_BYTES = 32 * 1024;
export const ACK_MS = 20;

/** What a Link needs of a WebSocket. */
export interface Wire {
  readonly bufferedAmount: number;
  send(data: string | Uint8Array<ArrayBuffer>): void;
}

/** What the Link tells its terminal. */
export interface LinkListener {
  hello(message: HelloMessage, resumed: boolean): void;
  /**
   * Call `parsed` when the terminal has worked these bytes off: that opens the window again.
   * `replayed`: they were said before this connection.
   */
  output(bytes: Uint8Array, parsed: () => void, replayed: boolean): void;
  reset(): void;
  notice(message: NoticeMessage): void;
  exit(message: ExitMessage): void;
  /** Connected, cut, or the number of waiting keys changed. */
  changed(): void;
}

/**
 * The protocol of one terminal, without any I/O of its own: bytes and messages in, bytes and messages out.
 * It outlives connections: `connect` a wire, `cut` it, `connect` the next; offsets make the seam invisible.
 */
export class Link extends Disposable {
  #wire: Wire | null = null;
  #greeted = false;
  #wasGreeted = false;
  #ended = false;
  #window = 0;
  #received = 0;
  #parsed = 0;
  #acked = 0;
  /** Raised by each reset: late "parsed" calls for bytes of an older numbering are not acks. */
  #epoch = 0;
  #waitingKeys = 0;
  #size: { cols: number; rows: number } | null = null;
  #input = new InputLog(KEEP_BYTES);
  #ackTimer = this.own(new Timer());
  #paceTimer = this.own(new Timer());

  constructor(
    readonly id: string,
    readonly mode: TerminalMode,
    readonly listener: LinkListener,
  ) {
    super();
  }

  /** Output bytes received: where the next connection goes on. */
  get outOffset(): number {
    return this.#received;
  }
  get ackedOffset(): number {
    return this.#acked;
  }
  get parsedOffset(): number {
    return this.#parsed;
  }
  get inputOffset(): number {
    return this.#input.sent;
  }
  get connected(): boolean {
    return this.#greeted;
  }
  get ended(): boolean {
    return this.#ended;
  }
  /** Keys and pastes that wait for a connection. */
  get waitingKeys(): number {
    return this.#waitingKeys;
  }

  connect(wire: Wire): void {
    this.cut();
    this.#wire = wire;
  }

  cut(): void {
    this.#ackTimer.stop();
    this.#paceTimer.stop();
    this.#wire = null;
    if (!this.#greeted) return;
    this.#greeted = false;
    this.listener.changed();
  }

  text(frame: string): void {
    const message = readMessage(frame);
    if (!message || this.#ended) return;
    if (message.type === "hello") this.#hello(message);
    else if (message.type === "reset") this.#reset(message.offset);
    else if (message.type === "notice") this.listener.notice(message);
    else {
      // A restart is a cut: what is typed meanwhile waits for the terminal that replaces this one.
      this.#ended = message.reason !== "draining";
      this.listener.exit(message);
      this.cut();
    }
  }

  binary(frame: Uint8Array): void {
    if (!this.#greeted || frame.length === 0) return;
    // After a cut the server may go on a little before our offset: what is here already is not drawn twice.
    const known = Math.max(0, this.#skip);
    const bytes = known === 0 ? frame : frame.subarray(Math.min(known, frame.length));
    this.#skip -= frame.length - bytes.length;
    const replayed = Math.min(bytes.length, Math.max(0, this.#replayEnd - this.#received));
    this.#output(bytes.subarray(0, replayed), true);
    this.#output(bytes.subarray(replayed), false);
  }
  #skip = 0;
  #replayEnd = 0;

  #output(bytes: Uint8Array, replayed: boolean): void {
    if (bytes.length === 0) return;
    this.#received += bytes.length;
    const end = this.#received;
    const epoch = this.#epoch;
    const parsed = (): void => {
      if (epoch === this.#epoch) this.#parsedTo(end);
    };
    this.listener.output(bytes, parsed, replayed);
  }

  /** Types bytes. Returns false when they were refused (view mode, ended, too much waiting). */
  type(bytes: Uint8Array): boolean {
    if (this.mode === "view" || this.#ended || this.disposed || bytes.length === 0) return false;
    const limit = this.#greeted ? BACKLOG_BYTES : PENDING_BYTES;
    if (this.#input.unsent + bytes.length > limit) {
      const what = this.#greeted ? "That paste is too large." : "Not connected: no more input is kept.";
      this.#say("warning", "input_full", what);
      return false;
    }
    this.#input.push(bytes);
    if (this.#greeted) {
      this.#pump();
    } else {
      this.#waitingKeys += 1;
      this.listener.changed();
    }
    return true;
  }

  /** Tells the terminal's size; remembered over a cut, and never told twice. tmux keeps a viewer's size from others. */
  resize(cols: number, rows: number): void {
    if (this.#size?.cols === cols && this.#size.rows === rows) return;
    this.#size = { cols, rows };
    this.#sendSize();
  }

  /** Input that never reached any connection, for the terminal that replaces this one. */
  takeUnsent(): Uint8Array<ArrayBuffer> {
    this.#waitingKeys = 0;
    return this.#input.takeUnsent();
  }

  #hello(message: HelloMessage): void {
    const resumed = this.#wasGreeted;
    this.#window = message.window;
    if (!resumed) {
      this.#received = message.offset;
      this.#parsed = message.offset;
    } else if (message.offset > this.#received) {
      this.#reset(message.offset); // a gap: never hidden, the screen is drawn anew
    }
    this.#acked = Math.min(message.offset, this.#parsed);
    this.#skip = this.#received - message.offset;
    this.#replayEnd = message.offset + (message.replay ?? 0);
    if (!this.#input.rewind(message.input_offset) && resumed) {
      this.#say("warning", "input_lost", "Some of what was typed before the cut was lost.");
    }
    this.#greeted = true;
    this.#wasGreeted = true;
    this.#waitingKeys = 0;
    if (!this.#size) this.#size = { cols: message.cols, rows: message.rows };
    else if (this.#size.cols !== message.cols || this.#size.rows !== message.rows) this.#sendSize();
    this.listener.hello(message, resumed);
    this.listener.changed();
    if (this.#parsed > this.#acked) this.#ack();
    this.#pump();
  }

  #reset(offset: number): void {
    this.#epoch += 1;
    this.#received = offset;
    this.#parsed = offset;
    this.#acked = offset;
    this.#skip = 0;
    this.#replayEnd = 0;
    this.listener.reset();
  }

  #parsedTo(end: number): void {
    this.#parsed = Math.max(this.#parsed, end);
    const step = Math.max(1, Math.min(this.#window / 8, ACK_BYTES));
    if (this.#parsed - this.#acked >= step) this.#ack();
    else if (!this.#ackTimer.running) this.#ackTimer.start(ACK_MS, () => this.#ack());
  }

  #ack(): void {
    this.#ackTimer.stop();
    if (!this.#greeted || this.#parsed <= this.#acked) return;
    this.#acked = this.#parsed;
    this.#wire?.send(writeMessage({ type: "ack", offset: this.#acked }));
  }

  #sendSize(): void {
    if (this.#greeted && this.#size) this.#wire?.send(writeMessage({ type: "resize", ...this.#size }));
  }

  #pump(): void {
    const wire = this.#wire;
    if (!this.#greeted || !wire) return;
    while (this.#input.unsent > 0) {
      if (wire.bufferedAmount >= SOCKET_BYTES) {
        this.#paceTimer.start(PACE_MS, () => this.#pump());
        return;
      }
      const bytes = this.#input.take(FRAME_BYTES);
      if (!bytes) return;
      wire.send(bytes);
    }
  }

  #say(level: NoticeMessage["level"], code: string, message: string): void {
    this.listener.notice({ type: "notice", level, code, message });
  }
}
