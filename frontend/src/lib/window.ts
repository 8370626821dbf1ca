/**
 * The arithmetic of a list of which only what is in sight is on the page. Positions are pixels from the list's
 * top; `tops` has one more entry than there are items, the last being the list's height.
 */

/** What such a list needs to know of an item. Items of one shape are equally high; null: each has its own height. */
export interface Placed {
  key: string;
  shape: string | null;
}

/** Items `first` up to, without, `end`. */
export interface Range {
  first: number;
  end: number;
}

/** What is known of heights: measured where it was drawn, else as high as the last of its shape. */
export class Heights {
  #shapes = new Map<string, number>();
  #keys = new Map<string, number>();

  constructor(readonly guess: (shape: string | null) => number) {}

  of(item: Placed): number {
    if (item.shape !== null) return this.#shapes.get(item.shape) ?? this.guess(item.shape);
    return this.#keys.get(item.key) ?? this.guess(null);
  }

  /** Returns whether that is news. */
  note(item: Placed, height: number): boolean {
    if (Math.abs(this.of(item) - height) < 0.5) return false;
    if (item.shape !== null) this.#shapes.set(item.shape, height);
    else this.#keys.set(item.key, height);
    return true;
  }

  /** After the list's width changed, all of it may be otherwise. */
  forget(): void {
    this.#shapes.clear();
    this.#keys.clear();
  }
}

export function topsOf(items: readonly Placed[], heights: Pick<Heights, "of">): Float64Array {
  const tops = new Float64Array(items.length + 1);
  let top = 0;
  items.forEach((item, index) => {
    tops[index] = top;
    top += heights.of(item);
  });
  tops[items.length] = top;
  return tops;
}

export function topAt(tops: Float64Array, index: number): number {
  return tops[Math.max(0, Math.min(index, tops.length - 1))] ?? 0;
}

/** The item that lies at a position: the last whose top is not below it; 0 above the list. */
export function indexAt(tops: Float64Array, y: number): number {
  let low = 0;
  let high = Math.max(0, tops.length - 2);
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (topAt(tops, middle) <= y) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The items of which any part lies between two positions. */
export function rangeOf(tops: Float64Array, from: number, to: number): Range {
  const count = tops.length - 1;
  if (count <= 0 || to < 0 || from > topAt(tops, count)) return { first: 0, end: 0 };
  return { first: indexAt(tops, from), end: indexAt(tops, to) + 1 };
}

export function covers(outer: Range, inner: Range): boolean {
  return inner.first >= inner.end || (outer.first <= inner.first && inner.end <= outer.end);
}

/**
 * How far what is in sight has moved when items came, went or grew above it: the way of the first item, from
 * the one at `index` on, that is still there.
 */
export function shiftOf(
  before: { items: readonly Placed[]; tops: Float64Array; index: number },
  after: { indexOf: ReadonlyMap<string, number>; tops: Float64Array },
): number {
  for (let index = before.index; index < before.items.length; index++) {
    const now = after.indexOf.get(before.items[index]?.key ?? "");
    if (now !== undefined) return topAt(after.tops, now) - topAt(before.tops, index);
  }
  return 0;
}
