import { expect, test } from "vitest";
import { problemFrom } from "./problem.ts";

test("detail is shown before title, with the wait in words", () => {
  const error = problemFrom(
    429,
    { title: "Too many", detail: "Too many logins", code: "rate_limited" },
    "90",
  );
  expect(error.message).toBe("Too many logins. Try again in 2 minutes.");
  expect(error.retryAfter).toBe(90);
});

test("a proxy's page instead of a problem is still a sentence", () => {
  const error = problemFrom(502, null, null);
  expect(error.code).toBe("unknown");
  expect(error.message).toBe("The service answered with status 502.");
  expect(error.passing).toBe(true);
});

test("field errors of a wrong shape are left out", () => {
  const error = problemFrom(
    400,
    { code: "invalid", errors: [{ path: "name", reason: "empty" }, 3, {}] },
    null,
  );
  expect(error.errors).toEqual([{ path: "name", reason: "empty" }]);
});
