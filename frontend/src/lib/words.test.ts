import { expect, test } from "vitest";
import { count, span, tilde, visible, visibleLines } from "./words.ts";

test("counts and spans read as words", () => {
  expect(count(1, "window")).toBe("1 window");
  expect(count(2, "person", "people")).toBe("2 people");
  expect([span(0.2), span(45), span(180), span(7200)]).toEqual([
    "1 second",
    "45 seconds",
    "3 minutes",
    "2 hours",
  ]);
});

test("only the user's own home becomes a tilde", () => {
  expect(tilde("/home/ops/src", "ops")).toBe("~/src");
  expect(tilde("/home/opsy", "ops")).toBe("/home/opsy");
  expect(tilde("/root", "root")).toBe("~");
});

test("control and bidi characters in names become visible", () => {
  expect(visible("a\u001b[31mb")).toBe("a␛[31mb");
  expect(visible("x\u202egnp.exe")).toBe("x\ufffdgnp.exe");
  expect(visible("naïve 🦀")).toBe("naïve 🦀");
});

test("lines to copy keep their ends, and nothing else that cannot be seen", () => {
  expect(visibleLines("a\n\tb\r\u001b[2Jc\u202e")).toBe("a\n\tb␍␛[2Jc\ufffd");
});
