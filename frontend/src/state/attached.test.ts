import { expect, test } from "vitest";
import type { TerminalView } from "../api/types.gen.ts";
import { bytes } from "../lib/words.ts";
import { sortAttached } from "./attached.ts";

function terminal(id: string, change: Partial<TerminalView>): TerminalView {
  const where = { host: "web1", user: "deploy", session: "api", client: "::1" };
  const counts = { cols: 80, rows: 24, bytes_in: 0, bytes_out: 0, started: 0, here: true };
  return { id, ...where, ...counts, mode: "view", connected: true, principal: "ann", ...change };
}

test("by person, by place, the oldest first", () => {
  const list = [
    terminal("d", { principal: "bob" }),
    terminal("c", { session: "worker" }),
    terminal("b", { started: 9 }),
    terminal("a", { started: 3 }),
  ];
  expect(sortAttached(list).map((each) => each.id)).toEqual(["a", "b", "c", "d"]);
  expect(list[0]?.id).toBe("d");
});

test("bytes in few digits", () => {
  expect([0, 812, 1000, 1434, 24_000_000, 5e15].map(bytes)).toEqual([
    "0 B",
    "812 B",
    "1.0 KiB",
    "1.4 KiB",
    "23 MiB",
    "4547 TiB",
  ]);
});
