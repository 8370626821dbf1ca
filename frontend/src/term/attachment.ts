import { asApiError } from "../api/problem.ts";
import type { Target } from "../api/sessions.ts";
import { createTerminal, endTerminal, probeTerminal, type Size } from "../api/terminals.ts";
import type {
  ExitMessage,
  HelloMessage,
  NoticeMessage,
  TerminalCreated,
  TerminalMode,
} from "../api/types.gen.ts";
import { Backoff } from "../lib/backoff.ts";
import { Disposable, listen, Timer } from "../lib/disposable.ts";
import { randomName } from "../lib/places.ts";
import { Carrier } from "../link/carrier.ts";
import { Connection, type Loss } from "../link/connection.ts";
import { Link } from "../link/link.ts";
import type { Transport } from "../link/transport.ts";
import { type End, endOf, failedAttach, loggedOut, type Phase } from "./phase.ts";

/** A cut is not shown before it has lasted this long: most are over sooner, and a flash of words helps nobody. */
export const QUIET_MS = 1_000;
/** Keys typed into a dead line go to the next terminal only when they are this young. */
const CARRY_MS = 30_000;
const SOON_GONE_MS = 5_000;

/** tmux asks its terminal what it is, and after 5 s takes an answer for something typed. */
const ANSWER_MS = 4_000;

export interface AttachmentListener {
  hello(message: HelloMessage): void;
  /** `late`: it was said a while ago, and its questions must not be answered any more. */
  output(bytes: Uint8Array, parsed: () => void, late: boolean): void;
  reset(): void;
  notice(message: NoticeMessage): void;
  changed(): void;
  size(): Size;
}

const LOSSES: Record<"forbidden" | "refused", End> = {
  forbidden: { reason: "revoked", why: "you may not use this terminal", detail: "", again: false },
  refused: { reason: "failed", why: "the service closed it", detail: "", again: true },
};

/**
 * Keeps a target attached: asks for a terminal, keeps it connected, asks for a new one when the old one is
 * gone. One Link per terminal, one Connection per Link; this decides what happens between them.
 */
export class Attachment extends Disposable {
  phase: Phase = "connecting";
  end: End | null = null;
  link: Link | null = null;
  /** The cut has lasted long enough to be shown. */
  announced = false;
  #connection: Connection | null = null;
  #carrier: Carrier | null = null;
  /** Names this client to the service. Never stored: a tab that was duplicated is another client. */
  #client = randomName();
  #quiet = this.own(new Timer());
  #retry = this.own(new Timer());
  #backoff = new Backoff(500, 8_000);
  #cutAt = 0;
  #goneAt = 0;

  constructor(
    readonly target: Target,
    readonly mode: TerminalMode,
    readonly listener: AttachmentListener,
  ) {
    super();
    this.own({ dispose: () => this.#letGo() });
    const wake = (): void => this.#wake();
    this.own(
      listen(window, "online", () => {
        this.#carrier?.changed();
        wake();
      }),
    );
    this.own(listen(document, "visibilitychange", () => !document.hidden && wake()));
    this.own(
      listen<PageTransitionEvent>(window, "pageshow", (e) => {
        if (!e.persisted) return;
        this.#carrier?.changed();
        this.#connection?.reopen();
      }),
    );
    // A terminal left behind by a closed tab would count against the person's limit until it times out.
    this.own(listen<PageTransitionEvent>(window, "pagehide", (e) => !e.persisted && this.#goodbye()));
  }

  get waitingKeys(): number {
    return this.link?.waitingKeys ?? 0;
  }

  /** What carries it. */
  get transport(): Transport {
    return this.#carrier?.current ?? "websocket";
  }

  async attach(): Promise<void> {
    if (this.disposed) return;
    this.#retry.stop();
    const before = this.link;
    const asked = Date.now();
    try {
      const made = await createTerminal(this.target, this.mode, this.listener.size(), before?.id);
      if (this.disposed) {
        void endTerminal(made.id).catch(() => {});
        return;
      }
      this.#backoff.reset();
      this.#start(made, before, asked);
    } catch (error) {
      const failure = asApiError(error);
      if (this.disposed) return;
      if (failure.passing && this.phase !== "ended") {
        this.#setPhase(before ? "cut" : "connecting");
        this.#retry.start(this.#backoff.next(), () => void this.attach());
        return;
      }
      this.#finish(failedAttach(failure));
    }
  }

  /** The person does not want to wait for the next try. */
  retry(): void {
    if (this.#connection) this.#connection.reopen();
    else if (this.phase !== "ended") void this.attach();
  }

  /** After an end: a new life on the same target. */
  again(): void {
    this.#letGo();
    this.link = null;
    this.end = null;
    this.phase = "connecting";
    this.listener.reset();
    this.listener.changed();
    void this.attach();
  }

  /** Ends the terminal, not the session. */
  async endByHand(): Promise<void> {
    const link = this.link;
    if (!link || link.ended || this.phase === "ended") return;
    await endTerminal(link.id);
    const why = "you ended this terminal";
    this.#finish({ reason: "detached", why, detail: "The session goes on without it.", again: true });
  }

  #start({ id, transports }: TerminalCreated, before: Link | null, asked: number): void {
    const carried = before && Date.now() - this.#cutAt < CARRY_MS ? before.takeUnsent() : new Uint8Array();
    if (before) {
      if (before.takeUnsent().length > 0)
        this.#say("What was typed while the connection was gone was not sent.");
      this.#letGo(false);
      this.listener.reset();
    }
    let late = false;
    const link = new Link(id, this.mode, {
      hello: (message, resumed) => {
        late = resumed || Date.now() - asked > ANSWER_MS;
        this.listener.hello(message);
      },
      output: (bytes, parsed, replayed) => this.listener.output(bytes, parsed, replayed && late),
      reset: () => this.listener.reset(),
      notice: (message) => this.listener.notice(message),
      exit: (message) => this.#exit(message),
      changed: () => this.#followLink(link),
    });
    this.link = link;
    if (carried.length > 0) link.type(carried);
    const carrier = new Carrier(id, this.#client, transports);
    this.#carrier = carrier;
    this.#connection = new Connection(link, {
      open: (offset) => carrier.open(offset),
      patience: () => carrier.patience,
      greeted: () => carrier.greeted(),
      blocked: (how) => carrier.blocked(how),
      aside: (offset) => carrier.aside(offset),
      triedAside: (through, disturbed) => {
        carrier.triedAside(through, disturbed);
        this.listener.changed();
      },
      probe: () => probeTerminal(id),
      lost: (why) => this.#lost(why),
      hidden: () => document.hidden,
    });
    this.listener.changed();
  }

  #followLink(link: Link): void {
    if (link !== this.link || this.phase === "ended") return;
    if (link.connected) this.#setPhase("connected");
    else if (this.phase === "connected") this.#setPhase("cut");
    else this.listener.changed();
  }

  #setPhase(phase: Phase): void {
    if (phase === "cut" && this.phase !== "cut") {
      this.#cutAt = Date.now();
      this.#quiet.start(QUIET_MS, () => {
        this.announced = true;
        this.listener.changed();
      });
    } else if (phase !== "cut") {
      this.#quiet.stop();
      this.announced = false;
    }
    this.phase = phase;
    this.listener.changed();
  }

  #exit(message: ExitMessage): void {
    if (message.reason === "draining") this.#lost("draining");
    else if (this.phase === "ended") return;
    else if (message.reason === "expired") this.#finish(loggedOut(true));
    else {
      this.#finish(endOf(message.reason, message.message));
      if (message.reason === "revoked") void this.#askWhy();
    }
  }

  /** The same reason stands for an administrator's word and for a logout in another tab. */
  async #askWhy(): Promise<void> {
    const presence = await probeTerminal(this.link?.id ?? "");
    if (presence === "unauthenticated" && this.phase === "ended" && !this.disposed)
      this.#finish(loggedOut(false));
  }

  #lost(why: Loss): void {
    if (why === "gone" || why === "draining") {
      this.#connection?.dispose();
      this.#connection = null;
      this.#setPhase("cut");
      // Everybody is sent away at once by a restart; coming back at once would be the next trouble. And one that
      // is gone again at once is on another process than its requests.
      const again = Date.now() - this.#goneAt < SOON_GONE_MS;
      this.#goneAt = Date.now();
      this.#retry.start(
        why === "draining" || again ? 500 + Math.random() * 1500 : 0,
        () => void this.attach(),
      );
    } else if (why === "unauthenticated") {
      this.#finish(loggedOut(true));
    } else {
      this.#finish(LOSSES[why]);
    }
  }

  #finish(end: End): void {
    this.end = end;
    if (end.login) this.listener.reset(); // whoever sits here now does not read on
    this.#setPhase("ended");
    this.#connection?.dispose();
    this.#connection = null;
  }

  #wake(): void {
    if (this.#carrier?.better) this.#connection?.reopen();
    else this.#connection?.wake();
    if (this.#retry.running && this.phase !== "ended") void this.attach();
  }

  /** @param tell Whether the server still has the terminal and should end it. */
  #letGo(tell = true): void {
    this.#retry.stop();
    this.#quiet.stop();
    this.#connection?.dispose();
    this.#connection = null;
    const link = this.link;
    if (tell && link && !link.ended && this.phase !== "ended")
      void endTerminal(link.id, true).catch(() => {});
    link?.dispose();
  }

  #goodbye(): void {
    const link = this.link;
    if (link && !link.ended) void endTerminal(link.id, true).catch(() => {});
  }

  #say(message: string): void {
    this.listener.notice({ type: "notice", level: "warning", code: "input_lost", message });
  }
}
