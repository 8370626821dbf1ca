import type { ApiError } from "../api/problem.ts";
import type { Target } from "../api/sessions.ts";
import type { TerminalMode } from "../api/types.gen.ts";
import { visible } from "../lib/words.ts";

/** The longest that the service reads. */
const TOKEN_CHARS = 16_384;
/** The latest time that a Date can hold, in seconds. */
const LATEST_S = 8.64e12;

/** What a link says of itself. Nobody has checked it: anybody can write such a text. */
export interface Offer extends Target {
  mode: TerminalMode;
  /** For whom; empty: for whoever has it. */
  sub: string;
  issuer: string;
  expiresAt: number;
}

/** Takes the link's token out of the address bar and the history before anything else can see or store it. */
export function takeLinkFromAddress(base: URL): string | null {
  const path = location.pathname.replace(/\/$/, "");
  if (path !== `${base.pathname}open` || location.hash.length < 2) return null;
  const token = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
  return token;
}

function claimsOf(token: string): Record<string, unknown> | null {
  const parts = token.split(".");
  if (token.length > TOKEN_CHARS || parts.length !== 3) return null;
  try {
    const text = atob((parts[1] ?? "").replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(text, (c) => c.charCodeAt(0));
    const claims: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    const object = typeof claims === "object" && claims !== null && !Array.isArray(claims);
    return object ? (claims as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** Reads a token without checking it; null where it is none, or does not say what it opens and until when. */
export function readOffer(token: string): Offer | null {
  const claims = claimsOf(token);
  if (!claims) return null;
  const text = (name: string): string => (typeof claims[name] === "string" ? claims[name] : "");
  const [host, user, session, mode] = [text("host"), text("user"), text("session"), text("mode")];
  const { exp } = claims;
  if (!host || !user || !session || (mode !== "view" && mode !== "control")) return null;
  if (typeof exp !== "number" || !(exp > 0 && exp < LATEST_S)) return null;
  return { host, user, session, mode, sub: text("sub"), issuer: text("iss"), expiresAt: exp };
}

export interface Refusal {
  words: string;
  /** The same link will not do better another time. */
  final: boolean;
}

/** @param name Who is logged in; empty for nobody. */
export function refusalOf(error: ApiError, offer: Offer, name: string, now: number): Refusal {
  const ask = "Ask for a new one where you got it.";
  switch (error.code) {
    case "unauthenticated":
      if (error.message.includes("used already"))
        return { words: `This link was used already. A link opens once. ${ask}`, final: true };
      if (offer.expiresAt <= now) return { words: `This link has expired. ${ask}`, final: true };
      return {
        words: `This service does not know this link: it is damaged, or made for another service. ${ask}`,
        final: true,
      };
    case "forbidden": {
      const you = name ? `; you are logged in as ${visible(name)}` : "";
      const whose = offer.sub ? `This link is for ${visible(offer.sub)}${you}.` : error.message;
      return { words: whose, final: true };
    }
    case "not_found":
      return { words: "What this link opens is not on this service.", final: true };
    default:
      return { words: error.message, final: false };
  }
}
