import { EventFetch } from "../api/event-fetch.ts";
import { InventoryEvents, type LiveState, type Source } from "../api/events.ts";
import { apiUrl } from "../api/request.ts";
import { glanceInventory } from "../api/sessions.ts";
import type { Inventory } from "../api/types.gen.ts";
import { type Closes, closing, Disposable, listen } from "../lib/disposable.ts";
import { Emitter } from "../lib/emitter.ts";
import { places, untilHidden } from "../lib/places.ts";
import { Asking } from "./asking.ts";

/** How long a session that was just made is marked. */
const FRESH_MS = 8_000;
/** A row that is not there by then has ended; nothing jumps to it later. */
const COME_BACK_MS = 3_000;

export function rowKey(host: string, user: string, session: string): string {
  return JSON.stringify([host, user, session]);
}

/** The host of a row's key; null for other keys. */
export function hostOfKey(key: string): string | null {
  return key.startsWith("[") ? ((JSON.parse(key) as string[])[0] ?? null) : null;
}

/** The snapshot with some hosts as they are now. Hosts that did not change stay the same objects. */
export function withHosts(snapshot: Inventory, change: Inventory): Inventory {
  const news = new Map(change.hosts.map((host) => [host.key, host]));
  return { generation: change.generation, hosts: snapshot.hosts.map((host) => news.get(host.key) ?? host) };
}

/** The last snapshot, and how far it can be trusted. The snapshot outlives the stream: the board paints at once. */
export class InventoryStore extends Disposable {
  readonly changed = new Emitter();
  snapshot: Inventory | null = null;
  /** Rows made here a moment ago, by rowKey; and the one that is still to be scrolled to. */
  readonly fresh = new Set<string>();
  reveal: string | null = null;
  #events: InventoryEvents | null = null;
  /** What goes on where no stream gets through. */
  #asking = this.own(new Asking({ ask: () => this.#ask(), changed: () => this.changed.emit() }));

  constructor(readonly askWho: () => void) {
    super();
  }

  get live(): LiveState {
    const state = this.#events?.state ?? "connecting";
    return this.askedAt === null ? state : "asking";
  }

  /** When the last answer came that was asked for, as Unix seconds; null while a stream brings it. */
  get askedAt(): number | null {
    return this.#asking.answeredAt;
  }

  /** Keeps the stream open until the returned thing is disposed. */
  watch(): Closes {
    if (this.#events) return closing(() => {});
    const events = new InventoryEvents({
      open: () => {
        const place = places.take();
        return place && stream(untilHidden(place));
      },
      inventory: (snapshot) => this.#take(snapshot),
      hosts: (change) => this.snapshot && this.#take(withHosts(this.snapshot, change)),
      checked: (at) => this.#freshen(at),
      state: (state) => {
        if (state === "live" || state === "paused") this.#asking.stop();
        else this.#asking.start();
        this.changed.emit();
      },
      failed: this.askWho,
    });
    this.#events = events;
    this.#asking.start();
    const shown = listen(document, "visibilitychange", () => events.visible(!document.hidden));
    const online = listen(window, "online", () => events.reconnect());
    const back = listen<PageTransitionEvent>(window, "pageshow", (e) => e.persisted && events.reconnect());
    if (document.hidden) events.visible(false);
    return closing(() => {
      for (const thing of [shown, online, back, events]) thing.dispose();
      this.#asking.stop();
      if (this.#events === events) this.#events = null;
    });
  }

  markFresh(key: string): void {
    this.fresh.add(key);
    this.reveal = key;
    this.changed.emit();
    setTimeout(() => {
      this.fresh.delete(key);
      if (this.reveal === key) this.reveal = null;
      this.changed.emit();
    }, FRESH_MS);
  }

  /** Whoever comes back from a terminal finds the keyboard at its row. */
  comeBackTo(key: string): void {
    this.reveal = key;
    setTimeout(() => {
      if (this.reveal === key) this.reveal = null;
    }, COME_BACK_MS);
  }

  forget(): void {
    this.snapshot = null;
  }

  async #ask(): Promise<boolean> {
    const snapshot = await glanceInventory();
    if (this.#events?.state === "live" || this.#events?.state === "paused") return false;
    this.#take(snapshot);
    return true;
  }

  #take(snapshot: Inventory): void {
    this.snapshot = snapshot;
    this.changed.emit();
  }

  #freshen(at: Record<string, number>): void {
    if (!this.snapshot) return;
    for (const host of this.snapshot.hosts) host.checked_at = at[host.key] ?? host.checked_at;
    this.changed.emit();
  }
}

/** The board's stream, with the place that it takes among those of all tabs. */
function stream(place: Closes): Source {
  const source = new EventFetch(apiUrl("events?changes=1"));
  return {
    addEventListener: (type, heard) => source.addEventListener(type, heard),
    close: () => {
      source.close();
      place.dispose();
    },
  };
}
