import type { ApiError } from "../api/problem.ts";
import type { ExitReason } from "../api/types.gen.ts";
import { Disposable, Timer } from "../lib/disposable.ts";
import { count } from "../lib/words.ts";
import type { Transport } from "../link/transport.ts";

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

/** The login is over, access is refused, the session is gone, or the service failed: four things to do next. */
export function failedAttach(failure: ApiError): End {
  if (failure.status === 401) return loggedOut(true);
  const asked = failure.requestId ? `${failure.message} (request ${failure.requestId})` : failure.message;
  const end = (why: string, detail: string, again: boolean): End => ({ reason: null, why, detail, again });
  if (failure.code === "session_not_found") return end("there is no such session", "", true);
  if (failure.status === 403) return end("you may not use this session", asked, false);
  return end("it could not be attached", asked, true);
}

/** After this long it is not over by itself soon: then the page says what can be done. */
export const OFFER_MS = 10_000;
const SECOND_MS = 1_000;

export interface Cut {
  /** Whole seconds since it began. */
  seconds: number;
  /** Long enough to offer ways out. */
  long: boolean;
}

/** How long there has been no connection; wakes its owner once a second meanwhile. */
export class CutClock extends Disposable {
  #since: number | null = null;
  #timer = this.own(new Timer());

  constructor(
    readonly changed: () => void,
    readonly clock: () => number = Date.now,
  ) {
    super();
  }

  get now(): Cut | null {
    if (this.#since === null) return null;
    const ms = this.clock() - this.#since;
    return { seconds: Math.floor(ms / SECOND_MS), long: ms >= OFFER_MS };
  }

  follow(phase: Phase): void {
    const away = phase === "cut" || phase === "connecting";
    if (!away) {
      this.#since = null;
      this.#timer.stop();
    } else if (this.#since === null) {
      this.#since = this.clock();
      this.#wait();
    }
  }

  #wait(): void {
    this.#timer.start(SECOND_MS, () => {
      this.#wait();
      this.changed();
    });
  }
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
        word: keys > 0 ? `reconnecting… ${count(keys, "key waits", "keys wait")}` : "reconnecting…",
        tone: "wait",
        glyph: "ring",
      };
    case "ended":
      return { word: `ended: ${end?.why ?? "it ended"}`, tone: "bad", glyph: "cross" };
  }
}

export interface WayWords {
  word: string;
  why: string;
}

/** What there is to say about the way that a terminal's bytes take; null for the usual one. */
export function wayWords(transport: Transport): WayWords | null {
  switch (transport) {
    case "websocket":
      return null;
    case "sse":
      return {
        word: "slow path: events",
        why: "This network does not let WebSockets through, so output comes as a stream of events, and each thing typed is a request. It works the same, a little slower.",
      };
    case "poll":
      return {
        word: "slow path: requests",
        why: "This network lets neither WebSockets nor streams through, so all that is shown and typed goes by single requests. It works the same, but slower.",
      };
  }
}
