import type { Call } from "../api/terminals.ts";
import { Disposable, Timer } from "../lib/disposable.ts";
import type { Socket } from "./connection.ts";
import { Posts } from "./posts.ts";

interface Heard {
  open?: () => void;
  message?: (event: { data: unknown }) => void;
  close?: (event: { code: number }) => void;
}

/** A Socket made of requests: what comes is the subclass's, what goes are posts. */
export abstract class CallSocket extends Disposable implements Socket {
  binaryType = "arraybuffer";
  protected readonly posts: Posts;
  protected readonly signal: AbortSignal;
  /** Started anew whenever something is heard; runs out on a connection that is dead without knowing it. */
  protected readonly silence = this.own(new Timer());
  #heard: Heard = {};

  constructor(
    protected readonly call: Call,
    protected readonly offset: number,
    protected readonly client: string,
  ) {
    super();
    const abort = new AbortController();
    this.own({ dispose: () => abort.abort() });
    this.signal = abort.signal;
    this.posts = this.own(new Posts(call, (code) => this.fail(code), abort.signal));
  }

  get bufferedAmount(): number {
    return this.posts.waiting;
  }

  addEventListener(type: "open", heard: () => void): void;
  addEventListener(type: "message", heard: (event: { data: unknown }) => void): void;
  addEventListener(type: "close", heard: (event: { code: number }) => void): void;
  addEventListener(type: keyof Heard, heard: (event: never) => void): void {
    this.#heard[type] = heard as () => void;
  }

  send(data: string | Uint8Array<ArrayBuffer>): void {
    if (this.disposed) return;
    if (typeof data === "string") this.posts.say(data);
    else this.posts.type(data);
  }

  close(): void {
    this.dispose();
  }

  protected opened(): void {
    if (!this.disposed) this.#heard.open?.();
  }

  protected deliver(data: string | ArrayBuffer): void {
    if (!this.disposed) this.#heard.message?.({ data });
  }

  protected fail(code: number): void {
    if (this.disposed) return;
    this.dispose();
    this.#heard.close?.({ code });
  }
}
