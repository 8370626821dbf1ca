import { html, type TemplateResult } from "lit";
import { visible } from "../lib/words.ts";
import { connectionWords, wayWords } from "../term/phase.ts";
import type { TerminalState } from "../term/terminal-state.ts";
import { icon } from "./icons.ts";

export interface BarContext {
  terminal: TerminalState;
  menuOpen: boolean;
  /** Words for whoever came by a deep link, and has no board to go back to; empty for the others. */
  by: string;
  back: (event: MouseEvent) => void;
  search: () => void;
  fullscreen: () => void;
  menu: (anchor: HTMLElement) => void;
}

/** One thin line: where am I, is it connected, and the few tools. */
export function termBar({ terminal, ...context }: BarContext): TemplateResult {
  const { attachment, target, mode } = terminal;
  // A cut of under a second is nobody's business.
  const phase = attachment.phase === "cut" && !attachment.announced ? "connected" : attachment.phase;
  const state = connectionWords(phase, mode === "view", attachment.waitingKeys, attachment.end);
  // The words are read out once; the seconds are for the eye.
  const since =
    phase === "cut" && terminal.cut
      ? html`<span class="since" aria-hidden="true" data-testid="term-since">${terminal.cut.seconds} s</span>`
      : "";
  const way = phase === "connected" ? wayWords(attachment.transport) : null;
  const tool = (name: string, label: string, run: () => void, content: unknown, wide = false) =>
    html`<button class="plain icon-only ${wide ? "wide" : ""}" title=${label} aria-label=${label} data-testid=${name} @click=${run}>${content}</button>`;
  return html`<header class="term-bar">
    ${
      context.by
        ? html`<span class="term-by" data-testid="term-by">${context.by}</span>`
        : html`<a class="plain back" href="./" @click=${context.back} data-testid="back" aria-label="Back to the board">${icon("back")}<span class="word">board</span></a>`
    }
    <h1 title="${visible(target.session)} of ${target.user} on ${target.host}"><span class="at">${target.user}@${target.host} · </span>${visible(target.session)}</h1>
    <span class="term-title grow" data-testid="term-title" title=${visible(terminal.title)}>${visible(terminal.title)}</span>
    ${way ? html`<span class="term-way" data-testid="transport" title=${way.why}>${way.word}</span>` : ""}
    <span class="term-state condition tone-${state.tone}" role="status" data-testid="term-state" data-state=${phase}>${icon(state.glyph)}${state.word}${since}</span>
    <span class="term-tools">
      ${tool("zoom-out", "A− smaller text (Ctrl −)", () => terminal.zoom(-1), html`<span class="size-step">A−</span>`, true)}
      ${tool("zoom-in", "A+ larger text (Ctrl =)", () => terminal.zoom(1), html`<span class="size-step">A+</span>`, true)}
      ${tool("search", "Search (Ctrl+Shift+F)", context.search, icon("search"))}
      ${tool("fullscreen", "Full screen", context.fullscreen, icon("full"), true)}
      <button class="plain icon-only" aria-label="More" aria-haspopup="menu" aria-expanded=${context.menuOpen ? "true" : "false"}
        data-testid="term-more" @click=${(event: Event) => context.menu(event.currentTarget as HTMLElement)}>${icon("more")}</button>
    </span>
  </header>`;
}

/** A cut that lasts: what can be done besides waiting. */
export function termCut(terminal: TerminalState, login: (() => void) | null): TemplateResult {
  return html`<div class="term-ended" role="status" data-testid="term-cut">
    <p class="grow"><span class="why">No connection to the service.</span>
      <span class="soft">It is tried again by itself. The session goes on meanwhile.</span></p>
    <button class="button primary" data-testid="term-retry" @click=${() => terminal.retry()}>${icon("refresh")} Retry now</button>
    ${login ? html`<button class="button" data-testid="term-login" @click=${login}>${icon("key")} Log in again</button>` : ""}
    <button class="button" data-testid="term-anew" title="Gives up this terminal and what waits to be sent" @click=${() => terminal.again()}>${icon("enter")} Open anew</button>
  </div>`;
}

export function termEnded(
  terminal: TerminalState,
  back: ((event: MouseEvent) => void) | null,
  login: (() => void) | null,
): TemplateResult {
  const end = terminal.attachment.end;
  return html`<div class="term-ended" role="alert" data-testid="term-ended">
    <p class="grow"><span class="why">Ended: ${end?.why ?? "it ended"}.</span> ${end?.detail ? html`<span class="soft">${visible(end.detail)}</span>` : ""}</p>
    ${
      end?.again
        ? html`<button class="button primary" data-testid="term-again" @click=${() => terminal.again()}>${icon("enter")} Attach again</button>`
        : ""
    }
    ${end?.login && login ? html`<button class="button primary" data-testid="term-login" @click=${login}>${icon("key")} Log in</button>` : ""}
    ${back ? html`<a class="button" href="./" @click=${back} data-testid="term-board">${icon("back")} Back to the board</a>` : ""}
  </div>`;
}
