import { html, type TemplateResult } from "lit";
import type { App } from "../state/app.ts";
import { loginFailure } from "../state/auth.ts";
import { MuxElement } from "./element.ts";
import { icon } from "./icons.ts";

export class MuxLogin extends MuxElement {
  static override properties = { app: { attribute: false } };
  declare app: App;
  #busy = false;
  #failure = "";

  override connectedCallback(): void {
    super.connectedCallback();
    document.title = "Log in — muxboard";
    this.follow(this.app.auth.changed);
    this.#failure = this.app.auth.failure;
  }

  protected override firstUpdated(): void {
    this.#field?.focus();
  }

  protected override render() {
    const { hint } = this.app.auth;
    return hint === null ? this.#form() : elsewhere(hint);
  }

  #form(): TemplateResult {
    return html`<main>
      <form class="login" @submit=${this.#submit}>
        <h1 class="brand">muxboard</h1>
        <input name="username" autocomplete="username" value="muxboard" hidden>
        <div class="field">
          <label for="token">Access token</label>
          <input id="token" name="token" type="password" class="mono" autocomplete="current-password" required
            spellcheck="false" autocapitalize="off" data-testid="login-token" aria-describedby="token-help login-error"
            aria-invalid=${this.#failure ? "true" : "false"}>
          <p class="small faint" id="token-help">
            <span class="mono">muxboard serve</span> prints it when it starts, at the end of the URL.
          </p>
        </div>
        <p class="error-text" id="login-error" role="alert" data-testid="login-error" ?hidden=${!this.#failure}>
          ${this.#failure}
        </p>
        <button class="button primary" ?disabled=${this.#busy} data-testid="login-submit">
          ${icon("key")} ${this.#busy ? "Logging in…" : "Log in"}
        </button>
      </form>
    </main>`;
  }

  get #field(): HTMLInputElement | null {
    return this.querySelector<HTMLInputElement>("#token");
  }

  #submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const field = this.#field;
    if (!field || this.#busy) return;
    this.#busy = true;
    this.requestUpdate();
    try {
      await this.app.auth.login(field.value.trim());
      field.value = "";
      this.app.router.afterLogin();
    } catch (error) {
      this.#failure = loginFailure(error);
      field.select();
    } finally {
      this.#busy = false;
      this.requestUpdate();
    }
  };
}

/** Another gate has no form of ours: it says itself where to log in. */
function elsewhere(hint: string): TemplateResult {
  return html`<main class="login" data-testid="login-elsewhere">
    <h1 class="brand">muxboard</h1>
    <p>You are not logged in.<br><span class="soft" data-testid="login-hint">${hint}</span></p>
    <button class="button primary" data-testid="login-reload" @click=${() => location.reload()}>${icon("refresh")} Load again</button>
  </main>`;
}

customElements.define("mux-login", MuxLogin);
