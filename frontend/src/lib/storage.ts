/** Small preferences. Storage may be forbidden or full; a preference is never worth an error. */
export function readNumber(key: string, fallback: number): number {
  try {
    const text = localStorage.getItem(`muxboard.${key}`);
    const value = text === null ? Number.NaN : Number(text);
    return Number.isFinite(value) ? value : fallback;
  } catch {
    return fallback;
  }
}

export function writeNumber(key: string, value: number): void {
  try {
    localStorage.setItem(`muxboard.${key}`, String(value));
  } catch {
    // Kept for this page only.
  }
}
