import { expect, test } from "vitest";
import { covers, Heights, indexAt, type Placed, rangeOf, shiftOf, topAt, topsOf } from "./window.ts";

/** A small generator of our own: the same numbers in every run. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

interface Tall extends Placed {
  height: number;
}
const tall = { of: (item: Placed) => (item as Tall).height };

function someItems(random: (below: number) => number, count: number): Tall[] {
  return Array.from({ length: count }, (_, index) => ({
    key: `k${index}`,
    shape: null,
    height: 1 + random(60),
  }));
}

const each = (run: (random: (below: number) => number) => void): void => {
  for (let seed = 1; seed <= 200; seed++) run(numbers(seed));
};

test("the item at a position is the one that covers it", () => {
  each((random) => {
    const tops = topsOf(someItems(random, 1 + random(80)), tall);
    const y = random(topAt(tops, tops.length - 1));
    const index = indexAt(tops, y);
    expect(topAt(tops, index)).toBeLessThanOrEqual(y);
    expect(topAt(tops, index + 1)).toBeGreaterThan(y);
  });
});

test("a range has every item that can be seen, and no other", () => {
  each((random) => {
    const items = someItems(random, random(80));
    const tops = topsOf(items, tall);
    const from = random(3000) - 500;
    const to = from + random(900);
    const { first, end } = rangeOf(tops, from, to);
    items.forEach((_, index) => {
      const top = topAt(tops, index);
      const seen = top + (items[index]?.height ?? 0) > from && top <= to && to >= 0;
      const inside = index >= first && index < end;
      // An item that only touches the edge, or the one nearest to it, may be in as well.
      if (seen) expect(inside).toBe(true);
      if (inside && index > first && index < end - 1) expect(seen).toBe(true);
    });
    expect(end - first).toBeLessThanOrEqual(to - from + 2);
  });
});

test("a range covers itself and what is inside, and nothing beyond", () => {
  expect(covers({ first: 2, end: 9 }, { first: 2, end: 9 })).toBe(true);
  expect(covers({ first: 2, end: 9 }, { first: 1, end: 9 })).toBe(false);
  expect(covers({ first: 2, end: 9 }, { first: 3, end: 10 })).toBe(false);
  expect(covers({ first: 2, end: 9 }, { first: 0, end: 0 })).toBe(true);
});

test("what is in sight stays where it is, whatever happens above it", () => {
  each((random) => {
    const before = someItems(random, 2 + random(60));
    const tops = topsOf(before, tall);
    const index = random(before.length);
    const held = before[index] as Tall;
    const after: Tall[] = [];
    for (const item of before) {
      for (let n = random(3); n > 0; n--) after.push({ key: `new${after.length}`, shape: null, height: 9 });
      if (item === held || random(3) > 0) after.push({ ...item, height: 1 + random(60) });
    }
    const indexOf = new Map(after.map((item, at) => [item.key, at]));
    const moved = shiftOf({ items: before, tops, index }, { indexOf, tops: topsOf(after, tall) });
    const now = topAt(topsOf(after, tall), indexOf.get(held.key) ?? -1);
    expect(topAt(tops, index) + moved).toBe(now);
  });
});

test("where the item in sight went away, the next one that is left is held", () => {
  const items = ["a", "b", "c"].map((key) => ({ key, shape: null, height: 10 }));
  const after = { indexOf: new Map([["c", 0]]), tops: topsOf(items.slice(2), tall) };
  expect(shiftOf({ items, tops: topsOf(items, tall), index: 1 }, after)).toBe(-20);
  expect(shiftOf({ items, tops: topsOf(items, tall), index: 1 }, { ...after, indexOf: new Map() })).toBe(0);
});

test("one measured height stands for all of its shape", () => {
  const heights = new Heights((shape) => (shape === null ? 50 : 30));
  const row = (key: string): Placed => ({ key, shape: "row" });
  expect(heights.note(row("a"), 44)).toBe(true);
  expect(heights.note(row("b"), 44)).toBe(false);
  expect(heights.of(row("c"))).toBe(44);
  expect(heights.note({ key: "x", shape: null }, 71)).toBe(true);
  expect([heights.of({ key: "x", shape: null }), heights.of({ key: "y", shape: null })]).toEqual([71, 50]);
  heights.forget();
  expect(heights.of(row("a"))).toBe(30);
});
