import { html, nothing, type TemplateResult } from "lit";
import { writeNumber } from "../lib/storage.ts";
import { bytes, count, visibleLines } from "../lib/words.ts";
import { ASK_KEY } from "../term/input.ts";
import { asOneLine, type PasteQuestion } from "../term/paste.ts";
import { MuxDialog } from "./mux-dialog.ts";

/** Before a paste that would run, or that is very large. */
export class MuxDialogPaste extends MuxDialog {
  static override properties = { question: { attribute: false } };
  declare question: PasteQuestion;

  protected get heading(): string {
    const { lines, bytes: size, runs } = this.question;
    return runs ? `Paste ${count(lines, "line")}?` : `Paste ${bytes(size)}?`;
  }

  protected override body() {
    const { runs, lines, bytes: size, preview } = this.question;
    return html`<p>${runs ? "The program does not ask for pasted text as such: each line may run at once." : "This takes a while, and what is typed meanwhile waits behind it."}
        <span class="soft small">${count(lines, "line")}, ${bytes(size)}</span></p>
      <pre class="mono small ask-detail" data-testid="paste-preview">${visibleLines(preview)}</pre>
      ${runs ? html`<label class="small check"><input type="checkbox" data-testid="paste-never" /> Do not ask again in this browser</label>` : nothing}
      ${this.#actions(runs)}`;
  }

  #actions(runs: boolean): TemplateResult {
    const line = html`<button type="button" class="button" data-testid="paste-one-line" @click=${() => this.#line()}>Paste as one line</button>`;
    return this.buttons(
      html`${runs ? line : nothing}<button class="button primary" autofocus data-testid="dialog-submit">Paste</button>`,
    );
  }

  #line(): void {
    this.#remember();
    this.close();
    this.question.paste(asOneLine(this.question.text));
  }

  #remember(): void {
    if (this.querySelector<HTMLInputElement>("[data-testid=paste-never]")?.checked) writeNumber(ASK_KEY, 0);
  }

  protected override async submit(): Promise<void> {
    this.#remember();
    this.question.paste(this.question.text);
  }
}

customElements.define("mux-dialog-paste", MuxDialogPaste);
