import { EventStream } from "../lib/event-stream.ts";
import type { Source } from "./events.ts";
import { ownHeaders } from "./request.ts";

/**
 * A stream of server-sent events by fetch, which may send a header of the page's own: EventSource may not, and on
 * plain http, under a name that is not loopback, the browser says nothing else of whose page it is.
 */
export class EventFetch implements Source {
  #abort = new AbortController();
  #heard = new Map<string, (event: { data: string }) => void>();
  #events = new EventStream((type, data) => this.#tell(type, data));

  constructor(url: URL) {
    void this.#run(url);
  }

  addEventListener(type: string, heard: (event: { data: string }) => void): void {
    this.#heard.set(type, heard);
  }

  close(): void {
    this.#abort.abort();
  }

  async #run(url: URL): Promise<void> {
    try {
      const response = await fetch(url, {
        headers: { Accept: "text/event-stream", ...ownHeaders() },
        credentials: "same-origin",
        cache: "no-store",
        redirect: "manual",
        priority: "low", // typing in a tab that has no connection left goes first
        signal: this.#abort.signal,
      });
      const right = response.headers.get("Content-Type")?.startsWith("text/event-stream");
      const reader = response.ok && right ? response.body?.getReader() : undefined;
      while (reader) {
        const { done, value } = await reader.read();
        if (done) break;
        this.#events.push(value);
      }
      await response.body?.cancel();
    } catch {
      // The network; or it was closed, and nobody listens.
    }
    this.#tell("error", "");
  }

  #tell(type: string, data: string): void {
    if (!this.#abort.signal.aborted) this.#heard.get(type)?.({ data });
  }
}
