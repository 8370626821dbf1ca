import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ASK_MS, Asking, FIRST_MS } from "./asking.ts";

let asked: number;
let answer: () => Promise<boolean>;
let changes: (number | null)[];
let asking: Asking;
const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

beforeEach(() => {
  vi.useFakeTimers({ now: 0 });
  asked = 0;
  answer = async () => true;
  changes = [];
  asking = new Asking({
    ask: () => {
      asked += 1;
      return answer();
    },
    changed: () => changes.push(asking.answeredAt),
    random: () => 0.5,
  });
});
afterEach(() => {
  asking.dispose();
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

test("it asks after a while, and then again and again", async () => {
  asking.start();
  await pass(FIRST_MS - 1);
  expect(asked).toBe(0);
  asking.start(); // begins nothing anew
  await pass(1);
  expect(changes).toEqual([3]);
  await pass(3 * ASK_MS);
  expect(changes).toEqual([3, 8, 13, 18]);
});

test("what is not answered is asked more rarely, and told", async () => {
  asking.start();
  await pass(FIRST_MS);
  answer = () => Promise.reject(new Error("no network"));
  await pass(ASK_MS);
  expect(changes).toEqual([3, null]);
  await pass(60_000);
  expect(asked).toBeLessThan(6);
  answer = async () => true;
  await pass(30_000);
  expect(asking.answeredAt).not.toBeNull();
});

test("once stopped, it asks no more, and an answer that comes later is nobody's", async () => {
  let come: (yes: boolean) => void = () => {};
  answer = () => new Promise((done) => (come = done));
  asking.start();
  await pass(FIRST_MS);
  asking.stop();
  come(true);
  await pass(10 * ASK_MS);
  expect([asked, changes, asking.answeredAt]).toEqual([1, [], null]);
});
