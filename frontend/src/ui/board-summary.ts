import { html, nothing, type TemplateResult } from "lit";
import type { Summary, Tally } from "../state/summary.ts";
import { icon } from "./icons.ts";

export interface SummaryContext {
  summary: Summary;
  filter: string;
  /** What the filter leaves. */
  shown: string;
  /** Whether some host's sessions are folded away; null where there is nothing to fold. */
  folded: boolean | null;
  refreshing: boolean;
  choose: (filter: string) => void;
  foldAll: (folded: boolean) => void;
  refresh: () => void;
  help: () => void;
}

/** What there is, what needs somebody, and each of it a way to see just that. */
export function boardSummary(context: SummaryContext): TemplateResult {
  const { summary, filter, folded } = context;
  return html`<div class="summary" data-testid="summary">
    <p><strong>${summary.sessions}</strong>
      ${summary.asking ? tally(summary.asking, context) : nothing}
      ${summary.troubles.map((each) => tally(each, context))}
      ${filter ? html`<span role="status">${context.shown}</span>` : nothing}</p>
    ${
      folded === null
        ? nothing
        : html`<button class="plain small" data-testid="fold-all" @click=${() => context.foldAll(!folded)}
            title=${folded ? "Show the sessions of every host" : "Show hosts only"}>
            ${icon(folded ? "down" : "right")} ${folded ? "unfold all" : "fold all"}</button>`
    }
    <button class="plain small refresh" data-testid="refresh" ?disabled=${context.refreshing} @click=${context.refresh}
      title="Ask every host now">${icon("refresh")} refresh</button>
    <button class="plain small" data-testid="help" @click=${context.help} title="Keys (?)">keys <kbd>?</kbd></button>
  </div>`;
}

function tally({ text, filter, condition }: Tally, context: SummaryContext): TemplateResult {
  const pressed = context.filter.trim() === filter;
  return html`<button class="tally condition tone-${condition.tone}" data-testid="tally" data-filter=${filter}
    aria-pressed=${pressed ? "true" : "false"} title=${pressed ? "Show everything again" : `Show only these: ${filter}`}
    @click=${() => context.choose(pressed ? "" : filter)}>${icon(condition.glyph)}<span>${text}</span></button>`;
}
