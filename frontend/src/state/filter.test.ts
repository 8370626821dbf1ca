import { expect, test } from "vitest";
import { factsOf, holds, marksOf, parseFilter, stateFacts } from "./filter.ts";

const parsed = (text: string): [string | null, string][] =>
  parseFilter(text).map(({ field, text: word }) => [field, word]);

test("words, fields and quotes", () => {
  expect(parsed("  API deploy ")).toEqual([
    [null, "api"],
    [null, "deploy"],
  ]);
  expect(parsed("host:Web1 dir:/srv")).toEqual([
    ["host", "web1"],
    ["dir", "/srv"],
  ]);
  expect(parsed('dir:"/srv/my app" "two words"')).toEqual([
    ["dir", "/srv/my app"],
    [null, "two words"],
  ]);
});

test("what only looks like a field is a word like any other", () => {
  expect(parsed("10:30 http://x foo:bar :x")).toEqual([
    [null, "10:30"],
    [null, "http://x"],
    [null, "foo:bar"],
    [null, ":x"],
  ]);
});

test("what is still being typed leaves everything there", () => {
  for (const text of ["", "host:", "state:", '"', 'dir:"']) expect(parsed(text)).toEqual([]);
  expect(parsed('dir:"/srv/my a')).toEqual([["dir", "/srv/my a"]]);
});

test("no text that somebody types makes an exception or an empty word", () => {
  const some = ['"', ":", " ", "host:", "a", "\\", "(", "state:", "🦀", "\u0000"];
  for (let seed = 0; seed < 3000; seed++) {
    const text = [0, 1, 2, 3]
      .map((place) => some[Math.floor(seed / some.length ** place) % some.length])
      .join("");
    for (const token of parseFilter(text)) expect(token.text).not.toBe("");
  }
});

test("a state is found from the beginning of any of its words", () => {
  const facts = factsOf({ state: stateFacts("host_key_unknown", "host key unknown", "trouble") });
  const found = (text: string): boolean => parseFilter(`state:${text}`).every((token) => holds(token, facts));
  for (const yes of ["host_key_unknown", "unkn", "key", "host_k", "trouble", '"host key"'])
    expect(found(yes)).toBe(true);
  for (const no of ["known", "ey", "unknown_host", "ok"]) expect(found(no)).toBe(false);
});

test("only what was looked for in a field is marked in it", () => {
  const marks = marksOf(parseFilter("api host:web state:ok"));
  expect(marks.host).toEqual(["api", "web"]);
  expect(marks.session).toEqual(["api"]);
});
