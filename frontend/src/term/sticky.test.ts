import { expect, test } from "vitest";
import { withModifiers } from "./sticky.ts";

test("held modifiers change the next key", () => {
  expect(withModifiers("c", true, false)).toBe("\x03");
  expect(withModifiers("[", true, false)).toBe("\x1b");
  expect(withModifiers(" ", true, false)).toBe("\0");
  expect(withModifiers("b", false, true)).toBe("\x1bb");
  expect(withModifiers("\x1b[A", true, false)).toBe("\x1b[1;5A");
  expect(withModifiers("\x1bOD", false, true)).toBe("\x1b[1;3D");
  expect(withModifiers("é", false, false)).toBe("é");
});
