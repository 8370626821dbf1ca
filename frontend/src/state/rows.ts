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
  const words: string[] = [];
  // Where the host is in trouble, a user of it is neither well nor in trouble of its own.
  const overruled = host.state !== "ok" && (user.state === "ok" || saidByHost(host, user));
  if (!overruled) words.push(user.state, condition.word, isTrouble(condition) ? "trouble" : "");
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

/** A host with all its sessions. */
function wholeOf(host: HostView): HostRows {
  const users = host.users.map((user) => ({
    user,
    rows: user.sessions.map((session) => ({
      key: rowKey(host.key, user.name, session.name),
      host,
      user,
      session,
    })),
  }));
  return { host, users };
}

/**
 * Arranges snapshots under a filter. A host that is the same object as before is not looked at again, so that an
 * update costs what changed, and typing costs one look at each session.
 */
export class Arranger {
  #facts = new WeakMap<HostView | UserView | SessionView, Facts>();
  #whole = new WeakMap<HostView, HostRows>();
  #found = new WeakMap<HostView, HostRows | null>();
  #tokens: readonly Token[] = [];

  /**
   * Every token must hold for a row: for its session, its user or its host. A user without sessions stays when
   * it matches by itself, and so does a host, so that `refused` finds it.
   */
  arrange(inventory: Inventory, tokens: readonly Token[]): HostRows[] {
    if (tokens !== this.#tokens) {
      this.#tokens = tokens;
      this.#found = new WeakMap();
    }
    const out: HostRows[] = [];
    for (const host of inventory.hosts) {
      const whole = remembered(this.#whole, host, wholeOf);
      const found =
        tokens.length === 0 ? whole : remembered(this.#found, host, () => this.#find(whole, tokens));
      if (found) out.push(found);
    }
    return out;
  }

  #find({ host, users }: HostRows, tokens: readonly Token[]): HostRows | null {
    const asked = this.#open(tokens, host, hostFacts);
    const found: UserRows[] = [];
    for (const { user, rows } of users) {
      const left = this.#open(asked, user, () => userFacts(host, user));
      const some = left.length === 0 ? rows : rows.filter((row) => this.#holds(left, row));
      if (some.length > 0 || left.length === 0) found.push({ user, rows: some });
    }
    return found.length > 0 || asked.length === 0 ? { host, users: found } : null;
  }

  #holds(tokens: readonly Token[], { session }: Row): boolean {
    return this.#open(tokens, session, sessionFacts).length === 0;
  }

  #open<T extends HostView | UserView | SessionView>(
    tokens: readonly Token[],
    thing: T,
    say: (thing: T) => Facts,
  ): readonly Token[] {
    return tokens.length === 0 ? tokens : open(tokens, remembered(this.#facts, thing, say));
  }
}

function remembered<K extends object, T extends K, V>(
  known: WeakMap<K, V>,
  thing: T,
  make: (thing: T) => V,
): V {
  const value = known.get(thing);
  if (value !== undefined) return value;
  const made = make(thing);
  known.set(thing, made);
  return made;
}

/** A free name for a new session: `main`, then `main-2`, … */
export function freeName(user: UserView, wish = "main"): string {
  const taken = new Set(user.sessions.map((s) => s.name));
  for (let n = 1; ; n++) {
    const name = n === 1 ? wish : `${wish}-${n}`;
    if (!taken.has(name)) return name;
  }
}
