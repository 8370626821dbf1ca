import type { Terminal } from "@xterm/xterm";
import { type Disposable, listen } from "../lib/disposable.ts";

type Webgl = typeof import("@xterm/addon-webgl");

/** Comes beside the font; null where it does not come at all. */
export function fetchRenderer(): Promise<Webgl | null> {
  return import("@xterm/addon-webgl").catch(() => null);
}

/**
 * Draws by WebGL where there is one. The DOM renderer is there from the first moment and comes back when the
 * context is lost. The two measure a cell differently, so `changed` asks for another fit.
 */
export function drawFast(term: Terminal, webgl: Webgl | null, owner: Disposable, changed: () => void): void {
  if (!webgl || owner.disposed) return;
  const addon = new webgl.WebglAddon();
  try {
    term.loadAddon(addon);
  } catch {
    return;
  }
  addon.onContextLoss(() => {
    addon.dispose();
    changed();
  });
  // Glyphs drawn before their font arrived (bold, other scripts) stay in the atlas until it is cleared.
  owner.own(listen(document.fonts, "loadingdone", () => addon.clearTextureAtlas()));
  changed();
}
