import type { ITheme } from "@xterm/xterm";

const ANSI = [
  "black",
  "red",
  "green",
  "yellow",
  "blue",
  "magenta",
  "cyan",
  "white",
  "brightBlack",
  "brightRed",
  "brightGreen",
  "brightYellow",
  "brightBlue",
  "brightMagenta",
  "brightCyan",
  "brightWhite",
] as const;

/** The terminal's colours, read from tokens.css as the system's light or dark choice has set them. */
export function readTheme(): ITheme {
  const style = getComputedStyle(document.documentElement);
  const token = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  const theme: ITheme = {
    background: token("term-page"),
    foreground: token("term-ink"),
    cursor: token("term-cursor"),
    cursorAccent: token("term-page"),
    selectionBackground: token("term-select"),
    overviewRulerBorder: token("term-page"),
  };
  ANSI.forEach((name, i) => {
    theme[name] = token(`ansi-${i}`);
  });
  return theme;
}

/**
 * On white, colours that read as text are dark, and black on one of them (tmux's own status line) does not read any
 * more; bright colours that a program chose for a dark screen do not either. Both are moved to where they do.
 */
export function leastContrast(): number {
  return matchMedia("(prefers-color-scheme: light)").matches ? 4.5 : 1;
}

export const FONT = '"JetBrains Mono", ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace';
