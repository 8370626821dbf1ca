import type { Inventory } from "../api/types.gen.ts";
import { count } from "../lib/words.ts";
import {
  type Condition,
  HOST_STATES,
  hostCondition,
  isTrouble,
  saidByHost,
  USER_STATES,
  userCondition,
} from "./conditions.ts";

/** So many hosts or tmux users are in one state; the filter shows them. */
export interface Tally {
  text: string;
  filter: string;
  condition: Condition;
}

/** The line on top: what there is, and what needs somebody. */
export interface Summary {
  sessions: string;
  any: boolean;
  asking: Tally | null;
  troubles: Tally[];
  /** Everybody answered, nobody has a session; and whether any tmux server runs. */
  quiet: boolean;
  server: boolean;
}

/** With more kinds of trouble than this their nouns are left out: the line is one to take in at a glance. */
const WORDY = 2;
const OF_HOSTS: Record<string, [string, string]> = {
  host_key_changed: ["with a changed key", "key changed"],
  host_key_unknown: ["with an unknown key", "key unknown"],
};

export function summarise({ hosts }: Inventory): Summary {
  let sessions = 0;
  let users = 0;
  const byHost = new Map<string, number>();
  const byUser = new Map<string, number>();
  const add = (to: Map<string, number>, state: string): void => void to.set(state, (to.get(state) ?? 0) + 1);
  for (const host of hosts) {
    add(byHost, host.state);
    for (const user of host.users) {
      users += 1;
      sessions += user.sessions.length;
      if (!saidByHost(host, user)) add(byUser, user.state);
    }
  }
  const pending = byHost.get("pending") ?? 0;
  const servers = byUser.get("ok") ?? 0;
  return {
    sessions: `${count(sessions, "session")} on ${count(hosts.length, "host")}`,
    any: sessions > 0,
    asking:
      pending > 0
        ? {
            text: `asking ${count(pending, "host")}…`,
            filter: "state:pending",
            condition: hostCondition({ state: "pending" }),
          }
        : null,
    troubles: [
      ...tallies(byHost, HOST_STATES, (state) => hostCondition({ state }), ofHosts),
      ...tallies(byUser, USER_STATES, (state) => userCondition({ state }), ofUsers),
    ],
    quiet: sessions === 0 && users > 0 && hosts.length === (byHost.get("ok") ?? 0) && hasMaker(byUser),
    server: servers > 0,
  };
}

function hasMaker(byUser: Map<string, number>): boolean {
  return (byUser.get("ok") ?? 0) + (byUser.get("no_server") ?? 0) > 0;
}

function ofHosts(number: number, { word }: Condition, state: string, wordy: boolean): string {
  const [long, short] = OF_HOSTS[state] ?? [word, word];
  return wordy ? `${count(number, "host")} ${long}` : `${number} ${short}`;
}

function ofUsers(number: number, { word }: Condition, state: string): string {
  return `${count(number, "tmux user")} ${state === "sudo_refused" ? "refused" : word}`;
}

/** In the order of what needs somebody most; states that this page does not know come last. */
function tallies<S extends string>(
  counts: Map<string, number>,
  order: readonly S[],
  condition: (state: S) => Condition,
  say: (number: number, condition: Condition, state: string, wordy: boolean) => string,
): Tally[] {
  const rank = (state: S): number => (order.includes(state) ? order.indexOf(state) : order.length);
  const found = ([...counts.keys()] as S[]).filter((state) => isTrouble(condition(state)));
  found.sort((a, b) => rank(a) - rank(b));
  return found.map((state) => ({
    text: say(counts.get(state) ?? 0, condition(state), state, found.length <= WORDY),
    filter: `state:${state}`,
    condition: condition(state),
  }));
}
