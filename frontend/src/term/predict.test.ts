import { describe, expect, test } from "vitest";
import { GRACE_MS, LATE_MS, LOST_MS, Predictor, type Screen } from "./predict.ts";

const COLS = 60;
const LEFT = "\x1b[D";
const RIGHT = "\x1b[C";
const BACK = "\x7f";

/** A line editor with a prompt, as a shell has it. */
class Editor {
  text: string[] = [];
  at = 0;
  y = 0;
  prompt = "$ ";
  echo = true;

  key(data: string): void {
    if (data === "\r") {
      this.text = [];
      this.at = 0;
      this.y += 1;
    } else if (data === LEFT) this.at = Math.max(0, this.at - 1);
    else if (data === RIGHT) this.at = Math.min(this.text.length, this.at + 1);
    else if (data === BACK) {
      if (this.at > 0) this.text.splice(--this.at, 1);
    } else this.text.splice(this.at++, 0, data);
  }

  get screen(): Screen {
    const shown = this.echo ? this.text.join("") : "";
    const cells = [...(this.prompt + shown).padEnd(COLS)];
    return { cols: COLS, x: this.prompt.length + (this.echo ? this.at : 0), y: this.y, cells };
  }
}

/** The host at the end of a line that takes `delay` milliseconds for a round trip. */
class Line {
  readonly host = new Editor();
  readonly predictor = new Predictor();
  now = 0;
  /** The host's state once everything typed has arrived. */
  readonly future = new Editor();
  #coming: { at: number; screen: Screen }[] = [];
  #shown: Screen = this.host.screen;

  constructor(readonly delay = 300) {
    this.predictor.observe(this.#shown, 0);
  }

  type(...keys: string[]): void {
    for (const key of keys) {
      this.predictor.key(key, this.now);
      this.host.key(key);
      this.future.key(key);
      this.output(this.host.screen);
    }
  }

  output(screen: Screen): void {
    this.#coming.push({ at: this.now + this.delay, screen });
  }

  wait(ms: number): void {
    for (const end = this.now + ms; this.now < end; this.now += 10) {
      while (this.#coming[0] && this.#coming[0].at <= this.now) {
        this.#shown = this.#coming.shift()?.screen as Screen;
        this.predictor.observe(this.#shown, this.now);
      }
      this.predictor.tick(this.now);
    }
  }

  /** The cursor's row as a person sees it. */
  get seen(): string {
    const cells = [...this.#shown.cells];
    for (const { x, char } of this.predictor.overlay()?.cells ?? []) cells[x] = char;
    return cells.join("").trimEnd();
  }

  get guess(): string {
    return (
      this.predictor
        .overlay()
        ?.cells.map(({ char }) => char)
        .join("") ?? ""
    );
  }
}

/** A line on which one character was confirmed. */
function proven(): Line {
  const line = new Line();
  line.type("l");
  line.wait(400);
  return line;
}

describe("shown", () => {
  test("nothing before one character came back, then all that waits", () => {
    const line = new Line();
    line.type("l", "s");
    expect(line.guess).toBe("");
    line.wait(320);
    line.type(" ", "-", "l");
    expect(line.seen).toBe("$ ls -l");
    expect(line.guess).toBe("-l");
    expect(line.predictor.overlay()?.cursor).toBe(7);
    line.wait(400);
    expect(line.predictor.overlay()).toBeNull();
    expect(line.seen).toBe("$ ls -l");
  });

  test("what was typed before the proof came is shown with it", () => {
    const line = new Line();
    line.type("l");
    line.wait(100);
    line.type("s");
    line.wait(230);
    expect(line.guess).toBe("s");
  });

  test("corrections within the line", () => {
    const line = proven();
    line.type("a", "c", LEFT, "b", RIGHT, BACK);
    expect(line.seen).toBe("$ lab");
    line.type(BACK, "x");
    expect(line.seen).toBe("$ lax");
    line.wait(400);
    expect(line.predictor.overlay()).toBeNull();
  });

  test("two blanks within one's own text do not hold up what moves along", () => {
    const line = proven();
    line.type(" ", " ", "x", LEFT, LEFT, LEFT, "-");
    expect(line.seen).toBe("$ l-  x");
  });

  test("a typed key and its Backspace leave nothing", () => {
    const line = proven();
    line.type("a", BACK);
    expect(line.seen).toBe("$ l");
    line.wait(2 * LATE_MS);
    line.type("z");
    expect(line.guess).toBe("z");
  });

  test("on a line without any answer for some time only", () => {
    const line = proven();
    line.predictor.key("x", line.now);
    line.wait(3_000);
    expect(line.guess).toBe("x");
    line.wait(LOST_MS);
    expect(line.guess).toBe("");
  });
});

describe("not shown", () => {
  test("after Enter, until the next proof", () => {
    const line = proven();
    line.type("s", "\r", "p", "w");
    expect(line.guess).toBe("s");
    line.wait(400);
    expect(line.guess).toBe("");
    line.type("d");
    expect(line.guess).toBe("d");
  });

  test.each(["\t", "\x03", "\x1b[A", "\x1b", "\x1b[200~paste\x1b[201~", "漢", "e\u0301"])(
    "after %j",
    (key) => {
      const line = proven();
      line.predictor.key(key, line.now);
      line.predictor.key("x", line.now);
      expect(line.guess).toBe("");
    },
  );

  test("a password, also when its prompt ends as the password begins", () => {
    const line = proven();
    line.type("\r");
    line.host.echo = false;
    line.host.prompt = "Password: ";
    for (const key of " : secret Password: ") {
      line.type(key);
      line.wait(90);
      expect(line.guess).toBe("");
    }
    line.wait(5_000);
    expect(line.guess).toBe("");
  });

  test("a password typed before its prompt is there", () => {
    const line = proven();
    line.type("s", "\r");
    line.predictor.key(" ", line.now);
    line.predictor.key("q", line.now);
    line.wait(100);
    line.output({ ...line.host.screen, cells: [..."Password: ".padEnd(COLS)], x: 10, y: 1 });
    line.wait(400);
    line.predictor.key("w", line.now);
    line.wait(1_000);
    expect(line.guess).toBe("");
  });

  test("over the prompt, over a border, in the last column", () => {
    const line = proven();
    line.type(BACK);
    expect(line.seen).toBe("$");
    line.type(BACK, "x");
    expect(line.guess.trim()).toBe("");

    const narrow = proven();
    narrow.host.text.length = 0;
    const cells = [..."$ l │ other"].concat(Array(COLS - 11).fill(" "));
    narrow.predictor.observe({ cols: COLS, x: 3, y: 0, cells }, narrow.now);
    narrow.predictor.key("s", narrow.now);
    expect(narrow.guess).toBe("s");
    narrow.predictor.key("t", narrow.now);
    expect(narrow.guess).toBe("s");
  });

  test("a guess that failed goes, and nothing follows it without proof", () => {
    const line = proven();
    line.predictor.key("x", line.now);
    expect(line.guess).toBe("x");
    line.output({ ...line.host.screen, cells: [..."$ l#".padEnd(COLS)], x: 4 });
    line.wait(310 + GRACE_MS);
    expect(line.guess).toBe("");
    line.predictor.key("y", line.now);
    expect(line.guess).toBe("");
  });

  test("half of a redraw is no failure", () => {
    const line = proven();
    line.type("x", "y");
    line.predictor.observe({ ...line.host.screen, x: 30, y: 9 }, line.now);
    line.predictor.tick(line.now + GRACE_MS - 1);
    expect(line.guess).toBe("xy");
    line.predictor.observe(line.host.screen, line.now + GRACE_MS - 1);
    line.predictor.tick(line.now + 2 * GRACE_MS);
    line.type("z");
    expect(line.guess).toBe("z");
  });

  test("when the output stays away while other output comes", () => {
    const line = proven();
    line.predictor.key("x", line.now);
    for (let i = 0; i < 12; i++) {
      line.predictor.observe(line.host.screen, line.now);
      line.wait(100);
    }
    expect(line.guess).toBe("");
  });
});

test("the round trip is the median of the last few, and switches late", () => {
  const line = new Line(90);
  expect(line.predictor.roundTrip).toBeNull();
  line.type("a");
  line.wait(200);
  expect(line.predictor.roundTrip).toBe(90);
  expect(line.predictor.slow).toBe(false);
  const far = proven();
  expect(far.predictor.roundTrip).toBe(300);
  expect(far.predictor.slow).toBe(true);
});

/** Random numbers that are the same each time (mulberry32). */
function seeded(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

test("random typing: what is shown is a line that the host has had or will have, and a wrong guess goes by itself", () => {
  const keys = ["a", "b", "c", "d", " ", "-", "/", "e", LEFT, RIGHT, BACK, BACK, "\r"];
  let guessed = 0;
  let wrong = 0;
  for (let seed = 1; seed <= 150; seed++) {
    const random = seeded(seed);
    const line = new Line(20 + Math.floor(random() * 600));
    const lines = new Set<string>();
    for (let i = 0; i < 80; i++) {
      const key = keys[Math.floor(random() * keys.length)] as string;
      const full = line.future.text.length > 40;
      line.type(full ? "\r" : key);
      const { x, y, cells } = line.future.screen;
      lines.add(`${y} ${x} ${cells.join("").trimEnd()}`);
      line.wait(Math.floor(random() * random() * 400));
      const overlay = line.predictor.overlay();
      if (!overlay || overlay.cells.length === 0) continue;
      guessed += 1;
      if (!lines.has(`${overlay.y} ${overlay.cursor} ${line.seen}`)) wrong += 1;
    }
    line.wait(LOST_MS + LATE_MS);
    expect(line.predictor.overlay(), `seed ${seed}`).toBeNull();
    expect(line.seen).toBe(line.future.screen.cells.join("").trimEnd());
  }
  expect(guessed).toBeGreaterThan(1_000);
  // Keys without an echo of their own, answers that come together: now and then a proof fits by chance.
  expect(wrong / guessed).toBeLessThan(0.02);
});

test("random output: nothing wrong stays, and without echo nothing is shown at all", () => {
  for (let seed = 1; seed <= 100; seed++) {
    const random = seeded(seed);
    const line = new Line(200);
    line.host.echo = false;
    for (let i = 0; i < 60; i++) {
      line.type("abcdefgh"[Math.floor(random() * 8)] as string);
      if (random() < 0.2)
        line.output({
          cols: COLS,
          x: Math.floor(random() * COLS),
          y: Math.floor(random() * 9),
          cells: Array(COLS).fill("#"),
        });
      line.wait(Math.floor(random() * 300));
      expect(line.guess, `seed ${seed}`).toBe("");
    }
    expect(line.predictor.overlay()).toBeNull();
  }
});
