import { readNumber, writeNumber } from "../lib/storage.ts";
import { AGAIN_MS, type Memory } from "./transport.ts";

/** Proxies allow 30 s for an answer. */
export const WAIT_S = 20;
/** The shortest: where connections are scarce, or a proxy is impatient. */
export const SHORT_WAIT_S = 2;
/** What fails sooner does not fail because it waited. */
const SOON_MS = 1_500;
/** Of the time after which something gave up. */
const SHARE = 0.6;

/** How long an answer may wait on this network. Some proxies give up early; what they allow is remembered. */
export class PollWait {
  #kept: number;
  #keptAt: number;

  constructor(
    readonly memory: Pick<Memory, "readNumber" | "writeNumber"> = { readNumber, writeNumber },
    readonly clock: () => number = Date.now,
  ) {
    const kept = Math.floor(memory.readNumber("poll.wait", WAIT_S));
    this.#kept = kept >= SHORT_WAIT_S && kept <= WAIT_S ? kept : WAIT_S;
    this.#keptAt = memory.readNumber("poll.wait.at", 0);
  }

  /** Seconds. After a while it is twice as long again: somebody may have gone home. */
  get seconds(): number {
    const age = this.clock() - this.#keptAt;
    return Math.min(WAIT_S, age >= 0 && age < AGAIN_MS ? this.#kept : 2 * this.#kept);
  }

  /** An answer came after it had waited for so long. */
  waited(seconds: number): void {
    if (seconds > this.#kept) this.#keep(seconds);
  }

  /** Something gave up an answer that was to wait for so long. Returns whether a shorter wait may help. */
  gaveUp(seconds: number, afterMs: number): boolean {
    if (seconds <= SHORT_WAIT_S || afterMs < SOON_MS) return false;
    const shorter = Math.min(seconds / 2, (afterMs / 1000) * SHARE);
    this.#keep(Math.max(SHORT_WAIT_S, Math.floor(shorter)));
    return true;
  }

  #keep(seconds: number): void {
    this.#kept = seconds;
    this.#keptAt = this.clock();
    this.memory.writeNumber("poll.wait", seconds);
    this.memory.writeNumber("poll.wait.at", this.#keptAt);
  }
}
