import type { Terminal } from "@xterm/xterm";
import { copyText, readClipboard } from "../lib/clipboard.ts";
import { Disposable, listen } from "../lib/disposable.ts";
import { readNumber } from "../lib/storage.ts";
import { cleanPaste, type PasteQuestion, pasteQuestion } from "./paste.ts";

/** Under this name the browser keeps whether to ask before lines run; 0: never again. */
export const ASK_KEY = "paste-asks";

/** What the keys and the mouse ask for that is not terminal input. */
export interface InputActions {
  view: boolean;
  search(): void;
  zoom(step: number): void;
  copied(characters: number, done: boolean): void;
  /** Lines would run at once, or it is very much. */
  confirmPaste(question: PasteQuestion): void;
  clipboardClosed(): void;
}

/** Copy and paste, and the few keys that are the page's own. Every other key belongs to the terminal. */
export class TerminalInput extends Disposable {
  constructor(
    readonly term: Terminal,
    readonly place: HTMLElement,
    readonly actions: InputActions,
  ) {
    super();
    term.attachCustomKeyEventHandler((event) => this.#key(event));
    this.own(listen<ClipboardEvent>(place, "paste", (event) => this.#pasted(event), { capture: true }));
    this.own(listen<MouseEvent>(place, "mouseup", () => this.#selected()));
    this.own(listen<MouseEvent>(place, "contextmenu", (event) => this.#rightClick(event)));
  }

  paste(text: string): void {
    if (this.actions.view || text === "") return;
    const clean = cleanPaste(text);
    const run = (agreed: string): void => {
      this.term.paste(agreed);
      this.term.focus();
    };
    const askLines = readNumber(ASK_KEY, 1) !== 0;
    const question = pasteQuestion(clean, this.term.modes.bracketedPasteMode, askLines, run);
    if (question) this.actions.confirmPaste(question);
    else run(clean);
  }

  async pasteFromClipboard(): Promise<void> {
    if (this.actions.view) return;
    const text = await readClipboard();
    if (text === null) this.actions.clipboardClosed();
    else this.paste(text);
  }

  async copy(): Promise<void> {
    const text = this.term.getSelection();
    if (text) this.actions.copied(text.length, await copyText(text));
  }

  /** Returns whether the terminal gets the key. */
  #key(event: KeyboardEvent): boolean {
    const chord = (event.ctrlKey || event.metaKey) && !event.altKey;
    if (!chord) return true;
    const run = this.#ownKey(event);
    if (!run) return true;
    if (event.type === "keydown") run();
    // Paste is left to the browser: its paste event works on plain http, too.
    if (event.code !== "KeyV") event.preventDefault();
    return false;
  }

  #ownKey(event: KeyboardEvent): (() => void) | null {
    if (event.shiftKey && event.ctrlKey) {
      if (event.code === "KeyF") return () => this.actions.search();
      if (event.code === "KeyC") return () => void this.copy();
      if (event.code === "KeyV") return () => {};
    }
    if (event.key === "=" || event.key === "+") return () => this.actions.zoom(1);
    if (event.key === "-") return () => this.actions.zoom(-1);
    if (event.key === "0") return () => this.actions.zoom(0);
    return null;
  }

  #pasted(event: ClipboardEvent): void {
    event.preventDefault();
    event.stopPropagation();
    this.paste(event.clipboardData?.getData("text/plain") ?? "");
  }

  /** Copy on select. The selection is settled only after xterm's own mouseup. */
  #selected(): void {
    setTimeout(() => {
      if (!this.disposed && this.term.hasSelection()) void this.copy();
    }, 0);
  }

  /** Pastes, unless a program has the mouse; Shift takes it back, as in other terminals. */
  #rightClick(event: MouseEvent): void {
    event.preventDefault();
    if (this.term.modes.mouseTrackingMode !== "none" && !event.shiftKey) return;
    void this.pasteFromClipboard();
  }
}
