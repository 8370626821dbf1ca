import type { TerminalView } from "../api/types.gen.ts";

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** By person, then by place, the oldest first: an order in which lines stay where they are. */
export function sortAttached(terminals: readonly TerminalView[]): TerminalView[] {
  return [...terminals].sort(
    (a, b) =>
      compare(a.principal, b.principal) ||
      compare(a.host, b.host) ||
      compare(a.user, b.user) ||
      compare(a.session, b.session) ||
      a.started - b.started ||
      compare(a.id, b.id),
  );
}
