import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { LAPSE_MS, PLACES, Places, RENEW_MS } from "./places.ts";

let stored: string;
let plenty: boolean;
let serial: number;

beforeEach(() => {
  vi.useFakeTimers();
  stored = "";
  plenty = false;
  serial = 0;
});
afterEach(() => {
  vi.useRealTimers();
});

/** One tab's view of what all tabs share. */
function tab(): Places {
  return new Places({
    read: () => stored,
    write: (text) => {
      stored = text;
    },
    clock: Date.now,
    id: () => `tab-${serial++}`,
    plenty: () => plenty,
  });
}

test("all tabs together hold a few, and one that is given back is the next one's", () => {
  const held = Array.from({ length: PLACES }, () => tab().take());
  expect(held).not.toContain(null);
  expect(tab().free).toBe(false);
  expect(tab().take()).toBeNull();
  held[1]?.dispose();
  expect(tab().free).toBe(true);
  expect(tab().take()).not.toBeNull();
  expect(tab().take()).toBeNull();
});

test("a tab that died gives its place back in the end, one that lives keeps it", () => {
  const dead = tab().take();
  vi.advanceTimersByTime(1);
  const before = stored;
  dead?.dispose(); // its timer ends with it…
  stored = before; // …and it had no time to say so
  const alive = Array.from({ length: PLACES - 1 }, () => tab().take());
  vi.advanceTimersByTime(LAPSE_MS - RENEW_MS);
  expect(tab().take()).toBeNull();
  vi.advanceTimersByTime(RENEW_MS + 1);
  expect(tab().take()).not.toBeNull();
  expect(tab().take()).toBeNull();
  for (const place of alive) place?.dispose();
});

test("a connection that carries any number of requests needs no places", () => {
  plenty = true;
  for (let turn = 0; turn < 20; turn++) expect(tab().take()).not.toBeNull();
  expect(stored).toBe("");
});

test.each(["nonsense", "[1,2,3,4]", "null", '"x"', '{"a":"b","c":null,"d":1e99,"e":1}'])(
  "what somebody else has written takes no place: %s",
  (text) => {
    stored = text;
    for (let turn = 0; turn < PLACES; turn++) expect(tab().take()).not.toBeNull();
    expect(tab().take()).toBeNull();
  },
);
