/** What the dashboard's keys do; the dashboard implements it. */
export interface BoardCommands {
  move(step: number): void;
  page(way: number): void;
  edge(last: boolean): void;
  fold(folded: boolean): void;
  open(newTab: boolean): void;
  view(): void;
  create(): void;
  rename(): void;
  kill(): void;
  filter(): void;
  help(): void;
  back(): void;
}

function typing(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    target.closest("input, textarea, select, [contenteditable], dialog, .menu") !== null
  );
}

/** Enter on a button or another link is that control's own. */
function ownEnter(target: EventTarget | null): boolean {
  const control = target instanceof HTMLElement ? target.closest("a, button, summary") : null;
  return control !== null && !control.hasAttribute("data-name-link");
}

export function boardKey(event: KeyboardEvent, board: BoardCommands): void {
  if (event.defaultPrevented || event.isComposing || event.altKey || typing(event.target)) return;
  const chord = event.ctrlKey || event.metaKey;
  if (event.key === "Enter") {
    if (ownEnter(event.target)) return;
    board.open(chord);
  } else if (chord) {
    return;
  } else {
    const run: Record<string, () => void> = {
      j: () => board.move(1),
      ArrowDown: () => board.move(1),
      k: () => board.move(-1),
      ArrowUp: () => board.move(-1),
      PageDown: () => board.page(1),
      PageUp: () => board.page(-1),
      ArrowLeft: () => board.fold(true),
      ArrowRight: () => board.fold(false),
      Home: () => board.edge(false),
      End: () => board.edge(true),
      v: () => board.view(),
      n: () => board.create(),
      r: () => board.rename(),
      x: () => board.kill(),
      "/": () => board.filter(),
      "?": () => board.help(),
      Escape: () => board.back(),
    };
    const command = Object.hasOwn(run, event.key) ? run[event.key] : undefined;
    if (!command) return;
    command();
  }
  event.preventDefault();
}
