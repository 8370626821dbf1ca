import { html, type PropertyValues, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { closing, listen } from "../lib/disposable.ts";
import {
  covers,
  Heights,
  indexAt,
  type Placed,
  type Range,
  rangeOf,
  shiftOf,
  topAt,
  topsOf,
} from "../lib/window.ts";
import { MuxElement } from "./element.ts";

/** So many items are all on the page, where the browser's own search finds them. */
const ALL = 150;
/** Drawn beyond what is in sight, on both sides; and how little of that may be left before more is drawn. */
const MARGIN_PX = 200;
const LEAST_PX = 60;
/** An item that is in sight is at least so far from the edge. */
const EDGE_PX = 24;
/** What sticks to the window's top and hides what is below it. */
const COVER_PX = 48;
/** Drawing shows heights, and heights what must be drawn; a list that never settles is drawn as it is. */
const TURNS = 4;
const GUESS_PX: Record<string, number> = { session: 30, user: 26 };

export type Draw<T> = (item: T, index: number) => TemplateResult;

/**
 * A list in the page's own scrolling, of which only what is in sight is on the page, and what has the focus.
 * What is in sight stays where it is when items above it come, go or grow.
 */
export class MuxWindow<T extends Placed = Placed> extends MuxElement {
  static override properties = {
    items: { attribute: false },
    draw: { attribute: false },
    name: { attribute: false },
    head: { attribute: false },
  };
  declare items: readonly T[];
  /** Called for each item on the page at every drawing. */
  declare draw: Draw<T>;
  declare name: string;
  /** Drawn above all items, in the same table. */
  declare head: TemplateResult;
  #heights = new Heights((shape) => GUESS_PX[shape ?? ""] ?? 40);
  #drawn: readonly T[] = [];
  #tops: Float64Array = new Float64Array(1);
  #indexOf = new Map<string, number>();
  #range: Range = { first: 0, end: 0 };
  /** The list's top on the page when it was last looked at. */
  #at = 0;
  #scrollTo: number | null = null;
  #turns = 0;
  #width = 0;

  override connectedCallback(): void {
    super.connectedCallback();
    const look = (): void => this.#look();
    this.hold(listen(window, "scroll", look, { passive: true }));
    this.hold(listen(window, "resize", look));
    const sizes = new ResizeObserver(() => {
      if (this.offsetWidth === this.#width) return;
      this.#width = this.offsetWidth;
      this.#heights.forget();
      this.requestUpdate();
    });
    sizes.observe(this);
    this.hold(closing(() => sizes.disconnect()));
  }

  /** Scrolls an item into sight and returns its element once it is there. */
  async reveal(key: string, block: "nearest" | "center" = "nearest"): Promise<HTMLElement | null> {
    // What is on the way has heights that are not known yet: once it is drawn, the item may lie elsewhere.
    for (let turn = 0; turn < TURNS; turn++) {
      await this.#settled();
      const way = this.#wayTo(key, turn === 0 ? block : "nearest");
      if (way === null) return null;
      if (Math.abs(way) < 1) break;
      const before = scrollY;
      scrollTo(0, Math.max(0, scrollY + way));
      this.#look();
      if (scrollY === before) break;
    }
    await this.#settled();
    return this.element(key);
  }

  async #settled(): Promise<void> {
    for (let turn = 0; turn <= TURNS; turn++) if (await this.updateComplete) return;
  }

  /** How far to scroll to see an item; null when it is not in the list. */
  #wayTo(key: string, block: "nearest" | "center"): number | null {
    const index = this.#indexOf.get(key);
    if (index === undefined) return null;
    const top = this.#top() + topAt(this.#tops, index);
    const bottom = this.#top() + topAt(this.#tops, index + 1);
    const [from, to] = [scrollY + COVER_PX + EDGE_PX, scrollY + innerHeight - EDGE_PX];
    if (block === "center") return top - (innerHeight - COVER_PX) / 3 - scrollY;
    if (top < from || bottom - top > to - from) return top - from;
    return bottom > to ? bottom - to : 0;
  }

  element(key: string): HTMLElement | null {
    return this.querySelector<HTMLElement>(`[data-at="${CSS.escape(key)}"]`);
  }

  /** The item that lies one window's height further down (1) or up (-1) than another. */
  pageFrom(key: string, way: number): T | undefined {
    const index = this.#indexOf.get(key) ?? 0;
    const page = innerHeight - COVER_PX - LEAST_PX;
    return this.items[indexAt(this.#tops, topAt(this.#tops, index) + way * page)];
  }

  protected override willUpdate(changed: PropertyValues): void {
    const before = { items: this.#drawn, tops: this.#tops, index: 0 };
    this.#tops = topsOf(this.items, this.#heights);
    if (changed.has("items")) this.#indexOf = new Map(this.items.map((item, index) => [item.key, index]));
    const top = this.#top();
    const seen = scrollY + COVER_PX - this.#at;
    if (before.items.length > 0 && scrollY > 0 && seen > 0) {
      before.index = indexAt(before.tops, seen);
      const shift = shiftOf(before, { indexOf: this.#indexOf, tops: this.#tops }) + top - this.#at;
      if (Math.abs(shift) >= 0.5) this.#scrollTo = scrollY + shift;
    }
    this.#at = top;
    this.#drawn = this.items;
    this.#range = this.#wanted(MARGIN_PX);
  }

  protected override render() {
    const indices: number[] = [];
    const kept = this.#focused();
    if (kept >= 0 && kept < this.#range.first) indices.push(kept);
    for (let index = this.#range.first; index < this.#range.end; index++) indices.push(index);
    if (kept >= this.#range.end) indices.push(kept);
    return html`<div class="window" role="table" aria-label=${this.name} aria-rowcount=${this.items.length + 1}>
      ${this.head}
      <div class="window-room" role="rowgroup" style="height:${topAt(this.#tops, this.items.length)}px">
      ${repeat(
        indices,
        (index) => this.items[index]?.key,
        (index) => this.#place(index),
      )}</div></div>`;
  }

  #place(index: number): TemplateResult {
    const item = this.items[index] as T;
    return html`<div class="window-item" role="presentation" data-at=${item.key} style="top:${topAt(this.#tops, index)}px">${this.draw(item, index)}</div>`;
  }

  protected override updated(): void {
    if (this.#scrollTo !== null) {
      scrollTo(0, this.#scrollTo);
      this.#scrollTo = null;
    }
    let news = false;
    for (const element of this.querySelectorAll<HTMLElement>(".window-item")) {
      const item = this.items[this.#indexOf.get(element.dataset.at ?? "") ?? -1];
      if (item && this.#heights.note(item, element.getBoundingClientRect().height)) news = true;
    }
    if (news && this.#turns < TURNS) {
      this.#turns += 1;
      this.requestUpdate();
    } else {
      this.#turns = 0;
      this.#look();
    }
  }

  #look(): void {
    if (!covers(this.#range, this.#wanted(LEAST_PX))) this.requestUpdate();
  }

  #wanted(margin: number): Range {
    if (this.items.length <= ALL) return { first: 0, end: this.items.length };
    const from = (this.#scrollTo ?? scrollY) - this.#at;
    return rangeOf(this.#tops, Math.max(0, from - margin), Math.max(0, from + innerHeight + margin));
  }

  #top(): number {
    const room = this.querySelector(".window-room") ?? this;
    return room.getBoundingClientRect().top + scrollY;
  }

  #focused(): number {
    const at = document.activeElement?.closest<HTMLElement>("[data-at]");
    return at && this.contains(at) ? (this.#indexOf.get(at.dataset.at ?? "") ?? -1) : -1;
  }
}

customElements.define("mux-window", MuxWindow);
