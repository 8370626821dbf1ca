import { LitElement } from "lit";
import type { Closes } from "../lib/disposable.ts";
import type { Emitter } from "../lib/emitter.ts";

/**
 * A component without a shadow root: one style sheet for the whole page, labels and ids reach everywhere,
 * and no <style> element that would need a nonce.
 */
export abstract class MuxElement extends LitElement {
  #held: Closes[] = [];

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  /** Ties something to the time this element is on the page. Call from connectedCallback. */
  protected hold<T extends Closes>(thing: T): T {
    this.#held.push(thing);
    return thing;
  }

  /** Draws again whenever the emitter fires, while on the page. */
  protected follow(...emitters: Emitter[]): void {
    for (const emitter of emitters) this.hold(emitter.on(() => this.requestUpdate()));
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    for (const thing of this.#held.splice(0).reverse()) thing.dispose();
  }
}
