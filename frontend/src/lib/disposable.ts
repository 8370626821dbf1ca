/** Everything that opens something (listener, timer, socket) owns it here and gives it back in dispose(). */
export interface Closes {
  dispose(): void;
}

export class Disposable implements Closes {
  #owned: Closes[] = [];
  #disposed = false;

  get disposed(): boolean {
    return this.#disposed;
  }

  /** Ties `thing` to this object's end; after the end it is closed at once. */
  own<T extends Closes>(thing: T): T {
    if (this.#disposed) thing.dispose();
    else this.#owned.push(thing);
    return thing;
  }

  /** Idempotent; closes in reverse order of opening. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const thing of this.#owned.reverse()) thing.dispose();
    this.#owned = [];
  }
}

export function closing(dispose: () => void): Closes {
  return { dispose };
}

export function listen<E extends Event>(
  target: EventTarget,
  type: string,
  heard: (event: E) => void,
  options?: AddEventListenerOptions,
): Closes {
  const listener = heard as EventListener;
  target.addEventListener(type, listener, options);
  return closing(() => target.removeEventListener(type, listener, options));
}

export function every(ms: number, tick: () => void): Closes {
  const timer = setInterval(tick, ms);
  return closing(() => clearInterval(timer));
}

/** One restartable timeout. */
export class Timer implements Closes {
  #timer: ReturnType<typeof setTimeout> | undefined;

  get running(): boolean {
    return this.#timer !== undefined;
  }

  start(ms: number, fire: () => void): void {
    this.stop();
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      fire();
    }, ms);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  dispose(): void {
    this.stop();
  }
}
