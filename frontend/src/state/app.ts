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
  readonly inventory = this.own(new InventoryStore(() => void this.auth.refresh()));

  constructor() {
    super();
    this.takeLink();
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
    this.linkToken = token;
    return true;
  }
}
