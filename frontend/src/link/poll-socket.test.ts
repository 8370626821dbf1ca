import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { FakeCalls, hello, PROBLEM, settled } from "./fake-calls.ts";
import { PollSocket, SLACK_MS, UNPARSED_BYTES } from "./poll-socket.ts";
import { PollWait, SHORT_WAIT_S, WAIT_S } from "./poll-wait.ts";
import { AGAIN_MS } from "./transport.ts";

let calls: FakeCalls;
let socket: PollSocket;
let heard: unknown[];
let memory: Map<string, number>;

/** What another load of the page knows. */
const remembered = (): PollWait =>
  new PollWait({
    readNumber: (key, fallback) => memory.get(key) ?? fallback,
    writeNumber: (key, value) => void memory.set(key, value),
  });

beforeEach(() => {
  vi.useFakeTimers();
  calls = new FakeCalls();
  heard = [];
  memory = new Map();
  socket = new PollSocket(calls.call, 40, "me", true, remembered());
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
  if (!body) vi.setSystemTime(Date.now() + WAIT_S * 1000);
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

test("does not ask again and again where something answers at once that there is nothing", async () => {
  await answer(40, "");
  const headers = { "Muxboard-Offset": "40", "Muxboard-Control": `[${hello(40, 7)}]` };
  for (const asked of [2, 3, 4]) {
    await calls.open("output")[0]?.answer(204, null, headers);
    expect(calls.paths).toHaveLength(asked);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(calls.paths).toHaveLength(asked + 1);
  }
  expect(heard).toEqual(["open", "hello"]);
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

const waits = (): number[] => calls.paths.map((path) => Number(/wait=(\d+)/.exec(path)?.[1]));

test.each([504, 502, 408, 524, 0])(
  "a proxy that gives up early with %d is asked for less, unseen",
  async (status) => {
    await answer(40, "");
    for (const allowed of [5_000, 2_500, 2_500]) {
      vi.advanceTimersByTime(Math.min(allowed, 1000 * (waits().at(-1) as number)));
      if (1000 * (waits().at(-1) as number) < allowed) await answer(40, "");
      else if (status) await calls.last.answer(status, "<html>", { "Content-Type": "text/html" });
      else await calls.last.fail();
    }
    expect(waits()).toEqual([0, WAIT_S, 3, SHORT_WAIT_S, SHORT_WAIT_S]);
    await answer(40, "abc");
    expect(heard).toEqual(["open", "hello", "abc"]);
    expect(remembered().seconds).toBe(SHORT_WAIT_S);
  },
);

test("a proxy that gives up at once, or however little it is asked for, is a cut", async () => {
  await answer(40, "");
  await calls.last.answer(504, "");
  expect(heard).toEqual(["open", "hello", 1006]);
  expect(remembered().seconds).toBe(WAIT_S);
  expect(remembered().gaveUp(SHORT_WAIT_S, 2_000)).toBe(false);
});

test("a network that goes is a cut: what is asked again fails at once", async () => {
  await answer(40, "");
  vi.advanceTimersByTime(9_000);
  await calls.last.fail();
  await calls.last.fail();
  expect(heard).toEqual(["open", "hello", 1006]);
});

test("an answer that never comes is asked for less by the next connection", async () => {
  await answer(40, "");
  vi.advanceTimersByTime(WAIT_S * 1000 + SLACK_MS);
  expect(heard).toEqual(["open", "hello", 1006]);
  expect(remembered().seconds).toBe(WAIT_S / 2);
});

test("a shorter wait is remembered, and after a while a longer one is tried", async () => {
  remembered().gaveUp(WAIT_S, 5_000);
  vi.advanceTimersByTime(AGAIN_MS - 1);
  expect(remembered().seconds).toBe(3);
  vi.advanceTimersByTime(1);
  expect(remembered().seconds).toBe(6);
  remembered().gaveUp(6, 5_000);
  expect(remembered().seconds).toBe(3);
  vi.advanceTimersByTime(AGAIN_MS);
  remembered().waited(6);
  expect(remembered().seconds).toBe(6);
  for (let turn = 0; turn < 5; turn++) {
    vi.advanceTimersByTime(AGAIN_MS);
    remembered().waited(remembered().seconds);
  }
  expect(remembered().seconds).toBe(WAIT_S);
});

test.each([Number.NaN, -1, 0, 1e9])("a memory of %d is none", (nonsense) => {
  memory.set("poll.wait", nonsense).set("poll.wait.at", Date.now());
  expect(remembered().seconds).toBe(WAIT_S);
});

test("where connections are scarce it keeps none for long, and what waits goes behind what is typed", async () => {
  socket.close();
  calls.all.length = 0;
  socket = new PollSocket(calls.call, 40, "me", false);
  await answer(40, "");
  expect(calls.last.path).toBe(`output?offset=40&wait=${SHORT_WAIT_S}&client=me`);
  expect(calls.all.map((each) => each.options.waits)).toEqual([false, true]);
});
