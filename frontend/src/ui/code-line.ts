import { html, nothing, type TemplateResult } from "lit";
import { copyText } from "../lib/clipboard.ts";
import { visibleLines } from "../lib/words.ts";
import { icon } from "./icons.ts";

async function copy(event: Event, text: string): Promise<void> {
  const button = event.currentTarget as HTMLButtonElement;
  const done = await copyText(text);
  button.title = done ? "Copied" : "The browser does not allow copying; select the text instead";
  button.setAttribute("aria-label", button.title);
  button.classList.toggle("tone-good", done);
}

/** Lines to copy: a command, a sudoers line, a piece of configuration. What is copied is what is seen. */
export function codeLine(lines: string, label = "Copy"): TemplateResult {
  const text = visibleLines(lines);
  return html`<div class="code-line">
    <pre>${text}</pre>
    <button class="plain icon-only" type="button" title=${label} aria-label=${label}
      @click=${(event: Event) => void copy(event, text)}>${icon("copy")}</button>
  </div>`;
}

export interface Folds {
  open: boolean;
  toggle: (open: boolean) => void;
}

/** The lines that mend a problem, folded away behind words that say what they are. */
export function remedy(
  text: string | null | undefined,
  words: string,
  folds: Folds,
): TemplateResult | typeof nothing {
  if (!text) return nothing;
  const toggled = (event: Event): void => folds.toggle((event.target as HTMLDetailsElement).open);
  return html`<details class="remedy" data-testid="remedy" ?open=${folds.open} @toggle=${toggled}>
    <summary>${words || "How to fix"}</summary>${codeLine(text)}</details>`;
}
