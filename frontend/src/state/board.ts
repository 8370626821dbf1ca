import type { Inventory } from "../api/types.gen.ts";
import { count } from "../lib/words.ts";
import { Cursor } from "./cursor.ts";
import { type Marks, marksOf, parseFilter } from "./filter.ts";
import { Folds } from "./folds.ts";
import { type Item, itemsOf } from "./items.ts";
import { Arranger, type Row } from "./rows.ts";
import { type Summary, summarise } from "./summary.ts";

/** What the board shows of a snapshot, made anew only where something changed. */
export class Board {
  readonly folds = new Folds();
  readonly cursor = new Cursor();
  items: readonly Item[] = [];
  summary: Summary | null = null;
  /** What the filter leaves. */
  shown = "";
  #filter = "";
  #tokens = parseFilter("");
  marks: Marks = marksOf([]);
  #arranger = new Arranger();
  #of: unknown[] = [];

  get filter(): string {
    return this.#filter;
  }
  set filter(filter: string) {
    if (filter === this.#filter) return;
    this.#filter = filter;
    this.#tokens = parseFilter(filter);
    this.marks = marksOf(this.#tokens);
  }

  get filtering(): boolean {
    return this.#tokens.length > 0;
  }

  update(snapshot: Inventory | null, named: string | null): void {
    const { hosts: folded, lots: open } = this.folds;
    const of = [snapshot, named, this.#tokens, folded, open];
    if (of.every((value, index) => value === this.#of[index])) return;
    this.#of = of;
    const groups = snapshot ? this.#arranger.arrange(snapshot, this.#tokens) : [];
    this.items = itemsOf(groups, { folded, open, named, filtering: this.filtering });
    this.summary = snapshot ? summarise(snapshot) : null;
    const rows = groups.reduce(
      (all, { users }) => users.reduce((sum, user) => sum + user.rows.length, all),
      0,
    );
    this.shown = `${count(rows, "session")} on ${count(groups.length, "host")} shown`;
    this.cursor.follow(this.items);
  }

  /** The session that keys act on; none where they stand on a host. */
  get row(): Row | undefined {
    const item = this.cursor.item;
    return item?.kind === "session" ? item.row : undefined;
  }
}
