import { fetchMe, login, logout } from "../api/account.ts";
import { asApiError } from "../api/problem.ts";
import { unauthenticated } from "../api/request.ts";
import type { Me } from "../api/types.gen.ts";
import { Disposable } from "../lib/disposable.ts";
import { Emitter } from "../lib/emitter.ts";
import { readNumber, writeNumber } from "../lib/storage.ts";

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

  constructor() {
    super();
    this.own(unauthenticated.on(() => this.#set("out")));
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
      this.me = await fetchMe();
      this.failure = "";
      this.#set("in");
    } catch (error) {
      // An answer that is not about the login leaves an existing login as it is.
      if (asApiError(error).status === 401) this.#set("out");
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
    this.me = null;
    this.#set("out");
  }

  #set(state: Auth["state"]): void {
    if (state === "out") this.me = null;
    if (state === "in" || state === "out") writeNumber("in", state === "in" ? 1 : 0);
    this.state = state;
    this.changed.emit();
  }
}

export function loginFailure(error: unknown): string {
  const failure = asApiError(error);
  return failure.status === 401 ? "That token is not right." : failure.message;
}
