import type { ApiError } from "../api/problem.ts";

/** What the token gate says; the other gates have no form here, and say themselves where to log in. */
const TOKEN_GATE: ReadonlySet<string> = new Set(["Log in first.", "That is not the token."]);
const PROXY = "The proxy in front of this service asks for a login.";

/** Where to log in, as a 401 tells it; null where the token form is the place. */
export function loginHint(refused: ApiError): string | null {
  if (refused.code !== "unauthenticated") return PROXY; // not the service's own answer
  return TOKEN_GATE.has(refused.message) ? null : refused.message;
}
