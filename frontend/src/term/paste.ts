/**
 * Clipboard text as a terminal may get it. Escape characters become visible: a page could put the
 * end-of-paste sequence into the clipboard and have the rest run as if it had been typed.
 */
export function cleanPaste(text: string): string {
  return text.replace(/\x1b/g, "\u241b");
}

/** Lines that would run at once where the program does not know about pasting (bracketed paste off). */
export function linesThatRun(text: string): number {
  return text.split(/\r\n|\r|\n/).length - 1;
}
