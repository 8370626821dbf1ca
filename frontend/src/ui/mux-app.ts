import { html, type TemplateResult } from "lit";
import type { LinkView } from "../api/types.gen.ts";
import { framed } from "../embed/embedder.ts";
import { now } from "../lib/time.ts";
import { visible } from "../lib/words.ts";
import type { App } from "../state/app.ts";
import { allowedMode, linkOnly, linkWords, opens } from "../state/may.ts";
import { type Route, terminalPath } from "../state/router.ts";
import { fetchRenderer } from "../term/renderer.ts";
import { MuxElement } from "./element.ts";
import { plainClick } from "./go-on.ts";
import { icon } from "./icons.ts";
import "./mux-admin.ts";
import "./mux-dashboard.ts";
import "./mux-login.ts";
import "./mux-open.ts";
import "./toast-list.ts";

/** The terminal is most of the code: it comes when first needed, or while the board is idle. */
const loadTerminal = (): Promise<unknown> => import("./mux-terminal.ts");

/** Chooses the screen; knows nothing of what is on it. */
export class MuxApp extends MuxElement {
  #app: App | undefined;
  #terminalReady = false;
  #terminalFailed = false;

  get app(): App | undefined {
    return this.#app;
  }
  set app(app: App | undefined) {
    this.#app = app;
    if (!app) return;
    this.follow(app.auth.changed, app.router.changed);
    this.requestUpdate();
  }

  protected override updated(): void {
    const app = this.#app;
    if (!app) return;
    const { route } = app.router; // as it was drawn: it may change here
    const { page } = route;
    // Where there is no form of ours, the address stays, so that loading it again goes on there.
    const form =
      app.auth.hint === null && page !== "login" && page !== "open" && !this.#needsLink(app, route);
    if (app.auth.state === "out" && form) app.router.askLogin();
    if (app.auth.state === "out") app.inventory.forget();
    if (this.#needsLink(app, route)) {
      app.embedder.tellLack("no_link", "There is no link to open.");
    }
    if (route.page === "board") {
      document.title = route.host === null ? "muxboard" : `${visible(route.host)} · muxboard`;
      // Safari has no idle callback; half a second is idle enough.
      const idle = window.requestIdleCallback ?? ((run: () => void) => setTimeout(run, 500));
      if (app.auth.state === "in") idle(() => void this.#needTerminal(true));
    }
    if (page === "terminal") {
      if (!this.#terminalReady) void fetchRenderer(); // beside the rest, not after it
      void this.#needTerminal(false);
    }
  }

  /** A framed terminal that was loaded again by itself has lost its link, and a form is not what it needs. */
  #needsLink(app: App, route: Route): boolean {
    if (!framed || route.page !== "terminal" || app.auth.expired) return false;
    const link = linkOnly(app.auth.me, route.target);
    return app.auth.state === "out" || (link !== null && !opens(link, route.target));
  }

  /** Whoever may only look gets to look, whatever the address says. */
  #allowed(app: App, route: Extract<Route, { page: "terminal" }>): typeof route {
    const mode = allowedMode(app.auth.me, route.target, route.mode);
    return mode === route.mode ? route : { ...route, mode };
  }

  async #needTerminal(quietly: boolean): Promise<void> {
    if (this.#terminalReady) return;
    try {
      await loadTerminal();
      this.#terminalReady = true;
      this.#terminalFailed = false;
    } catch {
      if (quietly) return;
      this.#terminalFailed = true;
    }
    this.requestUpdate();
  }

  protected override render() {
    const app = this.#app;
    if (!app) return html``;
    return html`${this.#page(app, app.router.route)}${app.auth.expired ? loginOver(app) : ""}<mux-toasts .toasts=${app.toasts}></mux-toasts>`;
  }

  #page(app: App, route: Route): TemplateResult {
    if (route.page === "open") return html`<mux-open .app=${app}></mux-open>`;
    if (this.#needsLink(app, route)) return needsLink();
    if (route.page === "login" || app.auth.state === "out") return html`<mux-login .app=${app}></mux-login>`;
    const early = app.auth.likely && route.page === "board";
    if (app.auth.state === "unknown" && !early) return waiting(route);
    if (app.auth.state === "offline") {
      return lonely(
        "The muxboard service does not answer.",
        "Check that it runs and that the network is up.",
        {
          label: "Try again",
          run: () => void app.auth.refresh(),
        },
      );
    }
    const link = linkOnly(app.auth.me, route.page === "terminal" ? route.target : undefined);
    if (link && !(route.page === "terminal" && opens(link, route.target))) return linked(app, link);
    switch (route.page) {
      case "board":
        return html`<mux-dashboard .app=${app} .host=${route.host}></mux-dashboard>`;
      case "terminal":
        if (this.#terminalFailed) {
          return lonely("This page is older than the service.", "Load it again to get the terminal.", {
            label: "Load again",
            run: () => location.reload(),
          });
        }
        return this.#terminalReady
          ? html`<mux-terminal .app=${app} .route=${this.#allowed(app, route)}></mux-terminal>`
          : html`<main aria-busy="true"></main>`;
      case "admin":
        return html`<mux-admin .app=${app}></mux-admin>`;
      default:
        return lonely("There is no such page.", "The address may have been cut off.");
    }
  }
}

function needsLink(): TemplateResult {
  return html`<main class="landing" data-testid="needs-link">
    <h1>This terminal needs a new link</h1>
    <p class="soft">Load the page around this frame again: it gets one. The session goes on meanwhile.</p>
  </main>`;
}

/** All that somebody has who came by a deep link. */
function linked(app: App, link: LinkView): TemplateResult {
  const path = terminalPath(link, link.mode);
  const go = (event: MouseEvent): void => {
    if (plainClick(event)) app.router.go(path);
  };
  return html`<main class="landing" data-testid="linked">
    <h1 class="brand">muxboard</h1>
    <p>You came by a link to <span class="mono">${visible(link.session)}</span> of
      <span class="mono">${link.user}@${link.host}</span>, and see nothing else of this service.
      <br><span class="soft">${linkWords(app.auth.me, now())}</span></p>
    <p><a class="button primary" href=${path} data-testid="linked-go" @click=${go}>
      ${icon(link.mode === "view" ? "eye" : "enter")} Go to the session</a></p>
  </main>`;
}

/** Over whatever is on the screen, which stays: it may be what somebody was just reading. */
function loginOver(app: App): TemplateResult {
  const link = linkOnly(app.auth.me);
  return html`<div class="login-over" role="alert" data-testid="login-over">
    <span class="condition tone-wait">${icon("clock")}</span>
    <span>${link ? "The time of this link is over." : "Your login has expired."}
      <span class="soft">${expiredHelp(link !== null)}</span></span>
    ${framed && link ? "" : html`<button class="button" data-testid="login-again" @click=${() => location.reload()}>${icon("key")} Log in again</button>`}
  </div>`;
}

function expiredHelp(byLink: boolean): string {
  if (!byLink) return "What you see stays, and is no longer fresh.";
  return framed ? "Load the page around this frame again for a new one." : "Ask for a new one, or log in.";
}

/** Until it is known who is asking: the frame of the board, so that the page is there at once. */
function waiting(route: Route): TemplateResult {
  const top = html`<header class="top"><span class="brand">muxboard</span></header>`;
  return html`${route.page === "board" ? top : ""}<main aria-busy="true"></main>`;
}

function lonely(what: string, then: string, action?: { label: string; run: () => void }): TemplateResult {
  return html`<main class="lonely" data-testid="lonely">
    <h1 class="brand">muxboard</h1>
    <p>${what}<br><span class="soft">${then}</span></p>
    ${
      action
        ? html`<button class="button" @click=${action.run}>${action.label}</button>`
        : html`<a class="button" href="./">Go to the board</a>`
    }
  </main>`;
}
