import { expect, test } from "vitest";
import { ApiError } from "../api/problem.ts";
import { loginHint } from "./login-hint.ts";

const refused = (message: string, code: ApiError["code"] = "unauthenticated") =>
  loginHint(new ApiError(401, code, message));

test("the token gate has its form, every other gate its own words", () => {
  expect(refused("Log in first.")).toBeNull();
  expect(refused("That is not the token.")).toBeNull();
  const hint = "Come through the proxy in front of this service: it logs you in.";
  expect(refused(hint)).toBe(hint);
});

test("a proxy's own refusal is not taken for ours", () => {
  expect(refused("Log in first.", "unknown")).toContain("proxy in front");
});
