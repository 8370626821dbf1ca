import { html, type TemplateResult } from "lit";
import { mintLink } from "../api/links.ts";
import type { Target } from "../api/sessions.ts";
import type { LinkCreated, Me, TerminalMode } from "../api/types.gen.ts";
import { copyText } from "../lib/clipboard.ts";
import { exact } from "../lib/time.ts";
import { visible } from "../lib/words.ts";
import { mayMintForOthers } from "../state/may.ts";
import { icon } from "./icons.ts";
import { MuxDialog } from "./mux-dialog.ts";

const TIMES: readonly (readonly [ttl: string, words: string])[] = [
  ["10m", "10 minutes"],
  ["1h", "1 hour"],
  ["1d", "1 day"],
];

/** Makes a link that opens one session once. */
export class MuxDialogLink extends MuxDialog {
  static override properties = { target: { attribute: false }, me: { attribute: false } };
  declare target: Target;
  declare me: Me;
  #made: LinkCreated | null = null;
  #mode: TerminalMode = "view";
  #sub = "";
  #copied: boolean | null = null;

  protected get heading(): string {
    return `A link to ${visible(this.target.session)}`;
  }

  protected override body() {
    const made = this.#made;
    return made ? this.#result(made) : this.#form();
  }

  #form(): TemplateResult {
    const { host, user } = this.target;
    return html`<p class="soft">${user}@${host}. Whoever opens the link gets into this session and nothing else.</p>
      <div class="dialog-pair">
        ${this.field(
          "They may",
          "mode",
          html`<select id="f-mode" data-testid="dialog-mode" autofocus>
            <option value="view">look only</option><option value="control">look and type</option></select>`,
        )}
        ${this.field(
          "To be opened within",
          "ttl",
          html`<select id="f-ttl" data-testid="dialog-ttl" aria-describedby="e-ttl">
            ${TIMES.map(([ttl, words]) => html`<option value=${ttl}>${words}</option>`)}</select>`,
        )}
      </div>
      ${this.#whom()}
      ${this.error()}
      ${this.buttons(html`<button class="button primary" data-testid="dialog-submit" ?disabled=${this.busy}>
        ${this.busy ? "Making it…" : "Make the link"}</button>`)}`;
  }

  /** Only an admin may name others. */
  #whom(): TemplateResult {
    if (mayMintForOthers(this.me, this.target)) {
      return this.field(
        "For whom",
        "sub",
        html`<input id="f-sub" data-testid="dialog-sub" autocomplete="off" spellcheck="false" autocapitalize="off"
          maxlength="256" aria-describedby="e-sub">`,
        "A name as this service knows it. Empty: whoever has the link.",
      );
    }
    return this.field(
      "For whom",
      "sub",
      html`<select id="f-sub" data-testid="dialog-sub"><option value="">whoever has the link</option>
        <option value=${this.me.principal.name}>only ${this.me.principal.name}</option></select>`,
    );
  }

  #result(made: LinkCreated): TemplateResult {
    const does = this.#mode === "view" ? "look at" : "type in";
    const who = this.#sub ? html`<bdi>${visible(this.#sub)}</bdi>` : "whoever opens it first";
    return html`<p data-testid="dialog-made">It works once, until ${exact(made.expires_at)}, and lets ${who} ${does} this session.
      It is not shown again.</p>
      <pre class="link-made" data-testid="dialog-url" tabindex="0">${made.url}</pre>
      <p class="small soft" role="status" ?hidden=${this.#copied === null}>${
        this.#copied
          ? "It is on the clipboard."
          : "The browser does not allow copying; select the text instead."
      }</p>
      <div class="dialog-buttons">
        <button type="button" class="button" data-testid="dialog-done" @click=${() => this.close()}>Done</button>
        <button type="button" class="button primary" data-testid="dialog-copy" @click=${() => void this.#copy(made.url)}>
          ${icon("copy")} Copy</button></div>`;
  }

  async #copy(url: string): Promise<void> {
    this.#copied = await copyText(url);
    this.requestUpdate();
  }

  protected override async submit(): Promise<void> {
    if (this.#made) return;
    this.#mode = this.value("dialog-mode") === "control" ? "control" : "view";
    this.#sub = this.value("dialog-sub").trim();
    const wanted = { mode: this.#mode, ttl: this.value("dialog-ttl") };
    this.#made = await mintLink(this.target, this.#sub ? { ...wanted, sub: this.#sub } : wanted);
    this.stays = true;
    this.requestUpdate();
    void this.updateComplete.then(() =>
      this.querySelector<HTMLElement>("[data-testid=dialog-copy]")?.focus(),
    );
  }
}

customElements.define("mux-dialog-link", MuxDialogLink);
