import { expect, test } from "vitest";
import { Backoff } from "./backoff.ts";

test("waits double up to the ceiling and start again after a reset", () => {
  const backoff = new Backoff(300, 6000, () => 1);
  expect([1, 2, 3, 4, 5, 6, 7].map(() => backoff.next())).toEqual([300, 600, 1200, 2400, 4800, 6000, 6000]);
  backoff.reset();
  expect(backoff.next()).toBe(300);
});

test("jitter never goes below half of the wait", () => {
  expect(new Backoff(300, 6000, () => 0).next()).toBe(150);
});
