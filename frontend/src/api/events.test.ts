import { afterEach, beforeEach, expect, test, vi } from "vitest";
import {
  HELD_MS,
  HIDDEN_MS,
  InventoryEvents,
  type LiveState,
  MUTE_MS,
  QUIET_MS,
  SILENCE_MS,
  type Source,
} from "./events.ts";

class FakeSource implements Source {
  heard = new Map<string, (event: { data: string }) => void>();
  closed = false;
  addEventListener(type: string, heard: (event: { data: string }) => void): void {
    this.heard.set(type, heard);
  }
  close(): void {
    this.closed = true;
  }
  fire(type: string, data: unknown): void {
    this.heard.get(type)?.({ data: typeof data === "string" ? data : JSON.stringify(data) });
  }
}

let sources: FakeSource[];
let states: LiveState[];
let failures: number;
let heard: string[];
let events: InventoryEvents;
let room: boolean;
const last = (): FakeSource => sources.at(-1) as FakeSource;

beforeEach(() => {
  vi.useFakeTimers();
  sources = [];
  states = [];
  failures = 0;
  heard = [];
  room = true;
  events = new InventoryEvents({
    open: () => {
      if (!room) return null;
      sources.push(new FakeSource());
      return last();
    },
    inventory: () => heard.push("inventory"),
    hosts: (change) => heard.push(`hosts ${change.generation}`),
    checked: () => {},
    state: (state) => states.push(state),
    failed: () => {
      failures += 1;
    },
    random: () => 1,
  });
});
afterEach(() => {
  events.dispose();
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

test("the first event makes it live", () => {
  last().fire("inventory", { generation: 1, hosts: [] });
  expect(states).toEqual(["live"]);
});

test("the whole and its changes come in their order, and only from the newest stream", () => {
  last().fire("inventory", { generation: 1, hosts: [] });
  last().fire("hosts", { generation: 2, hosts: [] });
  const old = last();
  events.reconnect();
  old.fire("hosts", { generation: 3, hosts: [] });
  last().fire("inventory", { generation: 4, hosts: [] });
  expect(heard).toEqual(["inventory", "hosts 2", "inventory"]);
});

test("a stream that falls silent is held back: it is closed, and another tried after a while", () => {
  last().fire("checked", { hosts: {} });
  vi.advanceTimersByTime(SILENCE_MS - 1);
  expect(sources[0]?.closed).toBe(false);
  vi.advanceTimersByTime(1 + QUIET_MS);
  expect(events.state).toBe("reconnecting");
  expect(sources[0]?.closed).toBe(true);
  vi.advanceTimersByTime(HELD_MS);
  expect(sources.length).toBe(2);
  last().fire("inventory", {});
  expect(events.state).toBe("live");
});

test("a stream that never says a word keeps no connection, and is tried again more and more rarely", () => {
  vi.advanceTimersByTime(MUTE_MS);
  expect(sources[0]?.closed).toBe(true);
  expect(events.state).toBe("reconnecting");
  vi.advanceTimersByTime(HELD_MS - 1);
  expect(sources.length).toBe(1);
  vi.advanceTimersByTime(1 + MUTE_MS + HELD_MS);
  expect(sources.length).toBe(2);
  vi.advanceTimersByTime(HELD_MS);
  expect(sources.length).toBe(3);
  expect(failures).toBe(0);
});

test("without room there is no stream, and the next try comes", () => {
  room = false;
  events.reconnect();
  expect(sources.length).toBe(1);
  expect(events.state).toBe("reconnecting");
  room = true;
  vi.advanceTimersByTime(HELD_MS);
  expect(sources.length).toBe(2);
});

test("a stream that is cut again and again is live all the while", () => {
  for (let turn = 0; turn < 5; turn++) {
    last().fire("inventory", {});
    vi.advanceTimersByTime(30_000);
    last().fire("error", "");
    vi.advanceTimersByTime(500);
  }
  expect(states).toEqual(["live"]);
  last().fire("error", "");
  vi.advanceTimersByTime(QUIET_MS);
  expect(states).toEqual(["live", "reconnecting"]);
});

test("each failure asks why and waits longer", () => {
  last().fire("error", "");
  vi.advanceTimersByTime(500);
  last().fire("error", "");
  vi.advanceTimersByTime(999);
  expect(sources.length).toBe(2);
  vi.advanceTimersByTime(1);
  expect(sources.length).toBe(3);
  expect(failures).toBe(2);
});

test("a hidden tab pauses after a while and resumes when seen", () => {
  last().fire("inventory", { generation: 1, hosts: [] });
  events.visible(false);
  vi.advanceTimersByTime(HIDDEN_MS);
  expect(events.state).toBe("paused");
  expect(last().closed).toBe(true);
  events.visible(true);
  expect(sources.length).toBe(2);
});

test("a broken event harms nothing", () => {
  last().fire("inventory", "{");
  expect(events.state).toBe("connecting");
});
