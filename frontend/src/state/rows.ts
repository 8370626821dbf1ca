import type { HostView, Inventory, SessionView, UserView } from "../api/types.gen.ts";
import { emptyCondition, hostCondition, isTrouble, saidByHost, userCondition } from "./conditions.ts";
import { type Facts, factsOf, open, stateFacts, type Token } from "./filter.ts";
import { rowKey } from "./inventory.ts";

export interface Row {
  key: string;
  host: HostView;
  user: UserView;
  session: SessionView;
}
export interface UserRows {
  user: UserView;
  rows: readonly Row[];
}
/** A host as it is shown: the users and sessions of it that the filter leaves. */
export interface HostRows {
  host: HostView;
  users: readonly UserRows[];
}

function hostFacts(host: HostView): Facts {
  const condition = hostCondition(host);
  const state =
    host.state === "ok" ? "" : stateFacts(host.state, condition.word, isTrouble(condition) ? "trouble" : "");
  return factsOf({ host: host.key, more: `${host.label}\n${host.hostname}`, state });
}

function userFacts(host: HostView, user: UserView): Facts {
  const condition = userCondition(user);
  const words = [user.state as string, condition.word];
  if (user.state === "ok" && host.state !== "ok") words.length = 0; // the host says otherwise
  if (isTrouble(condition) && !saidByHost(host, user)) words.push("trouble");
  if (user.stale) words.push("stale");
  if (user.sessions.length === 0) words.push(emptyCondition(user).word);
  return factsOf({ user: user.name, state: stateFacts(...words) });
}

function sessionFacts(session: SessionView): Facts {
  return factsOf({
    session: session.name,
    command: session.command,
    dir: session.directory,
    more: session.title,
    state: stateFacts(session.attached > 0 ? "attached" : "detached"),
  });
}

/**
 * Arranges snapshots under a filter. A host that is the same object as before is not looked at again, so that an
 * update costs what changed, and typing costs one look at each session.
 */
export class Arranger {
  #facts = new WeakMap<HostView | UserView | SessionView, Facts>();
  #known = new WeakMap<HostView, HostRows | null>();
  #tokens: readonly Token[] = [];

  /**
   * Every token must hold for a row: for its session, its user or its host. A user without sessions stays when
   * it matches by itself, and so does a host, so that `refused` finds it.
   */
  arrange(inventory: Inventory, tokens: readonly Token[]): HostRows[] {
    if (tokens !== this.#tokens) {
      this.#tokens = tokens;
      this.#known = new WeakMap();
    }
    const out: HostRows[] = [];
    for (const host of inventory.hosts) {
      let rows = this.#known.get(host);
      if (rows === undefined) {
        rows = this.#host(host, tokens);
        this.#known.set(host, rows);
      }
      if (rows) out.push(rows);
    }
    return out;
  }

  #host(host: HostView, tokens: readonly Token[]): HostRows | null {
    const asked = this.#open(tokens, host, hostFacts);
    const users: UserRows[] = [];
    for (const user of host.users) {
      const left = this.#open(asked, user, () => userFacts(host, user));
      const found = user.sessions.filter((session) => this.#open(left, session, sessionFacts).length === 0);
      if (found.length === 0 && left.length > 0) continue;
      const rows = found.map((session) => ({
        key: rowKey(host.key, user.name, session.name),
        host,
        user,
        session,
      }));
      users.push({ user, rows });
    }
    return users.length > 0 || asked.length === 0 ? { host, users } : null;
  }

  #open<T extends HostView | UserView | SessionView>(
    tokens: readonly Token[],
    thing: T,
    say: (thing: T) => Facts,
  ): readonly Token[] {
    if (tokens.length === 0) return tokens;
    let facts = this.#facts.get(thing);
    if (!facts) {
      facts = say(thing);
      this.#facts.set(thing, facts);
    }
    return open(tokens, facts);
  }
}

/** A free name for a new session: `main`, then `main-2`, … */
export function freeName(user: UserView, wish = "main"): string {
  const taken = new Set(user.sessions.map((s) => s.name));
  for (let n = 1; ; n++) {
    const name = n === 1 ? wish : `${wish}-${n}`;
    if (!taken.has(name)) return name;
  }
}
