import { html, type TemplateResult } from "lit";
import { listen } from "../lib/disposable.ts";
import { MuxElement } from "./element.ts";
import { type IconName, icon } from "./icons.ts";

export interface MenuItem {
  label: string;
  icon: IconName;
  testid: string;
  run: () => void;
  key?: string;
  destroys?: boolean;
}

/** A menu under the button that opened it. Fires `done` when it wants to be taken away. */
export class MuxMenu extends MuxElement {
  static override properties = {
    items: { attribute: false },
    note: { attribute: false },
    anchor: { attribute: false },
  };
  declare items: MenuItem[];
  declare note: TemplateResult | undefined;
  declare anchor: HTMLElement;
  #anchorTop = 0;

  override connectedCallback(): void {
    super.connectedCallback();
    const away = (event: Event): void => {
      const at = event.target as Node;
      if (!this.contains(at) && !this.anchor.contains(at)) this.#done(false);
    };
    this.hold(listen(document, "pointerdown", away, { capture: true }));
    this.hold(listen(window, "resize", () => this.#done(false)));
    this.hold(
      listen(document, "scroll", () => this.#moved() && this.#done(false), { capture: true, passive: true }),
    );
  }

  /** A list that grew above the anchor scrolls, too, but leaves the anchor where it is. */
  #moved(): boolean {
    return (
      !this.anchor.isConnected || Math.abs(this.anchor.getBoundingClientRect().top - this.#anchorTop) > 2
    );
  }

  protected override firstUpdated(): void {
    const menu = this.querySelector<HTMLElement>(".menu");
    if (!menu) return;
    const at = this.anchor.getBoundingClientRect();
    this.#anchorTop = at.top;
    const below = at.bottom + 4 + menu.offsetHeight <= innerHeight;
    const top = below ? at.bottom + 4 : Math.max(8, at.top - 4 - menu.offsetHeight);
    menu.style.setProperty("top", `${top}px`);
    menu.style.setProperty("right", `${Math.max(8, innerWidth - at.right)}px`);
    this.querySelector<HTMLElement>(".item")?.focus();
  }

  protected override render() {
    return html`<div class="menu" @keydown=${this.#key}>
      ${this.note ? html`<div class="note">${this.note}</div>` : ""}
      <div role="menu" aria-label="Actions">
      ${this.items.map(
        (
          item,
        ) => html`<button class="item ${item.destroys ? "destroys" : ""}" role="menuitem" data-testid=${item.testid}
          @click=${() => {
            this.#done(true);
            item.run();
          }}>${icon(item.icon)}<span>${item.label}</span>${item.key ? html`<kbd aria-hidden="true">${item.key}</kbd>` : ""}</button>`,
      )}
      </div>
    </div>`;
  }

  #key = (event: KeyboardEvent): void => {
    const items = [...this.querySelectorAll<HTMLElement>(".item")];
    const at = items.indexOf(document.activeElement as HTMLElement);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) items[(at + step + items.length) % items.length]?.focus();
    else if (event.key === "Escape" || event.key === "Tab") this.#done(true);
    else if (event.key === "Home") items[0]?.focus();
    else if (event.key === "End") items.at(-1)?.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  #done(focusBack: boolean): void {
    if (focusBack) this.anchor.focus({ preventScroll: true });
    this.dispatchEvent(new CustomEvent("done"));
  }
}

customElements.define("mux-menu", MuxMenu);
