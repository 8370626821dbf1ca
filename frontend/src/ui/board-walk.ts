import type { Board } from "../state/board.ts";
import type { Item } from "../state/items.ts";
import type { MuxElement } from "./element.ts";
import type { MuxWindow } from "./mux-window.ts";

function line(): Element | null {
  return document.activeElement?.closest("[data-key]") ?? null;
}

/** Takes the focus to the board's lines, which are on the page only while they are in sight, and keeps it there. */
export class Walk {
  #had = false;

  constructor(
    readonly page: MuxElement,
    readonly board: Board,
  ) {}

  /** Whether the focus is on some line. */
  get inside(): boolean {
    return line() !== null;
  }

  step(by: number): void {
    this.to(this.board.cursor.beside(this.inside ? by : 0)); // from outside, to where it was
  }

  leaf(way: number): void {
    const { cursor } = this.board;
    const list = this.#list();
    if (list && cursor.key !== null) this.to(cursor.near(list.pageFrom(cursor.key, way), way));
  }

  edge(last: boolean): void {
    this.to(this.board.cursor.edge(last));
  }

  to(item: Item | undefined): void {
    if (!item) return;
    this.board.cursor.choose(item.key);
    this.page.requestUpdate();
    void this.focus(item.key);
  }

  async focus(key: string, block: "nearest" | "center" = "nearest"): Promise<void> {
    await this.page.updateComplete;
    const element = await this.#list()?.reveal(key, block);
    const control = element?.querySelector<HTMLElement>("[data-name-link]");
    control?.focus({ preventScroll: true });
  }

  /** Before drawing. */
  remember(): void {
    const at = line();
    this.#had = at !== null && this.page.contains(at);
  }

  /** After drawing: moving a line in the page drops its focus, and a vanished one leaves it to the neighbour. */
  async regain(always = this.#had): Promise<void> {
    if (!always) return;
    await this.#list()?.updateComplete;
    const { key } = this.board.cursor;
    if (document.activeElement === document.body && key !== null) await this.focus(key);
  }

  #list(): MuxWindow<Item> | null {
    return this.page.querySelector<MuxWindow<Item>>("mux-window");
  }
}
