const NUMBER = new Intl.NumberFormat("en");

export function count(n: number, one: string, many = `${one}s`): string {
  return `${n < 1000 ? n : NUMBER.format(n)} ${n === 1 ? one : many}`;
}

/** A span in words: `45 seconds`, `3 minutes`, `2 hours`. */
export function span(seconds: number): string {
  const s = Math.max(1, Math.round(seconds));
  if (s < 90) return count(s, "second");
  if (s < 5400) return count(Math.round(s / 60), "minute");
  return count(Math.round(s / 3600), "hour");
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/** A count of bytes in three digits or so: `812 B`, `1.4 KiB`, `23 MiB`. */
export function bytes(n: number): string {
  let value = n;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit > 0 && value < 9.95 ? value.toFixed(1) : Math.round(value)} ${UNITS[unit]}`;
}

/** Home folders as people write them; anything else unchanged. */
export function tilde(path: string, user: string): string {
  for (const home of [`/home/${user}`, user === "root" ? "/root" : ""]) {
    if (home && (path === home || path.startsWith(`${home}/`))) return `~${path.slice(home.length)}`;
  }
  return path;
}

const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

function standIn(c: string): string {
  return c < " " ? String.fromCharCode(0x2400 + c.charCodeAt(0)) : c === "\u007f" ? "\u2421" : "\ufffd";
}

/**
 * A hostile name as one visible line: control and bidi-override characters become visible stand-ins, so
 * that a session's name cannot rearrange or hide the words around it.
 */
export function visible(text: string): string {
  return text.replace(HIDDEN, standIn);
}

/** The same for text of several lines: line ends and tabs are what they are. */
export function visibleLines(text: string): string {
  return text.replace(HIDDEN, (c) => (c === "\n" || c === "\t" ? c : standIn(c)));
}
