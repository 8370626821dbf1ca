import { asApiError } from "./problem.ts";
import { apiUrl, ownHeaders, request, requestJson, shownBearer } from "./request.ts";
import type { Target } from "./sessions.ts";
import type { TerminalCreated, TerminalMode, TerminalView } from "./types.gen.ts";

export const SUBPROTOCOL = "muxboard.terminal.v1";
const BEARER_PROTOCOL = "muxboard.bearer.";

export interface Size {
  cols: number;
  rows: number;
}

/** `replaces`: the id of one that was lost; it ends and makes room. */
export function createTerminal(
  target: Target,
  mode: TerminalMode,
  size: Size,
  replaces = "",
): Promise<TerminalCreated> {
  const body = { ...target, mode, ...size, ...(replaces && { replaces }) };
  return requestJson<TerminalCreated>("terminals", { method: "POST", body });
}

/** One's own, or everybody's that one oversees. */
export function fetchTerminals(all: boolean): Promise<TerminalView[]> {
  return requestJson<TerminalView[]>(all ? "terminals?all=1" : "terminals");
}

/** `leaving`: the page is going away; the request must outlive it, and nobody reads the answer. */
export async function endTerminal(id: string, leaving = false): Promise<void> {
  await request(`terminals/${encodeURIComponent(id)}`, { method: "DELETE", keepalive: leaving });
}

export type Presence = "present" | "gone" | "unauthenticated" | "forbidden" | "unreachable";

/** A refused WebSocket upgrade tells the page nothing, so a plain request asks what is the matter. */
export async function probeTerminal(id: string): Promise<Presence> {
  try {
    const own = await requestJson<TerminalView[]>("terminals", { expect401: true });
    // One that another process has is not to be had here.
    return own.some((terminal) => terminal.id === id && terminal.here) ? "present" : "gone";
  } catch (error) {
    const { status } = asApiError(error);
    return status === 401 ? "unauthenticated" : status === 403 ? "forbidden" : "unreachable";
  }
}

/** No page can send a header with a socket: a bearer goes among the subprotocols, which no log holds. */
export function subprotocols(): string[] {
  const bearer = shownBearer();
  if (bearer === null) return [SUBPROTOCOL];
  const packed = btoa(bearer).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  return [SUBPROTOCOL, BEARER_PROTOCOL + packed];
}

/** @param client Names this client on all its connections: once displaced by another, it does not take turns with it. */
export function socketUrl(id: string, offset: number, client: string): URL {
  const url = apiUrl(`terminals/${encodeURIComponent(id)}/socket`);
  url.searchParams.set("offset", String(offset));
  url.searchParams.set("client", client);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url;
}

export interface CallOptions {
  body?: Uint8Array<ArrayBuffer> | string;
  type?: string;
  signal?: AbortSignal;
  /** It is held open: whatever is typed goes before it where connections are scarce. */
  waits?: boolean;
}

/** One request below a terminal's address: a POST where there is a body. Rejects only when nothing answers. */
export type Call = (path: string, options?: CallOptions) => Promise<Response>;

/** For transports: they read the status themselves, because for them it is the end of a connection. */
export function callsOf(id: string): Call {
  return (path, { body, type, signal, waits } = {}) => {
    const headers = ownHeaders();
    if (type !== undefined) headers["Content-Type"] = type;
    return fetch(apiUrl(`terminals/${encodeURIComponent(id)}/${path}`), {
      method: body === undefined ? "GET" : "POST",
      headers,
      body: body ?? null,
      credentials: "same-origin",
      cache: "no-store",
      redirect: "manual",
      priority: waits ? "low" : "high",
      signal: signal ?? null,
    });
  };
}
