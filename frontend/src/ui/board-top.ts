import { html, type TemplateResult } from "lit";
import type { LiveState } from "../api/events.ts";
import type { Condition } from "../state/conditions.ts";
import { icon } from "./icons.ts";
import "./mux-ago.ts";

const LIVE: Record<LiveState, Pick<Condition, "tone" | "glyph"> & { word: string; title: string }> = {
  connecting: { tone: "wait", glyph: "ring", word: "connecting…", title: "Waiting for the first answer" },
  live: { tone: "good", glyph: "dot", word: "live", title: "Changes appear by themselves" },
  asking: {
    tone: "good",
    glyph: "dot",
    word: "checked",
    title:
      "This network holds live updates back, or other tabs use up its connections: the board asks every few seconds",
  },
  reconnecting: {
    tone: "wait",
    glyph: "ring",
    word: "reconnecting…",
    title: "What you see may be old; trying to reach the service",
  },
  paused: {
    tone: "quiet",
    glyph: "dash",
    word: "paused",
    title: "This tab was hidden; updates go on when it is seen",
  },
};

export interface TopContext {
  live: LiveState;
  /** When it was last asked for, as Unix seconds, where no stream gets through. */
  askedAt: number | null;
  name: string;
  filter: string;
  accountOpen: boolean;
  type: (filter: string) => void;
  filterKey: (event: KeyboardEvent) => void;
  account: (anchor: HTMLElement) => void;
  home: (event: MouseEvent) => void;
}

export function boardTop(context: TopContext): TemplateResult {
  const live = LIVE[context.live];
  return html`<header class="top">
    <a class="brand" href="./" @click=${context.home}>muxboard</a>
    <span class="grow"></span>
    <div class="filter" role="search">
      ${icon("search")}
      <input type="search" placeholder="filter" aria-label="Filter sessions" data-testid="filter" autocomplete="off"
        spellcheck="false" autocapitalize="off" .value=${context.filter}
        @input=${(event: Event) => context.type((event.target as HTMLInputElement).value)} @keydown=${context.filterKey}>
      <kbd aria-hidden="true">/</kbd>
    </div>
    <span class="grow"></span>
    <span class="live condition tone-${live.tone}" role="status" title=${live.title} data-testid="live-state" data-state=${context.live}>
      ${icon(live.glyph)}<span class="word ${context.live === "live" ? "" : "loud"}">${live.word}${
        context.askedAt === null ? "" : html` <mux-ago aria-hidden="true" .at=${context.askedAt}></mux-ago>`
      }</span></span>
    <button class="plain account" aria-haspopup="menu" aria-expanded=${context.accountOpen ? "true" : "false"}
      aria-label="Account of ${context.name}" data-testid="account"
      @click=${(event: Event) => context.account(event.currentTarget as HTMLElement)}>
      ${icon("person")}<span>${context.name}</span>${icon("down")}</button>
  </header>`;
}
