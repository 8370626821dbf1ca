import { expect, test } from "vitest";
import { age, ago } from "./time.ts";

test("ages are short and never negative", () => {
  const at = 1_000_000;
  expect([-5, 0, 4, 59, 60, 3599, 3600, 90_000, 300_000].map((s) => ago(at, at + s))).toEqual([
    "now",
    "now",
    "4 s ago",
    "59 s ago",
    "1 min ago",
    "59 min ago",
    "1 h ago",
    "1 day ago",
    "3 days ago",
  ]);
});

test("what is younger than a minute is new", () => {
  expect([-5, 59, 60, 7200, 90_000].map((s) => age(1_000_000, 1_000_000 + s))).toEqual([
    "new",
    "new",
    "1 min old",
    "2 h old",
    "1 day old",
  ]);
});
