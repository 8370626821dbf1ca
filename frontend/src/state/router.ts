import type { Target } from "../api/sessions.ts";
import type { TerminalMode } from "../api/types.gen.ts";
import { Disposable, listen } from "../lib/disposable.ts";
import { Emitter } from "../lib/emitter.ts";

export type Route =
  | { page: "board"; host: string | null }
  | { page: "terminal"; target: Target; mode: TerminalMode }
  | { page: "login" }
  | { page: "open" }
  | { page: "admin" }
  | { page: "unknown" };

/** The route of a URL below `base`. Broken percent-escapes are an unknown page, not an exception. */
export function readRoute(url: URL, base: URL): Route {
  if (!url.pathname.startsWith(base.pathname)) return { page: "unknown" };
  const parts = url.pathname.slice(base.pathname.length).replace(/\/$/, "").split("/");
  if (parts[0] === "" && parts.length === 1) return { page: "board", host: null };
  if (parts.length === 1 && (parts[0] === "login" || parts[0] === "open" || parts[0] === "admin")) {
    return { page: parts[0] };
  }
  if (parts[0] !== "h" || (parts.length !== 2 && parts.length !== 4) || parts.includes("")) {
    return { page: "unknown" };
  }
  try {
    const [host = "", user = "", session = ""] = parts.slice(1).map(decodeURIComponent);
    if (parts.length === 2) return { page: "board", host };
    const mode = url.searchParams.get("mode") === "view" ? "view" : "control";
    return { page: "terminal", target: { host, user, session }, mode };
  } catch {
    return { page: "unknown" };
  }
}

/** Relative to <base>, so that it can be an href as it is. */
export function terminalPath(target: Target, mode: TerminalMode): string {
  const path = [target.host, target.user, target.session].map(encodeURIComponent).join("/");
  return mode === "view" ? `h/${path}?mode=view` : `h/${path}`;
}

/** The board with one host in sight. Relative to <base>. */
export function hostPath(host: string): string {
  return `h/${encodeURIComponent(host)}`;
}

export class Router extends Disposable {
  readonly changed = new Emitter();
  #route: Route;
  /** Where the login form goes on; kept in the page, never in a URL that somebody else could have made. */
  #after: string | null = null;

  constructor() {
    super();
    this.#route = this.#read();
    this.own(listen(window, "popstate", () => this.#changed()));
  }

  get route(): Route {
    return this.#route;
  }

  go(path: string): void {
    history.pushState(null, "", new URL(path, document.baseURI));
    this.#changed();
  }

  /** Without a way back to where the page is now. */
  replace(path: string): void {
    history.replaceState(null, "", new URL(path, document.baseURI));
    this.#changed();
  }

  askLogin(): void {
    if (this.#route.page === "login") return;
    this.#after = location.href;
    this.go("login");
  }

  afterLogin(): void {
    const after = this.#after ?? document.baseURI;
    this.#after = null;
    history.replaceState(null, "", after);
    this.#changed();
  }

  #read(): Route {
    return readRoute(new URL(location.href), new URL(document.baseURI));
  }

  #changed(): void {
    this.#route = this.#read();
    this.changed.emit();
  }
}
