import { expect, test } from "vitest";
import type { HostView, SessionView, UserView } from "../api/types.gen.ts";
import { arrange, freeName, needlesOf, rowsOf, summarise } from "./rows.ts";

const session = (name: string, more: Partial<SessionView> = {}): SessionView => ({
  id: "$1",
  name,
  windows: 1,
  created: 0,
  activity: 0,
  attached: 0,
  command: "bash",
  directory: "/",
  title: "",
  ...more,
});
const user = (name: string, sessions: SessionView[], more: Partial<UserView> = {}): UserView => ({
  name,
  state: "ok",
  problem: null,
  remedy: null,
  stale: false,
  may_create: true,
  may_control: true,
  sessions,
  ...more,
});
const host = (key: string, users: UserView[], more: Partial<HostView> = {}): HostView => ({
  key,
  label: key,
  hostname: key,
  local: false,
  state: "ok",
  problem: null,
  remedy: null,
  checked_at: 0,
  seen_at: 0,
  stale: false,
  sweep_ms: 1,
  users,
  ...more,
});
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
const names = (filter: string): string[] =>
  rowsOf(arrange(inventory, needlesOf(filter))).map((r) => r.session.name);

test("every needle must match somewhere in the row", () => {
  expect(names("")).toEqual(["api", "worker", "relay"]);
  expect(names("VIM srv")).toEqual(["api"]);
  expect(names("web1 worker")).toEqual(["worker"]);
  expect(names("nothing like it")).toEqual([]);
});

test("states are found by their words, with or without rows", () => {
  expect(names("unreachable")).toEqual(["relay"]);
  const refused = arrange(inventory, needlesOf("refused"));
  expect(refused.map((h) => h.host.key)).toEqual(["db1"]);
  expect(refused[0]?.users[0]?.user.name).toBe("postgres");
});

test("no tmux server and a server without sessions are told apart", () => {
  const empty = { generation: 1, hosts: [host("a", [user("x", []), user("y", [], { state: "no_server" })])] };
  const found = (filter: string): string[] =>
    arrange(empty, needlesOf(filter)).flatMap((h) => h.users.map((u) => u.user.name));
  expect(found("no sessions")).toEqual(["x"]);
  expect(found("no tmux server")).toEqual(["y"]);
});

test("the summary counts what is there and what is in trouble", () => {
  expect(summarise(inventory)).toEqual({
    sessions: "3 sessions on 3 hosts",
    asking: "",
    troubles: ["1 host unreachable", "1 tmux user refused"],
  });
});

test("a suggested name is always free", () => {
  expect(freeName(user("ops", []))).toBe("main");
  expect(freeName(user("ops", [session("main"), session("main-2")]))).toBe("main-3");
});
