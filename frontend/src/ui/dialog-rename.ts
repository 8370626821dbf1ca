import { html } from "lit";
import { renameSession } from "../api/sessions.ts";
import { visible } from "../lib/words.ts";
import type { Row } from "../state/rows.ts";
import { targetOf } from "./board-row.ts";
import { MuxDialog } from "./mux-dialog.ts";

export class MuxDialogRename extends MuxDialog {
  static override properties = { row: { attribute: false }, renamed: { attribute: false } };
  declare row: Row;
  declare renamed: (name: string) => void;
  #name: string | null = null;

  protected get heading(): string {
    return `Rename ${visible(this.row.session.name)}`;
  }

  protected override body() {
    const wrong = this.wrong("name") !== "";
    return html`<p class="soft">${this.row.user.name}@${this.row.host.key}. Everybody attached stays attached.</p>
      ${this.field(
        "New name",
        "name",
        html`<input id="f-name" class="mono" data-testid="dialog-name" autofocus autocomplete="off" spellcheck="false"
          autocapitalize="off" aria-invalid=${wrong ? "true" : "false"} aria-describedby="e-name"
          .value=${this.#name ?? this.row.session.name} @input=${(event: Event) => {
            this.#name = (event.target as HTMLInputElement).value;
            this.requestUpdate();
          }}>`,
      )}
      ${this.error()}
      ${this.buttons(html`<button class="button primary" data-testid="dialog-submit"
        ?disabled=${this.busy || !this.#name || this.#name === this.row.session.name}>${this.busy ? "Renaming…" : "Rename"}</button>`)}`;
  }

  protected override async submit(): Promise<void> {
    const name = this.#name;
    if (!name || name === this.row.session.name) return;
    await renameSession(targetOf(this.row), name);
    this.renamed(name);
  }
}

customElements.define("mux-dialog-rename", MuxDialogRename);
