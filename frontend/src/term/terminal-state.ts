import { FitAddon } from "@xterm/addon-fit";
import { Unicode11Addon } from "@xterm/addon-unicode11";
import { WebLinksAddon } from "@xterm/addon-web-links";
import { Terminal } from "@xterm/xterm";
import type { Target } from "../api/sessions.ts";
import type { Size } from "../api/terminals.ts";
import type { NoticeMessage, TerminalMode } from "../api/types.gen.ts";
import { copyText } from "../lib/clipboard.ts";
import { Disposable, listen, Timer } from "../lib/disposable.ts";
import { Emitter } from "../lib/emitter.ts";
import { readNumber, writeNumber } from "../lib/storage.ts";
import { Attachment } from "./attachment.ts";
import { type InputActions, TerminalInput } from "./input.ts";
import { linkHandler, openable } from "./links.ts";
import { readOsc52 } from "./osc52.ts";
import type { PasteQuestion } from "./paste.ts";
import { type Cut, CutClock } from "./phase.ts";
import { PredictView } from "./predict-view.ts";
import type { Question } from "./question.ts";
import { drawFast, fetchRenderer } from "./renderer.ts";
import { isReport } from "./replies.ts";
import { FONT, leastContrast, readTheme } from "./theme.ts";

export const FONT_PX = { least: 8, usual: 14, most: 32 };
/** Sizes are told at most this often while a window is dragged: each one redraws every program. */
const RESIZE_MS = 100;
/** A slow font or renderer must not keep anybody from their shell; it is used when it comes. */
const READY_MS = 400;
const SCROLLBACK_LINES = 5_000;

/**
 * One terminal: xterm, its element and its attachment. It lives apart from any component: the element is made
 * once and moved in and out of the page, and the screen, the history and the connection stay.
 */
export class TerminalState extends Disposable {
  readonly changed = new Emitter();
  readonly notice = new Emitter<Pick<NoticeMessage, "level" | "message">>();
  readonly asked = new Emitter<Question>();
  readonly pasteAsked = new Emitter<PasteQuestion>();
  readonly searchWanted = new Emitter();
  readonly term: Terminal;
  readonly attachment: Attachment;
  readonly input: TerminalInput;
  readonly guesses: PredictView;
  readonly element = document.createElement("div");
  title = "";
  belled = false;
  /** The touch row's held keys; the next character takes them. */
  transform: ((data: string) => string) | null = null;
  #fit = new FitAddon();
  #encoder = new TextEncoder();
  #bell = this.own(new Timer());
  #resize = this.own(new Timer());
  /** Of each part of the output that is not parsed yet: whether its questions stay unanswered. */
  #unparsed: boolean[] = [];
  /** A redraw may have been on its way for long. */
  #redrawn = false;
  #started = false;
  #cut = this.own(new CutClock(() => this.changed.emit()));

  constructor(
    readonly target: Target,
    readonly mode: TerminalMode,
  ) {
    super();
    this.element.className = "term-host";
    this.term = new Terminal({
      allowProposedApi: true, // unicode.activeVersion
      cursorBlink: false,
      fontFamily: FONT,
      fontSize: readNumber("font", FONT_PX.usual),
      lineHeight: 1.15,
      overviewRuler: { width: 8 }, // the width of the scroll bar, too
      scrollback: SCROLLBACK_LINES,
      theme: readTheme(),
      minimumContrastRatio: leastContrast(),
      disableStdin: mode === "view",
      macOptionClickForcesSelection: true,
      linkHandler: linkHandler((url) => this.#askLink(url)),
    });
    this.own({ dispose: () => this.term.dispose() });
    this.attachment = new Attachment(target, mode, {
      hello: () => this.fit(), // the window may have changed while the terminal was being made
      output: (bytes, parsed, late) => this.#write(bytes, parsed, late),
      reset: () => this.#reset(),
      notice: (message) => this.notice.emit(message),
      changed: () => {
        if (this.disposed) return;
        this.#cut.follow(this.attachment.phase);
        this.changed.emit();
      },
      size: () => this.#size(),
    });
    this.own(this.attachment);
    this.input = this.own(new TerminalInput(this.term, this.element, this.#actions()));
    this.guesses = this.own(new PredictView(this.term));
    this.#load();
  }

  /** Puts the terminal into `parent`; the first time also opens and attaches it. */
  async show(parent: HTMLElement): Promise<void> {
    parent.prepend(this.element);
    const resized = new ResizeObserver(() => this.#resize.start(RESIZE_MS, () => this.fit()));
    resized.observe(parent);
    this.own({ dispose: () => resized.disconnect() });
    if (this.#started) return;
    this.#started = true;
    const font = document.fonts.load(`${FONT_PX.usual}px "JetBrains Mono"`).catch(() => []);
    const renderer = fetchRenderer();
    const late = new Promise<void>((done) => setTimeout(done, READY_MS));
    await Promise.race([Promise.all([font, renderer]), late]);
    if (this.disposed) return;
    this.term.open(this.element);
    // One frame later the renderer has measured its cells.
    const frame = (): Promise<unknown> => new Promise(requestAnimationFrame);
    const drawn = renderer.then((webgl) => drawFast(this.term, webgl, this, () => this.fit())).then(frame);
    await Promise.race([drawn, late]);
    if (this.disposed) return;
    this.fit();
    this.term.focus();
    await this.attachment.attach();
  }

  /** How long it has been without a connection. */
  get cut(): Cut | null {
    return this.#cut.now;
  }

  hide(): void {
    this.element.remove();
  }

  /** After an end: a new life, with the keyboard in it. */
  again(): void {
    this.attachment.again();
    this.term.focus();
  }

  retry(): void {
    this.attachment.retry();
    this.term.focus();
  }

  fit(): void {
    // A hidden tab measures nonsense; two columns told to tmux garble everybody's screen.
    if (document.hidden || !this.element.isConnected || this.element.clientWidth < 40) return;
    this.#fit.fit();
    const { cols, rows } = this.#size();
    if (cols !== this.term.cols || rows !== this.term.rows) this.term.resize(cols, rows);
    this.attachment.link?.resize(cols, rows);
    this.changed.emit();
  }

  zoom(step: number): void {
    const now = this.term.options.fontSize ?? FONT_PX.usual;
    const size = step === 0 ? FONT_PX.usual : Math.min(Math.max(now + step, FONT_PX.least), FONT_PX.most);
    if (size === now) return;
    this.term.options.fontSize = size;
    writeNumber("font", size);
    this.fit();
  }

  #size(): Size {
    const clamp = (n: number, least: number, most: number): number => Math.min(Math.max(n, least), most);
    return { cols: clamp(this.term.cols, 20, 500), rows: clamp(this.term.rows, 5, 300) };
  }

  #load(): void {
    const { term } = this;
    term.loadAddon(this.#fit);
    term.loadAddon(new Unicode11Addon());
    term.unicode.activeVersion = "11";
    term.loadAddon(
      new WebLinksAddon((_, text) => {
        const url = openable(text);
        if (url) this.#askLink(url);
      }),
    );
    term.parser.registerOscHandler(52, (body) => this.#osc52(body));
    term.onData((data) => this.#type(data));
    term.onBinary((data) => this.attachment.link?.type(Uint8Array.from(data, (c) => c.charCodeAt(0))));
    term.onTitleChange((title) => {
      this.title = title;
      this.changed.emit();
    });
    term.onBell(() => this.#ring());
    const light = matchMedia("(prefers-color-scheme: light)");
    this.own(
      listen(light, "change", () => {
        term.options.theme = readTheme();
        term.options.minimumContrastRatio = leastContrast();
      }),
    );
    this.own(listen(document, "visibilitychange", () => !document.hidden && this.fit()));
  }

  #type(data: string): void {
    // A terminal answers while it parses the question.
    if (this.#unparsed[0] && isReport(data)) return;
    const out = this.transform ? this.transform(data) : data;
    // What the link does not take (view mode, ended, full) is not guessed either.
    if (this.attachment.link?.type(this.#encoder.encode(out))) this.guesses.key(out);
  }

  #write(bytes: Uint8Array, parsed: () => void, late: boolean): void {
    this.#unparsed.push(late || this.#redrawn);
    this.#redrawn = false;
    this.term.write(bytes, () => {
      this.#unparsed.shift();
      parsed();
    });
  }

  /** In the order of the stream: what is still queued is parsed before. CAN ends a sequence that was cut in two. */
  #reset(): void {
    this.#redrawn = this.#started;
    this.guesses.reset();
    this.term.write("\x18\x1bc");
  }

  #osc52(body: string): boolean {
    if (this.mode === "view") return true;
    const wanted = readOsc52(body);
    if (wanted.kind === "copy") void this.#copyFor(wanted.text);
    else if (wanted.why === "size") this.#say("A program tried to copy too much.", "warning");
    return true;
  }

  async #copyFor(text: string): Promise<void> {
    if (await copyText(text)) {
      this.#say(`The program copied ${text.length} characters.`);
      return;
    }
    this.asked.emit({
      what: "Let the program copy?",
      detail: text.length > 400 ? `${text.slice(0, 400)}…` : text,
      yes: "Copy",
      run: () => void copyText(text),
    });
  }

  #askLink(url: URL): void {
    this.asked.emit({
      what: "Open this link?",
      detail: url.href,
      yes: "Open in a new tab",
      run: () => window.open(url, "_blank", "noopener,noreferrer"),
    });
  }

  #ring(): void {
    this.belled = true;
    this.changed.emit();
    // The dot in the title stays until somebody looks; the flash does not.
    this.#bell.start(160, () => {
      this.belled = false;
      this.changed.emit();
    });
  }

  #say(message: string, level: NoticeMessage["level"] = "info"): void {
    this.notice.emit({ level, message });
  }

  #actions(): InputActions {
    return {
      view: this.mode === "view",
      search: () => this.searchWanted.emit(),
      zoom: (step) => this.zoom(step),
      copied: (characters, done) => {
        if (!done) this.#say(`The browser did not allow copying ${characters} characters.`, "warning");
      },
      confirmPaste: (question) => this.pasteAsked.emit(question),
      clipboardClosed: () =>
        this.#say("This browser does not let the page read the clipboard. Press Ctrl+Shift+V.", "warning"),
    };
  }
}
