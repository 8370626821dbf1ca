import { request } from "./request.ts";
import type { Me } from "./types.gen.ts";

export interface Known {
  me: Me;
  /** Seconds that the service's clock is ahead of this browser's; its times are in its own clock. */
  ahead: number;
}

export async function fetchMe(): Promise<Known> {
  const response = await request("me", { expect401: true });
  const theirs = Date.parse(response.headers.get("Date") ?? "");
  const ahead = Number.isFinite(theirs) ? (theirs - Date.now()) / 1000 : 0;
  return { me: (await response.json()) as Me, ahead };
}

export async function login(token: string): Promise<void> {
  await request("login", { method: "POST", body: { token }, expect401: true });
}

export async function logout(): Promise<void> {
  await request("logout", { method: "POST", expect401: true });
}
