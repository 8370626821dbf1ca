import type { ILinkHandler } from "@xterm/xterm";

const OPENED = new Set(["http:", "https:", "mailto:"]);

/** The URL as it will really be opened, or null where it may not be. */
export function openable(text: string): URL | null {
  try {
    const url = new URL(text);
    return OPENED.has(url.protocol) ? url : null;
  } catch {
    return null;
  }
}

/** OSC 8: the text on the screen says nothing about where the link goes, so `ask` shows the real address. */
export function linkHandler(ask: (url: URL) => void): ILinkHandler {
  return {
    allowNonHttpProtocols: true,
    activate(_event, text) {
      const url = openable(text);
      if (url) ask(url);
    },
  };
}
