import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { FakeCalls, PROBLEM, settled } from "./fake-calls.ts";
import { GONE_MS, POST_BYTES, POST_MS, Posts } from "./posts.ts";

const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const ack = (offset: number): string => JSON.stringify({ type: "ack", offset });
let calls: FakeCalls;
let codes: number[];
let posts: Posts;

beforeEach(() => {
  vi.useFakeTimers();
  calls = new FakeCalls();
  codes = [];
  posts = new Posts(calls.call, (code) => codes.push(code), new AbortController().signal);
  posts.begin(100);
});
afterEach(() => {
  posts.dispose();
  for (const each of calls.open()) each.fail();
  vi.useRealTimers();
});

test("keys wait for the request that is under way, and go together", async () => {
  for (const key of "abcd") posts.type(bytes(key));
  expect(calls.all.map((each) => [each.path, each.text])).toEqual([["input?offset=100", "a"]]);
  expect(posts.waiting).toBe(4);
  await calls.last.answer();
  expect(calls.all.map((each) => [each.path, each.text]).slice(1)).toEqual([["input?offset=101", "bcd"]]);
  await calls.last.answer();
  expect(posts.waiting).toBe(0);
  posts.type(bytes("e"));
  expect(calls.last.path).toBe("input?offset=104");
});

test("a paste goes in requests of 64 KiB, whole and in order", async () => {
  const paste = new Uint8Array(3 * POST_BYTES + 17).map((_, i) => i % 251);
  for (let at = 0; at < paste.length; at += 16_384) posts.type(paste.slice(at, at + 16_384));
  const sent = new Uint8Array(paste.length);
  let at = 0;
  while (calls.open().length > 0) {
    expect(calls.open()).toHaveLength(1);
    const body = calls.last.options.body as Uint8Array;
    expect(calls.last.path).toBe(`input?offset=${100 + at}`);
    expect(body.length).toBeLessThanOrEqual(POST_BYTES);
    sent.set(body, at);
    at += body.length;
    await calls.last.answer();
  }
  expect(calls.all.length).toBeLessThanOrEqual(5);
  expect(at).toBe(paste.length);
  expect(sent.every((byte, i) => byte === paste[i])).toBe(true);
});

test("of acks only the newest is sent; sizes are all sent, and first", async () => {
  const size = JSON.stringify({ type: "resize", cols: 90, rows: 30 });
  for (const offset of [1, 2, 3]) posts.say(ack(offset));
  posts.say(size);
  posts.say(ack(4));
  for (const _ of [1, 2, 3]) {
    expect(calls.open()).toHaveLength(1);
    await calls.last.answer(204);
  }
  expect(calls.all.map((each) => each.text)).toEqual([ack(1), size, ack(4)]);
});

test("input does not wait for control messages", () => {
  posts.say(ack(1));
  posts.type(bytes("a"));
  expect(calls.paths).toEqual(["control", "input?offset=100"]);
});

test.each([
  ["401", 401, {}, 4401],
  ["403", 403, PROBLEM, 4403],
  ["429", 429, PROBLEM, 4429],
  ["a gap", 409, PROBLEM, 1006],
  ["a proxy's 403", 403, { "Content-Type": "text/html" }, 1006],
  ["a proxy's 502", 502, {}, 1006],
])("%s ends it", async (_, status, headers, code) => {
  posts.type(bytes("a"));
  await calls.last.answer(status, "", headers as Record<string, string>);
  expect(codes).toEqual([code]);
  posts.type(bytes("b"));
  expect(calls.all).toHaveLength(1);
});

test("no answer ends it, by failing or by never coming", async () => {
  posts.type(bytes("a"));
  await calls.last.fail();
  expect(codes).toEqual([1006]);
  posts.say(ack(1));
  vi.advanceTimersByTime(POST_MS);
  expect(codes).toEqual([1006, 1006]);
});

test("a terminal that is gone may still tell why by another way", async () => {
  posts.type(bytes("a"));
  await calls.last.answer(404, "", PROBLEM);
  expect(codes).toEqual([]);
  vi.advanceTimersByTime(GONE_MS);
  expect(codes).toEqual([4404]);
});

test("the end of the connection ends all, and leaves no timer", async () => {
  posts.type(bytes("a"));
  posts.type(bytes("b"));
  posts.dispose();
  await calls.last.answer();
  await settled();
  expect(calls.all).toHaveLength(1);
  expect(codes).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
});
