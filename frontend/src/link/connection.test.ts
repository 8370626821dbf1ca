import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Presence } from "../api/terminals.ts";
import { type Blockage, CONNECT_MS, Connection, type Loss, LULL_MS, SILENT, TICK_MS } from "./connection.ts";
import { settled } from "./fake-calls.ts";
import { FakeSocket, quietListener } from "./fake-socket.ts";
import { Link } from "./link.ts";
import { PATIENCE_MS } from "./transport.ts";

/** Numbers that are the same again. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

let sockets: FakeSocket[];
let lost: Loss[];
let presence: Presence;
let probes: number;
let blockages: Blockage[];
let otherWay: boolean;
let patience: number;
let clock: number;
let beside: FakeSocket[];
let climbs: boolean;
let hidden: boolean;
let tried: unknown[];
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
  beside = [];
  climbs = false;
  hidden = false;
  tried = [];
  link = new Link("t", "control", quietListener);
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
    aside: (offset) => {
      if (!climbs) return null;
      beside.push(new FakeSocket(offset));
      return beside.at(-1) as FakeSocket;
    },
    triedAside: (through, disturbed) => tried.push([through, disturbed]),
    hidden: () => hidden,
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

const EXIT_REPLACED = { data: JSON.stringify({ type: "exit", reason: "replaced", code: null, message: "" }) };

describe("a better socket beside the one that carries", () => {
  /** The one that carries has said three bytes, a while ago; another one is tried. */
  function climb(): FakeSocket {
    last().hello();
    last().output("abc");
    climbs = true;
    clock += LULL_MS;
    vi.advanceTimersByTime(TICK_MS);
    expect(beside.length).toBe(1);
    return beside[0] as FakeSocket;
  }

  test("takes over with its hello, at the next byte", () => {
    const better = climb();
    expect(better.offset).toBe(3);
    expect([link.connected, last().closed, tried]).toEqual([true, false, []]);
    better.hello(3);
    expect([link.connected, last().closed, tried]).toEqual([true, true, [[true, false]]]);
    better.output("def");
    last().output("nothing that is heard");
    expect(link.outOffset).toBe(6);
    vi.advanceTimersByTime(TICK_MS);
    expect(tried.length).toBe(1);
    better.fire("close", { code: 1006 });
    vi.advanceTimersByTime(300);
    expect([sockets.length, last().offset]).toEqual([2, 6]);
  });

  test("that the first one hears of first is no end", () => {
    const better = climb();
    last().fire("message", EXIT_REPLACED);
    last().fire("close", { code: 1000 });
    expect([link.ended, link.connected]).toEqual([false, false]);
    better.hello(3);
    expect([link.connected, sockets.length, lost]).toEqual([true, 1, []]);
  });

  test.each(["refused", "mute"])("that is %s is forgotten, and nothing was seen of it", (how) => {
    const better = climb();
    if (how === "refused") better.fire("close", { code: 1006 });
    else vi.advanceTimersByTime(PATIENCE_MS.websocket);
    expect([better.closed, last().closed, link.connected]).toEqual([true, false, true]);
    expect(tried).toEqual([[false, false]]);
    better.hello(3);
    last().output("def");
    expect([link.outOffset, probes, blockages.length, sockets.length]).toEqual([6, 0, 0, 1]);
  });

  test("that is mute after it has replaced the first one leads back to that", () => {
    climb();
    last().fire("message", EXIT_REPLACED);
    vi.advanceTimersByTime(PATIENCE_MS.websocket);
    expect(tried).toEqual([[false, true]]);
    expect([sockets.length, last().offset]).toEqual([2, 3]);
    last().hello(3);
    expect(link.connected).toBe(true);
    last().fire("message", EXIT_REPLACED); // this time it was somebody else
    expect(link.ended).toBe(true);
  });

  test("is left alone with the first one, whose way is tried again", () => {
    const better = climb();
    last().fire("close", { code: 1006 });
    expect(better.closed).toBe(true);
    vi.advanceTimersByTime(300);
    expect(sockets.length).toBe(2);
    better.hello(3);
    expect(link.connected).toBe(false);
  });

  test("waits for a lull, for a connection and for somebody who looks", () => {
    climbs = true;
    vi.advanceTimersByTime(TICK_MS);
    last().hello();
    last().output("abc");
    vi.advanceTimersByTime(TICK_MS);
    clock += LULL_MS;
    hidden = true;
    vi.advanceTimersByTime(TICK_MS);
    expect(beside).toEqual([]);
    hidden = false;
    vi.advanceTimersByTime(TICK_MS);
    expect(beside.length).toBe(1);
    vi.advanceTimersByTime(PATIENCE_MS.websocket - 1);
    expect(beside.length).toBe(1);
  });
});

test("the jump of a hidden tab's clock is its timer's, unless it is long", () => {
  hidden = true;
  last().hello();
  clock += 60_000;
  vi.advanceTimersByTime(TICK_MS);
  expect(sockets.length).toBe(1);
  clock += 151_000;
  vi.advanceTimersByTime(TICK_MS);
  expect(sockets.length).toBe(2);
});

test("a wake after a sleep does not wait for the clock to be looked at", () => {
  last().hello();
  connection.wake();
  expect(sockets.length).toBe(1);
  clock += 60_000;
  connection.wake();
  expect(sockets.map((each) => each.closed)).toEqual([true, false]);
});

test("a page that comes back from the browser's cache opens at once what is dead", () => {
  last().hello();
  last().output("abc");
  connection.reopen();
  expect(sockets.map((each) => [each.offset, each.closed])).toEqual([
    [0, true],
    [3, false],
  ]);
});

test("two hundred clients that one restart has cut come back spread over the wait", async () => {
  const random = seeded(7);
  const opened: number[] = [];
  const clients = Array.from({ length: 200 }, () => {
    const mine: FakeSocket[] = [];
    const each = new Link("t", "control", quietListener);
    const held = new Connection(each, {
      open: (offset) => {
        mine.push(new FakeSocket(offset));
        opened.push(Date.now());
        return mine.at(-1) as FakeSocket;
      },
      probe: async () => "unreachable",
      lost: () => {},
      now: () => clock,
      random,
    });
    mine[0]?.hello();
    return { mine, held, each };
  });
  for (let round = 0, wait = 300; round < 4; round++, wait *= 2) {
    opened.length = 0;
    const cut = Date.now();
    for (const { mine } of clients) mine.at(-1)?.fire("close", { code: 1006 });
    await settled(); // the questions what is the matter
    vi.advanceTimersByTime(wait);
    const after = opened.map((at) => at - cut);
    expect(after.length).toBe(200);
    expect(Math.min(...after)).toBeGreaterThanOrEqual(wait / 2);
    const tenths = Array.from({ length: 10 }, (_, tenth) => {
      const begin = wait / 2 + (tenth * wait) / 20;
      return after.filter((ms) => ms >= begin && ms < begin + wait / 20).length;
    });
    // Twenty each on the average.
    expect(Math.max(...tenths)).toBeLessThan(45);
  }
  for (const { held, each } of clients) {
    held.dispose();
    each.dispose();
  }
}, 20_000);
