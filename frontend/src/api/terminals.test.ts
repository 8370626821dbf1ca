import { afterEach, expect, test, vi } from "vitest";
import { showBearer } from "./request.ts";
import { callsOf } from "./terminals.ts";

afterEach(() => {
  showBearer(null);
  vi.unstubAllGlobals();
});

test("a terminal's requests show the bearer of a framed page, and follow nobody elsewhere", async () => {
  const asked = vi.fn(async (_url: URL, _init: RequestInit) => new Response());
  vi.stubGlobal("fetch", asked);
  vi.stubGlobal("document", { baseURI: "https://mux.example.com/base/" });
  showBearer("a.b.c");
  await callsOf("t/1")("stream?offset=3");
  await callsOf("t/1")("input?offset=4", { body: "x", type: "application/octet-stream" });
  const [[url, get], [, post]] = asked.mock.calls as [[URL, RequestInit], [URL, RequestInit]];
  expect(url.href).toBe("https://mux.example.com/base/api/v1/terminals/t%2F1/stream?offset=3");
  expect(get.method).toBe("GET");
  expect(post.method).toBe("POST");
  for (const init of [get, post]) {
    expect(init.headers).toMatchObject({ Authorization: "Bearer a.b.c" });
    expect(init).toMatchObject({ redirect: "manual", credentials: "same-origin", cache: "no-store" });
  }
});
