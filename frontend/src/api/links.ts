import { requestJson } from "./request.ts";
import type { Target } from "./sessions.ts";
import type { LinkCreated, LinkRedeemed, TerminalMode } from "./types.gen.ts";

export interface LinkWanted {
  mode: TerminalMode;
  /** A duration as the configuration writes them: `10m`, `1h`, `1d`. */
  ttl: string;
  /** For whom; without it, for whoever has the link. */
  sub?: string;
}

export function mintLink(target: Target, wanted: LinkWanted): Promise<LinkCreated> {
  return requestJson<LinkCreated>("links", { method: "POST", body: { ...target, ...wanted } });
}

/** Works once for each token. A 401 is an answer about the token, not the end of a login. */
export function redeemLink(token: string): Promise<LinkRedeemed> {
  return requestJson<LinkRedeemed>("links/redeem", { method: "POST", body: { token }, expect401: true });
}
