import { expect, test } from "vitest";
import { CLIPBOARD_BYTES, readOsc52 } from "./osc52.ts";

const encode = (text: string): string => btoa(String.fromCharCode(...new TextEncoder().encode(text)));

test("tmux's empty target is the clipboard, and so is c", () => {
  for (const targets of ["", "c", "p", "cs0"]) {
    expect(readOsc52(`${targets};${encode("hällo 🦀")}`)).toEqual({ kind: "copy", text: "hällo 🦀" });
  }
});

test("a program may not read the clipboard", () => {
  expect(readOsc52("c;?")).toEqual({ kind: "refused", why: "read" });
});

test("too much and nonsense are refused", () => {
  expect(readOsc52(`;${"A".repeat(CLIPBOARD_BYTES * 2)}`)).toEqual({ kind: "refused", why: "size" });
  expect(readOsc52(";%%%")).toEqual({ kind: "refused", why: "broken" });
  expect(readOsc52("nonsense")).toEqual({ kind: "refused", why: "broken" });
});
