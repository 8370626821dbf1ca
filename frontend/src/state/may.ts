import type { Target } from "../api/sessions.ts";
import type { LinkView, Me, Role, TerminalMode } from "../api/types.gen.ts";
import { clock } from "../lib/time.ts";

/** The page hides what may not be done. It only hides: the service refuses by itself. */
type Place = Pick<Target, "host" | "user">;

const CHANGERS: readonly Role[] = ["operator", "admin"];

function roleAt(me: Me, { host, user }: Place): Role | undefined {
  const key = `${host}/${user}`;
  return Object.hasOwn(me.role_by_target, key) ? (me.role_by_target[key] as Role) : undefined;
}

export function opens(link: LinkView, { host, user, session }: Target): boolean {
  return link.host === host && link.user === user && link.session === session;
}

/** What they came by who have deep links and nothing else: the one to a session, or the one that lasts longest;
 * null for everybody else. */
export function linkOnly(me: Me | null, target?: Target): LinkView | null {
  if (me?.principal.gate !== "link") return null;
  return me.links.find((link) => target && opens(link, target)) ?? me.links[0] ?? null;
}

/** @param granted What the inventory says of the tmux user, which knows of no single session. */
export function mayType(me: Me | null, target: Target, granted: boolean): boolean {
  if (granted) return true;
  return me?.links.some((link) => link.mode === "control" && opens(link, target)) ?? false;
}

/** Rename and kill. Before it is known who is asking, as the inventory says. */
export function mayChange(me: Me | null, place: Place, granted: boolean): boolean {
  if (me === null) return granted;
  const role = roleAt(me, place);
  return role !== undefined && CHANGERS.includes(role);
}

export function mayMint(me: Me | null, place: Place): boolean {
  return me?.may_mint === true && linkOnly(me) === null && mayChange(me, place, false);
}

export function mayMintForOthers(me: Me, place: Place): boolean {
  return roleAt(me, place) === "admin";
}

/** A mode that is out of reach is not asked for: whoever may only look gets to look. */
export function allowedMode(me: Me | null, target: Target, wanted: TerminalMode): TerminalMode {
  if (me === null || wanted === "view") return wanted;
  return mayType(me, target, roleAt(me, target) !== "viewer") ? wanted : "view";
}

/** `by link: view only, until 14:02`; empty for those who did not come by one. */
export function linkWords(me: Me | null, now: number, target?: Target): string {
  const link = linkOnly(me, target);
  if (!link) return "";
  return `by link: ${link.mode === "view" ? "view only" : "control"}, until ${clock(link.expires_at, now)}`;
}
