import { fetchMe, login, logout } from "../api/account.ts";
import { asApiError } from "../api/problem.ts";
import { unauthenticated } from "../api/request.ts";
import type { Me } from "../api/types.gen.ts";
import { Disposable, listen } from "../lib/disposable.ts";
import { Emitter } from "../lib/emitter.ts";
import { readNumber, writeNumber } from "../lib/storage.ts";
import { now } from "../lib/time.ts";
import { loginHint } from "./login-hint.ts";
import { linkOnly } from "./may.ts";
import { Renewal } from "./renewal.ts";

/** Takes `#token=…` out of the address bar before anything else can see, store or send it. */
export function takeTokenFromAddress(): string | null {
  const match = /^#token=(.*)$/.exec(location.hash);
  if (!match) return null;
  history.replaceState(null, "", location.pathname + location.search);
  try {
    return decodeURIComponent(match[1] ?? "");
  } catch {
    return match[1] ?? "";
  }
}

/** Who is asking. `unknown` until the first answer; `offline` when there was none. */
export class Auth extends Disposable {
  readonly changed = new Emitter();
  state: "unknown" | "in" | "out" | "offline" = "unknown";
  me: Me | null = null;
  /** Why the login form is shown, when the page itself tried a token. */
  failure = "";

  /** Logged in when last seen: the board may be drawn before the answer is here. */
  likely = false;

  /** What a gate without a form of ours says about logging in; null where the token form is the place. */
  hint: string | null = null;
  /** A login that this page cannot renew has run out. What is on the screen stays there. */
  expired = false;
  #renewal = this.own(new Renewal({ ask: () => this.refresh(), now, random: Math.random }));

  constructor() {
    super();
    this.own(unauthenticated.on(() => this.#lost()));
    const wake = (): void => this.#renewal.wake();
    this.own(listen(window, "online", wake));
    this.own(listen(window, "pageshow", wake));
    this.own(listen(document, "visibilitychange", () => !document.hidden && wake()));
  }

  /** Whether the login is one of the token form, which this page can ask for again. */
  get byToken(): boolean {
    return this.me?.principal.gate === "token";
  }

  async start(token: string | null): Promise<void> {
    this.likely = token === null && readNumber("in", 0) === 1;
    if (token !== null) {
      try {
        await login(token);
      } catch (error) {
        this.failure = loginFailure(error);
      }
    }
    await this.refresh();
  }

  async refresh(): Promise<void> {
    try {
      const { me, ahead } = await fetchMe();
      this.me = me;
      this.failure = "";
      this.hint = null;
      this.expired = false;
      // A token login is what its form made it; nothing but the form makes it longer.
      this.#renewal.follow(this.byToken ? null : me.expires_at, ahead);
      this.#set("in");
    } catch (error) {
      // An answer that is not about the login leaves an existing login as it is.
      const failure = asApiError(error);
      if (failure.status === 401) this.#lost(loginHint(failure));
      else if (this.state === "unknown") this.#set("offline");
    }
  }

  /** Throws ApiError when the token is refused. */
  async login(token: string): Promise<void> {
    await login(token);
    await this.refresh();
  }

  async logout(): Promise<void> {
    await logout();
    const wasToken = this.byToken;
    this.me = null;
    this.expired = false;
    this.#renewal.follow(null, 0);
    if (wasToken) this.#set("out");
    else {
      // Behind another gate one is still somebody, or learns from it where to log in.
      this.state = "unknown";
      await this.refresh();
    }
  }

  #lost(hint: string | null = this.hint): void {
    if (this.state === "in" && this.me && !this.byToken) {
      this.expired = true;
      this.#renewal.over();
      this.changed.emit();
      return;
    }
    this.hint = hint;
    this.#set("out");
  }

  #set(state: Auth["state"]): void {
    if (state === "out") this.me = null;
    if (state === "in" || state === "out") writeNumber("in", state === "in" && !linkOnly(this.me) ? 1 : 0);
    this.state = state;
    this.changed.emit();
  }
}

export function loginFailure(error: unknown): string {
  const failure = asApiError(error);
  return failure.status === 401 ? "That token is not right." : failure.message;
}
