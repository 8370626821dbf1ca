import { html } from "lit";
import { MuxDialog } from "./mux-dialog.ts";

const BOARD: [string[], string][] = [
  [["/"], "filter; only what is in sight is on the page, so the browser's own search misses the rest"],
  [["j", "k", "↓", "↑"], "move; Home, End, Page Up, Page Down go further"],
  [["←", "→"], "fold a host away, unfold it"],
  [["Enter"], "attach here"],
  [["Ctrl", "Enter"], "attach in a new tab"],
  [["v"], "view only"],
  [["n"], "new session"],
  [["r"], "rename"],
  [["x"], "kill"],
  [["Esc"], "back: close, then clear the filter"],
];
const FILTER: [string, string][] = [
  ["api deploy", "both words, anywhere: host, user, session, command, directory, state"],
  ["host: user: session:", "only there, e.g. host:web1"],
  ["command: dir:", 'e.g. dir:/srv, or dir:"/srv/my app"'],
  ["state:", "e.g. unreachable, timeout, refused, stale, attached; trouble: whatever needs somebody"],
];
const TERMINAL: [string[], string][] = [
  [["Ctrl", "Shift", "F"], "search in what is on the page"],
  [["Ctrl", "Shift", "C"], "copy (selecting copies, too)"],
  [["Ctrl", "Shift", "V"], "paste; so does a right click"],
  [["Ctrl", "="], "larger text; Ctrl − smaller, Ctrl 0 as before"],
  [["Shift"], "hold it to select while a program uses the mouse"],
];

const list = (keys: [string[], string][]) =>
  html`<dl class="keys">${keys.map(
    ([names, does]) => html`<dt>${names.map((name) => html`<kbd>${name}</kbd> `)}</dt><dd>${does}</dd>`,
  )}</dl>`;

export class MuxDialogHelp extends MuxDialog {
  protected readonly heading = "Keys";

  protected override body() {
    return html`<h3>Board</h3>${list(BOARD)}<h3>Filter</h3>
      <dl class="keys">${FILTER.map(([word, means]) => html`<dt class="mono small">${word}</dt><dd>${means}</dd>`)}</dl>
      <h3>Terminal</h3>${list(TERMINAL)}
      <div class="dialog-buttons"><button class="button" autofocus>Close</button></div>`;
  }
}

customElements.define("mux-dialog-help", MuxDialogHelp);
