import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Renewal, waitToRenew } from "./renewal.ts";

beforeEach(() => {
  vi.useFakeTimers({ now: 0 });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A renewal whose every request answers with `end`, or with nothing new. */
function renewal(end: (asked: number) => number | null): { asked: number[]; it: Renewal } {
  const asked: number[] = [];
  const it: Renewal = new Renewal({
    now: () => Date.now() / 1000,
    random: () => 0,
    ask: async () => {
      asked.push(Date.now() / 1000);
      const next = end(asked.length);
      if (next !== null) it.follow(next, 0);
    },
  });
  return { asked, it };
}

test("asks a minute before the end, up to a quarter earlier", () => {
  expect(waitToRenew({ left: 600, whole: 600, asked: false }, 0)).toBe(540);
  expect(waitToRenew({ left: 600, whole: 600, asked: false }, 1)).toBe(525);
});

test("a login of two minutes is renewed half-way, one of seconds not in a storm", () => {
  expect(waitToRenew({ left: 80, whole: 80, asked: false }, 0)).toBe(40);
  expect(waitToRenew({ left: 2, whole: 2, asked: false }, 0)).toBe(5);
  expect(waitToRenew({ left: -3, whole: 100, asked: false }, 0)).toBe(5);
});

test("one request for each end, for as long as the end moves", async () => {
  const { asked, it } = renewal((n) => (n + 1) * 1000);
  it.follow(1000, 0);
  await vi.advanceTimersByTimeAsync(3_000_000);
  expect(asked).toEqual([940, 1940, 2940]);
  it.dispose();
});

test("an end that does not move is asked about once before, and again when it has come", async () => {
  const { asked, it } = renewal(() => 1000);
  it.follow(1000, 0);
  await vi.advanceTimersByTimeAsync(1_032_000);
  expect(asked).toEqual([940, 1001, 1031]);
  it.over();
  await vi.advanceTimersByTimeAsync(600_000);
  expect(asked).toHaveLength(3);
  it.wake();
  expect(asked).toHaveLength(4);
  it.dispose();
});

test("whoever is asked about again while nothing changed does not start anew", async () => {
  const { asked, it } = renewal(() => null);
  it.follow(1000, 0);
  await vi.advanceTimersByTimeAsync(950_000);
  it.follow(1000, 0.4);
  await vi.advanceTimersByTimeAsync(40_000);
  expect(asked).toEqual([940]);
  it.dispose();
});

test("the end is in the service's clock", async () => {
  const { asked, it } = renewal(() => null);
  it.follow(1000, 100);
  await vi.advanceTimersByTimeAsync(850_000);
  expect(asked).toEqual([840]);
  it.dispose();
});

test("waking after the hour asks at once, before it does nothing", async () => {
  const { asked, it } = renewal(() => null);
  it.follow(10_000, 0);
  it.wake();
  expect(asked).toEqual([]);
  vi.setSystemTime(9_990_000);
  it.wake();
  expect(asked).toEqual([9990]);
  it.dispose();
});

test("a login without an end is never asked about", async () => {
  const { asked, it } = renewal(() => null);
  it.follow(null, 0);
  it.wake();
  await vi.advanceTimersByTimeAsync(90_000_000);
  expect(asked).toEqual([]);
  it.dispose();
});
