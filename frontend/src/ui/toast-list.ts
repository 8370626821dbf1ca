import { html } from "lit";
import { repeat } from "lit/directives/repeat.js";
import type { Toasts } from "../state/toasts.ts";
import { MuxElement } from "./element.ts";
import { icon } from "./icons.ts";

const TONE = { info: "tone-good", warning: "tone-wait", error: "tone-danger" } as const;
const SHAPE = { info: "check", warning: "triangle", error: "cross" } as const;

export class MuxToasts extends MuxElement {
  static override properties = { toasts: { attribute: false } };
  declare toasts: Toasts;

  override connectedCallback(): void {
    super.connectedCallback();
    this.follow(this.toasts.changed);
  }

  protected override render() {
    return html`<div class="toasts" role="status">
      ${repeat(
        this.toasts.list,
        (toast) => toast.id,
        (toast) => html`<div class="toast" data-testid="toast">
          <span class=${TONE[toast.level]}>${icon(SHAPE[toast.level])}</span>
          <span class="grow">${toast.text} ${toast.quiet ? html`<span class="faint small">${toast.quiet}</span>` : ""}</span>
          ${
            toast.action
              ? html`<button class="plain" @click=${() => {
                  toast.action?.run();
                  this.toasts.close(toast.id);
                }}>${toast.action.label}</button>`
              : ""
          }
          <button class="plain icon-only" aria-label="Dismiss" @click=${() => this.toasts.close(toast.id)}>${icon("close")}</button>
        </div>`,
      )}
    </div>`;
  }
}

customElements.define("mux-toasts", MuxToasts);
