import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Presence } from "../api/terminals.ts";
import {
  type Blockage,
  CONNECT_MS,
  Connection,
  type Loss,
  SILENT,
  type Socket,
  TICK_MS,
} from "./connection.ts";
import { Link } from "./link.ts";

class FakeSocket implements Socket {
  binaryType = "";
  bufferedAmount = 0;
  closed = false;
  heard = new Map<string, (event: never) => void>();
  constructor(readonly offset: number) {}
  send(): void {}
  addEventListener(type: string, heard: (event: never) => void): void {
    this.heard.set(type, heard);
  }
  fire(type: "open" | "message" | "close", event: object): void {
    this.heard.get(type)?.(event as never);
  }
  close(): void {
    this.closed = true;
  }
  hello(offset = 0): void {
    this.fire("open", {});
    const hello = {
      type: "hello",
      id: "t",
      mode: "control",
      offset,
      input_offset: 0,
      window: 1024,
      cols: 80,
      rows: 24,
    };
    this.fire("message", { data: JSON.stringify(hello) });
  }
  output(text: string): void {
    this.fire("message", { data: new TextEncoder().encode(text).buffer });
  }
}

let sockets: FakeSocket[];
let lost: Loss[];
let presence: Presence;
let probes: number;
let blockages: Blockage[];
let otherWay: boolean;
let patience: number;
let clock: number;
let link: Link;
let connection: Connection;
const last = (): FakeSocket => sockets.at(-1) as FakeSocket;

beforeEach(() => {
  vi.useFakeTimers();
  sockets = [];
  lost = [];
  presence = "present";
  probes = 0;
  blockages = [];
  otherWay = true;
  patience = CONNECT_MS;
  clock = 0;
  const quiet = (): void => {};
  link = new Link("t", "control", {
    hello: quiet,
    output: (_, parsed) => parsed(),
    reset: quiet,
    notice: quiet,
    exit: quiet,
    changed: quiet,
  });
  connection = new Connection(link, {
    open: (offset) => {
      sockets.push(new FakeSocket(offset));
      return last();
    },
    probe: async () => {
      probes += 1;
      return presence;
    },
    lost: (why) => lost.push(why),
    patience: () => patience,
    blocked: (how) => {
      blockages.push(how);
      return otherWay;
    },
    now: () => clock,
    random: () => 1,
  });
});
afterEach(() => {
  connection.dispose();
  link.dispose();
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

test("a cut connection is reopened at the next byte, without asking first", () => {
  last().hello();
  last().output("abc");
  last().fire("close", { code: 1006 });
  expect(link.connected).toBe(false);
  vi.advanceTimersByTime(300);
  expect(sockets.length).toBe(2);
  expect(last().offset).toBe(3);
  expect(probes).toBe(0);
});

test("a refused upgrade while the service answers is a blockage: another way is tried at once", async () => {
  last().fire("close", { code: 1006 });
  await vi.advanceTimersByTimeAsync(0);
  expect(blockages).toEqual(["refused"]);
  expect(sockets.length).toBe(2);
});

test("a socket that opens and is mute is a blockage", async () => {
  last().fire("open", {});
  await vi.advanceTimersByTimeAsync(CONNECT_MS);
  expect(blockages).toEqual(["mute"]);
  expect(sockets[0]?.closed).toBe(true);
});

test("a socket is not blamed for the sleep of its machine", async () => {
  patience = TICK_MS - 1;
  connection.reopen();
  last().fire("open", {});
  clock += 60_000;
  await vi.advanceTimersByTimeAsync(patience);
  expect(blockages).toEqual([]);
  expect(sockets.length).toBe(3);
});

test("one that greeted and was cut is not, one that fell silent is", async () => {
  last().hello();
  last().fire("close", { code: 1006 });
  await vi.advanceTimersByTimeAsync(300);
  expect(blockages).toEqual([]);
  last().hello();
  last().fire("close", { code: SILENT });
  await vi.advanceTimersByTimeAsync(0);
  expect(blockages).toEqual(["silent"]);
  expect(sockets.length).toBe(3);
});

test("a network that is gone blocks nothing", async () => {
  presence = "unreachable";
  last().fire("close", { code: 1006 });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(probes).toBeGreaterThan(2);
  expect(blockages).toEqual([]);
});

test("a refused upgrade asks what is the matter, then tries again", async () => {
  otherWay = false;
  last().fire("close", { code: 1006 });
  await vi.advanceTimersByTimeAsync(300);
  expect(probes).toBe(1);
  expect(sockets.length).toBe(2);
});

test("a terminal that is gone is the owner's business", async () => {
  presence = "gone";
  last().fire("close", { code: 1006 });
  await vi.advanceTimersByTimeAsync(10_000);
  expect(lost).toEqual(["gone"]);
  expect(sockets.length).toBe(1);
});

test("close codes become reasons", () => {
  last().hello();
  last().fire("close", { code: 4401 });
  expect(lost).toEqual(["unauthenticated"]);
});

test("a socket that never opens is given up after the watchdog", async () => {
  otherWay = false;
  await vi.advanceTimersByTimeAsync(CONNECT_MS);
  expect(sockets[0]?.closed).toBe(true);
  await vi.advanceTimersByTimeAsync(300);
  expect(sockets.length).toBe(2);
});

test("coming online does not wait for the timer", () => {
  last().hello();
  last().fire("close", { code: 1006 });
  connection.wake();
  expect(sockets.length).toBe(2);
});

test("a jump of the clock reopens a socket that may be dead", () => {
  last().hello();
  clock += 60_000;
  vi.advanceTimersByTime(TICK_MS);
  expect(sockets[0]?.closed).toBe(true);
  expect(sockets.length).toBe(2);
});

test("after exit nothing is opened again", () => {
  last().hello();
  last().fire("message", { data: JSON.stringify({ type: "exit", reason: "exited", code: 0, message: "" }) });
  last().fire("close", { code: 1000 });
  vi.advanceTimersByTime(60_000);
  expect(sockets.length).toBe(1);
  expect(lost).toEqual([]);
});
