/**
 * `<muxboard-terminal token="…">`: one session of a muxboard service in a page of another origin. It is built
 * into one small file without imports. The token never stands in the frame's address: it is handed over by a
 * message that the browser delivers to the service's origin and to no other.
 */
import type { EmbedWord, FrameWord } from "./words.ts";

/** A frame that loaded answers at once. One that was refused loads, too, and never answers. */
const SILENCE_MS = 5_000;
const STYLE = `
:host { display: block; position: relative; height: 24rem; overflow: hidden }
:host([hidden]) { display: none }
iframe { position: absolute; inset: 0; width: 100%; height: 100%; border: 0 }
p { position: absolute; inset: 0; margin: 0; padding: 1rem; font: 0.875rem/1.5 system-ui, sans-serif;
  background: Canvas; color: CanvasText; overflow: auto }`;

const here = import.meta.url;
const page = new URL("open#embed", here);

class MuxboardTerminal extends HTMLElement {
  static observedAttributes = ["token", "title"];
  #root = this.attachShadow({ mode: "closed" });
  #frame: HTMLIFrameElement | null = null;
  #token: string | null = null;
  #timer = 0;

  constructor() {
    super();
    const style = new CSSStyleSheet(); // a <style> would need the embedding page's policy
    style.replaceSync(STYLE);
    this.#root.adoptedStyleSheets = [style];
  }

  /** Opens another link. It can be set and not be read. */
  set token(token: string) {
    this.#token = token;
    if (this.isConnected) this.#show();
  }

  connectedCallback(): void {
    if (Object.hasOwn(this, "token")) {
      const early = (this as { token?: string }).token; // set before this script was here
      delete (this as { token?: string }).token;
      this.#token = early ?? null;
    }
    addEventListener("message", this.#hear);
    if (this.#token !== null) this.#show();
  }

  disconnectedCallback(): void {
    removeEventListener("message", this.#hear);
    this.#clear();
  }

  /** Moved within the page by `moveBefore`: the frame lives on. */
  connectedMoveCallback(): void {}

  attributeChangedCallback(name: string, _: string | null, value: string | null): void {
    if (name === "title") this.#name();
    else if (value !== null) {
      this.removeAttribute("token"); // whatever reads the page later does not find it
      this.token = value;
    }
  }

  override focus(options?: FocusOptions): void {
    this.#frame?.focus(options);
  }

  #show(): void {
    this.#clear();
    const frame = document.createElement("iframe");
    frame.setAttribute(
      "sandbox",
      "allow-scripts allow-same-origin allow-forms allow-downloads allow-popups allow-popups-to-escape-sandbox",
    );
    frame.allow = "clipboard-read; clipboard-write; fullscreen";
    frame.referrerPolicy = "no-referrer";
    frame.addEventListener("load", () => this.#greet(frame));
    frame.src = page.href;
    this.#frame = frame;
    this.#name();
    this.#root.replaceChildren(frame);
  }

  #clear(): void {
    clearTimeout(this.#timer);
    this.#root.replaceChildren();
    this.#frame = null;
  }

  #name(): void {
    if (this.#frame) this.#frame.title = this.title || "Terminal";
  }

  #greet(frame: HTMLIFrameElement): void {
    const word: EmbedWord = { muxboard: "embed", token: this.#token };
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#silent(), SILENCE_MS);
    frame.contentWindow?.postMessage(word, page.origin);
  }

  #hear = ({ source, origin, data }: MessageEvent): void => {
    if (!this.#frame || source !== this.#frame.contentWindow || origin !== page.origin) return;
    const word = data as FrameWord | null;
    switch (word?.muxboard) {
      case "ready":
        clearTimeout(this.#timer);
        this.#root.querySelector("p")?.remove(); // it was only slow
        break;
      case "open":
        this.#token = null; // it is used up
        this.#tell("open", {});
        break;
      case "exit":
        this.#tell("exit", { reason: String(word.reason) });
        break;
      case "error":
        this.#tell("error", { code: String(word.code), message: String(word.message) });
    }
  };

  #silent(): void {
    const message = `${page.host} does not let this page show its terminals, or does not answer. It must list ${origin} in server.frame_ancestors.`;
    const words = document.createElement("p");
    words.setAttribute("role", "alert");
    words.textContent = message;
    this.#root.append(words);
    this.#tell("error", { code: "refused", message });
  }

  #tell(what: string, detail: Record<string, string>): void {
    this.dispatchEvent(new CustomEvent(`muxboard-${what}`, { bubbles: true, detail }));
  }
}

if (!customElements.get("muxboard-terminal")) customElements.define("muxboard-terminal", MuxboardTerminal);
