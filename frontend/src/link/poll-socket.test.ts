import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { FakeCalls, hello, PROBLEM, settled } from "./fake-calls.ts";
import { PollSocket, SHORT_WAIT_S, SLACK_MS, UNPARSED_BYTES, WAIT_S } from "./poll-socket.ts";

let calls: FakeCalls;
let socket: PollSocket;
let heard: unknown[];

beforeEach(() => {
  vi.useFakeTimers();
  calls = new FakeCalls();
  heard = [];
  socket = new PollSocket(calls.call, 40, "me");
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

async function answer(offset: number, body: string, control: object[] = []): Promise<void> {
  const messages = JSON.stringify([JSON.parse(hello(offset, 7)), ...control]);
  const headers = { "Muxboard-Offset": String(offset), "Muxboard-Control": messages };
  await calls.open("output")[0]?.answer(body ? 200 : 204, body || null, headers);
}
const ack = (offset: number): void => socket.send(JSON.stringify({ type: "ack", offset }));

test("asks at once, then waits each time from where the last answer ended", async () => {
  await answer(40, "");
  await answer(40, "abc");
  await answer(43, "");
  await answer(43, "de");
  const wait = `wait=${WAIT_S}&client=me`;
  expect(calls.paths).toEqual([
    "output?offset=40&wait=0&client=me",
    ...[40, 43, 43, 45].map((offset) => `output?offset=${offset}&${wait}`),
  ]);
  expect(heard).toEqual(["open", "hello", "abc", "de"]);
});

test("sends no acks, but sizes and keys", async () => {
  await answer(40, "abc");
  ack(43);
  socket.send(JSON.stringify({ type: "resize", cols: 90, rows: 30 }));
  socket.send(new TextEncoder().encode("x"));
  expect(calls.paths.slice(2)).toEqual(["control", "input?offset=7"]);
});

test("does not ask while too much is unparsed", async () => {
  await answer(40, "x".repeat(UNPARSED_BYTES + 1));
  expect(calls.open("output")).toHaveLength(0);
  vi.advanceTimersByTime(60_000);
  ack(40);
  await settled();
  expect(calls.open("output")).toHaveLength(0);
  ack(41);
  await settled();
  expect(calls.open("output")).toHaveLength(1);
});

test("an end comes after the last bytes, and nothing is asked after it", async () => {
  await answer(40, "bye", [{ type: "exit", reason: "exited", code: 0, message: "" }]);
  expect(heard).toEqual(["open", "hello", "bye", "exit", 1000]);
  expect(calls.all).toHaveLength(1);
});

test("a reset goes on from its offset", async () => {
  await answer(40, "");
  await answer(900, "new", [{ type: "reset", offset: 900 }]);
  expect(heard).toEqual(["open", "hello", "reset", "new"]);
  expect(calls.last.path).toBe(`output?offset=903&wait=${WAIT_S}&client=me`);
});

test("bytes from elsewhere are not drawn", async () => {
  await answer(40, "abc");
  await answer(50, "xyz");
  expect(heard).toEqual(["open", "hello", "abc", 1006]);
});

test.each([
  [401, {}, 4401],
  [404, PROBLEM, 4404],
  [429, PROBLEM, 4429],
  [200, { "Content-Type": "text/html" }, 1006],
  [504, {}, 1006],
])("an answer of %d with %o is %d", async (status, headers, code) => {
  await calls.last.answer(status, "", headers as Record<string, string>);
  expect(heard).toEqual([code]);
});

test("an answer that does not come is a cut", async () => {
  await answer(40, "");
  vi.advanceTimersByTime(WAIT_S * 1000 + SLACK_MS - 1);
  expect(heard).toEqual(["open", "hello"]);
  vi.advanceTimersByTime(1);
  expect(heard).toEqual(["open", "hello", 1006]);
});

test("where connections are scarce it keeps none for long, and what waits goes behind what is typed", async () => {
  socket.close();
  calls.all.length = 0;
  socket = new PollSocket(calls.call, 40, "me", false);
  await answer(40, "");
  expect(calls.last.path).toBe(`output?offset=40&wait=${SHORT_WAIT_S}&client=me`);
  expect(calls.all.map((each) => each.options.waits)).toEqual([false, true]);
});
