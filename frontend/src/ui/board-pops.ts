import { html, nothing, type TemplateResult } from "lit";
import { asApiError } from "../api/problem.ts";
import type { HostView, Me, UserView } from "../api/types.gen.ts";
import type { App } from "../state/app.ts";
import { mayChange, mayMint } from "../state/may.ts";
import type { Row } from "../state/rows.ts";
import { targetOf } from "./board-row.ts";
import type { MenuItem } from "./pop-menu.ts";
import "./dialog-help.ts";
import "./dialog-kill.ts";
import "./dialog-link.ts";
import "./dialog-new.ts";
import "./dialog-rename.ts";
import "./pop-menu.ts";

type Dialog =
  | { what: "help" }
  | { what: "new"; host: HostView; user: UserView | null; hosts: HostView[] }
  | { what: "link"; row: Row; me: Me }
  | { what: "rename" | "kill"; row: Row };

interface Menu {
  anchor: HTMLElement;
  items: MenuItem[];
  /** The row that it belongs to; null: the account. */
  row: string | null;
}

/** What the board does when something of a row's menu is chosen. */
export interface RowActions {
  open: (newTab: boolean) => void;
  view: () => void;
}

export interface PopsOptions {
  app: App;
  redraw: () => void;
  /** A dialog was closed; the focus is where the browser put it. */
  closed: () => void;
  /** A session of that name is there now. */
  made: (host: string, user: string, name: string) => void;
}

/** Where this person may make sessions. */
export function makersOf(hosts: readonly HostView[]): HostView[] {
  return hosts.filter((host) => host.users.some((user) => user.may_create));
}

/** What lies over the board: one menu or one dialog. */
export class Pops {
  #dialog: Dialog | null = null;
  #menu: Menu | null = null;

  constructor(readonly options: PopsOptions) {}

  /** Keys are theirs. */
  get any(): boolean {
    return this.#dialog !== null || this.#menu !== null;
  }
  get dialog(): boolean {
    return this.#dialog !== null;
  }
  /** The row whose menu is open. */
  get row(): string | null {
    return this.#menu?.row ?? null;
  }
  get account(): boolean {
    return this.#menu !== null && this.#menu.row === null;
  }

  help(): void {
    this.#open({ what: "help" });
  }

  create(host: HostView | null, user: UserView | null): void {
    const { app } = this.options;
    const hosts = makersOf(app.inventory.snapshot?.hosts ?? []);
    const at = hosts.find((maker) => maker.key === host?.key) ?? hosts[0];
    if (at) this.#open({ what: "new", hosts, host: at, user: user?.may_create ? user : null });
    else app.toasts.show("You may not create sessions here.", { level: "warning" });
  }

  change(what: "rename" | "kill", row: Row | undefined): void {
    if (!row) return;
    if (this.#mayChange(row)) this.#open({ what, row });
    else this.options.app.toasts.show("You may only view this session.", { level: "warning" });
  }

  openRow(row: Row, anchor: HTMLElement, does: RowActions): void {
    const items: MenuItem[] = [
      {
        label: "Open in a new tab",
        icon: "tab",
        testid: "menu-tab",
        key: "Ctrl ⏎",
        run: () => does.open(true),
      },
      { label: "View only", icon: "eye", testid: "menu-view", key: "v", run: () => does.view() },
    ];
    const { me } = this.options.app.auth;
    if (me && mayMint(me, targetOf(row))) {
      items.push({
        label: "Copy a link to this session…",
        icon: "link",
        testid: "menu-mint",
        run: () => this.#open({ what: "link", row, me }),
      });
    }
    if (this.#mayChange(row)) {
      const change = (what: "rename" | "kill") => (): void => this.change(what, row);
      items.push(
        { label: "Rename…", icon: "rename", testid: "rename", key: "r", run: change("rename") },
        { label: "Kill…", icon: "cross", testid: "kill", key: "x", destroys: true, run: change("kill") },
      );
    }
    this.#menu = { anchor, items, row: row.key };
    this.options.redraw();
  }

  openAccount(anchor: HTMLElement): void {
    const { app, redraw } = this.options;
    void app.auth.refresh();
    const logout = (): void => {
      app.auth.logout().catch((error: unknown) => {
        const failure = asApiError(error);
        app.toasts.show(failure.message, { level: "error", quiet: failure.requestId });
      });
    };
    const terminals = app.auth.me?.may_oversee ? "Everyone's terminals" : "Your terminals";
    const items: MenuItem[] = [
      { label: terminals, icon: "person", testid: "menu-admin", run: () => app.router.go("admin") },
    ];
    // Behind any other gate the page cannot log anybody out: the next request would log them in again.
    if (app.auth.byToken) items.push({ label: "Log out", icon: "back", testid: "logout", run: logout });
    this.#menu = {
      anchor,
      items,
      row: null,
    };
    redraw();
  }

  renderMenu(): TemplateResult | typeof nothing {
    const menu = this.#menu;
    if (!menu) return nothing;
    const done = (): void => {
      this.#menu = null;
      this.options.redraw();
    };
    return html`<mux-menu .anchor=${menu.anchor} .items=${menu.items} .note=${menu.row ? undefined : this.#who()}
      @done=${done}></mux-menu>`;
  }

  renderDialog(): TemplateResult | typeof nothing {
    const open = this.#dialog;
    const { made, redraw, closed } = this.options;
    const done = (): void => {
      this.#dialog = null;
      redraw();
      closed();
    };
    switch (open?.what) {
      case undefined:
        return nothing;
      case "help":
        return html`<mux-dialog-help @done=${done}></mux-dialog-help>`;
      case "new":
        return html`<mux-dialog-new .hosts=${open.hosts} .host=${open.host} .user=${open.user} .made=${made} @done=${done}></mux-dialog-new>`;
      case "link":
        return html`<mux-dialog-link .target=${targetOf(open.row)} .me=${open.me} @done=${done}></mux-dialog-link>`;
      case "kill":
        return html`<mux-dialog-kill .row=${open.row} @done=${done}></mux-dialog-kill>`;
      case "rename": {
        const { host, user } = open.row;
        const renamed = (name: string): void => made(host.key, user.name, name);
        return html`<mux-dialog-rename .row=${open.row} .renamed=${renamed} @done=${done}></mux-dialog-rename>`;
      }
    }
  }

  #mayChange(row: Row): boolean {
    return mayChange(this.options.app.auth.me, targetOf(row), row.user.may_control);
  }

  #who(): TemplateResult {
    const { me } = this.options.app.auth;
    if (!me) return html``;
    return html`<strong>${me.principal.name}</strong>
      <div class="small soft">known by ${me.principal.gate} · ${me.attaches.used} of ${me.attaches.limit} terminals open</div>`;
  }

  #open(dialog: Dialog): void {
    this.#dialog = dialog;
    this.options.redraw();
  }
}
