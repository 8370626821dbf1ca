import { html, nothing, type TemplateResult } from "lit";
import { redeemLink } from "../api/links.ts";
import { asApiError } from "../api/problem.ts";
import { showBearer } from "../api/request.ts";
import { framed } from "../embed/embedder.ts";
import { listen } from "../lib/disposable.ts";
import { clock, exact, now } from "../lib/time.ts";
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
    if (framed) this.hold(listen(window, "focus", () => this.#takeFocus()));
  }

  /** The frame was given the focus: its one button gets it. */
  #takeFocus(): void {
    const nobody = document.activeElement === null || document.activeElement === document.body;
    if (nobody) this.querySelector<HTMLElement>("[data-testid=open-go]")?.focus();
  }

  protected override willUpdate(): void {
    const { linkToken } = this.app;
    if (linkToken === this.#token) return;
    this.#token = linkToken;
    this.#offer = linkToken === null ? null : readOffer(linkToken);
    this.#refusal = null;
  }

  protected override updated(): void {
    const { app } = this;
    if (this.#offer || app.awaited || app.router.route.page !== "open") return;
    if (this.#token === null) app.embedder.tellLack("no_link", "There is no link to open.");
    else app.embedder.tellLack("invalid", "The link is damaged.");
  }

  protected override render() {
    if (this.app.awaited) return html`<main aria-busy="true"></main>`;
    if (framed && this.#offer) return this.#askFramed(this.#offer);
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
          : framed
            ? "A link opens once. Load the page around this frame again: it gets a new one."
            : "The part after # is what opens a session, and this page forgets it when it is loaded again. Open the link once more from where you got it."
      }</p>
      ${framed ? nothing : html`<p><a class="button" href="./" @click=${this.#board}>Go to the board</a></p>`}
    </div>`;
  }

  /** The same, for a box in somebody else's page: the button is in sight however low the box is. */
  #askFramed(offer: Offer): TemplateResult {
    const past = offer.expiresAt <= now();
    const at = clock(offer.expiresAt, now());
    const until = past ? html`<span class="tone-wait">until ${at}, which is over</span>` : `until ${at}`;
    return html`<main class="landing in-frame">
      <h1 data-testid="open-facts"><span data-testid="open-session">${hostile(offer.session)}</span>
        <span class="soft">of ${hostile(offer.user)} on ${hostile(offer.host)}</span></h1>
      <p class="small soft"><span data-testid="open-mode">${offer.mode === "view" ? "Look, not type" : "Look and type"}</span>
        · for <span data-testid="open-sub">${offer.sub ? hostile(offer.sub) : "whoever has the link"}</span> · ${until}${
          offer.issuer && offer.issuer !== "muxboard" ? html` · made by ${hostile(offer.issuer)}` : nothing
        }</p>
      ${this.#failure()}
      ${this.#refusal?.final ? nothing : html`<p>${this.#button(offer)}</p>`}
      <p class="small faint">muxboard · This is what the link says of itself. It is checked when you press Open, and works once.</p>
    </main>`;
  }

  #failure(): TemplateResult | typeof nothing {
    return this.#refusal
      ? html`<p class="error-text" role="alert" data-testid="open-error">${this.#refusal.words}</p>`
      : nothing;
  }

  #button(offer: Offer): TemplateResult {
    return html`<button class="button primary" data-testid="open-go" ?disabled=${this.#busy} @click=${this.#open}>
      ${icon(offer.mode === "view" ? "eye" : "enter")} ${this.#busy ? "Opening…" : "Open"}</button>`;
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
      ${this.#failure()}
      <p>${
        this.#refusal?.final
          ? html`<a class="button" href="./" @click=${this.#board}>Go to the board</a>`
          : this.#button(offer)
      }</p>`;
  }

  /** Whoever is logged in may have no need of the link, which works once. */
  #replaces(offer: Offer): TemplateResult | typeof nothing {
    const { me, byToken } = this.app.auth;
    if (!me || !byToken || linkOnly(me)) return nothing;
    const path = terminalPath(offer, offer.mode);
    const go = (event: MouseEvent): void => {
      if (plainClick(event)) this.app.router.replace(path);
    };
    return html`<p class="small soft" data-testid="open-replaces">You are logged in as ${visible(me.principal.name)}. The link
      adds its session to what you may do. <a class="link" href=${path} @click=${go}>Go there with your own login instead</a></p>`;
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
      // A page may hold several frames, each with a link of its own, and the browser one cookie for all of
      // them, or none. So a framed page keeps what it got, and shows it with each call.
      if (framed) showBearer(opened.session_token);
      app.inventory.forget();
      await app.auth.refresh();
      app.linkToken = null;
      app.router.replace(terminalPath(opened, opened.mode)); // as the service read it, not as we did
    } catch (error) {
      const failure = asApiError(error);
      this.#refusal = refusalOf(failure, offer, app.auth.me?.principal.name ?? "", now());
      app.embedder.tell({ muxboard: "error", code: failure.code, message: this.#refusal.words });
    } finally {
      this.#busy = false;
      this.requestUpdate();
    }
  };
}

customElements.define("mux-open", MuxOpen);
