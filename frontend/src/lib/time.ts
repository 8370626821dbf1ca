import { count } from "./words.ts";

/** Age of a Unix time in a few words; `now` and `at` in seconds. Clock skew never shows as a negative age. */
export function ago(at: number, now: number): string {
  const s = Math.max(0, Math.floor(now - at));
  if (s < 1) return "now";
  if (s < 60) return `${s} s ago`;
  if (s < 3600) return `${Math.floor(s / 60)} min ago`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ago`;
  return `${count(Math.floor(s / 86_400), "day")} ago`;
}

/** How old something is, in as few words: `3 h old`. */
export function age(at: number, now: number): string {
  const s = Math.max(0, Math.floor(now - at));
  if (s < 60) return "new";
  return ago(at, now).replace(/ ago$/, " old");
}

// Made once: making one takes longer than formatting a hundred times.
const EXACT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hour12: false });
const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

export function exact(at: number): string {
  return EXACT.format(at * 1000);
}

/** `14:02` today, `3 Mar 14:02` before. */
export function clock(at: number, now: number): string {
  const then = new Date(at * 1000);
  const time = CLOCK.format(then);
  return then.toDateString() === new Date(now * 1000).toDateString() ? time : `${DAY.format(then)} ${time}`;
}

export function now(): number {
  return Date.now() / 1000;
}
