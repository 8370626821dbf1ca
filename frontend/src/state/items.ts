import type { HostView } from "../api/types.gen.ts";
import type { Placed } from "../lib/window.ts";
import { hostCondition, isTrouble, saidByHost, userCondition } from "./conditions.ts";
import type { HostRows, Row, UserRows } from "./rows.ts";

/** Hosts that have nothing to show, in one line: those that answered, and those not heard from yet. */
export type Lot = "idle" | "pending";

/** One line of the board. */
export type Item = Placed &
  (
    | { kind: "host"; group: HostRows; rows: number; folded: boolean; brief: boolean; gap: boolean }
    | { kind: "user"; host: HostView; group: UserRows }
    | { kind: "session"; row: Row }
    | { kind: "lot"; lot: Lot; count: number; open: boolean }
  );

export interface Folding {
  /** Host keys. */
  folded: ReadonlySet<string>;
  /** Which lots are unfolded. */
  open: ReadonlySet<string>;
  /** The host that the address names: in its own place, even with nothing to show. */
  named: string | null;
  /** A filter shows all that it finds. */
  filtering: boolean;
}

/** So few are shown where they stand. */
const FEW = 3;

export function hostItemKey(host: string): string {
  return `host ${host}`;
}

/** What is said of a host with sessions must be said; of one without, only when somebody is needed. */
function lotOf({ host, users }: HostRows): Lot | null {
  if (users.some(({ user }) => user.sessions.length > 0)) return null;
  if (host.state === "pending") return "pending";
  if (host.state !== "ok") return null;
  return users.some(({ user }) => isTrouble(userCondition(user))) ? null : "idle";
}

/** The only tmux user of a host is named in the host's own line, unless there is more to say. */
export function soleUser({ host, users }: HostRows): UserRows | null {
  const [only] = users;
  if (!only || host.users.length !== 1) return null;
  return isTrouble(userCondition(only.user)) && !saidByHost(host, only.user) ? null : only;
}

/** All lines in their order: hosts as they are configured, and last, in a line each, those with nothing to show. */
export function itemsOf(groups: readonly HostRows[], folding: Folding): Item[] {
  const lots: Record<Lot, HostRows[]> = { pending: [], idle: [] };
  if (!folding.filtering) {
    for (const group of groups) {
      const lot = lotOf(group);
      if (lot && group.host.key !== folding.named) lots[lot].push(group);
    }
    if (lots.idle.length <= FEW) lots.idle = [];
    if (lots.pending.length <= FEW) lots.pending = [];
  }
  const away = new Set([...lots.pending, ...lots.idle]);
  const items: Item[] = [];
  for (const group of groups) if (!away.has(group)) addHost(items, group, folding);
  for (const lot of ["pending", "idle"] as const) {
    const count = lots[lot].length;
    if (count === 0) continue;
    const open = folding.open.has(lot);
    items.push({ kind: "lot", key: `lot ${lot}`, shape: "lot", lot, count, open });
    if (open) for (const group of lots[lot]) addHead(items, group, { rows: 0, folded: false, brief: true });
  }
  return items;
}

/** There is some air between a host's last session and the next host. */
function addHead(
  items: Item[],
  group: HostRows,
  more: { rows: number; folded: boolean; brief: boolean },
): void {
  const last = items.at(-1)?.kind;
  const gap = last === "session" || last === "user";
  const calm = !isTrouble(hostCondition(group.host));
  const shape = calm ? `host ${more.brief} ${gap}` : null;
  items.push({ kind: "host", key: hostItemKey(group.host.key), shape, group, gap, ...more });
}

function addHost(items: Item[], group: HostRows, folding: Folding): void {
  const { host, users } = group;
  const rows = users.reduce((sum, user) => sum + user.rows.length, 0);
  const folded = rows > 0 && !folding.filtering && folding.folded.has(host.key);
  addHead(items, group, { rows, folded, brief: false });
  if (folded) return;
  const sole = soleUser(group);
  for (const user of users) {
    if (user !== sole) {
      const troubled = isTrouble(userCondition(user.user)) && !saidByHost(host, user.user);
      const key = `user ${host.key} ${user.user.name}`;
      items.push({ kind: "user", key, shape: troubled ? null : "user", host, group: user });
    }
    for (const row of user.rows) items.push({ kind: "session", key: row.key, shape: "session", row });
  }
}

/** Whether keys go to it: sessions, and what stands for sessions or hosts that are not shown. */
export function isStop(item: Item): boolean {
  if (item.kind === "host") return item.rows === 0 || item.folded;
  return item.kind !== "user";
}
