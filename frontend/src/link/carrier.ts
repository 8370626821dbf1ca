import { callsOf, socketUrl, subprotocols } from "../api/terminals.ts";
import { type Places, places, untilHidden } from "../lib/places.ts";
import type { Blockage, Socket } from "./connection.ts";
import { PollSocket } from "./poll-socket.ts";
import { PollWait } from "./poll-wait.ts";
import { SseSocket } from "./sse-socket.ts";
import { Chooser, type Transport } from "./transport.ts";

/** One for all terminals of the page: they have one network. */
const chooser = new Chooser();
const wait = new PollWait();

/** Opens one terminal's sockets, each by what gets through and by what this browser has connections for. */
export class Carrier {
  #now: Transport;
  /** Requests in place of a stream, because other tabs hold the connections that streams may hold. */
  #crowded = false;

  constructor(
    readonly id: string,
    readonly client: string,
    offered: readonly string[],
    readonly room: Places = places,
  ) {
    chooser.offer(offered);
    this.#now = chooser.current;
  }

  get current(): Transport {
    return this.#now;
  }
  /** Whether a better way is free now. */
  get better(): boolean {
    return this.#crowded && this.room.free;
  }
  get patience(): number {
    return chooser.patience;
  }

  open(offset: number): Socket {
    const chosen = chooser.begin();
    const place = chosen === "websocket" ? null : this.room.take();
    this.#crowded = chosen === "sse" && !place;
    this.#now = this.#crowded ? "poll" : chosen;
    if (this.#now === "websocket") return this.#socket(offset);
    const calls = callsOf(this.id);
    const socket =
      this.#now === "sse"
        ? new SseSocket(calls, offset, this.client)
        : new PollSocket(calls, offset, this.client, place !== null, wait);
    if (place) socket.own(untilHidden(place));
    return socket;
  }

  /** Now and then, where something else carries it: a socket, to see whether one gets through by now. */
  aside(offset: number): Socket | null {
    return this.#now !== "websocket" && chooser.aside() ? this.#socket(offset) : null;
  }

  triedAside(through: boolean, disturbed: boolean): void {
    chooser.triedAside(through, disturbed);
    if (!through) return;
    this.#now = "websocket";
    this.#crowded = false;
  }

  /** The network may be another one. */
  changed(): void {
    chooser.changed();
  }

  #socket(offset: number): Socket {
    return new WebSocket(socketUrl(this.id, offset, this.client), subprotocols());
  }

  greeted(): void {
    if (!this.#crowded) chooser.greeted();
  }

  blocked(how: Blockage): boolean {
    return chooser.blocked(how);
  }
}
