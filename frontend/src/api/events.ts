import { Backoff } from "../lib/backoff.ts";
import { Disposable, Timer } from "../lib/disposable.ts";
import type { Inventory } from "./types.gen.ts";

export type LiveState = "connecting" | "live" | "reconnecting" | "paused";

/** The server sends something at least every 15 s; twice that and a little is a dead connection. */
export const SILENCE_MS = 35_000;
/** A tab that nobody sees makes the server sweep every host at the watched rate; it stops after this long. */
export const HIDDEN_MS = 30_000;

/** The part of EventSource that this file uses; tests bring their own. */
export interface Source {
  addEventListener(type: string, heard: (event: MessageEvent<string>) => void): void;
  close(): void;
}

export interface EventsOptions {
  open: () => Source;
  inventory: (snapshot: Inventory) => void;
  /** Some hosts, each whole, as they are now. */
  hosts: (change: Inventory) => void;
  checked: (at: Record<string, number>) => void;
  state: (state: LiveState) => void;
  /** Called after each failure, before the next try: finds out about 401, which EventSource hides. */
  failed: () => void;
  random?: () => number;
}

/** The live inventory: one EventSource at a time, reopened by us because browsers give up on a non-200. */
export class InventoryEvents extends Disposable {
  #source: Source | undefined;
  #backoff: Backoff;
  #silence = this.own(new Timer());
  #retry = this.own(new Timer());
  #hidden = this.own(new Timer());
  #state: LiveState = "connecting";

  constructor(readonly options: EventsOptions) {
    super();
    this.#backoff = new Backoff(500, 15_000, options.random);
    this.own({ dispose: () => this.#close() });
    this.#open();
  }

  get state(): LiveState {
    return this.#state;
  }

  /** The tab was hidden or shown. */
  visible(yes: boolean): void {
    if (!yes) {
      this.#hidden.start(HIDDEN_MS, () => this.#pause());
      return;
    }
    this.#hidden.stop();
    if (this.#state === "paused" || this.#retry.running) this.reconnect();
  }

  reconnect(): void {
    if (this.disposed) return;
    this.#close();
    this.#set("reconnecting");
    this.#open();
  }

  #pause(): void {
    this.#close();
    this.#set("paused");
  }

  #open(): void {
    if (this.disposed) return;
    const source = this.options.open();
    this.#source = source;
    const hear = (type: string, read: (data: unknown) => void): void =>
      source.addEventListener(type, (event) => {
        if (source !== this.#source) return;
        let data: unknown;
        try {
          data = JSON.parse(event.data);
        } catch {
          return;
        }
        this.#alive();
        read(data);
      });
    hear("inventory", (data) => this.options.inventory(data as Inventory));
    hear("hosts", (data) => this.options.hosts(data as Inventory));
    hear("checked", (data) => this.options.checked((data as { hosts?: Record<string, number> }).hosts ?? {}));
    source.addEventListener("error", () => {
      if (source === this.#source) this.#lost();
    });
    this.#silence.start(SILENCE_MS, () => this.#lost());
  }

  #alive(): void {
    this.#backoff.reset();
    this.#set("live");
    this.#silence.start(SILENCE_MS, () => this.#lost());
  }

  #lost(): void {
    this.#close();
    this.#set("reconnecting");
    this.options.failed();
    this.#retry.start(this.#backoff.next(), () => this.#open());
  }

  #close(): void {
    this.#source?.close();
    this.#source = undefined;
    this.#silence.stop();
    this.#retry.stop();
  }

  #set(state: LiveState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.options.state(state);
  }
}
