import type { HostState, HostView, UserState, UserView } from "../api/types.gen.ts";

export type Tone = "good" | "wait" | "bad" | "danger" | "quiet" | "slow" | "lock" | "ask" | "fault";

/** How a state looks: tone is its colour, glyph its shape, word its name. No fact is told by one of them alone. */
export interface Condition {
  tone: Tone;
  glyph:
    | "dot"
    | "ring"
    | "triangle"
    | "cross"
    | "lock"
    | "key"
    | "clock"
    | "question"
    | "dash"
    | "stop"
    | "void"
    | "plug";
  word: string;
  sentence: string;
  /** What the button that unfolds the remedy is called. */
  fix: string;
}

// The order is that of what needs somebody most: the summary tells troubles in it.
const HOSTS: Record<HostState, Condition> = {
  host_key_changed: {
    tone: "danger",
    glyph: "stop",
    word: "host key changed",
    sentence: "this may be another machine; we do not talk to it until someone has checked",
    fix: "How to check",
  },
  host_key_unknown: {
    tone: "ask",
    glyph: "question",
    word: "host key unknown",
    sentence: "this host has never been vouched for, so we do not talk to it",
    fix: "How to check and trust it",
  },
  auth_failed: {
    tone: "lock",
    glyph: "key",
    word: "login refused",
    sentence: "the host does not accept our key or password",
    fix: "How to fix",
  },
  error: {
    tone: "fault",
    glyph: "cross",
    word: "failed",
    sentence: "asking this host failed",
    fix: "How to fix",
  },
  timeout: {
    tone: "slow",
    glyph: "clock",
    word: "too slow",
    sentence: "did not answer in time",
    fix: "How to fix",
  },
  unreachable: {
    tone: "bad",
    glyph: "triangle",
    word: "unreachable",
    sentence: "nothing answers at this address",
    fix: "How to fix",
  },
  pending: { tone: "wait", glyph: "ring", word: "asking…", sentence: "not heard from yet", fix: "" },
  ok: { tone: "good", glyph: "dot", word: "ok", sentence: "", fix: "" },
};

const USERS: Record<UserState, Condition> = {
  sudo_refused: {
    tone: "lock",
    glyph: "lock",
    word: "sudo refused",
    sentence: "the service may not run tmux as this user",
    fix: "Show the sudoers line",
  },
  socket_unreadable: {
    tone: "lock",
    glyph: "plug",
    word: "socket unreadable",
    sentence: "the tmux socket is there but may not be read",
    fix: "How to fix",
  },
  tmux_missing: {
    tone: "bad",
    glyph: "void",
    word: "tmux missing",
    sentence: "tmux is not installed on this host",
    fix: "How to fix",
  },
  error: { tone: "fault", glyph: "cross", word: "failed", sentence: "asking tmux failed", fix: "How to fix" },
  no_server: {
    tone: "quiet",
    glyph: "dash",
    word: "no tmux server",
    sentence: "the first session starts one",
    fix: "",
  },
  ok: { tone: "good", glyph: "dot", word: "ok", sentence: "", fix: "" },
};

const EMPTY: Condition = {
  tone: "quiet",
  glyph: "ring",
  word: "no sessions",
  sentence: "tmux runs, with nothing in it",
  fix: "",
};

export const HOST_STATES = Object.keys(HOSTS) as HostState[];
export const USER_STATES = Object.keys(USERS) as UserState[];

// A newer server may know states that this page does not: they look like errors, never like "ok".
export function hostCondition(host: Pick<HostView, "state">): Condition {
  return HOSTS[host.state] ?? { ...HOSTS.error, word: String(host.state) };
}

export function userCondition(user: Pick<UserView, "state">): Condition {
  return USERS[user.state] ?? { ...USERS.error, word: String(user.state) };
}

/** Whether it needs somebody. */
export function isTrouble({ tone }: Condition): boolean {
  return tone !== "good" && tone !== "wait" && tone !== "quiet";
}

/** What is said of a tmux user who has nothing to list. A server without sessions is not the same as no server. */
export function emptyCondition(user: UserView): Condition {
  return user.state === "ok" ? EMPTY : userCondition(user);
}

/** A user's failure that is the whole host's: it is said once. */
export function saidByHost(host: HostView, user: UserView): boolean {
  return user.state === "error" && host.state !== "ok";
}

/** The server's own sentence where it has one, without a final full stop: it stands inside a line. */
export function because(problem: string | null, condition: Condition): string {
  return (problem || condition.sentence).replace(/\.$/, "");
}
