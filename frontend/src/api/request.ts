import { Emitter } from "../lib/emitter.ts";
import { ApiError, offline, problemFrom } from "./problem.ts";

/** Fires on every 401, whichever call met it: the page shows the login form. */
export const unauthenticated = new Emitter();

/** Longest wait for any answer; the server's own limits for a host are below it. */
const TIMEOUT_MS = 30_000;

/** All URLs resolve against <base>, so that the page works below any base path. */
export function apiUrl(path: string): URL {
  return new URL(`api/v1/${path}`, document.baseURI);
}

let bearer: string | null = null;

/** What each call shows from now on. It lives as long as the page, and no other page or frame has it. */
export function showBearer(token: string | null): void {
  bearer = token;
}

export function shownBearer(): string | null {
  return bearer;
}

/** What says that a request is this page's; a page elsewhere can send none of it. */
export function ownHeaders(): Record<string, string> {
  return { "Muxboard-Page": "1", ...(bearer === null ? {} : { Authorization: `Bearer ${bearer}` }) };
}

export interface RequestOptions {
  method?: "GET" | "POST" | "PATCH" | "DELETE";
  body?: unknown;
  /** Outlives the page: for what must be said while the page goes away. */
  keepalive?: boolean;
  /** A 401 here is an answer, not the end of the login (the login form itself). */
  expect401?: boolean;
}

export async function request(path: string, options: RequestOptions = {}): Promise<Response> {
  const method = options.method ?? "GET";
  const headers = ownHeaders();
  headers.Accept = "application/json, application/problem+json";
  if (method !== "GET") headers["Content-Type"] = "application/json";
  let response: Response;
  try {
    response = await fetch(apiUrl(path), {
      method,
      headers,
      body: method === "GET" || method === "DELETE" ? undefined : JSON.stringify(options.body ?? {}),
      credentials: "same-origin",
      cache: "no-store",
      redirect: "manual",
      keepalive: options.keepalive ?? false,
      signal: options.keepalive ? null : AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch {
    throw offline();
  }
  if (response.ok) return response;
  // The service sends no call elsewhere; a proxy whose login has run out sends everything to its login page.
  if (response.type === "opaqueredirect") {
    if (!options.expect401) unauthenticated.emit();
    throw new ApiError(401, "unknown", "The proxy in front of this service asks for a login.");
  }
  const body = await response.json().catch(() => null);
  if (response.status === 401 && !options.expect401) unauthenticated.emit();
  throw problemFrom(response.status, body, response.headers.get("Retry-After"));
}

export async function requestJson<T>(path: string, options: RequestOptions = {}): Promise<T> {
  const response = await request(path, options);
  return (await response.json()) as T;
}
