import { expect, test } from "vitest";
import { AGAIN_MS, Chooser, KNOWN_PATIENCE_MS, type Memory, PATIENCE_MS, SOON_MS } from "./transport.ts";

class FakeMemory implements Memory {
  kept = new Map<string, string>();
  readText = (key: string): string => this.kept.get(key) ?? "";
  writeText = (key: string, text: string): void => void this.kept.set(key, text);
  readNumber = (key: string, fallback: number): number => Number(this.kept.get(key) ?? fallback);
  writeNumber = (key: string, value: number): void => void this.kept.set(key, String(value));
}

let clock = 1_000_000;
function chooser(memory = new FakeMemory()): Chooser {
  return new Chooser(
    memory,
    () => clock,
    () => 0.5,
  );
}
/** What a later load of the page finds, after this one has come down to `worked`. */
function remembered(worked: "websocket" | "sse" | "poll"): FakeMemory {
  const memory = new FakeMemory();
  const first = chooser(memory);
  while (first.begin() !== worked) first.blocked("mute");
  first.greeted();
  return memory;
}

test("goes down one by one, each at once, and within 10 s", () => {
  const choice = chooser();
  expect(choice.begin()).toBe("websocket");
  const first = choice.patience;
  expect(choice.blocked("mute")).toBe(true);
  expect(choice.begin()).toBe("sse");
  expect(first + choice.patience).toBeLessThan(10_000);
  expect(choice.blocked("refused")).toBe(true);
  expect(choice.begin()).toBe("poll");
});

test("after the last it begins anew, but not at once", () => {
  const choice = chooser();
  for (const _ of [1, 2]) choice.blocked("refused");
  expect(choice.begin()).toBe("poll");
  expect(choice.blocked("refused")).toBe(false);
  expect(choice.begin()).toBe("websocket");
});

test("what worked is used by the next page, and not tried upwards at once", () => {
  const memory = remembered("sse");
  clock += AGAIN_MS - 1;
  expect(chooser(memory).begin()).toBe("sse");
});

test("a better way is tried when the last try is old, once for all pages", () => {
  const memory = remembered("poll");
  clock += AGAIN_MS;
  const page = chooser(memory);
  expect(page.begin()).toBe("websocket");
  expect(page.patience).toBe(PATIENCE_MS.websocket);
  expect(chooser(memory).begin()).toBe("poll");
  page.blocked("mute");
  expect(page.begin()).toBe("sse");
  page.greeted();
  expect(page.begin()).toBe("sse");
  expect(chooser(memory).begin()).toBe("sse");
});

test("a climb that fails ends where it began", () => {
  const memory = remembered("sse");
  clock += AGAIN_MS;
  const page = chooser(memory);
  expect(page.begin()).toBe("websocket");
  page.blocked("refused");
  expect(page.begin()).toBe("sse");
  page.greeted();
  expect(page.begin()).toBe("sse");
});

test("a socket that is known to work is waited for, and may be refused once", () => {
  const page = chooser(remembered("websocket"));
  expect(page.begin()).toBe("websocket");
  expect(page.patience).toBe(KNOWN_PATIENCE_MS);
  expect(page.blocked("refused")).toBe(false);
  expect(page.begin()).toBe("websocket");
  expect(page.blocked("refused")).toBe(true);
  expect(page.begin()).toBe("sse");
});

test("refusals with a success between them do not add up", () => {
  const page = chooser(remembered("websocket"));
  for (const _ of [1, 2, 3]) {
    page.begin();
    expect(page.blocked("refused")).toBe(false);
    page.greeted();
  }
  expect(page.current).toBe("websocket");
});

test("a stream that falls silent twice is held back by something", () => {
  const page = chooser(remembered("sse"));
  expect(page.begin()).toBe("sse");
  expect(page.blocked("silent")).toBe(true);
  expect(page.begin()).toBe("sse");
  page.greeted();
  expect(page.blocked("silent")).toBe(true);
  expect(page.begin()).toBe("poll");
});

test("nonsense in the memory is no memory", () => {
  const memory = new FakeMemory();
  memory.kept.set("transport", "pigeon");
  expect(chooser(memory).begin()).toBe("websocket");
  memory.kept.set("transport", "sse");
  memory.kept.set("transport.tried", String(clock + 1e9));
  expect(chooser(memory).begin()).toBe("websocket"); // a try in the future is none
});

test("what the service does not offer is never tried", () => {
  const choice = chooser();
  choice.offer(["sse", "something new"]);
  expect(choice.begin()).toBe("sse");
  expect(choice.blocked("mute")).toBe(false);
  expect(choice.begin()).toBe("sse");
  const down = chooser(remembered("sse"));
  down.offer(["poll", "websocket"]);
  expect(down.begin()).toBe("poll");
  const odd = chooser();
  odd.offer(["something new"]);
  expect(odd.begin()).toBe("websocket");
});

test("a socket is tried beside what carries every now and then, not by all pages at once", () => {
  const page = chooser(remembered("sse"));
  const other = new Chooser(
    new FakeMemory(),
    () => clock,
    () => 0,
  );
  expect(page.aside()).toBe(false);
  clock += AGAIN_MS;
  expect([page.aside(), other.aside()]).toEqual([false, true]);
  clock += AGAIN_MS / 4;
  expect([page.aside(), page.aside(), other.aside()]).toEqual([true, false, false]);
  page.triedAside(false, false);
  clock += 1.25 * AGAIN_MS - 1;
  expect(page.aside()).toBe(false);
  clock += 1;
  expect(page.aside()).toBe(true);
  page.triedAside(false, true);
  clock += 3 * AGAIN_MS;
  expect(page.aside()).toBe(false); // it cut somebody's terminal
});

test("another network is another chance, soon", () => {
  const page = chooser(remembered("poll"));
  page.changed();
  expect(page.aside()).toBe(false);
  clock += SOON_MS / 2;
  expect(page.aside()).toBe(true);
  expect(page.begin()).toBe("poll");
  const memory = page.memory as FakeMemory;
  page.triedAside(true, false);
  expect(page.begin()).toBe("websocket");
  expect(chooser(memory).begin()).toBe("websocket");
});

test("a socket that is not offered is not tried beside anything", () => {
  const page = chooser(remembered("sse"));
  page.offer(["sse", "poll"]);
  clock += 10 * AGAIN_MS;
  expect(page.aside()).toBe(false);
});
