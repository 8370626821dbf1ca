/** Characters of one event, many more than any snapshot of the hosts has: a stream without ends is not ours. */
const EVENT_CHARS = 1 << 25;

/** Cuts a stream of server-sent events into events. Comments are none; what our server never sends is not read. */
export class EventStream {
  #decoder = new TextDecoder();
  #rest = "";

  constructor(
    readonly heard: (type: string, data: string, id: string) => void,
    readonly most = EVENT_CHARS,
  ) {}

  /** Throws for an event that never ends: it must not fill the tab's memory. */
  push(bytes: Uint8Array): void {
    const text = this.#rest + this.#decoder.decode(bytes, { stream: true });
    let begin = 0;
    let end = text.indexOf("\n\n", Math.max(0, this.#rest.length - 1)); // what was searched is not searched again
    for (; end >= 0; end = text.indexOf("\n\n", begin)) {
      this.#event(text.slice(begin, end));
      begin = end + 2;
    }
    this.#rest = text.slice(begin);
    if (this.#rest.length > this.most) throw new RangeError("an event without an end");
  }

  #event(text: string): void {
    const fields: Record<string, string> = {};
    for (const line of text.split("\n")) {
      const colon = line.indexOf(": ");
      if (colon > 0) fields[line.slice(0, colon)] = line.slice(colon + 2);
    }
    if (fields.event && fields.data !== undefined) this.heard(fields.event, fields.data, fields.id ?? "");
  }
}
