import { type Closes, every, listen } from "./disposable.ts";
import { readText, writeText } from "./storage.ts";

/**
 * How many requests that stay open the tabs of one browser hold together. Browsers open six connections to a host
 * over HTTP/1.1, for all tabs: with six held open nothing typed goes out, and the next tab does not even load.
 */
export const PLACES = 3;
/** A tab that has gone without a word loses its place after this long; a hidden tab's timers run once a minute. */
export const LAPSE_MS = 150_000;
export const RENEW_MS = 30_000;
const KEY = "streams";

export interface PlacesOptions {
  read: () => string;
  write: (text: string) => void;
  clock: () => number;
  id: () => string;
  /** Whether one connection carries any number of requests. */
  plenty: () => boolean;
}

/** Leases in the browser's storage. Two tabs that write at once may take one too many: there is room for it. */
export class Places {
  constructor(readonly options: PlacesOptions = browser) {}

  /** A place until it is disposed; null: all are taken. Storage that is forbidden takes no place away. */
  take(): Closes | null {
    if (this.options.plenty()) return { dispose: () => {} };
    const id = this.options.id();
    if (Object.keys(this.#held()).length >= PLACES) return null;
    this.#keep(id);
    const renewing = every(RENEW_MS, () => this.#keep(id));
    return {
      dispose: () => {
        renewing.dispose();
        const { [id]: _, ...others } = this.#held();
        this.options.write(JSON.stringify(others));
      },
    };
  }

  get free(): boolean {
    return this.options.plenty() || Object.keys(this.#held()).length < PLACES;
  }

  #keep(id: string): void {
    this.options.write(JSON.stringify({ ...this.#held(), [id]: this.options.clock() + LAPSE_MS }));
  }

  /** Those that have not lapsed, by id. What was written under another clock lapses as well. */
  #held(): Record<string, number> {
    const now = this.options.clock();
    let all: unknown = null;
    try {
      all = JSON.parse(this.options.read() || "{}");
    } catch {
      // Somebody else's.
    }
    if (typeof all !== "object" || all === null) return {};
    const good = ([, until]: [string, unknown]): boolean =>
      typeof until === "number" && until > now && until <= now + LAPSE_MS;
    return Object.fromEntries(Object.entries(all).filter(good));
  }
}

/** A name that nobody guesses, in letters that need no escape. */
export function randomName(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_");
}

const browser: PlacesOptions = {
  read: () => readText(KEY),
  write: (text) => writeText(KEY, text),
  clock: Date.now,
  id: randomName,
  plenty: () => {
    const [page] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
    return /^h[23]/.test(page?.nextHopProtocol ?? "");
  },
};

export const places = new Places();

/** Gives a place back when the page goes: it may be kept for the way back, and holds nothing open meanwhile. */
export function untilHidden(place: Closes): Closes {
  const left = listen(window, "pagehide", () => place.dispose());
  return {
    dispose: () => {
      left.dispose();
      place.dispose();
    },
  };
}
