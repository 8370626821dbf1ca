import { html, nothing, type TemplateResult } from "lit";
import { redeemLink } from "../api/links.ts";
import { asApiError } from "../api/problem.ts";
import { exact, now } from "../lib/time.ts";
import { visible } from "../lib/words.ts";
import type { App } from "../state/app.ts";
import { linkOnly } from "../state/may.ts";
import { type Offer, type Refusal, readOffer, refusalOf } from "../state/offer.ts";
import { terminalPath } from "../state/router.ts";
import { MuxElement } from "./element.ts";
import { plainClick } from "./go-on.ts";
import { icon } from "./icons.ts";

/** Longer texts are nobody's name; they would only push the button out of sight. */
const SHOWN_CHARS = 200;

function hostile(text: string): TemplateResult {
  const shown = visible(text.length > SHOWN_CHARS ? `${text.slice(0, SHOWN_CHARS)}…` : text);
  return html`<bdi class="mono">${shown}</bdi>`;
}

/** Where a deep link lands: it says what it opens, and opens it on one click. Looking at it changes nothing. */
export class MuxOpen extends MuxElement {
  static override properties = { app: { attribute: false } };
  declare app: App;
  #token: string | null = null;
  #offer: Offer | null = null;
  #refusal: Refusal | null = null;
  #busy = false;

  override connectedCallback(): void {
    super.connectedCallback();
    document.title = "Open a session — muxboard";
    this.follow(this.app.auth.changed, this.app.router.changed);
  }

  protected override willUpdate(): void {
    const { linkToken } = this.app;
    if (linkToken === this.#token) return;
    this.#token = linkToken;
    this.#offer = linkToken === null ? null : readOffer(linkToken);
    this.#refusal = null;
  }

  protected override render() {
    return html`<main class="landing">
      <h1 class="brand">muxboard</h1>
      ${this.#offer ? this.#ask(this.#offer) : this.#noLink(this.#token !== null)}
    </main>`;
  }

  #noLink(broken: boolean): TemplateResult {
    return html`<div data-testid="open-none">
      <h2>${broken ? "This link is damaged" : "There is no link here"}</h2>
      <p class="soft">${
        broken
          ? "A part of it is missing or was changed on the way. Copy the whole of it from where you got it, to its last character."
          : "The part after # is what opens a session, and this page forgets it when it is loaded again. Open the link once more from where you got it."
      }</p>
      <p><a class="button" href="./" @click=${this.#board}>Go to the board</a></p>
    </div>`;
  }

  #ask(offer: Offer): TemplateResult {
    const past = offer.expiresAt <= now();
    return html`<h2>Open a session by link</h2>
      <p>Nothing happens until you press Open.</p>
      <dl class="facts" data-testid="open-facts">
        <dt>Session</dt><dd data-testid="open-session">${hostile(offer.session)}</dd>
        <dt>tmux user</dt><dd>${hostile(offer.user)}</dd>
        <dt>Host</dt><dd>${hostile(offer.host)}</dd>
        <dt>You may</dt><dd data-testid="open-mode">${offer.mode === "view" ? "look, not type" : "look and type"}</dd>
        <dt>For</dt><dd data-testid="open-sub">${offer.sub ? hostile(offer.sub) : "whoever has the link"}</dd>
        <dt>To be opened</dt><dd>${past ? html`<span class="tone-wait">before ${exact(offer.expiresAt)}, which is over</span>` : `before ${exact(offer.expiresAt)}`}</dd>
        ${offer.issuer && offer.issuer !== "muxboard" ? html`<dt>Made by</dt><dd>${hostile(offer.issuer)}</dd>` : nothing}
      </dl>
      <p class="small faint">This is what the link says of itself. The service checks it when you open it; it works once.</p>
      ${this.#replaces(offer)}
      ${
        this.#refusal
          ? html`<p class="error-text" role="alert" data-testid="open-error">${this.#refusal.words}</p>`
          : nothing
      }
      <p>${
        this.#refusal?.final
          ? html`<a class="button" href="./" @click=${this.#board}>Go to the board</a>`
          : html`<button class="button primary" data-testid="open-go" ?disabled=${this.#busy} @click=${this.#open}>
              ${icon(offer.mode === "view" ? "eye" : "enter")} ${this.#busy ? "Opening…" : "Open"}</button>`
      }</p>`;
  }

  /** A browser keeps one login of ours: the link's takes the place of the token's. */
  #replaces(offer: Offer): TemplateResult | typeof nothing {
    const { me, byToken } = this.app.auth;
    if (!me || !byToken || linkOnly(me)) return nothing;
    const path = terminalPath(offer, offer.mode);
    const go = (event: MouseEvent): void => {
      if (plainClick(event)) this.app.router.replace(path);
    };
    return html`<p class="small soft" data-testid="open-replaces">You are logged in as ${visible(me.principal.name)}. The link
      takes that login's place in this browser. <a class="link" href=${path} @click=${go}>Go there with your own login instead</a></p>`;
  }

  #board = (event: MouseEvent): void => {
    if (plainClick(event)) this.app.router.go("./");
  };

  #open = async (): Promise<void> => {
    const { app } = this;
    const [token, offer] = [this.#token, this.#offer];
    if (this.#busy || token === null || !offer) return;
    this.#busy = true;
    this.#refusal = null;
    this.requestUpdate();
    try {
      const opened = await redeemLink(token);
      app.inventory.forget();
      await app.auth.refresh();
      app.linkToken = null;
      app.router.replace(terminalPath(opened, opened.mode)); // as the service read it, not as we did
    } catch (error) {
      this.#refusal = refusalOf(asApiError(error), offer, app.auth.me?.principal.name ?? "", now());
    } finally {
      this.#busy = false;
      this.requestUpdate();
    }
  };
}

customElements.define("mux-open", MuxOpen);
