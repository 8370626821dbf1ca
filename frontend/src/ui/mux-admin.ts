import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { type ApiError, asApiError } from "../api/problem.ts";
import { fetchTerminals } from "../api/terminals.ts";
import type { TerminalView } from "../api/types.gen.ts";
import { every, listen } from "../lib/disposable.ts";
import { bytes, count, visible } from "../lib/words.ts";
import type { App } from "../state/app.ts";
import { sortAttached } from "../state/attached.ts";
import { terminalPath } from "../state/router.ts";
import { MuxElement } from "./element.ts";
import { plainClick } from "./go-on.ts";
import { icon } from "./icons.ts";
import "./dialog-end.ts";
import "./mux-ago.ts";

/** Often enough to watch somebody come and go. */
const REFRESH_MS = 3_000;

/** Who is attached where: everybody's terminals for those who oversee them, one's own for the others. */
export class MuxAdmin extends MuxElement {
  static override properties = { app: { attribute: false } };
  declare app: App;
  #terminals: TerminalView[] | null = null;
  #failure: ApiError | null = null;
  #asking = false;
  #ending: TerminalView | null = null;

  get #all(): boolean {
    return this.app.auth.me?.may_oversee ?? false;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    document.title = "Terminals — muxboard";
    this.follow(this.app.auth.changed);
    const look = (): void => {
      if (!document.hidden) void this.#refresh();
    };
    this.hold(every(REFRESH_MS, look));
    this.hold(listen(document, "visibilitychange", look));
    look();
  }

  protected override render() {
    const all = this.#all;
    const terminals = this.#terminals;
    const told = terminals && terminals.length > 0 ? count(terminals.length, "terminal") : "";
    return html`<header class="top">
        <a class="plain back" href="./" data-testid="back" @click=${this.#go("./")}>${icon("back")}<span>board</span></a>
        <h1>${all ? "Everyone's terminals" : "Your terminals"}</h1>
        <span class="grow"></span><span class="soft small" role="status">${told}</span>
      </header>
      <main class="board admin">
        ${this.#trouble()}
        ${terminals ? this.#list(terminals, all) : nothing}
        ${!terminals && !this.#failure ? html`<p class="condition tone-wait admin-note">${icon("ring")} Asking the service…</p>` : nothing}
      </main>
      ${
        this.#ending
          ? html`<mux-dialog-end .terminal=${this.#ending} @done=${() => {
              this.#ending = null;
              this.requestUpdate();
              void this.#refresh();
            }}></mux-dialog-end>`
          : nothing
      }`;
  }

  #trouble(): TemplateResult | typeof nothing {
    const failure = this.#failure;
    if (!failure) return nothing;
    const refused = failure.status === 403;
    return html`<p class="admin-note condition ${refused ? "tone-lock" : "tone-wait"}" role="alert" data-testid="admin-trouble">
      ${icon(refused ? "lock" : "triangle")} ${failure.message} ${this.#terminals && !refused ? "What stands below may be old." : ""}</p>`;
  }

  #list(terminals: TerminalView[], all: boolean): TemplateResult {
    if (terminals.length === 0) {
      return html`<section class="teach" data-testid="admin-empty">
        <h2>${all ? "Nobody is attached" : "You have no terminal open"}</h2>
        <p class="soft">${all ? "Terminals that this service runs for anybody" : "Terminals that this service runs for you"}
          appear here by themselves, also those of other windows. Who uses tmux without it is not in this list.</p></section>`;
    }
    return html`<div class="admin-scroll" tabindex="0" role="region" aria-label="Terminals">
      <table class="admin-table" data-testid="admin-table">
        <thead><tr>${all ? html`<th scope="col">Who</th>` : nothing}<th scope="col">Session</th><th scope="col">Mode</th>
          <th scope="col">Since</th><th scope="col">State</th><th scope="col">From</th>
          <th scope="col" class="number">Typed</th><th scope="col" class="number">Shown</th>
          <th><span class="words-only">Actions</span></th></tr></thead>
        <tbody>${repeat(
          terminals,
          (terminal) => terminal.id,
          (terminal) => this.#line(terminal, all),
        )}</tbody>
      </table></div>`;
  }

  #line(terminal: TerminalView, all: boolean): TemplateResult {
    const { host, user, session, mode } = terminal;
    const path = terminalPath({ host, user, session }, "view");
    const name = visible(session);
    return html`<tr data-testid="admin-row" data-id=${terminal.id} data-principal=${terminal.principal}>
      ${all ? html`<td><bdi>${visible(terminal.principal)}</bdi></td>` : nothing}
      <td class="mono"><a class="link" href=${path} title="View only" @click=${this.#go(path)}>${name}</a>
        <span class="soft">${user}@${host}</span></td>
      <td><span class="condition">${icon(mode === "view" ? "eye" : "enter")}${mode === "view" ? "view only" : "control"}</span></td>
      <td><mux-ago .label=${"Started "} .at=${terminal.started}></mux-ago></td>
      <td>${
        terminal.connected
          ? html`<span class="condition tone-good">${icon("dot")}connected</span>`
          : html`<span class="condition tone-wait">${icon("ring")}waiting for its page</span>`
      }</td>
      <td class="mono">${terminal.client}</td>
      <td class="number">${bytes(terminal.bytes_in)}</td><td class="number">${bytes(terminal.bytes_out)}</td>
      <td><button class="plain" data-testid="admin-end" aria-label="End the terminal of ${visible(terminal.principal)} on ${name}"
        @click=${() => {
          this.#ending = terminal;
          this.requestUpdate();
        }}>${icon("cross")} end</button></td></tr>`;
  }

  #go(path: string): (event: MouseEvent) => void {
    return (event) => {
      if (plainClick(event)) this.app.router.go(path);
    };
  }

  async #refresh(): Promise<void> {
    if (this.#asking || this.app.auth.expired) return;
    this.#asking = true;
    try {
      this.#terminals = sortAttached(await fetchTerminals(this.#all));
      this.#failure = null;
    } catch (error) {
      this.#failure = asApiError(error);
      if (this.#failure.status === 403) {
        this.#terminals = null; // what is out of reach now is not left standing
        void this.app.auth.refresh();
      }
    } finally {
      this.#asking = false;
      this.requestUpdate();
    }
  }
}

customElements.define("mux-admin", MuxAdmin);
