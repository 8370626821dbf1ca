import { html, nothing, type TemplateResult } from "lit";
import { type ApiError, asApiError } from "../api/problem.ts";
import { MuxElement } from "./element.ts";

/**
 * A native modal dialog: the browser traps the focus, Esc closes, the rest of the page is inert.
 * Fires `done` when it is over, whatever the way.
 */
export abstract class MuxDialog extends MuxElement {
  protected busy = false;
  protected failure: ApiError | null = null;
  /** What was done is still to be read: sending the form does not close. */
  protected stays = false;
  /** The failure was shown at a field in this drawing. */
  #placed = false;

  protected abstract readonly heading: string;
  protected abstract body(): TemplateResult;

  protected override firstUpdated(): void {
    const dialog = this.querySelector("dialog");
    dialog?.showModal();
    const first = this.querySelector<HTMLElement>("[autofocus]");
    first?.focus();
    if (first instanceof HTMLInputElement && first.value) first.select();
    dialog?.scrollTo(0, 0); // a button at the end has the focus, but reading begins at the top
  }

  protected override render() {
    this.#placed = false;
    return html`<dialog aria-labelledby="dialog-heading" @close=${() => this.dispatchEvent(new CustomEvent("done"))}
      @click=${this.#outside} data-testid="dialog">
      <form class="dialog" method="dialog" novalidate @submit=${this.#submit}>
        <h2 id="dialog-heading">${this.heading}</h2>
        ${this.body()}
      </form>
    </dialog>`;
  }

  /** Runs when the form is sent; what it throws is shown inside the dialog. */
  protected async submit(): Promise<void> {}

  close(): void {
    this.querySelector("dialog")?.close();
  }

  protected value(testid: string): string {
    return this.querySelector<HTMLInputElement>(`[data-testid=${testid}]`)?.value ?? "";
  }

  /** What is wrong with the field that the server calls `path`. */
  protected wrong(path: string): string {
    const failure = this.failure;
    if (!failure) return "";
    if (path === "name" && failure.code === "session_exists") return failure.message;
    return failure.errors.find((e) => e.path === path || e.path.endsWith(`.${path}`))?.reason ?? "";
  }

  protected field(label: string, path: string, input: TemplateResult, hint = ""): TemplateResult {
    const wrong = this.wrong(path);
    if (wrong) this.#placed = true;
    const below = wrong
      ? html`<p class="error-text small" role="alert" id="e-${path}" data-testid="dialog-error">${wrong}</p>`
      : hint
        ? html`<p class="small faint" id="e-${path}">${hint}</p>`
        : "";
    return html`<div class="field"><label for="f-${path}">${label}</label>${input} ${below}</div>`;
  }

  /** What went wrong and belongs to no field. Comes after the fields. */
  protected error(): TemplateResult | typeof nothing {
    const failure = this.failure;
    if (!failure || this.#placed) return nothing;
    return html`<p class="error-text" role="alert" data-testid="dialog-error">${failure.message}
      ${failure.requestId ? html`<span class="faint">request ${failure.requestId}</span>` : ""}</p>`;
  }

  protected buttons(submit: TemplateResult): TemplateResult {
    return html`<div class="dialog-buttons">
      <button type="button" class="button" @click=${() => this.close()}>Cancel</button>${submit}</div>`;
  }

  #submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    if (this.busy) return;
    this.busy = true;
    this.failure = null;
    this.requestUpdate();
    try {
      await this.submit();
      if (!this.stays) this.close();
    } catch (error) {
      this.failure = asApiError(error);
    } finally {
      this.busy = false;
      this.requestUpdate();
    }
  };

  #outside = (event: MouseEvent): void => {
    if (event.target instanceof HTMLDialogElement) this.close();
  };
}
