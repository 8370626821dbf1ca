import { Backoff } from "../lib/backoff.ts";
import { Disposable, Timer } from "../lib/disposable.ts";

/** A stream that has not said a word by then may never; most have long done so. */
export const FIRST_MS = 3_000;
/** Between an answer and the next question: jittered, so that a hundred boards do not ask in the same instant. */
export const ASK_MS = 5_000;
const LONGEST_MS = 30_000;

export interface AskingOptions {
  /** Returns whether there was an answer; rejects for none. */
  ask: () => Promise<boolean>;
  /** Answers come, or come no more. */
  changed: () => void;
  clock?: () => number;
  random?: () => number;
}

/** Asks again and again while no stream gets through. */
export class Asking extends Disposable {
  /** When the last answer came, as Unix seconds; null: the last question was not answered. */
  answeredAt: number | null = null;
  #timer = this.own(new Timer());
  #failures: Backoff;
  /** Raised by each stop: an answer that comes later is nobody's. */
  #turn = 0;
  #running = false;

  constructor(readonly options: AskingOptions) {
    super();
    this.#failures = new Backoff(2 * ASK_MS, LONGEST_MS, options.random);
    this.own({ dispose: () => this.stop() });
  }

  /** Idempotent. */
  start(): void {
    if (this.#running || this.disposed) return;
    this.#running = true;
    this.#timer.start(FIRST_MS, () => void this.#ask());
  }

  stop(): void {
    this.#running = false;
    this.#turn += 1;
    this.#timer.stop();
    this.answeredAt = null;
  }

  async #ask(): Promise<void> {
    const turn = this.#turn;
    const answered = await this.options.ask().catch(() => false);
    if (turn !== this.#turn) return;
    this.answeredAt = answered ? (this.options.clock?.() ?? Date.now()) / 1000 : null;
    if (answered) this.#failures.reset();
    const jitter = 0.8 + 0.4 * (this.options.random ?? Math.random)();
    this.#timer.start(answered ? ASK_MS * jitter : this.#failures.next(), () => void this.#ask());
    this.options.changed();
  }
}
