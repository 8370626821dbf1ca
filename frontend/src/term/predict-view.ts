import type { IBufferCell, Terminal } from "@xterm/xterm";
import { Disposable, Timer } from "../lib/disposable.ts";
import { readNumber, writeNumber } from "../lib/storage.ts";
import { type Overlay, Predictor, type Screen } from "./predict.ts";
import { isReport } from "./replies.ts";

/** When typed keys are shown at once; kept per browser, as a number. */
export const SHOW_WORDS = ["automatically", "always", "never"] as const;
export type Show = (typeof SHOW_WORDS)[number];

const TICK_MS = 50;
/** Bright black, in which shells write what they suggest. */
const SUGGESTED = 8;

/** Draws a Predictor's guesses over xterm, cell by cell; the terminal's own buffer never holds them. */
export class PredictView extends Disposable {
  readonly predictor = new Predictor();
  readonly element = document.createElement("div");
  #show: Show = SHOW_WORDS[readNumber("echo", 0)] ?? "automatically";
  #tick = this.own(new Timer());
  #cell: IBufferCell | undefined;
  #drawn = "";

  constructor(readonly term: Terminal) {
    super();
    this.element.className = "predicted";
    this.element.setAttribute("aria-hidden", "true"); // a screen reader hears the confirmed text
    this.element.dataset.testid = "predicted";
    this.own(term.onWriteParsed(() => this.#observe()));
    this.own(term.onResize(() => this.reset()));
    this.own(term.onScroll(() => this.#draw()));
    this.own({ dispose: () => this.element.remove() });
  }

  get show(): Show {
    return this.#show;
  }

  set show(show: Show) {
    this.#show = show;
    writeNumber("echo", SHOW_WORDS.indexOf(show));
    this.reset();
  }

  /** Typed by the person, or an answer that the terminal gives by itself: that is no key. */
  key(data: string): void {
    if (this.#show === "never" || isReport(data)) return;
    this.predictor.key(data, performance.now());
    this.#after();
  }

  reset(): void {
    this.predictor.reset();
    this.#after();
    if (this.term.element) this.predictor.observe(this.#screen(), performance.now());
  }

  #observe(): void {
    if (this.#show === "never") return;
    this.predictor.observe(this.#screen(), performance.now());
    this.#after();
  }

  #after(): void {
    this.#draw();
    if (!this.predictor.waiting) this.#tick.stop();
    else if (!this.#tick.running) {
      this.#tick.start(TICK_MS, () => {
        this.predictor.tick(performance.now());
        this.#after();
      });
    }
  }

  #screen(): Screen {
    const { cols, buffer } = this.term;
    const { baseY, cursorX, cursorY } = buffer.active;
    const line = buffer.active.getLine(baseY + cursorY);
    const cells = Array.from({ length: cols }, (_, x) => {
      this.#cell = line?.getCell(x, this.#cell);
      const cell = this.#cell;
      if (!cell) return " ";
      // What a shell suggests gives way to what is typed, so it counts as blank.
      const faint = cell.isDim() || (cell.isFgPalette() && cell.getFgColor() === SUGGESTED);
      return faint ? " " : cell.getChars() || " ";
    });
    return { cols, x: cursorX, y: cursorY, cells };
  }

  #draw(): void {
    const wanted = this.#show === "always" || (this.#show === "automatically" && this.predictor.slow);
    const { viewportY, baseY } = this.term.buffer.active;
    const overlay = wanted && viewportY === baseY ? this.predictor.overlay() : null;
    const drawn = overlay ? JSON.stringify(overlay) : "";
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    if (overlay) this.#place(overlay);
    else this.element.replaceChildren();
  }

  #place({ y, cells, cursor }: Overlay): void {
    const screen = this.term.element?.querySelector<HTMLElement>(".xterm-screen");
    if (!screen) return;
    if (this.element.parentElement !== screen) screen.append(this.element);
    const width = screen.clientWidth / this.term.cols;
    const height = screen.clientHeight / this.term.rows;
    const { fontFamily, fontSize, theme } = this.term.options;
    this.element.style.font = `${fontSize}px/${height}px ${fontFamily}`;
    this.element.style.color = theme?.foreground ?? "";
    const place = (x: number, className: string, char = ""): HTMLElement => {
      const at = document.createElement("span");
      at.className = className;
      at.textContent = char;
      at.style.left = `${x * width}px`;
      at.style.top = `${y * height}px`;
      at.style.width = `${width}px`;
      at.style.height = `${height}px`;
      return at;
    };
    this.element.replaceChildren(
      ...cells.map(({ x, char }) => place(x, char === " " ? "blank" : "guess", char)),
      place(cursor, "cursor"),
    );
  }
}
