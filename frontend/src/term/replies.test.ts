import { expect, test } from "vitest";
import { isReport } from "./replies.ts";

test("answers of the terminal are told apart from keys", () => {
  const reports = [
    "\x1b[?1;2c",
    "\x1b[>0;276;0c",
    "\x1b[0n",
    "\x1b[24;80R",
    "\x1b[?24;80R",
    "\x1b[?2004;1$y",
    "\x1bP>|xterm.js(6.0.0)\x1b\\",
    "\x1b]11;rgb:0f0f/1212/1616\x1b\\",
    "\x1b[8;24;80t",
  ];
  for (const report of reports) expect([report, isReport(report)]).toEqual([report, true]);
});

test("whatever a person types passes", () => {
  const keys = [
    "a",
    "\r",
    "\x03",
    "\x1b",
    "\x1b[A",
    "\x1b[1;5C",
    "\x1bOP",
    "\x1b[15~",
    "\x1b[1;2R",
    "\x1b[200~ls\x1b[201~",
  ];
  const mouse = ["\x1b[<0;10;20M", "\x1b[I", "\x1b[O"];
  for (const key of [...keys, ...mouse]) expect([key, isReport(key)]).toEqual([key, false]);
});
