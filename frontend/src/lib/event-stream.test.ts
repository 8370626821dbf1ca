import { expect, test } from "vitest";
import { EventStream } from "./event-stream.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test("cuts events wherever their bytes are cut", () => {
  const all = bytes("event: a\ndata: ä\n\n: comment\n\nevent: b\nid: 7\ndata: 2\n\n");
  for (let size = 1; size <= all.length; size++) {
    const heard: string[][] = [];
    const events = new EventStream((...event) => heard.push(event));
    for (let at = 0; at < all.length; at += size) events.push(all.subarray(at, at + size));
    expect(heard).toEqual([
      ["a", "ä", ""],
      ["b", "2", "7"],
    ]);
  }
});

test("an event without an end is no event of ours", () => {
  const events = new EventStream(() => expect.unreachable(), 1000);
  const part = bytes("data: x\r\n\r\n".repeat(10));
  for (let sent = 0; sent + part.length <= 1000; sent += part.length) events.push(part);
  expect(() => events.push(part)).toThrow(RangeError);
});
