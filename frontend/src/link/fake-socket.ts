import type { Socket } from "./connection.ts";
import type { LinkListener } from "./link.ts";

/** A socket of a test, which says what the test lets it say. */
export class FakeSocket implements Socket {
  binaryType = "";
  bufferedAmount = 0;
  closed = false;
  heard = new Map<string, (event: never) => void>();
  constructor(readonly offset: number) {}
  send(): void {}
  addEventListener(type: string, heard: (event: never) => void): void {
    this.heard.set(type, heard);
  }
  fire(type: "open" | "message" | "close", event: object): void {
    this.heard.get(type)?.(event as never);
  }
  close(): void {
    this.closed = true;
  }
  hello(offset = 0): void {
    this.fire("open", {});
    const hello = {
      type: "hello",
      id: "t",
      mode: "control",
      offset,
      input_offset: 0,
      window: 1024,
      cols: 80,
      rows: 24,
    };
    this.fire("message", { data: JSON.stringify(hello) });
  }
  output(text: string): void {
    this.fire("message", { data: new TextEncoder().encode(text).buffer });
  }
}

const quiet = (): void => {};

/** A listener that parses at once and minds nothing. */
export const quietListener: LinkListener = {
  hello: quiet,
  output: (_, parsed) => parsed(),
  reset: quiet,
  notice: quiet,
  exit: quiet,
  changed: quiet,
};
