import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { TerminalMode } from "../api/types.gen.ts";
import {
  ACK_MS,
  FRAME_BYTES,
  Link,
  type LinkListener,
  PACE_MS,
  PENDING_BYTES,
  SOCKET_BYTES,
  type Wire,
} from "./link.ts";

class FakeWire implements Wire {
  bufferedAmount = 0;
  sent: (string | Uint8Array)[] = [];
  send(data: string | Uint8Array): void {
    this.sent.push(data);
  }
  get typed(): string {
    return this.sent.map((d) => (typeof d === "string" ? "" : new TextDecoder().decode(d))).join("");
  }
  get messages(): unknown[] {
    return this.sent.filter((d) => typeof d === "string").map((d) => JSON.parse(d as string));
  }
}

/** A terminal that remembers what was drawn and parses only when told to. */
class FakeTerminal implements LinkListener {
  drawn = "";
  seen: string[] = [];
  unparsed: (() => void)[] = [];
  hello(_: unknown, resumed: boolean): void {
    this.seen.push(resumed ? "resumed" : "hello");
  }
  replayed = "";
  output(bytes: Uint8Array, parsed: () => void, replayed: boolean): void {
    const text = new TextDecoder().decode(bytes);
    this.drawn += text;
    if (replayed) this.replayed += text;
    this.unparsed.push(parsed);
  }
  reset(): void {
    this.drawn = "";
    this.seen.push("reset");
  }
  notice(message: { code: string }): void {
    this.seen.push(message.code);
  }
  exit(message: { reason: string }): void {
    this.seen.push(`exit ${message.reason}`);
  }
  changed(): void {}
  parseAll(): void {
    for (const parsed of this.unparsed.splice(0)) parsed();
  }
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
let term: FakeTerminal;
let link: Link;
let wire: FakeWire;

function open(mode: TerminalMode = "control"): void {
  link?.dispose();
  term = new FakeTerminal();
  link = new Link("t1", mode, term);
  connect({});
}
function connect(hello: Record<string, unknown>): void {
  wire = new FakeWire();
  link.connect(wire);
  link.text(
    JSON.stringify({
      type: "hello",
      id: "t1",
      mode: link.mode,
      offset: 0,
      input_offset: 0,
      window: 1024,
      cols: 80,
      rows: 24,
      ...hello,
    }),
  );
}

beforeEach(() => {
  vi.useFakeTimers();
  open();
});
afterEach(() => {
  link.dispose();
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

describe("acks", () => {
  test("count parsed bytes, not received ones, in eighths of the window", () => {
    link.binary(bytes("x".repeat(128)));
    expect(wire.messages).toEqual([]);
    term.parseAll();
    expect(wire.messages).toEqual([{ type: "ack", offset: 128 }]);
  });

  test("the last bytes are acked within ACK_MS", () => {
    link.binary(bytes("abc"));
    term.parseAll();
    vi.advanceTimersByTime(ACK_MS - 1);
    expect(wire.messages).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(wire.messages).toEqual([{ type: "ack", offset: 3 }]);
  });

  test("bytes parsed during a cut are acked by the next connection", () => {
    link.binary(bytes("abc"));
    link.cut();
    term.parseAll();
    vi.advanceTimersByTime(1000);
    connect({ offset: 0 });
    expect(wire.messages).toEqual([{ type: "ack", offset: 3 }]);
  });

  test("late parsing of bytes before a reset acks nothing", () => {
    link.binary(bytes("x".repeat(500)));
    link.text(JSON.stringify({ type: "reset", offset: 9000 }));
    term.parseAll();
    vi.advanceTimersByTime(1000);
    expect(wire.messages).toEqual([]);
    link.binary(bytes("y".repeat(128)));
    term.parseAll();
    expect(wire.messages).toEqual([{ type: "ack", offset: 9128 }]);
  });
});

describe("resume of output", () => {
  test("goes on at the next byte", () => {
    link.binary(bytes("abc"));
    link.cut();
    expect(link.outOffset).toBe(3);
    connect({ offset: 3 });
    link.binary(bytes("def"));
    expect(term.drawn).toBe("abcdef");
    expect(term.seen).toEqual(["hello", "resumed"]);
  });

  test("overlap is drawn once, however it is cut into frames", () => {
    link.binary(bytes("abcdef"));
    connect({ offset: 1 });
    for (const part of ["b", "cd", "efgh", "i"]) link.binary(bytes(part));
    expect(term.drawn).toBe("abcdefghi");
    expect(link.outOffset).toBe(9);
  });

  test("what was said before is told from what is new, however it is cut into frames", () => {
    link.binary(bytes("abcd"));
    connect({ offset: 2, replay: 5 });
    for (const part of ["c", "de", "f", "gXY", "Z"]) link.binary(bytes(part));
    expect(term.drawn).toBe("abcdefgXYZ");
    expect(term.replayed).toBe("efg");
    connect({ offset: 10, replay: 0 });
    link.binary(bytes("new"));
    connect({ offset: 13, replay: 5 });
    link.text(JSON.stringify({ type: "reset", offset: 50 }));
    link.binary(bytes("drawn"));
    expect(term.replayed).toBe("efg");
  });

  test("a gap without a reset is treated as a reset", () => {
    link.binary(bytes("abc"));
    connect({ offset: 10 });
    link.binary(bytes("k"));
    expect(term.drawn).toBe("k");
    expect(term.seen).toContain("reset");
    expect(link.outOffset).toBe(11);
  });

  test("reset clears and counts on from its offset", () => {
    link.binary(bytes("abc"));
    connect({ offset: 3 });
    link.text(JSON.stringify({ type: "reset", offset: 100 }));
    link.binary(bytes("new"));
    expect(term.drawn).toBe("new");
    expect(link.outOffset).toBe(103);
  });

  test("bytes before hello are not drawn", () => {
    link.connect(new FakeWire());
    link.binary(bytes("abc"));
    expect(term.drawn).toBe("");
  });
});

describe("input", () => {
  test("is sent at once, in order", () => {
    link.type(bytes("l"));
    link.type(bytes("s\r"));
    expect(wire.typed).toBe("ls\r");
  });

  test("a cut loses nothing and doubles nothing", () => {
    link.type(bytes("abcdef"));
    link.cut();
    link.type(bytes("gh"));
    expect(link.waitingKeys).toBe(1);
    connect({ input_offset: 4 });
    expect(wire.typed).toBe("efgh");
    expect(link.waitingKeys).toBe(0);
    link.type(bytes("i"));
    expect(wire.typed).toBe("efghi");
  });

  test("input the server no longer counts is told, what waits is still sent", () => {
    link.type(bytes("abc"));
    connect({ input_offset: 3 });
    link.cut();
    link.type(bytes("x"));
    connect({ input_offset: 1 });
    expect(term.seen).toContain("input_lost");
    expect(wire.typed).toBe("x");
  });

  test("waiting input is bounded", () => {
    link.cut();
    expect(link.type(new Uint8Array(PENDING_BYTES))).toBe(true);
    expect(link.type(bytes("x"))).toBe(false);
    expect(term.seen).toContain("input_full");
  });

  test("a megabyte goes in frames and waits for the socket", () => {
    const paste = new Uint8Array(1 << 20).map((_, i) => i & 0xff);
    const take = wire.send.bind(wire);
    wire.send = (data) => {
      wire.bufferedAmount += data.length;
      take(data);
    };
    link.type(paste);
    expect(wire.bufferedAmount).toBeLessThanOrEqual(SOCKET_BYTES + FRAME_BYTES);
    while (vi.getTimerCount() > 0) {
      wire.bufferedAmount = 0;
      vi.advanceTimersByTime(PACE_MS);
    }
    const parts = wire.sent as Uint8Array[];
    expect(Math.max(...parts.map((p) => p.length))).toBe(FRAME_BYTES);
    const all = new Uint8Array(1 << 20);
    let at = 0;
    for (const part of parts) {
      all.set(part, at);
      at += part.length;
    }
    expect(all.every((byte, i) => byte === paste[i])).toBe(true);
  });

  test("view mode types nothing, and follows its own window", () => {
    open("view");
    expect(link.type(bytes("x"))).toBe(false);
    link.resize(100, 40);
    expect(wire.sent).toHaveLength(1);
    expect(wire.messages).toEqual([{ type: "resize", cols: 100, rows: 40 }]);
  });
});

describe("size", () => {
  test("is told once, and again by the next connection only when the server has another", () => {
    link.resize(100, 40);
    link.resize(100, 40);
    expect(wire.messages).toEqual([{ type: "resize", cols: 100, rows: 40 }]);
    connect({ cols: 100, rows: 40 });
    expect(wire.messages).toEqual([]);
    connect({ cols: 80, rows: 24 });
    expect(wire.messages).toEqual([{ type: "resize", cols: 100, rows: 40 }]);
  });
});

describe("end", () => {
  test("a restart keeps what is typed for the next terminal", () => {
    link.text(JSON.stringify({ type: "exit", reason: "draining", code: null, message: "" }));
    expect(link.connected).toBe(false);
    expect(link.type(bytes("ls\r"))).toBe(true);
    expect(link.waitingKeys).toBe(1);
    expect(new TextDecoder().decode(link.takeUnsent())).toBe("ls\r");
  });

  test("exit is final", () => {
    link.text(JSON.stringify({ type: "exit", reason: "killed", code: 0, message: "" }));
    expect(link.ended).toBe(true);
    expect(link.connected).toBe(false);
    expect(link.type(bytes("x"))).toBe(false);
    expect(term.seen).toContain("exit killed");
  });

  test("unknown and broken messages harm nothing", () => {
    for (const frame of [
      "",
      "{",
      "null",
      "[]",
      '{"type":"hello"}',
      '{"type":"reset","offset":-1}',
      '{"type":"x"}',
    ]) {
      link.text(frame);
    }
    expect(link.connected).toBe(true);
    expect(term.seen).toEqual(["hello"]);
  });
});
