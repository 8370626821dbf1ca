import { html, nothing } from "lit";
import { withModifiers } from "../term/sticky.ts";
import type { TerminalState } from "../term/terminal-state.ts";
import { MuxElement } from "./element.ts";

const ARROWS: [string, string, string][] = [
  ["↑", "Up", "A"],
  ["↓", "Down", "B"],
  ["←", "Left", "D"],
  ["→", "Right", "C"],
];

/** The keys that a soft keyboard lacks. Ctrl and Alt are held until the next key. */
export class MuxTermKeys extends MuxElement {
  static override properties = { terminal: { attribute: false } };
  declare terminal: TerminalState;
  #ctrl = false;
  #alt = false;

  protected override render() {
    const key = (label: string, name: string, run: () => void, pressed?: boolean) =>
      html`<button aria-label=${name} aria-pressed=${pressed === undefined ? nothing : String(pressed)}
        @pointerdown=${(event: Event) => event.preventDefault()} @click=${run}>${label}</button>`;
    return html`<div class="term-keys" role="toolbar" aria-label="Keys" data-testid="term-keys">
      ${key("Esc", "Esc key", () => this.#send("\x1b"))} ${key("Tab", "Tab key", () => this.#send("\t"))}
      ${key("Ctrl", "Ctrl key", () => this.#hold("ctrl"), this.#ctrl)} ${key("Alt", "Alt key", () => this.#hold("alt"), this.#alt)}
      ${ARROWS.map(([label, name, letter]) => key(label, name, () => this.#arrow(letter)))}
      ${key("^C", "^C interrupt", () => this.#send("\x03"))}
      ${key("Paste", "Paste", () => void this.terminal.input.pasteFromClipboard())}
    </div>`;
  }

  #arrow(letter: string): void {
    this.#send(`\x1b${this.terminal.term.modes.applicationCursorKeysMode ? "O" : "["}${letter}`);
  }

  /** As if typed: the held keys apply, and xterm scrolls to the bottom. */
  #send(data: string): void {
    this.terminal.term.input(data);
    this.terminal.term.focus();
  }

  #hold(which: "ctrl" | "alt"): void {
    if (which === "ctrl") this.#ctrl = !this.#ctrl;
    else this.#alt = !this.#alt;
    this.terminal.transform =
      this.#ctrl || this.#alt
        ? (data) => {
            const out = withModifiers(data, this.#ctrl, this.#alt);
            this.#ctrl = false;
            this.#alt = false;
            this.terminal.transform = null;
            this.requestUpdate();
            return out;
          }
        : null;
    this.terminal.term.focus();
    this.requestUpdate();
  }
}

customElements.define("mux-term-keys", MuxTermKeys);
