import { request, requestJson } from "./request.ts";
import type { Me } from "./types.gen.ts";

export function fetchMe(): Promise<Me> {
  return requestJson<Me>("me", { expect401: true });
}

export async function login(token: string): Promise<void> {
  await request("login", { method: "POST", body: { token }, expect401: true });
}

export async function logout(): Promise<void> {
  await request("logout", { method: "POST", expect401: true });
}
