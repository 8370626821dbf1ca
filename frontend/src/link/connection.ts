import type { Presence } from "../api/terminals.ts";
import { Backoff } from "../lib/backoff.ts";
import { Disposable, Timer } from "../lib/disposable.ts";
import type { Link, Wire } from "./link.ts";
import { readMessage } from "./message.ts";
import { PATIENCE_MS } from "./transport.ts";

/** A socket that neither opens nor fails: some proxies do that. `patience` of the owner takes its place. */
export const CONNECT_MS = 8_000;
/** The code of a socket that opened, said hello, and then was silent for longer than a server ever is. */
export const SILENT = 4408;
/** How often the clock is looked at, and how far it must jump to mean that the machine slept. */
export const TICK_MS = 5_000;
export const SLEPT_MS = 25_000;
/** Browsers run timers of hidden tabs once a minute: only a longer jump is sleep there. */
export const SLEPT_HIDDEN_MS = 150_000;

/** Output that came so lately may go on, and a socket that takes over would have missed some of it. */
export const LULL_MS = 250;

/** The part of WebSocket that this file uses; tests bring their own. */
export interface Socket extends Wire {
  binaryType: string;
  close(): void;
  addEventListener(type: "open", heard: () => void): void;
  addEventListener(type: "message", heard: (event: { data: unknown }) => void): void;
  addEventListener(type: "close", heard: (event: { code: number }) => void): void;
}

/** Why a terminal cannot be reached again as it is. */
export type Loss = "gone" | "draining" | "unauthenticated" | "forbidden" | "refused";

/** How a socket failed though the service answers: at once, by saying nothing, or by falling silent. */
export type Blockage = "refused" | "mute" | "silent";

export interface ConnectionOptions {
  open: (offset: number) => Socket;
  probe: () => Promise<Presence>;
  /** Final for this connection: the owner decides between a fresh attach, the login form and an end. */
  lost: (why: Loss) => void;
  /** Milliseconds that the newest socket may take to its hello. */
  patience?: () => number;
  greeted?: () => void;
  /** The network is up, but not for this socket. Returns whether `open` has another way, to be tried at once. */
  blocked?: (how: Blockage) => boolean;
  /** Now and then: a better kind of socket, to be tried while the other one goes on. */
  aside?: (offset: number) => Socket | null;
  /** Whether it got through, and whether the other one was replaced by it before. */
  triedAside?: (through: boolean, disturbed: boolean) => void;
  hidden?: () => boolean;
  now?: () => number;
  random?: () => number;
}

const CLOSE_CODES: Record<number, Loss> = {
  1008: "refused",
  1012: "draining",
  4401: "unauthenticated",
  4403: "forbidden",
  4404: "gone",
  4429: "refused",
};

/** Keeps one Link on a socket: opens, watches, reopens. Ends with the Link's exit or with `lost`. */
export class Connection extends Disposable {
  #socket: Socket | null = null;
  #aside: Socket | null = null;
  #backoff: Backoff;
  #retry = this.own(new Timer());
  #watchdog = this.own(new Timer());
  #trial = this.own(new Timer());
  #tick = this.own(new Timer());
  #ticked = 0;
  #saidAt = 0;

  constructor(
    readonly link: Link,
    readonly options: ConnectionOptions,
  ) {
    super();
    this.#backoff = new Backoff(300, 6_000, options.random);
    this.own({ dispose: () => this.#drop() });
    this.#watchClock();
    this.#open();
  }

  /** Something suggests that the way is free again (online, tab shown): do not wait for the timer. */
  wake(): void {
    if (this.disposed || this.link.ended) return;
    if (this.#slept()) this.reopen();
    else if (this.#retry.running) {
      this.#backoff.reset();
      this.#open();
    }
  }

  /** Drops a socket that may be dead without knowing it, and opens another: the Link makes it invisible. */
  reopen(): void {
    if (this.disposed || this.link.ended) return;
    this.#drop();
    this.#backoff.reset();
    this.#open();
  }

  #open(): void {
    this.#retry.stop();
    if (this.disposed || this.link.ended) return;
    const socket = this.options.open(this.link.outOffset);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#watchdog.start(this.options.patience?.() ?? CONNECT_MS, () => {
      if (this.#slept())
        this.reopen(); // the socket had no time to answer
      else this.#failed(socket, 1006, "mute");
    });
    // A socket that was dropped may still speak: only the current one is heard.
    socket.addEventListener("open", () => {
      if (socket === this.#socket) this.link.connect(socket);
    });
    socket.addEventListener("message", ({ data }) => {
      if (socket !== this.#socket) return;
      if (this.#aside && isReplaced(data)) this.#replaced();
      else this.#hear(data);
      if (this.link.connected && this.#watchdog.running) {
        this.#watchdog.stop();
        this.#backoff.reset();
        this.options.greeted?.();
      }
    });
    socket.addEventListener("close", ({ code }) => this.#failed(socket, code));
  }

  #hear(data: unknown): void {
    if (typeof data === "string") this.link.text(data);
    else if (data instanceof ArrayBuffer) {
      this.#saidAt = this.#now();
      this.link.binary(new Uint8Array(data));
    }
  }

  /** Opens a better socket beside the one that carries; with its hello it takes over, and nothing is seen of it. */
  #tryAside(): void {
    if (this.#aside || !this.link.connected || this.options.hidden?.()) return;
    if (this.#now() - this.#saidAt < LULL_MS) return;
    const socket = this.options.aside?.(this.link.outOffset);
    if (!socket) return;
    socket.binaryType = "arraybuffer";
    this.#aside = socket;
    this.#trial.start(PATIENCE_MS.websocket, () => this.#failedAside(socket));
    socket.addEventListener("message", ({ data }) => {
      if (socket === this.#aside && typeof data === "string") this.#takeOver(socket);
      if (socket === this.#socket) this.#hear(data);
    });
    socket.addEventListener("close", ({ code }) => {
      if (socket === this.#aside) this.#failedAside(socket);
      else this.#failed(socket, code);
    });
  }

  #takeOver(socket: Socket): void {
    this.#aside = null;
    this.#drop();
    this.#socket = socket;
    this.link.connect(socket);
    this.options.triedAside?.(true, false);
  }

  #failedAside(socket: Socket): void {
    if (socket !== this.#aside) return;
    this.#aside = null;
    this.#trial.stop();
    socket.close();
    const disturbed = !this.#socket;
    this.options.triedAside?.(false, disturbed);
    if (disturbed) this.reopen();
  }

  /** By the socket aside, whose hello is on its way; or by somebody else, then it will be told so. */
  #replaced(): void {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    this.link.cut();
  }

  #failed(socket: Socket, code: number, how: Blockage = code === SILENT ? "silent" : "refused"): void {
    if (socket !== this.#socket) return;
    const greeted = this.link.connected;
    this.#drop();
    if (this.disposed || this.link.ended) return;
    const why = CLOSE_CODES[code];
    if (why) this.options.lost(why);
    else if (greeted && how !== "silent") this.#retry.start(this.#backoff.next(), () => this.#open());
    else void this.#ask(how);
  }

  /** After a failed open: is it the network, the login, this kind of socket, or has the terminal gone? */
  async #ask(how: Blockage): Promise<void> {
    const wait = this.#backoff.next();
    const presence = await this.options.probe();
    if (this.disposed || this.#socket || this.#retry.running) return;
    if (presence === "present" && this.options.blocked?.(how)) this.#open();
    else if (presence !== "present" && presence !== "unreachable") this.options.lost(presence);
    else this.#retry.start(wait, () => this.#open());
  }

  #drop(): void {
    const socket = this.#socket;
    this.#socket = null;
    this.#watchdog.stop();
    this.#retry.stop();
    this.#trial.stop();
    this.#aside?.close();
    this.#aside = null;
    socket?.close();
    this.link.cut();
  }

  #now(): number {
    return this.options.now?.() ?? Date.now();
  }

  #slept(): boolean {
    return this.#now() - this.#ticked > (this.options.hidden?.() ? SLEPT_HIDDEN_MS : SLEPT_MS);
  }

  /** No page sees pings; but a machine that slept has sockets that are dead and do not know it. */
  #watchClock(): void {
    this.#ticked = this.#now();
    this.#tick.start(TICK_MS, () => {
      const slept = this.#slept();
      this.#watchClock();
      if (slept) this.reopen();
      else this.#tryAside();
    });
  }
}

function isReplaced(data: unknown): boolean {
  const message = typeof data === "string" ? readMessage(data) : null;
  return message?.type === "exit" && message.reason === "replaced";
}
