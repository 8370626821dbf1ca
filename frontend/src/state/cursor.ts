import { type Item, isStop } from "./items.ts";

export function hostOf(item: Item): string | null {
  if (item.kind === "host") return item.group.host.key;
  if (item.kind === "session") return item.row.host.key;
  return item.kind === "user" ? item.host.key : null;
}

/**
 * The line that keys act on, by key: it survives updates, sorting and filters. Where it goes away its neighbour
 * takes over, so that the keyboard is never lost.
 */
export class Cursor {
  #key: string | null = null;
  #items: readonly Item[] = [];
  #stops: Item[] = [];
  #at = -1;

  get key(): string | null {
    return this.#key;
  }

  get item(): Item | undefined {
    return this.#stops[this.#at];
  }

  /** Goes on in these items. */
  follow(items: readonly Item[]): void {
    if (items === this.#items) return;
    const { item, key } = this;
    const before = this.#at;
    this.#items = items;
    this.#stops = items.filter(isStop);
    this.#at = this.#stops.findIndex((stop) => stop.key === key);
    if (this.#at >= 0) return;
    const same = item ? this.#instead(item) : -1;
    this.#at = same >= 0 ? same : Math.min(Math.max(before, 0), this.#stops.length - 1);
    this.#key = this.#stops[this.#at]?.key ?? null;
  }

  /** A host that was folded stands for its sessions, and one that was unfolded leaves that to its first. */
  #instead(gone: Item): number {
    const host = hostOf(gone);
    if (host === null) return -1;
    return this.#stops.findIndex(
      (stop) => hostOf(stop) === host && (stop.kind === "host" || gone.kind === "host"),
    );
  }

  choose(key: string): boolean {
    const at = this.#stops.findIndex((stop) => stop.key === key);
    if (at < 0) return false;
    this.#at = at;
    this.#key = key;
    return true;
  }

  /** The line so many lines further on. */
  beside(step: number): Item | undefined {
    return this.#stops[Math.min(Math.max(this.#at + step, 0), this.#stops.length - 1)];
  }

  edge(last: boolean): Item | undefined {
    return last ? this.#stops.at(-1) : this.#stops[0];
  }

  /** The line at or next to an item that may be no stop, on the way in which one goes. */
  near(item: Item | undefined, way: number): Item | undefined {
    if (!item) return this.edge(way > 0);
    const from = this.#items.indexOf(item);
    for (let at = from; at >= 0 && at < this.#items.length; at += way) {
      const found = this.#items[at];
      if (found && isStop(found)) return found;
    }
    return this.edge(way > 0);
  }
}
