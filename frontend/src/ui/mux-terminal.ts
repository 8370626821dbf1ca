import "@xterm/xterm/css/xterm.css";
import "../styles/terminal.css";
import type { Terminal } from "@xterm/xterm";
import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { asApiError } from "../api/problem.ts";
import { fetchScrollback } from "../api/sessions.ts";
import { framed } from "../embed/embedder.ts";
import { copyText } from "../lib/clipboard.ts";
import { type Closes, listen } from "../lib/disposable.ts";
import { now } from "../lib/time.ts";
import type { Link } from "../link/link.ts";
import type { App } from "../state/app.ts";
import { rowKey } from "../state/inventory.ts";
import { linkOnly, linkWords, mayMint } from "../state/may.ts";
import { type Route, terminalPath } from "../state/router.ts";
import type { PasteQuestion } from "../term/paste.ts";
import { SHOW_WORDS } from "../term/predict-view.ts";
import type { Question } from "../term/question.ts";
import { TerminalState } from "../term/terminal-state.ts";
import { MuxElement } from "./element.ts";
import type { MenuItem } from "./pop-menu.ts";
import { termBar, termCut, termEnded } from "./term-bar.ts";
import "./dialog-ask.ts";
import "./dialog-link.ts";
import "./dialog-paste.ts";
import "./pop-menu.ts";
import "./term-keys.ts";
import "./term-search.ts";

/** Phones and narrow windows get the row of keys; a narrow window on a desk has a mouse, too, and does not mind. */
const TOUCH = "(pointer: coarse), (max-width: 599px)";

const SHOW_TOLD = {
  automatically: "shown at once where answers take longer than 100 ms",
  always: "shown at once, underlined until the host has them",
  never: "shown when the host answers",
};

/** The terminal page. `term` and `link` are there for tests to read. */
export class MuxTerminal extends MuxElement {
  static override properties = { app: { attribute: false }, route: { attribute: false } };
  declare app: App;
  declare route: Extract<Route, { page: "terminal" }>;
  #terminal: TerminalState | null = null;
  #heard: Closes[] = [];
  #searching = false;
  #menu: HTMLElement | null = null;
  #question: Question | null = null;
  #paste: PasteQuestion | null = null;
  #minting = false;
  #rang = false;
  #told: "nothing" | "open" | "end" = "nothing";
  #touch = matchMedia(TOUCH);

  get term(): Terminal | null {
    return this.#terminal?.term ?? null;
  }
  get link(): Link | null {
    return this.#terminal?.attachment.link ?? null;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.follow(this.app.auth.changed);
    this.hold(listen(this.#touch, "change", () => this.requestUpdate()));
    this.hold(
      listen(document, "visibilitychange", () => {
        if (!document.hidden) this.#rang = false;
        this.requestUpdate();
      }),
    );
    if (framed) this.hold(listen(window, "focus", () => this.#takeFocus()));
    if (window.visualViewport) {
      // Where the soft keyboard covers the page instead of shrinking it, the page shrinks itself.
      const view = window.visualViewport;
      const follow = (): void => this.style.setProperty("--visible-height", `${view.height}px`);
      follow();
      this.hold(listen(view, "resize", follow));
    }
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    const { host, user, session } = this.route.target;
    this.app.inventory.comeBackTo(rowKey(host, user, session));
    this.#drop();
  }

  protected override willUpdate(): void {
    const { target, mode } = this.route;
    const now = this.#terminal;
    const same = now && terminalPath(now.target, now.mode) === terminalPath(target, mode);
    if (same) return;
    this.#drop();
    const terminal = new TerminalState(target, mode);
    this.#terminal = terminal;
    this.#told = "nothing";
    const { toasts } = this.app;
    const level = (name: string) => (name === "error" || name === "warning" ? name : "info");
    this.#heard = [
      terminal.changed.on(() => this.#changed()),
      terminal.notice.on((notice) => toasts.show(notice.message, { level: level(notice.level) })),
      terminal.asked.on((question) => {
        this.#question = question;
        this.requestUpdate();
      }),
      terminal.pasteAsked.on((question) => {
        this.#paste = question;
        this.requestUpdate();
      }),
      terminal.searchWanted.on(() => this.#search()),
    ];
  }

  protected override updated(_: PropertyValues): void {
    const terminal = this.#terminal;
    const place = this.querySelector<HTMLElement>(".term-place");
    if (terminal && place && terminal.element.parentElement !== place) void terminal.show(place);
    const { session, user, host } = this.route.target;
    document.title = `${this.#rang ? "● " : ""}${session} · ${user}@${host} — muxboard`;
  }

  protected override render() {
    const terminal = this.#terminal;
    if (!terminal) return html``;
    const { attachment } = terminal;
    const { me } = this.app.auth;
    const by = linkWords(me, now(), this.route.target);
    const veiled = attachment.phase === "ended" || (attachment.phase === "cut" && attachment.announced);
    return html`${termBar({
      terminal,
      menuOpen: this.#menu !== null,
      by,
      back: this.#back,
      search: () => this.#search(),
      fullscreen: () => this.#fullscreen(),
      menu: (anchor) => {
        this.#menu = anchor;
        this.requestUpdate();
      },
    })}
      <main class="term-place ${veiled ? "veiled" : ""} ${terminal.belled ? "belled" : ""}">
        ${
          this.#searching
            ? html`<mux-term-search .term=${terminal.term} @done=${() => {
                this.#searching = false;
                terminal.term.focus();
                this.requestUpdate();
              }}></mux-term-search>`
            : nothing
        }
        ${this.#menu ? this.#renderMenu(terminal, this.#menu) : nothing}
      </main>
      ${attachment.phase === "ended" ? termEnded(terminal, by ? null : this.#back, framed && by ? null : this.#login) : nothing}
      ${attachment.phase !== "ended" && terminal.cut?.long ? termCut(terminal, framed && by ? null : this.#login) : nothing}
      ${this.#touch.matches && terminal.mode === "control" && attachment.phase !== "ended" ? html`<mux-term-keys role="region" aria-label="Keys" .terminal=${terminal}></mux-term-keys>` : nothing}
      ${
        this.#question
          ? html`<mux-dialog-ask .question=${this.#question} @done=${() => {
              this.#question = null;
              terminal.term.focus();
              this.requestUpdate();
            }}></mux-dialog-ask>`
          : nothing
      }
      ${
        this.#paste
          ? html`<mux-dialog-paste .question=${this.#paste} @done=${() => {
              this.#paste = null;
              terminal.term.focus();
              this.requestUpdate();
            }}></mux-dialog-paste>`
          : nothing
      }
      ${
        this.#minting && me
          ? html`<mux-dialog-link .target=${this.route.target} .me=${me} @done=${() => {
              this.#minting = false;
              terminal.term.focus();
              this.requestUpdate();
            }}></mux-dialog-link>`
          : nothing
      }`;
  }

  #renderMenu(terminal: TerminalState, anchor: HTMLElement): TemplateResult {
    const { term, attachment, mode } = terminal;
    const items: MenuItem[] = [
      { label: "Export scrollback", icon: "download", testid: "menu-export", run: () => void this.#export() },
    ];
    const { me } = this.app.auth;
    if (!linkOnly(me)) {
      items.push({
        label: "Copy this page's address",
        icon: "copy",
        testid: "menu-link",
        run: () => void this.#copyLink(),
      });
    }
    if (mayMint(me, this.route.target)) {
      items.push({
        label: "Copy a link to this session…",
        icon: "link",
        testid: "menu-mint",
        run: () => {
          this.#minting = true;
          this.requestUpdate();
        },
      });
    }
    if (mode === "control") {
      items.push({
        label: "Paste",
        icon: "paste",
        testid: "menu-paste",
        key: "Ctrl ⇧ V",
        run: () => void terminal.input.pasteFromClipboard(),
      });
      const { guesses } = terminal;
      const next = SHOW_WORDS[(SHOW_WORDS.indexOf(guesses.show) + 1) % SHOW_WORDS.length] ?? "automatically";
      items.push({
        label: `Show typed keys at once: ${guesses.show}`,
        icon: "rename",
        testid: "menu-echo",
        key: `→ ${next}`,
        run: () => {
          guesses.show = next;
          this.app.toasts.show(`Typed keys are ${SHOW_TOLD[next]}.`);
        },
      });
    }
    items.push(
      {
        label: "Smaller text",
        icon: "down",
        testid: "menu-smaller",
        key: "Ctrl −",
        run: () => terminal.zoom(-1),
      },
      { label: "Larger text", icon: "up", testid: "menu-larger", key: "Ctrl =", run: () => terminal.zoom(1) },
      { label: "Full screen", icon: "full", testid: "menu-full", run: () => this.#fullscreen() },
    );
    if (attachment.phase !== "ended") {
      items.push({
        label: "End this terminal",
        icon: "cross",
        testid: "menu-end",
        destroys: true,
        run: () => void this.#tell(attachment.endByHand()),
      });
    }
    const note = html`<span class="small soft">${term.cols} × ${term.rows} characters · text ${term.options.fontSize} px ·
      ${mode === "view" ? "view only" : "control"}</span>`;
    return html`<mux-menu .anchor=${anchor} .items=${items} .note=${note} @done=${() => {
      this.#menu = null;
      terminal.term.focus();
      this.requestUpdate();
    }}></mux-menu>`;
  }

  /** The frame was given the focus, by its page or by Tab: the keyboard is the terminal's. */
  #takeFocus(): void {
    const nobody = document.activeElement === null || document.activeElement === document.body;
    if (nobody) this.#terminal?.term.focus();
  }

  #tellEmbedder({ phase, end }: TerminalState["attachment"]): void {
    const { embedder } = this.app;
    if (phase === "connected" && this.#told !== "open") {
      this.#told = "open";
      embedder.tell({ muxboard: "open" });
    } else if (phase === "ended" && end && this.#told !== "end") {
      this.#told = "end";
      const message = [end.why, end.detail].filter(Boolean).join(": ");
      if (end.reason) embedder.tell({ muxboard: "exit", reason: end.reason });
      else embedder.tell({ muxboard: "error", code: "not_attached", message });
    }
  }

  #changed(): void {
    if (this.#terminal) this.#tellEmbedder(this.#terminal.attachment);
    if (this.#terminal?.belled && document.hidden) this.#rang = true;
    this.requestUpdate();
  }

  #search(): void {
    this.#searching = true;
    this.requestUpdate();
    void this.updateComplete.then(() =>
      this.querySelector<HTMLInputElement>("[data-testid=term-search]")?.select(),
    );
  }

  #fullscreen(): void {
    if (document.fullscreenElement) void document.exitFullscreen();
    else void document.documentElement.requestFullscreen().catch(() => {});
    this.#terminal?.term.focus();
  }

  /** The token form is ours; every other login begins by loading the page through what stands in front. */
  #login = (): void => {
    if (this.app.auth.byToken || this.app.auth.state === "out") this.app.router.askLogin();
    else location.reload();
  };

  #back = (event: MouseEvent): void => {
    if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    this.app.router.go("./");
  };

  async #export(): Promise<void> {
    await this.#tell(
      fetchScrollback(this.route.target).then((blob) => {
        const link = document.createElement("a");
        link.href = URL.createObjectURL(blob);
        link.download = `${this.route.target.session.replace(/[^\w.-]+/g, "_") || "session"}.txt`;
        link.click();
        URL.revokeObjectURL(link.href);
      }),
    );
  }

  async #copyLink(): Promise<void> {
    const url = new URL(terminalPath(this.route.target, this.route.mode), document.baseURI);
    const done = await copyText(url.href);
    this.app.toasts.show(
      done ? "The address is on the clipboard. Whoever opens it needs their own login." : url.href,
    );
    this.#terminal?.term.focus();
  }

  async #tell(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      const failure = asApiError(error);
      this.app.toasts.show(failure.message, { level: "error", quiet: failure.requestId });
    }
  }

  #drop(): void {
    for (const heard of this.#heard.splice(0)) heard.dispose();
    this.#terminal?.hide();
    this.#terminal?.dispose();
    this.#terminal = null;
    this.#searching = false;
    this.#question = null;
    this.#paste = null;
    this.#minting = false;
  }
}

customElements.define("mux-terminal", MuxTerminal);
