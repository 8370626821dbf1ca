import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { asApiError } from "../api/problem.ts";
import { refresh } from "../api/sessions.ts";
import type { HostView, UserView } from "../api/types.gen.ts";
import { listen } from "../lib/disposable.ts";
import type { App } from "../state/app.ts";
import { rowKey } from "../state/inventory.ts";
import { terminalPath } from "../state/router.ts";
import { arrange, type HostRows, needlesOf, type Row, rowsOf, summarise } from "../state/rows.ts";
import { firstAnswer, noHosts, nothingFound, nothingRuns } from "./board-empty.ts";
import { boardHost } from "./board-host.ts";
import { type BoardCommands, boardKey } from "./board-keys.ts";
import { mainPath, targetOf } from "./board-row.ts";
import { boardTop } from "./board-top.ts";
import { MuxElement } from "./element.ts";
import { icon } from "./icons.ts";
import type { MenuItem } from "./pop-menu.ts";
import "./dialog-help.ts";
import "./dialog-kill.ts";
import "./dialog-new.ts";
import "./dialog-rename.ts";
import "./pop-menu.ts";

type Open =
  | { what: "help" }
  | { what: "new"; host: HostView; user: UserView | null }
  | { what: "rename" | "kill"; row: Row };
interface OpenMenu {
  anchor: HTMLElement;
  items: MenuItem[];
  row: string | null;
}

export class MuxDashboard extends MuxElement implements BoardCommands {
  static override properties = { app: { attribute: false } };
  declare app: App;
  #filter = "";
  #hosts: HostRows[] = [];
  #rows: Row[] = [];
  /** The row that keys act on, by key: it survives updates, sorting and filters. */
  #active: string | null = null;
  #hadFocus: string | null = null;
  #dialog: Open | null = null;
  #menu: OpenMenu | null = null;
  #refreshing = false;

  override connectedCallback(): void {
    super.connectedCallback();
    const { inventory, auth } = this.app;
    this.follow(inventory.changed, auth.changed);
    this.hold(inventory.watch());
    this.hold(
      listen<KeyboardEvent>(document, "keydown", (event) => {
        if (!this.#dialog && !this.#menu) boardKey(event, this);
      }),
    );
    this.hold(
      listen<FocusEvent>(this, "focusin", (event) => {
        const row = (event.target as HTMLElement).closest<HTMLElement>("[data-key]");
        if (row?.dataset.key && row.dataset.key !== this.#active) this.#choose(row.dataset.key);
      }),
    );
  }

  protected override willUpdate(): void {
    const before = this.#rows.findIndex((row) => row.key === this.#active);
    const snapshot = this.app.inventory.snapshot;
    this.#hosts = snapshot ? arrange(snapshot, needlesOf(this.#filter)) : [];
    this.#rows = rowsOf(this.#hosts);
    if (!this.#rows.some((row) => row.key === this.#active)) {
      // The row went away: its neighbour takes over, so that the keyboard is never lost.
      this.#active = this.#rows[Math.min(Math.max(before, 0), this.#rows.length - 1)]?.key ?? null;
    }
    const focused = document.activeElement?.closest<HTMLElement>("[data-key]");
    this.#hadFocus = focused && this.contains(focused) ? (focused.dataset.key ?? null) : null;
  }

  protected override updated(_: PropertyValues): void {
    // Moving a row in the page drops its focus; a vanished row leaves it to the neighbour.
    if (this.#hadFocus && document.activeElement === document.body) this.#focusActive();
    const { inventory } = this.app;
    if (inventory.reveal && this.#rows.some((row) => row.key === inventory.reveal)) {
      const key = inventory.reveal;
      inventory.reveal = null;
      this.#choose(key);
      void this.updateComplete.then(() => this.#focusActive("center"));
    }
  }

  protected override render() {
    const { inventory, auth } = this.app;
    return html`${boardTop({
      live: inventory.live,
      name: auth.me?.principal.name ?? "",
      filter: this.#filter,
      accountOpen: this.#menu !== null && this.#menu.row === null,
      type: (filter) => this.#setFilter(filter),
      filterKey: this.#filterKey,
      account: (anchor) => this.#openAccount(anchor),
      home: (event) => this.#follow(event, "./"),
    })}
      <main class="board ${this.#old() ? "old" : ""}"><h1 class="words-only">Sessions</h1>
        ${this.#board()}${this.#renderMenu()}</main>
      ${this.#renderDialog()}`;
  }

  #board(): TemplateResult {
    const snapshot = this.app.inventory.snapshot;
    if (!snapshot) return firstAnswer();
    if (snapshot.hosts.length === 0) return noHosts();
    const needles = needlesOf(this.#filter);
    const hosts = this.#hosts;
    const context = {
      needles,
      active: this.#active,
      fresh: this.app.inventory.fresh,
      menu: this.#menu?.row ?? null,
      openMenu: (row: Row, anchor: HTMLElement) => this.#openMenu(row, anchor),
      follow: (event: MouseEvent, path: string) => this.#follow(event, path),
      create: (host: HostView, user: UserView | null) => this.#open({ what: "new", host, user }),
    };
    const users = snapshot.hosts.flatMap((host) => host.users);
    const quiet =
      snapshot.hosts.every((host) => host.state === "ok") &&
      users.every((user) => user.sessions.length === 0) &&
      users.some((user) => user.state === "ok" || user.state === "no_server");
    const server = users.some((user) => user.state === "ok");
    return html`${this.#summary()}
      ${quiet && !this.#filter ? nothingRuns(this.#makers().length > 0 ? () => this.create() : null, server) : nothing}
      ${hosts.length === 0 ? nothingFound(this.#filter, () => this.#setFilter("")) : nothing}
      ${repeat(
        hosts,
        (group) => group.host.key,
        (group) => boardHost(group, context),
      )}`;
  }

  /** What is shown may no longer be so: nothing has come for a while, and nothing is on its way. */
  #old(): boolean {
    const { live } = this.app.inventory;
    return live === "reconnecting" || live === "paused";
  }

  #summary(): TemplateResult {
    const snapshot = this.app.inventory.snapshot;
    if (!snapshot) return html``;
    const { sessions, asking, troubles } = summarise(snapshot);
    const shown = this.#filter ? html` · ${this.#rows.length} shown` : nothing;
    return html`<div class="summary" data-testid="summary">
      <p><strong>${sessions}</strong>${asking ? html` · <span class="tone-wait">${asking}</span>` : nothing}${troubles.map(
        (trouble) => html` · <span class="tone-bad">${trouble}</span>`,
      )}${shown}</p>
      <button class="plain small refresh" data-testid="refresh" ?disabled=${this.#refreshing} @click=${this.#refresh}
        title="Ask every host now">${icon("refresh")} refresh</button>
      <button class="plain small" data-testid="help" @click=${() => this.help()} title="Keys (?)">keys <kbd>?</kbd></button>
    </div>`;
  }

  #renderMenu(): TemplateResult | typeof nothing {
    const menu = this.#menu;
    if (!menu) return nothing;
    return html`<mux-menu .anchor=${menu.anchor} .items=${menu.items} .note=${menu.row ? undefined : this.#who()}
      @done=${() => {
        this.#menu = null;
        this.requestUpdate();
      }}></mux-menu>`;
  }

  #renderDialog(): TemplateResult | typeof nothing {
    const open = this.#dialog;
    if (!open) return nothing;
    const done = (): void => {
      this.#dialog = null;
      this.requestUpdate();
      // The browser gives the focus back to what had it; where that was nothing, the row gets it.
      void this.updateComplete.then(() => {
        if (document.activeElement === document.body) this.#focusActive();
      });
    };
    if (open.what === "help") return html`<mux-dialog-help @done=${done}></mux-dialog-help>`;
    if (open.what === "new") {
      return html`<mux-dialog-new .hosts=${this.#makers()} .host=${open.host} .user=${open.user} .made=${this.#made} @done=${done}></mux-dialog-new>`;
    }
    if (open.what === "kill") return html`<mux-dialog-kill .row=${open.row} @done=${done}></mux-dialog-kill>`;
    const { host, user } = open.row;
    const renamed = (name: string): void => this.#made(host.key, user.name, name);
    return html`<mux-dialog-rename .row=${open.row} .renamed=${renamed} @done=${done}></mux-dialog-rename>`;
  }

  // Commands of the keyboard.
  move(step: number): void {
    const at = this.#rows.findIndex((row) => row.key === this.#active);
    const fromOutside = document.activeElement?.closest("[data-key]") === null;
    const next = fromOutside ? Math.max(at, 0) : Math.min(Math.max(at + step, 0), this.#rows.length - 1);
    this.#goTo(this.#rows[next]);
  }
  edge(last: boolean): void {
    this.#goTo(last ? this.#rows.at(-1) : this.#rows[0]);
  }
  open(newTab: boolean): void {
    const row = this.#current();
    if (!row) return;
    if (newTab) window.open(new URL(mainPath(row), document.baseURI), "_blank", "noopener");
    else this.app.router.go(mainPath(row));
  }
  view(): void {
    const row = this.#current();
    if (row) this.app.router.go(terminalPath(targetOf(row), "view"));
  }
  create(): void {
    const row = this.#current();
    const host = row?.host ?? this.#makers()[0];
    const makers = this.#makers();
    const at = makers.find((maker) => maker.key === host?.key) ?? makers[0];
    if (at) this.#open({ what: "new", host: at, user: row?.user.may_create ? row.user : null });
    else this.app.toasts.show("You may not create sessions here.", { level: "warning" });
  }
  rename(): void {
    this.#change("rename");
  }
  kill(): void {
    this.#change("kill");
  }
  filter(): void {
    const field = this.querySelector<HTMLInputElement>("[data-testid=filter]");
    field?.focus();
    field?.select();
  }
  help(): void {
    this.#open({ what: "help" });
  }
  back(): void {
    if (this.#filter) this.#setFilter("");
    else if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
  }

  #current(): Row | undefined {
    return this.#rows.find((row) => row.key === this.#active);
  }

  #makers(): HostView[] {
    const hosts = this.app.inventory.snapshot?.hosts ?? [];
    return hosts.filter((host) => host.users.some((user) => user.may_create));
  }

  #change(what: "rename" | "kill", row = this.#current()): void {
    if (!row) return;
    if (row.user.may_control) this.#open({ what, row });
    else this.app.toasts.show("You may only view this session.", { level: "warning" });
  }

  #open(dialog: Open): void {
    this.#dialog = dialog;
    this.requestUpdate();
  }

  #choose(key: string): void {
    this.#active = key;
    this.requestUpdate();
  }

  #goTo(row: Row | undefined): void {
    if (!row) return;
    this.#choose(row.key);
    void this.updateComplete.then(() => this.#focusActive());
  }

  #focusActive(block: ScrollLogicalPosition = "nearest"): void {
    const row = [...this.querySelectorAll<HTMLElement>("[data-key]")].find(
      (r) => r.dataset.key === this.#active,
    );
    row?.querySelector<HTMLElement>("[data-name-link]")?.focus({ preventScroll: true });
    row?.scrollIntoView({ block });
  }

  #setFilter(filter: string): void {
    this.#filter = filter;
    if (filter) scrollTo(0, 0); // the first match is the one that Enter goes to
    this.requestUpdate();
  }

  #filterKey = (event: KeyboardEvent): void => {
    if (event.key === "Escape") {
      if (this.#filter) this.#setFilter("");
      else (event.target as HTMLElement).blur();
    } else if (event.key === "Enter" || event.key === "ArrowDown") {
      this.edge(false);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };

  /** A plain click stays in this page; every other click is the browser's (new tab, download, …). */
  #follow(event: MouseEvent, path: string): void {
    if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    this.app.router.go(path);
  }

  #openMenu(row: Row, anchor: HTMLElement): void {
    this.#choose(row.key);
    const go = (path: string): void => this.app.router.go(path);
    const items: MenuItem[] = [
      {
        label: "Open in a new tab",
        icon: "tab",
        testid: "menu-tab",
        key: "Ctrl ⏎",
        run: () => this.open(true),
      },
      {
        label: "View only",
        icon: "eye",
        testid: "menu-view",
        key: "v",
        run: () => go(terminalPath(targetOf(row), "view")),
      },
    ];
    if (row.user.may_control) {
      items.push(
        {
          label: "Rename…",
          icon: "rename",
          testid: "rename",
          key: "r",
          run: () => this.#change("rename", row),
        },
        {
          label: "Kill…",
          icon: "cross",
          testid: "kill",
          key: "x",
          destroys: true,
          run: () => this.#change("kill", row),
        },
      );
    }
    this.#menu = { anchor, items, row: row.key };
    this.requestUpdate();
  }

  #openAccount(anchor: HTMLElement): void {
    void this.app.auth.refresh();
    const logout = (): void => {
      this.app.auth.logout().catch((error: unknown) => this.#fail(error));
    };
    this.#menu = {
      anchor,
      row: null,
      items: [{ label: "Log out", icon: "back", testid: "logout", run: logout }],
    };
    this.requestUpdate();
  }

  #who(): TemplateResult {
    const me = this.app.auth.me;
    if (!me) return html``;
    return html`<strong>${me.principal.name}</strong>
      <div class="small soft">known by ${me.principal.gate} · ${me.attaches.used} of ${me.attaches.limit} terminals open</div>`;
  }

  #made = (host: string, user: string, name: string): void => {
    if (this.#filter) this.#setFilter("");
    this.app.inventory.markFresh(rowKey(host, user, name));
  };

  #refresh = async (): Promise<void> => {
    this.#refreshing = true;
    this.requestUpdate();
    try {
      await refresh();
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#refreshing = false;
      this.requestUpdate();
    }
  };

  #fail(error: unknown): void {
    const failure = asApiError(error);
    this.app.toasts.show(failure.message, { level: "error", quiet: failure.requestId });
  }
}

customElements.define("mux-dashboard", MuxDashboard);
