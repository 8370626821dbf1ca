/**
 * Waiting times that double from `first` to `most` milliseconds, each drawn from [half, whole], so that a
 * hundred browsers cut by the same restart do not come back in the same instant.
 */
export class Backoff {
  #tries = 0;

  constructor(
    readonly first: number,
    readonly most: number,
    readonly random: () => number = Math.random,
  ) {}

  next(): number {
    const whole = Math.min(this.most, this.first * 2 ** Math.min(this.#tries, 30));
    this.#tries += 1;
    return whole * (0.5 + this.random() / 2);
  }

  reset(): void {
    this.#tries = 0;
  }
}
