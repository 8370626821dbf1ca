import { Backoff } from "../lib/backoff.ts";
import { Disposable, Timer } from "../lib/disposable.ts";
import type { Inventory } from "./types.gen.ts";

/** `asking`: no stream gets through, so the whole is asked for every few seconds. */
export type LiveState = "connecting" | "live" | "asking" | "reconnecting" | "paused";

/** The server sends something at least every 15 s; twice that and a little is a dead connection. */
export const SILENCE_MS = 35_000;
/** A tab that nobody sees makes the server sweep every host at the watched rate; it stops after this long. */
export const HIDDEN_MS = 30_000;

/** A stream that has not said a word by then is held back by something in between: the first is sent at once. */
export const MUTE_MS = 8_000;
/** A stream that is held back, or has no place, is tried again after this long: somebody may have gone home. */
export const HELD_MS = 60_000;
/** A loss is not told before it has lasted this long: where a proxy cuts streams, the next is there by then. */
export const QUIET_MS = 1_000;

/** A stream of events; "error" when it is over, whatever the cause. Tests bring their own. */
export interface Source {
  addEventListener(type: string, heard: (event: { data: string }) => void): void;
  close(): void;
}

export interface EventsOptions {
  /** Null: there is no room for a stream in this browser now. */
  open: () => Source | null;
  inventory: (snapshot: Inventory) => void;
  /** Some hosts, each whole, as they are now. */
  hosts: (change: Inventory) => void;
  checked: (at: Record<string, number>) => void;
  state: (state: LiveState) => void;
  /** Called after each failure, before the next try: finds out about a login that is over. */
  failed: () => void;
  random?: () => number;
}

/** The live inventory: one stream at a time. */
export class InventoryEvents extends Disposable {
  #source: Source | undefined;
  #backoff: Backoff;
  #silence = this.own(new Timer());
  #retry = this.own(new Timer());
  #hidden = this.own(new Timer());
  #quiet = this.own(new Timer());
  #held: Backoff;
  #state: LiveState = "connecting";

  constructor(readonly options: EventsOptions) {
    super();
    this.#backoff = new Backoff(500, 15_000, options.random);
    this.#held = new Backoff(HELD_MS, 4 * HELD_MS, options.random);
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
    this.#quiet.stop();
    this.#set("reconnecting");
    this.#open();
  }

  #pause(): void {
    this.#close();
    this.#quiet.stop();
    this.#set("paused");
  }

  #open(): void {
    if (this.disposed) return;
    const source = this.options.open();
    if (!source) {
      this.#wait(this.#held.next());
      return;
    }
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
    this.#silence.start(MUTE_MS, () => this.#mute());
  }

  #alive(): void {
    this.#backoff.reset();
    this.#quiet.stop();
    this.#set("live");
    this.#silence.start(SILENCE_MS, () => this.#mute());
  }

  /** It fails: the next try may be better. */
  #lost(): void {
    this.#close();
    this.options.failed();
    this.#wait(this.#backoff.next());
  }

  /** It is open and says nothing: something in between keeps it, and most likely the next one, too. */
  #mute(): void {
    this.#close();
    this.#wait(this.#held.next());
  }

  #wait(ms: number): void {
    if (this.#state !== "live") this.#set("reconnecting");
    else this.#quiet.start(QUIET_MS, () => this.#set("reconnecting"));
    this.#retry.start(ms, () => this.#open());
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
