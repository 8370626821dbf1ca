/**
 * Clipboard text as a terminal may get it. Escape characters become visible: a page could put the
 * end-of-paste sequence into the clipboard and have the rest run as if it had been typed.
 */
export function cleanPaste(text: string): string {
  return text.replace(/\x1b/g, "\u241b");
}

/** How many lines a paste has; a final line end begins no further line. */
export function pastedLines(text: string): number {
  return text.replace(/(\r\n|\r|\n)$/, "").split(/\r\n|\r|\n/).length;
}

/** Whether any line of it would run at once where the program does not ask for pastes as such. */
export function runsLines(text: string): boolean {
  return /[\r\n]/.test(text);
}

/** A paste of this many bytes takes long on most lines, and is often a mistake. */
export const LARGE_BYTES = 5 * 1024 * 1024;
const PREVIEW_LINES = 6;
const PREVIEW_CHARS = 160;

/** A paste that is not done before somebody has said yes. */
export interface PasteQuestion {
  lines: number;
  bytes: number;
  /** The program does not ask for pastes as such: lines run as if they were typed. */
  runs: boolean;
  /** Its first lines, shortened. */
  preview: string;
  text: string;
  paste: (text: string) => void;
}

/**
 * The question before this paste; null: none is needed.
 *
 * @param bracketed Whether the terminal asked for pastes as such. tmux passes on here what the program in the pane
 *   asked for; newer versions ask always, and then nobody can know in the page.
 * @param askLines Whether this browser's person wants to be asked about lines that run.
 */
export function pasteQuestion(
  text: string,
  bracketed: boolean,
  askLines: boolean,
  paste: (text: string) => void,
): PasteQuestion | null {
  const bytes = new TextEncoder().encode(text).length;
  const runs = askLines && !bracketed && runsLines(text);
  if (!runs && bytes <= LARGE_BYTES) return null;
  return { lines: pastedLines(text), bytes, runs, preview: previewOf(text), text, paste };
}

export function previewOf(text: string): string {
  const lines: string[] = [];
  let at = 0;
  // Only the beginning is looked at: a paste may have millions of lines.
  while (at < text.length && lines.length < PREVIEW_LINES) {
    const end = text.slice(at, at + PREVIEW_CHARS + 1).search(/[\r\n]/);
    if (end >= 0) {
      lines.push(text.slice(at, at + end));
      at += end + (text.startsWith("\r\n", at + end) ? 2 : 1);
      continue;
    }
    const rest = text.slice(at);
    const next = rest.search(/[\r\n]/);
    lines.push(rest.length > PREVIEW_CHARS ? `${rest.slice(0, PREVIEW_CHARS)}…` : rest);
    at = next < 0 ? text.length : at + next + (rest.startsWith("\r\n", next) ? 2 : 1);
  }
  if (at < text.length) lines.push("…");
  return lines.join("\n");
}

/** The same words with a space for each line end: nothing runs before Enter. */
export function asOneLine(text: string): string {
  return text.replace(/[\r\n]+$/, "").replace(/[ \t]*[\r\n]+[ \t]*/g, " ");
}
