/**
 * Guesses what the host will echo, as mosh does: a key is shown before the answer is here. Pure: keys, screens
 * and the time in, overlay cells out. Nothing is written into any terminal's buffer.
 *
 * What tmux draws is always the alternate screen, and no signal says that echo is off. So only the screen counts:
 * nothing is shown before one typed character was seen to come back at the cursor. Enter, control keys, and a guess
 * that failed ask for that proof again; a password prompt never gives it.
 */

/** What is visible: the cursor, and its row with one string per cell; a blank cell is a space. */
export interface Screen {
  cols: number;
  x: number;
  y: number;
  cells: readonly string[];
}

export interface Overlay {
  y: number;
  cells: { x: number; char: string }[];
  /** Where the cursor will be. */
  cursor: number;
}

/** A screen that fits no guess may be half of a redraw. It must last this long to count. */
export const GRACE_MS = 60;
/** An answer is late after three round trips, but not before this. */
export const LATE_MS = 1_000;
/** Without any output at all the line is dead, not the guess; but nothing is shown for longer than this. */
export const LOST_MS = 8_000;
/** Above this round trip guesses are shown by themselves; below the second one no more. */
export const SLOW_MS = 100;
export const FAST_MS = 80;
const SAMPLES = 7;
const MOST_KEYS = 200;
/** More at once is not typed by hand. */
const MOST_AT_ONCE = 16;

interface Line {
  x: number;
  /** Where the text that was typed here ends. */
  end: number;
  cells: readonly string[];
}

interface Step extends Line {
  at: number;
  /** The character, of a key that inserts one. */
  char: string;
}

interface Typed {
  char: string;
  at: number;
}

type Edit = { kind: "insert"; char: string } | { kind: "back" | "left" | "right" };

export class Predictor {
  #screen: Screen | null = null;
  /** Typed characters whose place is not known yet. */
  #queue: Typed[] = [];
  /** Typed characters that are given up, but may still come back: their echo is no proof for the same ones typed anew. */
  #stale: Typed[] = [];
  /** The line as the host confirmed it last; null: there is no proof that it echoes. */
  #base: Line | null = null;
  #steps: Step[] = [];
  #left = 0;
  #y = 0;
  /** A key came after the steps whose effect nobody can guess. */
  #broken = false;
  #oddSince: number | null = null;
  #heardAt = 0;
  #samples: number[] = [];
  #slow = false;

  /** Milliseconds from a key to the output that confirms it, the median of the last few; null: not measured. */
  get roundTrip(): number | null {
    if (this.#samples.length === 0) return null;
    return [...this.#samples].sort((a, b) => a - b)[this.#samples.length >> 1] as number;
  }

  /** Whether the line is slow enough for guesses to help. */
  get slow(): boolean {
    return this.#slow;
  }

  /** Whether time alone may change something: then `tick` is wanted. */
  get waiting(): boolean {
    return this.#steps.length + this.#queue.length + this.#stale.length > 0 || this.#oddSince !== null;
  }

  reset(): void {
    this.#screen = null;
    this.#forget();
    this.#stale = [];
  }

  /** Something was typed, as the terminal sends it. */
  key(data: string, now: number): void {
    const edits = readEdits(data);
    if (!edits || this.#steps.length + this.#queue.length + edits.length > MOST_KEYS) {
      this.#break();
      return;
    }
    for (const edit of edits) {
      if (this.#base && !this.#broken) this.#step(edit, now);
      else if (edit.kind === "insert") this.#queue.push({ char: edit.char, at: now });
      else this.#giveUp();
    }
  }

  /** Output was parsed. */
  observe(screen: Screen, now: number): void {
    const before = this.#screen;
    this.#screen = screen;
    this.#heardAt = now;
    if (before && before.cols !== screen.cols) this.#forget();
    if (this.#base) this.#follow(screen, now);
    if (!this.#base && before) this.#search(before, screen, now);
  }

  tick(now: number): void {
    const late = Math.max(LATE_MS, 3 * (this.roundTrip ?? 0));
    if (this.#oddSince !== null && now - this.#oddSince >= GRACE_MS) this.#forget();
    const oldest = this.#steps[0];
    if (oldest && now - oldest.at >= late) {
      // `a`, Backspace looks like nothing at all: that is right, too, when nothing else can come any more.
      const same = this.#screen ? this.#steps.findLastIndex((step) => this.#fits(step, this.#screen)) : -1;
      if (same >= 0) this.#confirm(same + 1);
      else if (this.#heardAt - oldest.at >= late || now - oldest.at >= LOST_MS) this.#forget();
    }
    for (const typed of [this.#queue, this.#stale])
      while (typed[0] && now - typed[0].at >= 2 * late) typed.shift();
  }

  overlay(): Overlay | null {
    const last = this.#steps.at(-1);
    const screen = this.#screen;
    if (!last || !screen) return null;
    const cells: Overlay["cells"] = [];
    const shown = screen.y === this.#y ? screen.cells : (this.#base?.cells ?? []);
    last.cells.forEach((char, x) => {
      if (x >= this.#left && char !== shown[x] && this.#steps.some((step) => step.cells[x] === char))
        cells.push({ x, char });
    });
    return { y: this.#y, cells, cursor: last.x };
  }

  #forget(): void {
    this.#giveUp();
    this.#base = null;
    this.#steps = [];
    this.#broken = false;
    this.#oddSince = null;
  }

  #giveUp(): void {
    this.#stale.push(...this.#steps.filter(({ char }) => char), ...this.#queue);
    this.#stale.splice(0, this.#stale.length - MOST_KEYS);
    this.#queue = [];
  }

  #break(): void {
    this.#stale.push(...this.#queue.splice(0));
    if (this.#steps.length > 0) this.#broken = true;
    else this.#forget();
  }

  #step(edit: Edit, now: number): void {
    const line = this.#steps.at(-1) ?? this.#base;
    const after = line && applied(line, edit, this.#left);
    const char = edit.kind === "insert" ? edit.char : "";
    if (after) this.#steps.push({ ...after, at: now, char });
    else this.#break();
  }

  #fits(line: Line, screen: Screen | null): boolean {
    if (screen?.y !== this.#y || screen.x !== line.x) return false;
    for (let x = this.#left; x < line.x; x++) if (screen.cells[x] !== line.cells[x]) return false;
    return true;
  }

  #follow(screen: Screen, now: number): void {
    const done = [this.#base as Line, ...this.#steps].findIndex((line) => this.#fits(line, screen));
    if (done < 0) {
      // After Enter everything may look different: that is no failure, and no proof either.
      if (this.#broken) this.#unfollow();
      else this.#oddSince ??= now;
      return;
    }
    this.#oddSince = null;
    if (done > 0) this.#measure(now - (this.#steps[done - 1] as Step).at);
    this.#confirm(done);
  }

  #confirm(steps: number): void {
    const line = steps === 0 ? this.#base : this.#steps[steps - 1];
    if (!line || !this.#screen) return;
    this.#base = { x: line.x, end: line.end, cells: this.#screen.cells };
    this.#steps.splice(0, steps);
    if (this.#broken && this.#steps.length === 0) this.#unfollow();
  }

  /** What was typed after the break still waits for its place. */
  #unfollow(): void {
    const queue = this.#queue;
    this.#queue = [];
    this.#forget();
    this.#queue = queue;
  }

  /**
   * Looks for the proof: the cursor moved right over exactly what was typed. What stood before the cursor already
   * may be the first typed characters; but a prompt that ends like a password begins proves nothing.
   */
  #search(before: Screen, after: Screen, now: number): void {
    const came = after.x - before.x;
    if (before.y !== after.y || came <= 0) return;
    const text = after.cells.slice(before.x, after.x);
    const old = this.#stale.findIndex((_, at) => text.every((char, i) => this.#stale[at + i]?.char === char));
    if (old >= 0) {
      this.#stale.splice(0, old + came);
      return;
    }
    for (let known = 0; known + came <= this.#queue.length; known++) {
      const left = before.x - known;
      const all = known + came;
      if (left < 0) return;
      if (!this.#queue.slice(0, all).every(({ char }, i) => after.cells[left + i] === char)) continue;
      this.#measure(now - (this.#queue[all - 1]?.at ?? now));
      this.#left = left;
      this.#y = after.y;
      this.#base = { x: after.x, end: after.x, cells: after.cells };
      for (const { char, at } of this.#queue.splice(0).slice(all)) {
        if (this.#base && !this.#broken) this.#step({ kind: "insert", char }, at);
      }
      return;
    }
  }

  #measure(ms: number): void {
    this.#samples.push(ms);
    if (this.#samples.length > SAMPLES) this.#samples.shift();
    this.#slow = (this.roundTrip ?? 0) > (this.#slow ? FAST_MS : SLOW_MS);
  }
}

/** Letters, digits, signs of one cell each; wide and combining characters are left to the host. */
const PLAIN = /^[ -~\u00a1-\u00ac\u00ae-\u02ff\u0370-\u0482\u048a-\u058f]$/;
const EDITS: Record<string, Edit> = {
  "\x7f": { kind: "back" },
  "\b": { kind: "back" },
  "\x1b[D": { kind: "left" },
  "\x1bOD": { kind: "left" },
  "\x1b[C": { kind: "right" },
  "\x1bOC": { kind: "right" },
};

/** What the data does to a line of text; null: nobody can tell. */
function readEdits(data: string): Edit[] | null {
  const known = EDITS[data];
  if (known) return [known];
  const chars = [...data];
  if (chars.length > MOST_AT_ONCE || !chars.every((char) => PLAIN.test(char))) return null;
  return chars.map((char) => ({ kind: "insert", char }));
}

/** The borders of tmux panes: no line of text goes over them. */
const BORDER = /[\u2500-\u257f]/;

/** The line after the edit; null: nobody can tell. Text to the right moves along, as in every line editor. */
function applied(line: Line, edit: Edit, left: number): Line | null {
  const { x, end } = line;
  if (edit.kind === "left") return x > left ? { ...line, x: x - 1 } : null;
  if (edit.kind === "right") return x < end ? { ...line, x: x + 1 } : null;
  if (edit.kind === "back" ? x <= left : x >= line.cells.length - 1) return null;
  const gap = textEnd(line);
  if (gap === null) return null;
  const cells = [...line.cells];
  if (edit.kind === "insert") {
    cells.splice(gap, 1);
    cells.splice(x, 0, edit.char);
    return { x: x + 1, end: end + 1, cells };
  }
  cells.splice(gap, 0, " ");
  cells.splice(x - 1, 1);
  return { x: x - 1, end: Math.max(end - 1, x - 1), cells };
}

/** The blank cell at which the text that moves along ends: two blanks are the end of a line as people see it. */
function textEnd({ x, end, cells }: Line): number | null {
  if (x >= end && cells[x] === " ") return x;
  for (let at = Math.max(x, end); at < cells.length; at++)
    if (cells[at] === " " && (cells[at + 1] ?? " ") === " ")
      return cells.slice(x, at).some((char) => BORDER.test(char)) ? null : at;
  return null;
}
