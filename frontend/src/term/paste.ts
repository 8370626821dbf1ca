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
