import { expect, test } from "vitest";
import { parseFilter } from "./filter.ts";
import { withHosts } from "./inventory.ts";
import { host, session, user } from "./made-up.ts";
import { Arranger, freeName } from "./rows.ts";
import { summarise } from "./summary.ts";

const inventory = {
  generation: 1,
  hosts: [
    host("web1", [
      user("deploy", [session("api", { command: "vim", directory: "/srv/api" }), session("worker")]),
      user("ops", [], { state: "no_server" }),
    ]),
    host("db1", [user("postgres", [], { state: "sudo_refused" })]),
    host("edge7", [user("ops", [session("relay")], { state: "error", stale: true })], {
      state: "unreachable",
      stale: true,
    }),
  ],
};
const arrange = (filter: string) => new Arranger().arrange(inventory, parseFilter(filter));
const names = (filter: string): string[] =>
  arrange(filter).flatMap((h) => h.users.flatMap((u) => u.rows.map((r) => r.session.name)));
const hosts = (filter: string): string[] => arrange(filter).map((h) => h.host.key);

test("every word must be found somewhere: in the session, its user or its host", () => {
  expect(names("")).toEqual(["api", "worker", "relay"]);
  expect(names("VIM srv")).toEqual(["api"]);
  expect(names("web1 worker")).toEqual(["worker"]);
  expect(names("nothing like it")).toEqual([]);
});

test("a word with a field is looked for only there", () => {
  expect(names("user:deploy")).toEqual(["api", "worker"]);
  expect(names("session:api")).toEqual(["api"]);
  expect(names("command:api")).toEqual([]);
  expect(names("dir:/srv host:web")).toEqual(["api"]);
  expect(names("host:edge session:relay")).toEqual(["relay"]);
  expect(hosts("session:web1")).toEqual([]);
});

test("states are found by their words, with or without rows", () => {
  expect(names("unreachable")).toEqual(["relay"]);
  expect(names("state:unreachable")).toEqual(["relay"]);
  expect(hosts("refused")).toEqual(["db1"]);
  expect(hosts("state:refused")).toEqual(["db1"]);
  expect(hosts("state:trouble")).toEqual(["db1", "edge7"]);
  expect(hosts("state:stale")).toEqual(["edge7"]);
  expect(hosts("state:error")).toEqual([]);
  expect(names("state:ok")).toEqual(["api", "worker"]);
  expect(names("state:detached")).toEqual(["api", "worker", "relay"]);
});

test("no tmux server and a server without sessions are told apart", () => {
  const empty = { generation: 1, hosts: [host("a", [user("x", []), user("y", [], { state: "no_server" })])] };
  const found = (filter: string): string[] =>
    new Arranger().arrange(empty, parseFilter(filter)).flatMap((h) => h.users.map((u) => u.user.name));
  expect(found("no sessions")).toEqual(["x"]);
  expect(found("no tmux server")).toEqual(["y"]);
});

test("a host that did not change is not arranged again", () => {
  const arranger = new Arranger();
  const tokens = parseFilter("");
  const before = arranger.arrange(inventory, tokens);
  const change = { generation: 2, hosts: [host("db1", [user("postgres", [session("new")])])] };
  const after = arranger.arrange(withHosts(inventory, change), tokens);
  expect(after.map((group, index) => group === before[index])).toEqual([true, false, true]);
  expect(after[1]?.users[0]?.rows.map((row) => row.session.name)).toEqual(["new"]);
});

test("a change of a host that is not there adds none", () => {
  const change = { generation: 2, hosts: [host("elsewhere", [])] };
  const after = withHosts(inventory, change);
  expect(after.hosts).toEqual(inventory.hosts);
  expect(after.generation).toBe(2);
});

test("the summary counts what is there and what is in trouble, and how to see it", () => {
  const { sessions, asking, troubles } = summarise(inventory);
  expect(sessions).toBe("3 sessions on 3 hosts");
  expect(asking).toBeNull();
  expect(troubles.map(({ text, filter }) => [text, filter])).toEqual([
    ["1 host unreachable", "state:unreachable"],
    ["1 tmux user refused", "state:sudo_refused"],
  ]);
});

test("what needs somebody most comes first, and many kinds are told in short", () => {
  const states = [
    "unreachable",
    "timeout",
    "host_key_changed",
    "auth_failed",
    "unreachable",
    "pending",
  ] as const;
  const { asking, troubles } = summarise({
    generation: 1,
    hosts: states.map((state, index) => host(`h${index}`, [], { state })),
  });
  expect(asking?.text).toBe("asking 1 host…");
  expect(troubles.map(({ text }) => text)).toEqual([
    "1 key changed",
    "1 login refused",
    "1 too slow",
    "2 unreachable",
  ]);
});

test("every tally's filter finds just what it counts", () => {
  for (const { filter } of summarise(inventory).troubles) expect(hosts(filter)).toHaveLength(1);
});

test("a suggested name is always free", () => {
  expect(freeName(user("ops", []))).toBe("main");
  expect(freeName(user("ops", [session("main"), session("main-2")]))).toBe("main-3");
});
