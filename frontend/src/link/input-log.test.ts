import { expect, test } from "vitest";
import { InputLog } from "./input-log.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (part: Uint8Array | null): string => (part ? new TextDecoder().decode(part) : "");

test("bytes come out once, in order, in pieces", () => {
  const log = new InputLog(100);
  log.push(bytes("abc"));
  log.push(bytes("def"));
  expect(text(log.take(4))).toBe("abcd");
  expect(text(log.take(4))).toBe("ef");
  expect(log.take(4)).toBeNull();
  log.push(bytes("g"));
  expect(text(log.take(4))).toBe("g");
});

test("rewind sends exactly what the server lacks", () => {
  const log = new InputLog(100);
  log.push(bytes("abcdef"));
  log.take(100);
  expect(log.rewind(4)).toBe(true);
  expect(log.unsent).toBe(2);
  expect(text(log.take(100))).toBe("ef");
  expect(log.base).toBe(4);
});

test("a gap is told, and only unsent bytes survive it", () => {
  const log = new InputLog(3);
  log.push(bytes("abcdef"));
  log.take(100);
  log.push(bytes("xy"));
  expect(log.base).toBe(3);
  expect(log.rewind(1)).toBe(false);
  expect(log.sent).toBe(1);
  expect(text(log.take(100))).toBe("xy");
});

test("a million single keys keep within the bound", () => {
  const log = new InputLog(8192);
  for (let i = 0; i < 100_000; i++) {
    log.push(Uint8Array.of(i & 0xff));
    log.take(16);
  }
  expect(log.end - log.base).toBe(8192);
  expect(log.rewind(log.end - 8000)).toBe(true);
  expect(log.takeUnsent()[0]).toBe((100_000 - 8000) & 0xff);
});

test("large blocks and small ones keep their order", () => {
  const log = new InputLog(1 << 20);
  const big = new Uint8Array(20_000).fill(7);
  log.push(bytes("a"));
  log.push(big);
  log.push(bytes("z"));
  let all = "";
  let total = 0;
  for (let part = log.take(16_384); part; part = log.take(16_384)) {
    total += part.length;
    all += `${part[0]},`;
  }
  expect(total).toBe(20_002);
  expect(all).toBe("97,7,7,122,");
});
