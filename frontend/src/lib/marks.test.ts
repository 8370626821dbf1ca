import { expect, test } from "vitest";
import { segments } from "./marks.ts";

test("every occurrence is a hit, overlapping ones melt together", () => {
  expect(segments("Banana", ["ana"])).toEqual([
    { text: "B", hit: false },
    { text: "anana", hit: true },
  ]);
});

test("no needle, no marks", () => {
  expect(segments("api", [])).toEqual([{ text: "api", hit: false }]);
});
