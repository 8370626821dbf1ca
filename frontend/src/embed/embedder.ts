import { Disposable, listen } from "../lib/disposable.ts";
import { Emitter } from "../lib/emitter.ts";
import type { EmbedWord, FrameWord } from "./words.ts";

/** Whether this page stands in another page's frame. */
export const framed = window.parent !== window;
/** In place of a token in the address: the page around this one will hand it over. */
export const BY_EMBEDDER = "embed";

/**
 * The page around this one, when it holds our element. It speaks first, so that the browser tells its origin:
 * that is who is answered and nobody else. Neither `document.referrer` nor `ancestorOrigins` would do, for the
 * one can be withheld and the other is not everywhere. Who may frame us at all is up to `frame_ancestors`.
 */
export class Embedder extends Disposable {
  /** A link came, or the word that there is none. */
  readonly handed = new Emitter<string | null>();
  #origin: string | null = null;
  #lacked = false;

  constructor() {
    super();
    if (framed) this.own(listen<MessageEvent>(window, "message", (event) => this.#hear(event)));
  }

  tell(word: FrameWord): void {
    if (this.#origin !== null) window.parent.postMessage(word, this.#origin);
  }

  /** There is nothing to open; said once for each time that the page around this one spoke. */
  tellLack(code: "no_link" | "invalid", message: string): void {
    if (this.#origin === null || this.#lacked) return;
    this.#lacked = true;
    this.tell({ muxboard: "error", code, message });
  }

  #hear({ source, origin, data }: MessageEvent): void {
    const word = data as Partial<EmbedWord> | null;
    // A page without an origin of its own could not be answered without being overheard.
    if (source !== window.parent || origin === "null" || word?.muxboard !== "embed") return;
    this.#origin = origin;
    this.#lacked = false;
    this.tell({ muxboard: "ready" });
    this.handed.emit(typeof word.token === "string" ? word.token : null);
  }
}
