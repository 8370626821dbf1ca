import { expect, test } from "vitest";
import { hostPath, readRoute, terminalPath } from "./router.ts";

const base = new URL("https://ops.example/console/");
const read = (path: string) => readRoute(new URL(path, base), base);

test("every name survives the way through the address bar", () => {
  for (const session of [
    "api",
    "a b",
    "50%",
    "#(touch x)",
    "=x",
    "-dash",
    "a/b",
    "ünï 🦀",
    "?mode=view",
    "&",
  ]) {
    const target = { host: "web1", user: "deploy", session };
    expect(read(terminalPath(target, "view"))).toEqual({ page: "terminal", target, mode: "view" });
    expect(read(terminalPath(target, "control"))).toEqual({ page: "terminal", target, mode: "control" });
  }
});

test("pages below the base path", () => {
  expect(read("")).toEqual({ page: "board", host: null });
  expect(read("login").page).toBe("login");
  expect(read("open").page).toBe("open");
  expect(read("admin").page).toBe("admin");
  expect(read("/elsewhere").page).toBe("unknown");
  expect(read("h/%ff").page).toBe("unknown");
  expect(read("h/web1/deploy").page).toBe("unknown");
  expect(read("h/web1/deploy/%ff").page).toBe("unknown");
});

test("a host has an address on the board", () => {
  for (const host of ["web1", "a b", "%", "../x", "ü"]) {
    expect(read(hostPath(host))).toEqual({ page: "board", host });
  }
});
