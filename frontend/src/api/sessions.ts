import { request, requestJson } from "./request.ts";
import type { Inventory, SessionCreated } from "./types.gen.ts";

/** One tmux session, as every call and link names it. */
export interface Target {
  host: string;
  user: string;
  session: string;
}

export interface SessionWanted {
  name: string;
  command?: string;
  directory?: string;
}

const enc = encodeURIComponent;

function sessionsPath(host: string, user: string): string {
  return `hosts/${enc(host)}/users/${enc(user)}/sessions`;
}

/** A name of one or two dots would vanish from a URL path; the server then answers not_found by itself. */
export function sessionPath(target: Target): string {
  return `${sessionsPath(target.host, target.user)}/${enc(target.session)}`;
}

/** The whole as it is now. Hosts are then asked as often as while a stream is open. */
export function glanceInventory(): Promise<Inventory> {
  return requestJson<Inventory>("events?once=1");
}

export async function refresh(host?: string): Promise<void> {
  await request("refresh", { method: "POST", body: host === undefined ? {} : { host } });
}

export function createSession(host: string, user: string, wanted: SessionWanted): Promise<SessionCreated> {
  return requestJson<SessionCreated>(sessionsPath(host, user), { method: "POST", body: wanted });
}

export async function renameSession(target: Target, name: string): Promise<void> {
  await request(sessionPath(target), { method: "PATCH", body: { name } });
}

export async function killSession(target: Target, confirm: string): Promise<void> {
  await request(`${sessionPath(target)}?confirm=${enc(confirm)}`, { method: "DELETE" });
}

export async function fetchScrollback(target: Target): Promise<Blob> {
  return (await request(`${sessionPath(target)}/scrollback`)).blob();
}
