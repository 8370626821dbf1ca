/** Small preferences. Storage may be forbidden or full; a preference is never worth an error. */
function read(key: string): string | null {
  try {
    return localStorage.getItem(`muxboard.${key}`);
  } catch {
    return null;
  }
}

function write(key: string, text: string): void {
  try {
    localStorage.setItem(`muxboard.${key}`, text);
  } catch {
    // Kept for this page only.
  }
}

export function readText(key: string): string {
  return read(key) ?? "";
}

export function writeText(key: string, text: string): void {
  write(key, text);
}

export function readNumber(key: string, fallback: number): number {
  const text = read(key);
  const value = text === null ? Number.NaN : Number(text);
  return Number.isFinite(value) ? value : fallback;
}

export function writeNumber(key: string, value: number): void {
  write(key, String(value));
}

/** A set of names; whatever else is stored there is none. */
export function readNames(key: string): Set<string> {
  try {
    const names: unknown = JSON.parse(read(key) ?? "[]");
    return new Set(Array.isArray(names) ? names.filter((name) => typeof name === "string") : []);
  } catch {
    return new Set();
  }
}

export function writeNames(key: string, names: ReadonlySet<string>): void {
  write(key, JSON.stringify([...names]));
}
