import type { ISearchOptions, SearchAddon } from "@xterm/addon-search";
import type { Terminal } from "@xterm/xterm";
import { html } from "lit";
import { MuxElement } from "./element.ts";
import { icon } from "./icons.ts";

/** Search in what the browser holds. The addon comes with the first search. Fires `done` when closed. */
export class MuxTermSearch extends MuxElement {
  static override properties = { term: { attribute: false } };
  declare term: Terminal;
  #addon: SearchAddon | null = null;
  #result = "";

  protected override async firstUpdated(): Promise<void> {
    const field = this.querySelector("input");
    field?.focus();
    const { SearchAddon } = await import("@xterm/addon-search");
    if (!this.isConnected) return;
    const addon = new SearchAddon();
    this.term.loadAddon(addon);
    this.hold(addon);
    this.#addon = addon;
    addon.onDidChangeResults(({ resultIndex, resultCount }) => {
      this.#result =
        resultCount === 0
          ? "no match"
          : resultIndex < 0
            ? `${resultCount}+`
            : `${resultIndex + 1} of ${resultCount}`;
      this.requestUpdate();
    });
    if (field?.value) this.#find(false);
  }

  protected override render() {
    return html`<div class="term-search" role="search" @keydown=${this.#key}>
      <input aria-label="Search in the terminal" placeholder="search" data-testid="term-search" autocomplete="off" spellcheck="false"
        @input=${() => this.#find(false, true)}>
      <output data-testid="term-search-result">${this.#result}</output>
      <button class="plain icon-only" title="Before (Shift+Enter)" aria-label="Match before" @click=${() => this.#find(true)}>${icon("up")}</button>
      <button class="plain icon-only" title="Next (Enter)" aria-label="Next match" @click=${() => this.#find(false)}>${icon("down")}</button>
      <button class="plain icon-only" title="Close (Esc)" aria-label="Close search" @click=${this.#close}>${icon("close")}</button>
    </div>`;
  }

  #find(back: boolean, incremental = false): void {
    const text = this.querySelector("input")?.value ?? "";
    if (!text) {
      this.#addon?.clearDecorations();
      this.#result = "";
      this.requestUpdate();
      return;
    }
    const options: ISearchOptions = { incremental, decorations: this.#colours() };
    // A terminal is read from its end: the newest match comes first.
    if (back || incremental) this.#addon?.findPrevious(text, options);
    else this.#addon?.findNext(text, options);
  }

  #colours(): ISearchOptions["decorations"] {
    const style = getComputedStyle(document.documentElement);
    const token = (name: string): string => style.getPropertyValue(name).trim();
    return {
      matchBackground: token("--term-select"),
      activeMatchBackground: token("--wait"),
      matchOverviewRuler: token("--wait"),
      activeMatchColorOverviewRuler: token("--wait"),
    };
  }

  #key = (event: KeyboardEvent): void => {
    if (event.key === "Enter") this.#find(event.shiftKey);
    else if (event.key === "Escape") this.#close();
    else return;
    event.preventDefault();
  };

  #close = (): void => {
    this.#addon?.clearDecorations();
    this.dispatchEvent(new CustomEvent("done"));
  };
}

customElements.define("mux-term-search", MuxTermSearch);
