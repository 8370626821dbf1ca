import type { Closes } from "./disposable.ts";

/** One kind of event with typed listeners. */
export class Emitter<T = void> {
  #heard = new Set<(value: T) => void>();

  on(heard: (value: T) => void): Closes {
    this.#heard.add(heard);
    return { dispose: () => this.#heard.delete(heard) };
  }

  emit(value: T): void {
    for (const heard of [...this.#heard]) heard(value);
  }
}
