import { Disposable } from "../lib/disposable.ts";
import { Auth } from "./auth.ts";
import { InventoryStore } from "./inventory.ts";
import { Router } from "./router.ts";
import { Toasts } from "./toasts.ts";

/** Everything that outlives a screen, made once and handed down as a property. */
export class App extends Disposable {
  readonly router = this.own(new Router());
  readonly auth = this.own(new Auth());
  readonly toasts = new Toasts();
  readonly inventory = this.own(new InventoryStore(() => void this.auth.refresh()));
}
