import { html } from "lit";
import { killSession } from "../api/sessions.ts";
import { count, visible } from "../lib/words.ts";
import type { Row } from "../state/rows.ts";
import { targetOf } from "./board-row.ts";
import { MuxDialog } from "./mux-dialog.ts";

/** Ends programs that somebody may need: the name must be typed, and nothing is filled in for anybody. */
export class MuxDialogKill extends MuxDialog {
  static override properties = { row: { attribute: false } };
  declare row: Row;
  #typed = "";

  protected get heading(): string {
    return `Kill ${visible(this.row.session.name)}?`;
  }

  protected override body() {
    const { host, user, session } = this.row;
    const equal = this.#typed === session.name;
    const others =
      session.attached > 0
        ? `${count(session.attached, "person", "people")}, who will be thrown out`
        : "nobody";
    return html`<p>Everything that runs in it ends at once. This cannot be undone.</p>
      <dl class="facts">
        <dt>Host</dt><dd class="mono">${host.key}${host.label && host.label !== host.key ? ` (${host.label})` : ""}</dd>
        <dt>tmux user</dt><dd class="mono">${user.name}</dd>
        <dt>Session</dt><dd class="mono">${visible(session.name)}</dd>
        <dt>Running</dt><dd><span class="mono">${visible(session.command)}</span> <span class="soft">in</span>
          <span class="mono">${visible(session.directory)}</span>, ${count(session.windows, "window")}</dd>
        <dt>Attached</dt><dd>${others}</dd>
      </dl>
      <div class="field"><label for="f-confirm">Type the session's name to confirm</label>
        <input id="f-confirm" class="mono" data-testid="dialog-confirm" autofocus autocomplete="off" spellcheck="false"
          autocapitalize="off" @input=${(event: Event) => {
            this.#typed = (event.target as HTMLInputElement).value;
            this.requestUpdate();
          }}></div>
      ${this.error()}
      ${this.buttons(html`<button class="button destroys" data-testid="dialog-submit" ?disabled=${!equal || this.busy}>
        ${this.busy ? "Killing…" : "Kill the session"}</button>`)}`;
  }

  protected override async submit(): Promise<void> {
    // Enter in the field submits even while the button is inert.
    if (this.#typed !== this.row.session.name) throw new Error("That is not exactly the session's name.");
    await killSession(targetOf(this.row), this.#typed);
  }
}

customElements.define("mux-dialog-kill", MuxDialogKill);
