import type { HostView, SessionView, UserView } from "../api/types.gen.ts";

/** Made-up facts for tests. */
export const session = (name: string, more: Partial<SessionView> = {}): SessionView => ({
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

export const user = (name: string, sessions: SessionView[], more: Partial<UserView> = {}): UserView => ({
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

export const host = (key: string, users: UserView[], more: Partial<HostView> = {}): HostView => ({
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
