import type { ExitReason } from "../api/types.gen.ts";
import { count } from "../lib/words.ts";

/** Where a terminal is in its life. Forward only, but for connected ⇄ cut; `again` starts a new life. */
export type Phase = "connecting" | "connected" | "cut" | "ended";

/** Why it ended, in words; `detail` says what is known beyond. */
export interface End {
  /** As the service names it; null: there was no terminal that could end. */
  reason: ExitReason | null;
  why: string;
  detail: string;
  again: boolean;
  /** The login is over: nothing goes on before another one. */
  login?: boolean;
}

const ENDS: Record<ExitReason, string> = {
  exited: "the session ended",
  killed: "the session was killed",
  detached: "this client was detached",
  lifetime: "the time limit for one terminal was reached",
  idle: "nothing was typed for too long",
  expired: "your login expired",
  revoked: "an administrator ended it",
  replaced: "it was opened in another window",
  draining: "the service is restarting",
  overflow: "this browser fell too far behind",
  failed: "it failed",
};

/** Reasons whose own words say it all; the server's sentence would only repeat them. */
const PLAIN: ReadonlySet<ExitReason> = new Set([
  "exited",
  "killed",
  "detached",
  "replaced",
  "idle",
  "expired",
]);

export function endOf(reason: ExitReason, message: string): End {
  const detail = PLAIN.has(reason) ? "" : message;
  return { reason, why: ENDS[reason] ?? "it ended", detail, again: reason !== "revoked" };
}

export function loggedOut(expired: boolean): End {
  const why = expired ? ENDS.expired : "you were logged out";
  const reason = expired ? "expired" : "revoked";
  return { reason, why, detail: "The session goes on without you.", again: false, login: true };
}

export interface ConnectionWords {
  word: string;
  tone: "good" | "wait" | "bad" | "quiet";
  glyph: "dot" | "ring" | "cross" | "eye";
}

export function connectionWords(phase: Phase, view: boolean, keys: number, end: End | null): ConnectionWords {
  switch (phase) {
    case "connecting":
      return { word: "connecting…", tone: "wait", glyph: "ring" };
    case "connected":
      return view
        ? { word: "view only", tone: "good", glyph: "eye" }
        : { word: "connected", tone: "good", glyph: "dot" };
    case "cut":
      return {
        word: keys > 0 ? `reconnecting… (${count(keys, "key")} waiting)` : "reconnecting…",
        tone: "wait",
        glyph: "ring",
      };
    case "ended":
      return { word: `ended: ${end?.why ?? "it ended"}`, tone: "bad", glyph: "cross" };
  }
}
