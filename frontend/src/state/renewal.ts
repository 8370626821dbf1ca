import { Disposable, Timer } from "../lib/disposable.ts";

/** Proxies renew a login when a request comes near its end; a minute leaves time for a second try. */
const EARLY_S = 60;
/** Many pages of one office must not ask in the same second. */
const JITTER_S = 15;
/** Some proxies give tokens that live shorter than EARLY_S. */
const LEAST_S = 5;
/** After the end: the service allows for clocks that differ, so the end may come a little later. */
const AGAIN_S = 30;
/** Timers lose count over a sleep; the wall clock is looked at this often. */
const LONGEST_S = 3600;

export interface Life {
  /** Seconds left, and seconds that were left when the end became known. */
  left: number;
  whole: number;
  /** It was asked before the end already, and the end did not move. */
  asked: boolean;
}

/** Seconds until the next request that may renew the login. */
export function waitToRenew({ left, whole, asked }: Life, random: number): number {
  if (!asked) return Math.max(LEAST_S, left - Math.min(EARLY_S + JITTER_S * random, whole / 2));
  return left > 0 ? left + 1 + 2 * random : AGAIN_S;
}

export interface RenewalOptions {
  /** One request through whatever stands in front; follow() comes of its answer. */
  ask: () => Promise<void>;
  /** Unix seconds of this browser's clock. */
  now: () => number;
  random: () => number;
}

/** Keeps a login that a proxy in front renews from running out under an open page. */
export class Renewal extends Disposable {
  #end: number | null = null;
  #ahead = 0;
  #whole = 0;
  #asked = false;
  #asking = false;
  #due = Number.POSITIVE_INFINITY;
  #timer = this.own(new Timer());

  constructor(readonly options: RenewalOptions) {
    super();
  }

  /** @param end When the login ends, in the service's clock; null: never, or nothing can renew it. */
  follow(end: number | null, ahead: number): void {
    if (end !== this.#end) {
      this.#end = end;
      this.#ahead = ahead;
      this.#asked = false;
      this.#whole = this.#left();
    }
    this.#plan();
  }

  /** The login is over: nothing is asked by itself, but on waking it may have been renewed elsewhere. */
  over(): void {
    this.#end = null;
    this.#timer.stop();
    this.#due = Number.NEGATIVE_INFINITY;
  }

  /** The machine slept, the tab was hidden, the network was gone: timers are late. */
  wake(): void {
    if (this.options.now() >= this.#due) this.#ask();
  }

  #left(): number {
    return (this.#end ?? Number.POSITIVE_INFINITY) - this.#ahead - this.options.now();
  }

  #plan(): void {
    this.#timer.stop();
    this.#due = Number.POSITIVE_INFINITY;
    if (this.#end === null || this.disposed) return;
    const life = { left: this.#left(), whole: this.#whole, asked: this.#asked };
    const wait = waitToRenew(life, this.options.random());
    this.#due = this.options.now() + wait;
    this.#start();
  }

  #start(): void {
    const wait = Math.max(0, this.#due - this.options.now());
    this.#timer.start(Math.min(wait, LONGEST_S) * 1000, () => {
      if (this.options.now() >= this.#due) this.#ask();
      else this.#start();
    });
  }

  #ask(): void {
    if (this.#asking) return;
    this.#asking = true;
    this.#asked = true;
    void this.options.ask().finally(() => {
      this.#asking = false;
      if (this.#end !== null) this.#plan();
    });
  }
}
