import { expect, test } from "vitest";
import { ApiError } from "../api/problem.ts";
import { readOffer, refusalOf } from "./offer.ts";

const claims = { host: "web1", user: "deploy", session: "api", mode: "view", exp: 2_000_000_000 };

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

function token(payload: unknown): string {
  const text = typeof payload === "string" ? payload : JSON.stringify(payload);
  return `e30.${base64url(new TextEncoder().encode(text))}.c2ln`;
}

test("reads what a link says of itself", () => {
  expect(readOffer(token({ ...claims, sub: "ann", iss: "muxboard", aud: "x", jti: "1" }))).toEqual({
    host: "web1",
    user: "deploy",
    session: "api",
    mode: "view",
    sub: "ann",
    issuer: "muxboard",
    expiresAt: 2_000_000_000,
  });
});

test("names of every kind come through as they are", () => {
  for (const session of ["ünï 🦀", "<img src=x>", "\u202eevil", "a b/c", "x".repeat(300)]) {
    expect(readOffer(token({ ...claims, session }))?.session).toBe(session);
  }
});

test.each([
  "",
  "x",
  "a.b",
  "a.b.c",
  "a.%%%.c",
  `${token(claims)}.more`,
  token("[]"),
  token("null"),
  token("{"),
  `e30.${base64url(new Uint8Array([0x22, 0xff, 0xfe, 0x22]))}.c2ln`,
  token({ ...claims, host: "" }),
  token({ ...claims, user: 7 }),
  token({ ...claims, session: { toString: "x" } }),
  token({ ...claims, mode: "admin" }),
  token({ ...claims, exp: "soon" }),
  token({ ...claims, exp: 1e300 }),
  token({ ...claims, exp: -1 }),
  token({ host: "web1", user: "deploy", session: "api", mode: "view" }),
  token({ ...claims, more: "x".repeat(20_000) }),
])("is no link: %.40s", (text) => {
  expect(readOffer(text)).toBeNull();
});

test("every refusal is told in words, and whether trying again can help", () => {
  const offer = { host: "h", user: "u", session: "s", mode: "view", sub: "ann", issuer: "muxboard" } as const;
  const open = { ...offer, expiresAt: 100 };
  const told = (code: ApiError["code"], message: string, now = 0) =>
    refusalOf(new ApiError(401, code, message), open, "bob", now);
  expect(told("unauthenticated", "The link was used already.").words).toContain("used already");
  expect(told("unauthenticated", "That is not the token.", 100).words).toContain("expired");
  expect(told("unauthenticated", "That is not the token.").words).toContain("does not know");
  expect(told("forbidden", "…").words).toBe("This link is for ann; you are logged in as bob.");
  expect(told("not_found", "…").final).toBe(true);
  expect(told("rate_limited", "Later.")).toEqual({ words: "Later.", final: false });
  expect(told("offline", "Away.").final).toBe(false);
});
