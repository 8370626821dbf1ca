import { age, ago, exact, now } from "../lib/time.ts";

const shown = new Set<MuxAgo>();
let timer: ReturnType<typeof setInterval> | undefined;

function tickAll(): void {
  if (document.hidden) return;
  for (const element of shown) element.tick();
}

/**
 * A relative time that ticks, with the exact one as its title. Not a Lit element: hundreds of them share one
 * timer and touch the page only when their words change.
 */
export class MuxAgo extends HTMLElement {
  #at = 0;
  #text = "";
  /** Set before `at`: `3 h old` instead of `3 h ago`, and what the exact time is the time of. */
  words: "ago" | "age" = "ago";
  label = "";

  get at(): number {
    return this.#at;
  }
  set at(at: number) {
    if (at === this.#at) return;
    this.#at = at;
    this.title = at > 0 ? `${this.label}${exact(at)}` : "";
    this.tick();
  }

  connectedCallback(): void {
    shown.add(this);
    timer ??= setInterval(tickAll, 1000);
    this.tick();
  }

  disconnectedCallback(): void {
    shown.delete(this);
    if (shown.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  }

  tick(): void {
    const say = this.words === "age" ? age : ago;
    const text = this.#at > 0 ? say(this.#at, now()) : "";
    if (text === this.#text) return;
    this.#text = text;
    this.textContent = text;
  }
}

customElements.define("mux-ago", MuxAgo);
