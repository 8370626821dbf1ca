import { html, nothing, type TemplateResult } from "lit";
import { asApiError } from "../api/problem.ts";
import { refresh } from "../api/sessions.ts";
import type { HostView } from "../api/types.gen.ts";
import { listen } from "../lib/disposable.ts";
import type { App } from "../state/app.ts";
import { Board } from "../state/board.ts";
import { hostOf } from "../state/cursor.ts";
import { withName } from "../state/folds.ts";
import { hostOfKey, rowKey } from "../state/inventory.ts";
import { hostItemKey, type Item } from "../state/items.ts";
import { hostPath, terminalPath } from "../state/router.ts";
import { firstAnswer, noHosts, nothingFound, nothingRuns, unknownHost } from "./board-empty.ts";
import { boardItem, type ListContext } from "./board-host.ts";
import { type BoardCommands, boardKey } from "./board-keys.ts";
import { makersOf, Pops } from "./board-pops.ts";
import { boardColumns, mainPath, targetOf } from "./board-row.ts";
import { boardSummary } from "./board-summary.ts";
import { boardTop } from "./board-top.ts";
import { Walk } from "./board-walk.ts";
import { MuxElement } from "./element.ts";
import { plainClick } from "./go-on.ts";
import "./mux-window.ts";

const COLUMNS = boardColumns();

export class MuxDashboard extends MuxElement implements BoardCommands {
  static override properties = { app: { attribute: false }, host: { attribute: false } };
  declare app: App;
  /** The host that the address names. */
  declare host: string | null;
  #board = new Board();
  #walk = new Walk(this, this.#board);
  #pops: Pops | null = null;
  #named: string | null = null;
  /** Keys of the lines whose remedy is unfolded. */
  #remedies: ReadonlySet<string> = new Set();
  #refreshing = false;

  override connectedCallback(): void {
    super.connectedCallback();
    const { app } = this;
    const redraw = (): void => this.requestUpdate();
    const closed = (): void => void this.updateComplete.then(() => this.#walk.regain(true));
    this.#pops = new Pops({ app, redraw, closed, made: this.#made });
    this.follow(app.inventory.changed, app.auth.changed);
    this.hold(app.inventory.watch());
    this.hold(
      listen<KeyboardEvent>(document, "keydown", (event) => {
        if (!this.#pops?.any) boardKey(event, this);
      }),
    );
    this.hold(
      listen<FocusEvent>(this, "focusin", (event) => {
        const key = (event.target as HTMLElement).closest<HTMLElement>("[data-key]")?.dataset.key;
        if (key && key !== this.#board.cursor.key && this.#board.cursor.choose(key)) this.requestUpdate();
      }),
    );
  }

  protected override willUpdate(): void {
    const { inventory } = this.app;
    if (inventory.snapshot && this.host !== this.#named) {
      this.#named = this.host;
      if (this.host !== null) this.#show(this.host);
    }
    this.#board.update(inventory.snapshot, this.#named);
    this.#walk.remember();
  }

  protected override updated(): void {
    void this.#walk.regain();
    this.#reveal();
  }

  protected override render() {
    const { inventory, auth } = this.app;
    const live = inventory.live;
    // What is shown may no longer be so: nothing has come for a while, and nothing is on its way.
    const old = live === "reconnecting" || live === "paused";
    return html`${boardTop({
      live,
      askedAt: inventory.askedAt,
      name: auth.me?.principal.name ?? "",
      filter: this.#board.filter,
      accountOpen: this.#pops?.account ?? false,
      type: (text) => this.#setFilter(text),
      filterKey: this.#filterKey,
      account: (anchor) => this.#pops?.openAccount(anchor),
      home: (event) => this.#goOn(event, "./"),
    })}
      <main class="board ${old ? "old" : ""}"><h1 class="words-only">Sessions</h1>
        ${this.#renderBoard()}${this.#pops?.renderMenu()}</main>
      ${this.#pops?.renderDialog()}`;
  }

  #renderBoard(): TemplateResult {
    const hosts = this.app.inventory.snapshot?.hosts;
    const { summary, items, filter, filtering, shown, folds } = this.#board;
    if (!hosts || !summary) return firstAnswer();
    const missing = this.host !== null && !hosts.some((host) => host.key === this.host);
    if (hosts.length === 0) return missing ? html`${unknownHost(this.host)}${noHosts()}` : noHosts();
    const makes = makersOf(hosts).length > 0;
    return html`${boardSummary({
      summary,
      filter: filtering ? filter : "",
      shown,
      folded: hosts.length > 1 && summary.any && !filtering ? folds.hosts.size > 0 : null,
      refreshing: this.#refreshing,
      choose: (text) => this.#setFilter(text),
      foldAll: (folded) => this.#foldAll(folded),
      refresh: this.#refresh,
      help: () => this.help(),
    })}
      ${missing ? unknownHost(this.host) : nothing}
      ${summary.quiet && !filtering ? nothingRuns(makes ? () => this.create() : null, summary.server) : nothing}
      ${items.length === 0 ? nothingFound(filter, () => this.#setFilter("")) : nothing}
      <mux-window .items=${items} .draw=${this.#drawer()} .name=${"Sessions"} .head=${COLUMNS}></mux-window>`;
  }

  /** A function of its own for every drawing: the list draws again what is in sight. */
  #drawer(): (item: Item, index: number) => TemplateResult {
    const context: ListContext = {
      me: this.app.auth.me,
      marks: this.#board.marks,
      active: this.#board.cursor.key,
      fresh: this.app.inventory.fresh,
      menu: this.#pops?.row ?? null,
      remedies: this.#remedies,
      openMenu: (row, anchor) => {
        this.#board.cursor.choose(row.key);
        this.#pops?.openRow(row, anchor, this);
      },
      follow: (event, path) => this.#goOn(event, path),
      create: (host, user) => this.#pops?.create(host, user),
      fold: (item, folded) => this.#fold(item, folded),
      unfold: (key, open) => {
        if (this.#remedies.has(key) === open) return;
        this.#remedies = withName(this.#remedies, key, open);
        this.requestUpdate();
      },
    };
    return (item, index) => boardItem(item, index, context);
  }

  // Commands of the keyboard.
  move(step: number): void {
    this.#walk.step(step);
  }
  page(way: number): void {
    this.#walk.leaf(way);
  }
  edge(last: boolean): void {
    this.#walk.edge(last);
  }
  fold(folded: boolean): void {
    const { item } = this.#board.cursor;
    if (item) this.#fold(item, folded);
  }
  open(newTab: boolean): void {
    const { row, cursor } = this.#board;
    if (!row) this.#openLine(cursor.item);
    else if (newTab)
      window.open(new URL(mainPath(row, this.app.auth.me), document.baseURI), "_blank", "noopener");
    else this.app.router.go(mainPath(row, this.app.auth.me));
  }
  view(): void {
    const { row } = this.#board;
    if (row) this.app.router.go(terminalPath(targetOf(row), "view"));
  }
  create(): void {
    const { row, cursor } = this.#board;
    const key = cursor.item ? hostOf(cursor.item) : null;
    this.#pops?.create(this.#hosts().find((host) => host.key === key) ?? null, row?.user ?? null);
  }
  rename(): void {
    this.#pops?.change("rename", this.#board.row);
  }
  kill(): void {
    this.#pops?.change("kill", this.#board.row);
  }
  filter(): void {
    const field = this.querySelector<HTMLInputElement>("[data-testid=filter]");
    field?.focus();
    field?.select();
  }
  help(): void {
    this.#pops?.help();
  }
  back(): void {
    if (this.#board.filter) this.#setFilter("");
    else if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
  }

  #hosts(): readonly HostView[] {
    return this.app.inventory.snapshot?.hosts ?? [];
  }

  /** The address names a host: it is unfolded, in sight, and has the keyboard. */
  #show(host: string): void {
    this.#board.filter = "";
    if (this.#board.folds.hosts.has(host)) this.#board.folds.fold(host, false);
    if (this.#hosts().some((each) => each.key === host)) this.app.inventory.reveal = hostItemKey(host);
  }

  /** Takes the focus to what was just made, left or named, as soon as it is there. */
  #reveal(): void {
    const { inventory } = this.app;
    const key = inventory.reveal;
    if (key === null) return;
    const { items, folds, cursor } = this.#board;
    const item = items.find((each) => each.key === key);
    const host = hostOfKey(key);
    if (item) {
      const stop = cursor.near(item, 1) ?? item;
      inventory.reveal = null;
      cursor.choose(stop.key);
      void this.#walk.focus(stop.key, "center");
    } else if (host !== null && folds.hosts.has(host)) {
      folds.fold(host, false);
      this.requestUpdate();
    }
  }

  /** Folds or unfolds, and takes the focus to what then stands there. */
  #fold(item: Item, folded: boolean): void {
    const { folds, filtering } = this.#board;
    const host = hostOf(item);
    if (item.kind === "lot") folds.open(item.lot, !folded);
    else if (host !== null && !filtering) folds.fold(host, folded);
    else return;
    this.requestUpdate();
    void this.updateComplete.then(() => {
      const key = host === null ? item.key : hostItemKey(host);
      const { items, cursor } = this.#board;
      this.#walk.to(
        cursor.near(
          items.find((each) => each.key === key),
          1,
        ),
      );
    });
  }

  #foldAll(folded: boolean): void {
    const all = this.#hosts().filter((host) => host.users.some((user) => user.sessions.length > 0));
    this.#board.folds.foldAll(folded ? all.map((host) => host.key) : []);
    this.requestUpdate();
  }

  /** Enter on what is no session: a folded host, a line that stands for hosts, a host with nothing in it. */
  #openLine(item: Item | undefined): void {
    if (item?.kind === "lot") this.#fold(item, item.open);
    else if (item?.kind === "host" && item.folded) this.#fold(item, false);
    else if (item?.kind === "host") this.app.router.go(hostPath(item.group.host.key));
  }

  #setFilter(filter: string): void {
    const { inside } = this.#walk;
    this.#board.filter = filter;
    this.requestUpdate();
    const { key } = this.#board.cursor;
    if (filter)
      scrollTo(0, 0); // the first match is the one that Enter goes to
    else if (inside && key !== null) void this.#walk.focus(key, "center");
  }

  #filterKey = (event: KeyboardEvent): void => {
    if (event.key === "Escape") {
      if (this.#board.filter) this.#setFilter("");
      else (event.target as HTMLElement).blur();
    } else if (event.key === "Enter" || event.key === "ArrowDown") {
      this.edge(false);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };

  #goOn(event: MouseEvent, path: string): void {
    if (plainClick(event)) this.app.router.go(path);
  }

  #made = (host: string, user: string, name: string): void => {
    if (this.#board.filter) this.#setFilter("");
    this.app.inventory.markFresh(rowKey(host, user, name));
  };

  #refresh = async (): Promise<void> => {
    this.#refreshing = true;
    this.requestUpdate();
    try {
      await refresh();
    } catch (error) {
      const failure = asApiError(error);
      this.app.toasts.show(failure.message, { level: "error", quiet: failure.requestId });
    } finally {
      this.#refreshing = false;
      this.requestUpdate();
    }
  };
}

customElements.define("mux-dashboard", MuxDashboard);
