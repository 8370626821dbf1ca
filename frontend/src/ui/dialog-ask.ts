import { html } from "lit";
import { visible } from "../lib/words.ts";
import type { Question } from "../term/question.ts";
import { MuxDialog } from "./mux-dialog.ts";

/** One question with one thing to do about it. */
export class MuxDialogAsk extends MuxDialog {
  static override properties = { question: { attribute: false } };
  declare question: Question;

  protected get heading(): string {
    return this.question.what;
  }

  protected override body() {
    return html`<p class="mono small ask-detail">${visible(this.question.detail)}</p>
      ${this.buttons(html`<button class="button primary" autofocus data-testid="dialog-submit">${this.question.yes}</button>`)}`;
  }

  protected override async submit(): Promise<void> {
    this.question.run();
  }
}

customElements.define("mux-dialog-ask", MuxDialogAsk);
