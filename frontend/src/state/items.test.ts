import { expect, test } from "vitest";
import type { HostView } from "../api/types.gen.ts";
import { Cursor } from "./cursor.ts";
import { type Folding, type Item, itemsOf } from "./items.ts";
import { host, session, user } from "./made-up.ts";
import { Arranger } from "./rows.ts";

const none: Folding = { folded: new Set(), open: new Set(), named: null, filtering: false };
const arranger = new Arranger();
const tokens: [] = [];
const lines = (hosts: HostView[], folding: Partial<Folding> = {}): Item[] =>
  itemsOf(arranger.arrange({ generation: 1, hosts }, tokens), { ...none, ...folding });
const said = (items: Item[]): string[] =>
  items.map((item) => {
    if (item.kind === "host") return `${item.group.host.key}${item.folded ? ` (${item.rows})` : ""}`;
    if (item.kind === "user") return `${item.host.key}/${item.group.user.name}`;
    return item.kind === "session" ? item.row.session.name : `${item.count} ${item.lot}`;
  });

const idle = (key: string): HostView => host(key, [user("ops", [])]);
const busy = host("busy", [user("ops", [session("a"), session("b")])]);
const down = host("down", [user("ops", [])], { state: "unreachable" });

test("the only user of a host is named in its line, several have lines of their own", () => {
  const two = host("two", [user("x", [session("c")]), user("y", [])]);
  expect(said(lines([busy, two]))).toEqual(["busy", "a", "b", "two", "two/x", "c", "two/y"]);
});

test("what is wrong with the only user is told in a line of its own", () => {
  const refused = host("db", [user("postgres", [], { state: "sudo_refused" })]);
  expect(said(lines([refused]))).toEqual(["db", "db/postgres"]);
});

test("many healthy hosts without sessions are one line, last; hosts in trouble stay where they are", () => {
  const hosts = [idle("i1"), busy, idle("i2"), down, idle("i3"), idle("i4")];
  expect(said(lines(hosts))).toEqual(["busy", "a", "b", "down", "4 idle"]);
  expect(said(lines(hosts, { open: new Set(["idle"]) }))).toEqual([
    "busy",
    "a",
    "b",
    "down",
    "4 idle",
    "i1",
    "i2",
    "i3",
    "i4",
  ]);
});

test("a few are shown where they stand, and so is one that the address names", () => {
  expect(said(lines([idle("i1"), busy, idle("i2")]))).toEqual(["i1", "busy", "a", "b", "i2"]);
  const hosts = [idle("i1"), idle("i2"), idle("i3"), idle("i4"), idle("i5")];
  expect(said(lines(hosts, { named: "i2" }))).toEqual(["i2", "4 idle"]);
});

test("hosts that were not heard from yet are one line as well", () => {
  const hosts = ["p1", "p2", "p3", "p4"].map((key) => host(key, [], { state: "pending" }));
  expect(said(lines([...hosts, busy]))).toEqual(["busy", "a", "b", "4 pending"]);
});

test("a folded host is one line that counts, but a filter shows all that it finds", () => {
  const folded = new Set(["busy"]);
  expect(said(lines([busy, down], { folded }))).toEqual(["busy (2)", "down"]);
  expect(said(lines([busy], { folded, filtering: true }))).toEqual(["busy", "a", "b"]);
});

test("the keys of all lines differ", () => {
  const hosts = [busy, idle("i1"), idle("i2"), idle("i3"), idle("i4"), down];
  const keys = lines(hosts, { open: new Set(["idle"]) }).map((item) => item.key);
  expect(new Set(keys).size).toBe(keys.length);
});

test("the cursor goes over sessions and over what stands for them", () => {
  const cursor = new Cursor();
  cursor.follow(lines([busy, down, idle("i1")]));
  const way = [0, 1, 1, 1, 1].map((step) => {
    const item = cursor.beside(step);
    cursor.choose(item?.key ?? "");
    return item ? said([item])[0] : "";
  });
  expect(way).toEqual(["a", "b", "down", "i1", "i1"]);
});

test("the cursor stays at its line, or goes to the neighbour", () => {
  const cursor = new Cursor();
  const of = (...names: string[]): HostView =>
    host("busy", [
      user(
        "ops",
        names.map((name) => session(name)),
      ),
    ]);
  const at = (): string => (cursor.item ? (said([cursor.item])[0] ?? "") : "");
  cursor.follow(lines([of("a", "b", "c")]));
  cursor.choose(cursor.edge(true)?.key ?? "");
  cursor.follow(lines([of("new", "a", "b", "c", "d")]));
  expect(at()).toBe("c");
  cursor.follow(lines([of("new", "a", "b", "d")]));
  expect(at()).toBe("d");
  cursor.follow(lines([]));
  expect(cursor.key).toBeNull();
});

test("folding takes the cursor to the host's line, and unfolding to its first session", () => {
  const cursor = new Cursor();
  const first = host("first", [user("ops", [session("x")])]);
  cursor.follow(lines([first, busy]));
  cursor.choose(cursor.edge(true)?.key ?? "");
  const folded = new Set(["busy"]);
  cursor.follow(lines([first, busy], { folded }));
  expect(cursor.item?.kind).toBe("host");
  cursor.follow(lines([first, busy]));
  expect(cursor.item?.kind === "session" && cursor.item.row.session.name).toBe("a");
});
