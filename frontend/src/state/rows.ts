import type { HostView, Inventory, SessionView, UserView } from "../api/types.gen.ts";
import { count } from "../lib/words.ts";
import { type Condition, emptyCondition, hostCondition, userCondition } from "./conditions.ts";
import { rowKey } from "./inventory.ts";

export interface Row {
  key: string;
  host: HostView;
  user: UserView;
  session: SessionView;
}
export interface UserRows {
  user: UserView;
  rows: Row[];
}
export interface HostRows {
  host: HostView;
  users: UserRows[];
}

export function needlesOf(filter: string): string[] {
  return filter.toLowerCase().split(/\s+/).filter(Boolean);
}

function has(needle: string, texts: readonly string[]): boolean {
  return texts.some((text) => text.toLowerCase().includes(needle));
}

function stateWords(host: HostView, user: UserView, session: SessionView | null): string[] {
  const words = [hostCondition(host).word, host.state, userCondition(user).word, user.state];
  if (user.stale) words.push("stale");
  if (session) words.push(session.attached > 0 ? "attached" : "detached");
  else words.push(emptyCondition(user).word);
  return words;
}

/**
 * The snapshot as it is shown. Every needle must be found in a row (name, command, directory, its user, its
 * host, its states); a user without sessions stays when it matches by itself, so that "refused" finds it.
 */
export function arrange(inventory: Inventory, needles: readonly string[]): HostRows[] {
  const out: HostRows[] = [];
  for (const host of inventory.hosts) {
    const hostTexts = [host.key, host.label, host.hostname];
    const users: UserRows[] = [];
    for (const user of host.users) {
      const around = [...hostTexts, user.name];
      const rows = user.sessions
        .filter((s) => {
          const texts = [s.name, s.command, s.directory, s.title, ...around, ...stateWords(host, user, s)];
          return needles.every((needle) => has(needle, texts));
        })
        .map((session) => ({ key: rowKey(host.key, user.name, session.name), host, user, session }));
      const alone = user.sessions.length === 0 ? [...around, ...stateWords(host, user, null)] : around;
      if (rows.length > 0 || needles.every((needle) => has(needle, alone))) users.push({ user, rows });
    }
    const own = [...hostTexts, hostCondition(host).word, host.state];
    if (users.length > 0 || needles.every((needle) => has(needle, own))) out.push({ host, users });
  }
  return out;
}

export function rowsOf(hosts: readonly HostRows[]): Row[] {
  return hosts.flatMap((host) => host.users.flatMap((user) => user.rows));
}

/** A user's failure that is the whole host's: it is said once. */
export function saidByHost(host: HostView, user: UserView): boolean {
  return user.state === "error" && host.state !== "ok";
}

export interface Summary {
  sessions: string;
  asking: string;
  troubles: string[];
}

/** The line on top: what there is, and what needs somebody. */
export function summarise(inventory: Inventory): Summary {
  const { hosts } = inventory;
  const sessions = hosts.reduce((n, h) => n + h.users.reduce((m, u) => m + u.sessions.length, 0), 0);
  const failed = hosts.map(hostCondition).filter((c) => c.tone === "bad" || c.tone === "danger");
  const refused = hosts
    .flatMap((h) => h.users.filter((user) => !saidByHost(h, user)).map(userCondition))
    .filter((c) => c.tone === "bad");
  const pending = hosts.filter((h) => h.state === "pending").length;
  return {
    sessions: `${count(sessions, "session")} on ${count(hosts.length, "host")}`,
    asking: pending > 0 ? `asking ${count(pending, "host")}…` : "",
    troubles: [
      ...tally(failed, "host", (word) => (word === "host key changed" ? "with a changed key" : word)),
      ...tally(refused, "tmux user", (word) => (word === "sudo refused" ? "refused" : word)),
    ],
  };
}

/** `1 host unreachable`; with more than two kinds of trouble only their number: the rows say the rest. */
function tally(troubled: Condition[], noun: string, say: (word: string) => string): string[] {
  const words = [...new Set(troubled.map((c) => c.word))];
  if (words.length > 2) return [`${count(troubled.length, noun)} in trouble`];
  return words.map((word) => `${count(troubled.filter((c) => c.word === word).length, noun)} ${say(word)}`);
}

/** A free name for a new session: `main`, then `main-2`, … */
export function freeName(user: UserView, wish = "main"): string {
  const taken = new Set(user.sessions.map((s) => s.name));
  for (let n = 1; ; n++) {
    const name = n === 1 ? wish : `${wish}-${n}`;
    if (!taken.has(name)) return name;
  }
}
