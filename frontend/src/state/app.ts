import { BY_EMBEDDER, Embedder, framed } from "../embed/embedder.ts";
import { Disposable, listen } from "../lib/disposable.ts";
import { Auth } from "./auth.ts";
import { InventoryStore } from "./inventory.ts";
import { takeLinkFromAddress } from "./offer.ts";
import { Router } from "./router.ts";
import { Toasts } from "./toasts.ts";

/** Everything that outlives a screen, made once and handed down as a property. */
export class App extends Disposable {
  readonly router = this.own(new Router());
  readonly auth = this.own(new Auth());
  readonly toasts = new Toasts();
  /** The deep link that the page was opened with; nowhere but here. */
  linkToken: string | null = null;
  readonly embedder = this.own(new Embedder());
  /** The page around this one has not said yet which link it has. */
  awaited = false;
  readonly inventory = this.own(new InventoryStore(() => void this.auth.refresh()));

  constructor() {
    super();
    this.takeLink();
    this.own(this.embedder.handed.on((token) => this.#handed(token)));
    // Another link put into the same tab changes the fragment and nothing else.
    this.own(
      listen(window, "hashchange", () => {
        if (this.takeLink()) this.router.changed.emit();
      }),
    );
  }

  takeLink(): boolean {
    const token = takeLinkFromAddress(new URL(document.baseURI));
    if (token === null) return false;
    this.awaited = framed && token === BY_EMBEDDER;
    this.linkToken = this.awaited ? null : token;
    return true;
  }

  #handed(token: string | null): void {
    this.awaited = false;
    this.linkToken = token;
    if (token !== null && this.router.route.page !== "open") this.router.replace("open");
    else this.router.changed.emit();
  }
}
