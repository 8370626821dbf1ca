import { expect, test } from "vitest";
import type { Me } from "../api/types.gen.ts";
import { allowedMode, linkOnly, linkWords, mayChange, mayMint, mayMintForOthers, mayType } from "./may.ts";

const api = { host: "web1", user: "deploy", session: "api" };
const other = { ...api, session: "worker" };

function who(change: Partial<Me> = {}, gate = "jwt"): Me {
  return {
    principal: { name: "a@example.com", groups: [], gate },
    role_by_target: {},
    expires_at: null,
    attaches: { used: 0, limit: 5 },
    may_oversee: false,
    may_mint: false,
    links: [],
    ...change,
  };
}

const as = (role: string, change: Partial<Me> = {}): Me =>
  who({ role_by_target: { "web1/deploy": role }, ...change });

test("a viewer changes nothing, mints nothing and gets to look", () => {
  const viewer = as("viewer", { may_mint: true });
  expect(mayChange(viewer, api, true)).toBe(false);
  expect(mayMint(viewer, api)).toBe(false);
  expect(allowedMode(viewer, api, "control")).toBe("view");
});

test("an operator changes and mints where their role reaches, and nowhere else", () => {
  const operator = as("operator", { may_mint: true });
  expect(mayChange(operator, api, false)).toBe(true);
  expect(mayMint(operator, api)).toBe(true);
  expect(mayMint(operator, { host: "web2", user: "deploy" })).toBe(false);
  expect(mayMintForOthers(operator, api)).toBe(false);
  expect(mayMintForOthers(as("admin"), api)).toBe(true);
  expect(allowedMode(operator, api, "control")).toBe("control");
  expect(mayMint(as("operator"), api)).toBe(false);
});

test("a role of a name that every object has is none", () => {
  expect(mayChange(who(), { host: "", user: "" }, true)).toBe(false);
  expect(mayChange(who(), { host: "__proto__", user: "x" }, true)).toBe(false);
});

test("a link to type opens its own session and no other, beside what a viewer has", () => {
  const viewer = as("viewer", { links: [{ ...api, mode: "control", expires_at: 3600 }] });
  expect(mayType(viewer, api, false)).toBe(true);
  expect(mayType(viewer, other, false)).toBe(false);
  expect(allowedMode(viewer, api, "control")).toBe("control");
  expect(allowedMode(viewer, other, "control")).toBe("view");
  expect(linkOnly(viewer)).toBeNull();
  expect(linkWords(viewer, 0)).toBe("");
});

test("who came by a link and nothing else is told so, and mints nothing", () => {
  const link = { ...api, mode: "view", expires_at: 3600 } as const;
  const me = who({ links: [link], may_mint: true }, "link");
  expect(linkOnly(me)).toEqual(link);
  expect(linkWords(me, 0)).toMatch(/^by link: view only, until \d\d:\d\d$/);
  expect(mayMint(me, api)).toBe(false);
});

test("of several links the one to the session counts", () => {
  const long = { ...other, mode: "control", expires_at: 7200 } as const;
  const me = who({ links: [long, { ...api, mode: "view", expires_at: 3600 }] }, "link");
  expect(linkOnly(me, api)?.session).toBe("api");
  expect(linkOnly(me)).toEqual(long);
  expect(mayType(me, api, false)).toBe(false);
  expect(mayType(me, other, false)).toBe(true);
  expect(linkWords(me, 0, api)).toContain("view only");
});

test("before it is known who asks, the inventory's word counts", () => {
  expect(mayChange(null, api, true)).toBe(true);
  expect(mayType(null, api, false)).toBe(false);
  expect(allowedMode(null, api, "control")).toBe("control");
});
