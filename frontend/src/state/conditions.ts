import type { HostState, HostView, UserState, UserView } from "../api/types.gen.ts";

/** How a state looks: tone is its colour, glyph its shape, word its name. No fact is told by one of them alone. */
export interface Condition {
  tone: "good" | "wait" | "bad" | "danger" | "quiet";
  glyph: "dot" | "ring" | "triangle" | "cross" | "lock" | "key" | "clock" | "question" | "dash";
  word: string;
  sentence: string;
  /** What the button that unfolds the remedy is called. */
  fix: string;
}

const HOSTS: Record<HostState, Condition> = {
  ok: { tone: "good", glyph: "dot", word: "ok", sentence: "", fix: "" },
  pending: { tone: "wait", glyph: "ring", word: "asking…", sentence: "not heard from yet", fix: "" },
  unreachable: {
    tone: "bad",
    glyph: "triangle",
    word: "unreachable",
    sentence: "nothing answers at this address",
    fix: "How to fix",
  },
  auth_failed: {
    tone: "bad",
    glyph: "key",
    word: "login refused",
    sentence: "the host does not accept our key or password",
    fix: "How to fix",
  },
  host_key_unknown: {
    tone: "bad",
    glyph: "question",
    word: "host key unknown",
    sentence: "this host has never been vouched for, so we do not talk to it",
    fix: "Show the known_hosts line",
  },
  host_key_changed: {
    tone: "danger",
    glyph: "cross",
    word: "host key changed",
    sentence: "this may be another machine; we do not talk to it until someone has checked",
    fix: "How to fix",
  },
  timeout: {
    tone: "bad",
    glyph: "clock",
    word: "too slow",
    sentence: "did not answer in time",
    fix: "How to fix",
  },
  error: {
    tone: "bad",
    glyph: "cross",
    word: "failed",
    sentence: "asking this host failed",
    fix: "How to fix",
  },
};

const USERS: Record<UserState, Condition> = {
  ok: { tone: "good", glyph: "dot", word: "ok", sentence: "", fix: "" },
  no_server: {
    tone: "quiet",
    glyph: "dash",
    word: "no tmux server",
    sentence: "the first session starts one",
    fix: "",
  },
  sudo_refused: {
    tone: "bad",
    glyph: "lock",
    word: "sudo refused",
    sentence: "the service may not run tmux as this user",
    fix: "Show the sudoers line",
  },
  tmux_missing: {
    tone: "bad",
    glyph: "question",
    word: "tmux missing",
    sentence: "tmux is not installed on this host",
    fix: "How to fix",
  },
  socket_unreadable: {
    tone: "bad",
    glyph: "lock",
    word: "socket unreadable",
    sentence: "the tmux socket is there but may not be read",
    fix: "How to fix",
  },
  error: { tone: "bad", glyph: "cross", word: "failed", sentence: "asking tmux failed", fix: "How to fix" },
};

// A newer server may know states that this page does not: they look like errors, never like "ok".
export function hostCondition(host: HostView): Condition {
  return HOSTS[host.state] ?? { ...HOSTS.error, word: String(host.state) };
}

export function userCondition(user: UserView): Condition {
  return USERS[user.state] ?? { ...USERS.error, word: String(user.state) };
}

/** What is said of a tmux user who has nothing to list. A server without sessions is not the same as no server. */
export function emptyCondition(user: UserView): Condition {
  return user.state === "ok"
    ? {
        tone: "quiet",
        glyph: "ring",
        word: "no sessions",
        sentence: "tmux runs, with nothing in it",
        fix: "",
      }
    : userCondition(user);
}

/** The server's own sentence where it has one, without a final full stop: it stands inside a line. */
export function because(problem: string | null, condition: Condition): string {
  return (problem || condition.sentence).replace(/\.$/, "");
}
