import { expect, test } from "vitest";
import {
  asOneLine,
  cleanPaste,
  LARGE_BYTES,
  pastedLines,
  pasteQuestion,
  previewOf,
  runsLines,
} from "./paste.ts";

test("the end-of-paste sequence cannot be smuggled in", () => {
  expect(cleanPaste("a\x1b[201~rm -rf /\r")).toBe("a␛[201~rm -rf /\r");
});

test("lines are counted as a person would", () => {
  expect([pastedLines("ls"), pastedLines("ls\n"), pastedLines("a\r\nb\nc")]).toEqual([1, 1, 3]);
  expect([runsLines("ls"), runsLines("ls\n")]).toEqual([false, true]);
});

const paste = (): void => {};

test("lines that would run are asked about, and only those", () => {
  expect(pasteQuestion("ls\nid\n", false, true, paste)).toMatchObject({ lines: 2, bytes: 6, runs: true });
  expect(pasteQuestion("ls\n", false, true, paste)).toMatchObject({ lines: 1, runs: true });
  expect(pasteQuestion("ls", false, true, paste)).toBeNull();
  expect(pasteQuestion("ls\nid\n", true, true, paste)).toBeNull();
  expect(pasteQuestion("ls\nid\n", false, false, paste)).toBeNull();
});

test("a very large paste is asked about whatever was said before", () => {
  const large = "ä".repeat(LARGE_BYTES / 2);
  expect(pasteQuestion(large, true, false, paste)).toBeNull();
  expect(pasteQuestion(`${large}x`, true, false, paste)).toMatchObject({
    bytes: LARGE_BYTES + 1,
    runs: false,
  });
});

test("the preview is short, and says that there is more", () => {
  expect(previewOf("one\r\ntwo\rthree\n")).toBe("one\ntwo\nthree");
  expect(previewOf("a\n\nb")).toBe("a\n\nb");
  expect(previewOf("1\n2\n3\n4\n5\n6\n7")).toBe("1\n2\n3\n4\n5\n6\n…");
  expect(previewOf(`${"x".repeat(500)}\nnext`)).toBe(`${"x".repeat(160)}…\nnext`);
});

test("one line keeps the words and loses what would run", () => {
  expect(asOneLine("cd /tmp\n  ls -l\r\n\r\nid\n")).toBe("cd /tmp ls -l id");
  expect(runsLines(asOneLine("a\rb\r"))).toBe(false);
});
