import { readNumber, readText, writeNumber, writeText } from "../lib/storage.ts";
import type { Blockage } from "./connection.ts";

/** What carries a terminal, best first. */
export const TRANSPORTS = ["websocket", "sse", "poll"] as const;
export type Transport = (typeof TRANSPORTS)[number];

/** Milliseconds to the first word. The first two together, and two probes, are within 10 s. */
export const PATIENCE_MS: Record<Transport, number> = { websocket: 3_500, sse: 5_000, poll: 10_000 };
/** Where a socket has worked before, a slow network is likelier than a new proxy. */
export const KNOWN_PATIENCE_MS = 8_000;
/** A better way is tried again when the last try is older than this: somebody may have gone home. */
export const AGAIN_MS = 10 * 60_000;
/** So soon after the network has changed, so that what it carries now is there again. */
export const SOON_MS = 3_000;
/** A try beside a terminal that it disturbed is not made again for so many times as long. */
const DISTURBED = 6;
const SILENCES = 2;

/** Where this origin's memory is. */
export interface Memory {
  readText(key: string): string;
  writeText(key: string, text: string): void;
  readNumber(key: string, fallback: number): number;
  writeNumber(key: string, value: number): void;
}

/**
 * Chooses what carries a terminal. Told what became of each try, it goes down the list; it must be told of a
 * blockage only while the service answers otherwise, so that it never goes down because the network is gone.
 */
export class Chooser {
  #now: Transport;
  /** What worked last on this origin; null: nothing yet. */
  #worked: Transport | null;
  #triedAt: number;
  #offered: readonly Transport[] = TRANSPORTS;
  #strikes = 0;
  #silences = 0;
  #asideAt: number;

  constructor(
    readonly memory: Memory = { readText, writeText, readNumber, writeNumber },
    readonly clock: () => number = Date.now,
    readonly random: () => number = Math.random,
  ) {
    this.#worked = TRANSPORTS.find((each) => each === memory.readText("transport")) ?? null;
    this.#triedAt = memory.readNumber("transport.tried", Number.NEGATIVE_INFINITY);
    this.#now = this.#worked ?? "websocket";
    this.#asideAt = this.#later();
  }

  get current(): Transport {
    return this.#now;
  }

  /** Milliseconds that the current one may take to its hello. */
  get patience(): number {
    const known = this.#now === "websocket" && this.#worked === "websocket";
    return known ? KNOWN_PATIENCE_MS : PATIENCE_MS[this.#now];
  }

  /** What the service offers; what this page does not know is left out. */
  offer(names: readonly string[]): void {
    const known = TRANSPORTS.filter((each) => names.includes(each));
    this.#offered = known.length > 0 ? known : TRANSPORTS;
  }

  /** A connection is about to be opened: returns what shall carry it. */
  begin(): Transport {
    const [best] = this.#offered as [Transport];
    if (!this.#offered.includes(this.#now)) this.#step(this.#below(this.#now) ?? best);
    const climbing = this.#now !== this.#worked;
    const age = this.clock() - this.#triedAt;
    if (this.#now !== best && !climbing && !(age >= 0 && age < AGAIN_MS)) this.#step(best);
    if (this.#now === best && this.#worked !== best) this.#tried();
    return this.#now;
  }

  /** The current one carried a hello. */
  greeted(): void {
    this.#strikes = 0;
    if (this.#worked === this.#now) return;
    this.#worked = this.#now;
    this.memory.writeText("transport", this.#now);
  }

  /** The current one does not get through, though the service answers. Returns whether another one is to be tried now. */
  blocked(how: Blockage): boolean {
    if (how === "silent") {
      this.#silences += 1;
      if (this.#silences < SILENCES) return true;
    } else {
      // What has worked before may be refused once by a service that is just being restarted.
      this.#strikes += how === "mute" ? 2 : 1;
      if (this.#strikes < (this.#worked === this.#now ? 2 : 1)) return false;
    }
    const next = this.#below(this.#now);
    // At the end of the list it begins anew, but not at once.
    this.#step(next ?? (this.#offered[0] as Transport));
    return next !== undefined;
  }

  /** Whether to try now if sockets get through by now, beside what carries a terminal. Each true is one try. */
  aside(): boolean {
    if (this.clock() < this.#asideAt || !this.#offered.includes("websocket")) return false;
    this.#asideAt = this.#later();
    return true;
  }

  /** The network may be another one. */
  changed(): void {
    this.#asideAt = Math.min(this.#asideAt, this.clock() + this.random() * SOON_MS);
  }

  /** A socket got through, or not; `disturbed`: the terminal was cut by the try. */
  triedAside(through: boolean, disturbed: boolean): void {
    if (through) {
      this.#step("websocket");
      this.greeted();
    } else if (disturbed) this.#asideAt = this.#later(DISTURBED);
  }

  /** Not all pages at once. */
  #later(times = 1): number {
    return this.clock() + times * AGAIN_MS * (1 + this.random() / 2);
  }

  #below(one: Transport): Transport | undefined {
    return this.#offered.find((each) => TRANSPORTS.indexOf(each) > TRANSPORTS.indexOf(one));
  }

  #step(to: Transport): void {
    if (TRANSPORTS.indexOf(to) > TRANSPORTS.indexOf(this.#now)) this.#tried();
    this.#now = to;
    this.#strikes = 0;
    this.#silences = 0;
  }

  #tried(): void {
    this.#triedAt = this.clock();
    this.memory.writeNumber("transport.tried", this.#triedAt);
  }
}
