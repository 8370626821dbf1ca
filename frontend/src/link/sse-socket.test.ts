import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { SILENT } from "./connection.ts";
import { FakeCalls, hello, PROBLEM, settled } from "./fake-calls.ts";
import { SILENCE_MS, SseSocket } from "./sse-socket.ts";

let calls: FakeCalls;
let socket: SseSocket;
let heard: unknown[];
let stream: ReadableStreamDefaultController<Uint8Array>;

const STREAM = { "Content-Type": "text/event-stream; charset=utf-8" };
const control = (data: string): string => `event: control\ndata: ${data}\n\n`;
const output = (text: string, end: number): string => `event: output\nid: ${end}\ndata: ${btoa(text)}\n\n`;
async function say(text: string): Promise<void> {
  stream.enqueue(new TextEncoder().encode(text));
  await settled();
}
async function open(): Promise<void> {
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      stream = controller;
    },
  });
  await calls.last.answer(200, body, STREAM);
}

beforeEach(() => {
  vi.useFakeTimers();
  calls = new FakeCalls();
  heard = [];
  socket = new SseSocket(calls.call, 40, "me");
  socket.addEventListener("open", () => heard.push("open"));
  socket.addEventListener("message", ({ data }) =>
    heard.push(
      data instanceof ArrayBuffer ? new TextDecoder().decode(data) : JSON.parse(data as string).type,
    ),
  );
  socket.addEventListener("close", ({ code }) => heard.push(code));
});
afterEach(async () => {
  socket.close();
  await settled();
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

test("asks from its offset and hands on what comes, however it is cut", async () => {
  expect(calls.paths).toEqual(["stream?offset=40&client=me"]);
  await open();
  const all = `${control(hello(40, 7))}: keepalive\n\n${output("abc", 43)}${output("\x1b[m", 46)}`;
  for (const part of all.match(/.{1,7}/gs) ?? []) await say(part);
  expect(heard).toEqual(["open", "hello", "abc", "\x1b[m"]);
});

test("types from the hello's input offset", async () => {
  await open();
  await say(control(hello(40, 7)));
  socket.send(new TextEncoder().encode("x"));
  expect(calls.last.path).toBe("input?offset=7");
});

test("a byte that is missing is not hidden", async () => {
  await open();
  await say(control(hello(40, 0)) + output("abc", 43) + output("efg", 47));
  expect(heard).toEqual(["open", "hello", "abc", 1006]);
});

test("after a reset it counts from there", async () => {
  await open();
  await say(control(hello(90, 0)) + control('{"type":"reset","offset":90}') + output("new", 93));
  expect(heard).toEqual(["open", "hello", "reset", "new"]);
});

test("its end is a cut", async () => {
  await open();
  stream.close();
  await settled();
  expect(heard).toEqual(["open", 1006]);
});

test.each([
  [401, {}, 4401],
  [404, PROBLEM, 4404],
  [200, { "Content-Type": "text/html" }, 1006],
])("an answer of %d with %o is %d", async (status, headers, code) => {
  await calls.last.answer(status, "<html>", headers as Record<string, string>);
  expect(heard).toEqual([code]);
});

test("silence ends it; a comment is no silence", async () => {
  await open();
  await say(control(hello(40, 0)));
  vi.advanceTimersByTime(SILENCE_MS - 1);
  await say(": keepalive\n\n");
  vi.advanceTimersByTime(SILENCE_MS - 1);
  expect(heard).toEqual(["open", "hello"]);
  vi.advanceTimersByTime(1);
  expect(heard).toEqual(["open", "hello", SILENT]);
});

test("a silence that was slept through proves nothing", async () => {
  await open();
  vi.setSystemTime(Date.now() + 3_600_000);
  vi.advanceTimersByTime(SILENCE_MS);
  expect(heard).toEqual(["open", 1006]);
});

test("a closed one says nothing more", async () => {
  await open();
  socket.close();
  await settled();
  expect(heard).toEqual(["open"]);
  expect(calls.last.options.signal?.aborted).toBe(true);
});
