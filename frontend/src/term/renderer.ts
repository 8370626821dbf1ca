import type { Terminal } from "@xterm/xterm";
import { type Closes, type Disposable, listen } from "../lib/disposable.ts";

/**
 * Draws by WebGL where there is one. The DOM renderer is there from the first moment and stays when WebGL is
 * missing or its context is lost, so that nothing waits for this.
 */
export async function drawFast(term: Terminal, owner: Disposable): Promise<void> {
  let addon: import("@xterm/addon-webgl").WebglAddon;
  try {
    const { WebglAddon } = await import("@xterm/addon-webgl");
    if (owner.disposed) return;
    addon = new WebglAddon();
    addon.onContextLoss(() => addon.dispose());
    term.loadAddon(addon);
  } catch {
    return;
  }
  // Glyphs drawn before their font arrived (bold, other scripts) stay in the atlas until it is cleared.
  const fonts: Closes = listen(document.fonts, "loadingdone", () => addon.clearTextureAtlas());
  owner.own(fonts);
  void document.fonts.load(`700 14px "JetBrains Mono"`).catch(() => {});
}
