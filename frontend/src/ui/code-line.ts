import { html, nothing, type TemplateResult } from "lit";
import { copyText } from "../lib/clipboard.ts";
import { icon } from "./icons.ts";

async function copy(event: Event, text: string): Promise<void> {
  const button = event.currentTarget as HTMLButtonElement;
  const done = await copyText(text);
  button.title = done ? "Copied" : "The browser does not allow copying; select the text instead";
  button.setAttribute("aria-label", button.title);
  button.classList.toggle("tone-good", done);
}

/** Lines to copy: a command, a sudoers line, a piece of configuration. */
export function codeLine(text: string, label = "Copy"): TemplateResult {
  return html`<div class="code-line">
    <pre>${text}</pre>
    <button class="plain icon-only" type="button" title=${label} aria-label=${label}
      @click=${(event: Event) => void copy(event, text)}>${icon("copy")}</button>
  </div>`;
}

/** The line that mends a problem, folded away behind words that say what it is. */
export function remedy(text: string | null | undefined, words: string): TemplateResult | typeof nothing {
  if (!text) return nothing;
  return html`<details class="remedy"><summary>${words || "How to fix"}</summary>${codeLine(text)}</details>`;
}
