import { expect, test } from "vitest";
import { cleanPaste, pastedLines, runsLines } from "./paste.ts";

test("the end-of-paste sequence cannot be smuggled in", () => {
  expect(cleanPaste("a\x1b[201~rm -rf /\r")).toBe("a␛[201~rm -rf /\r");
});

test("lines are counted as a person would", () => {
  expect([pastedLines("ls"), pastedLines("ls\n"), pastedLines("a\r\nb\nc")]).toEqual([1, 1, 3]);
  expect([runsLines("ls"), runsLines("ls\n")]).toEqual([false, true]);
});
