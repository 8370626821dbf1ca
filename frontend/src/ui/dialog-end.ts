import { html } from "lit";
import { asApiError } from "../api/problem.ts";
import { endTerminal } from "../api/terminals.ts";
import type { TerminalView } from "../api/types.gen.ts";
import { visible } from "../lib/words.ts";
import { MuxDialog } from "./mux-dialog.ts";

/** Sends somebody out of a session. The session goes on. */
export class MuxDialogEnd extends MuxDialog {
  static override properties = { terminal: { attribute: false } };
  declare terminal: TerminalView;
  protected readonly heading = "End this terminal?";

  protected override body() {
    const { principal, client, host, user, session } = this.terminal;
    return html`<p>Whoever sits at it is told so and is out of the session. The session itself goes on.</p>
      <dl class="facts">
        <dt>Who</dt><dd><bdi>${visible(principal)}</bdi>${client ? html` <span class="soft">from</span> <span class="mono">${client}</span>` : ""}</dd>
        <dt>Where</dt><dd class="mono">${visible(session)} <span class="soft">${user}@${host}</span></dd>
      </dl>
      ${this.error()}
      ${this.buttons(html`<button class="button destroys" autofocus data-testid="dialog-submit" ?disabled=${this.busy}>
        ${this.busy ? "Ending…" : "End it"}</button>`)}`;
  }

  protected override async submit(): Promise<void> {
    try {
      await endTerminal(this.terminal.id);
    } catch (error) {
      if (asApiError(error).status !== 404) throw error; // it ended by itself
    }
  }
}

customElements.define("mux-dialog-end", MuxDialogEnd);
