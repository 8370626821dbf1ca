import { expect, test } from "vitest";
import { openable } from "./links.ts";

test("only web and mail addresses are ever opened", () => {
  expect(openable("https://example.net/a")?.href).toBe("https://example.net/a");
  expect(openable("mailto:ops@example.net")?.href).toBe("mailto:ops@example.net");
  for (const bad of [
    "javascript:alert(1)",
    "file:///etc/passwd",
    "data:text/html,x",
    "ssh://host",
    "//x",
    "x",
  ]) {
    expect(openable(bad)).toBeNull();
  }
});
