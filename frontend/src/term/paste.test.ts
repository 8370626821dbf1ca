import { expect, test } from "vitest";
import { cleanPaste, linesThatRun } from "./paste.ts";

test("the end-of-paste sequence cannot be smuggled in", () => {
  expect(cleanPaste("a\x1b[201~rm -rf /\r")).toBe("a␛[201~rm -rf /\r");
});

test("lines that would run are counted by their ends", () => {
  expect([linesThatRun("ls"), linesThatRun("ls\n"), linesThatRun("a\r\nb\nc")]).toEqual([0, 1, 2]);
});
