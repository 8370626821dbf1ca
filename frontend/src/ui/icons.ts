import { html, type SVGTemplateResult, svg, type TemplateResult } from "lit";
import type { Condition } from "../state/conditions.ts";

const SHAPES = {
  dot: svg`<circle class="full" cx="8" cy="8" r="6"/>`,
  ring: svg`<circle cx="8" cy="8" r="5.5" stroke-dasharray="4 3"/>`,
  triangle: svg`<path class="full" d="M8 1.5 15.5 15H.5z"/>`,
  cross: svg`<path stroke-width="2.4" d="M3 3l10 10M13 3 3 13"/>`,
  lock: svg`<path class="full" d="M3 7h10v8H3z"/><path stroke-width="2" d="M5 7V5a3 3 0 0 1 6 0v2"/>`,
  key: svg`<circle cx="5" cy="11" r="3" stroke-width="2"/><path stroke-width="2" d="M7.5 8.5 14 2m-3 3 2 2"/>`,
  clock: svg`<circle cx="8" cy="8" r="6.5" stroke-width="1.8"/><path stroke-width="1.8" d="M8 4v4.5l3 1.5"/>`,
  question: svg`<path stroke-width="2.2" d="M4.5 5a3.5 3.5 0 1 1 5 3.2C8.4 8.8 8 9.4 8 10.5M8 14.5v.1"/>`,
  stop: svg`<path stroke-width="1.8" d="M5 1.2h6L14.8 5v6L11 14.8H5L1.2 11V5z"/><path stroke-width="2" d="M8 4.5v4M8 11.2v.2"/>`,
  void: svg`<circle cx="8" cy="8" r="6" stroke-width="1.8"/><path stroke-width="1.8" d="M4 12 12 4"/>`,
  plug: svg`<path stroke-width="1.8" d="M5.5 1.5v4m5-4v4M3.5 5.5h9V8a4.5 4.5 0 0 1-9 0zM8 12.5v2.5"/>`,
  dash: svg`<path stroke-width="2.2" d="M3 8h10"/>`,
  check: svg`<path stroke-width="2" d="M3 8.5 6.5 12 13 4.5"/>`,
  search: svg`<circle cx="7" cy="7" r="4.5"/><path d="m10.5 10.5 3.5 3.5"/>`,
  more: svg`<circle class="full" cx="3" cy="8" r="1.4"/><circle class="full" cx="8" cy="8" r="1.4"/><circle class="full" cx="13" cy="8" r="1.4"/>`,
  enter: svg`<path d="M13 3v4.5a2 2 0 0 1-2 2H3.5M6.5 6.5l-3 3 3 3"/>`,
  eye: svg`<path d="M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8z"/><circle cx="8" cy="8" r="2"/>`,
  plus: svg`<path d="M8 3v10M3 8h10"/>`,
  back: svg`<path d="M10 3 5 8l5 5"/>`,
  down: svg`<path d="m4 6 4 4 4-4"/>`,
  right: svg`<path d="m6 4 4 4-4 4"/>`,
  up: svg`<path d="m4 10 4-4 4 4"/>`,
  close: svg`<path d="M4 4l8 8M12 4l-8 8"/>`,
  copy: svg`<path d="M5.5 5.5h8v8h-8z"/><path d="M10.5 3v-.5h-8v8H3"/>`,
  full: svg`<path d="M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10"/>`,
  refresh: svg`<path d="M13.5 8A5.5 5.5 0 1 1 11.6 3.8M13.5 1.5v3.2h-3.2"/>`,
  rename: svg`<path d="M3 13l.6-2.8 7.2-7.2 2.2 2.2-7.2 7.2z"/>`,
  tab: svg`<path d="M9 3h4v4M13 3 7.5 8.5M6.5 4H3v9h9V9.5"/>`,
  download: svg`<path d="M8 2v8M4.5 7 8 10.5 11.5 7M3 13.5h10"/>`,
  link: svg`<path d="M6.5 9.5l3-3M7 4.5 8.5 3a3 3 0 0 1 4.5 4.5L11.5 9M9 11.5 7.5 13A3 3 0 0 1 3 8.5L4.5 7"/>`,
  paste: svg`<path d="M5.5 3H3v11h10V3h-2.5M5.5 1.8h5v2.7h-5z"/>`,
  person: svg`<circle cx="8" cy="5" r="2.8"/><path d="M2.5 14c.5-3 2.6-4.5 5.5-4.5s5 1.5 5.5 4.5"/>`,
} satisfies Record<string, SVGTemplateResult>;

export type IconName = keyof typeof SHAPES;

/** Always beside a word or inside something labelled, so never read out. */
export function icon(name: IconName): TemplateResult {
  return html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">${SHAPES[name]}</svg>`;
}

export function conditionMark(condition: Condition): TemplateResult {
  return html`<span class="condition tone-${condition.tone}">${icon(condition.glyph)}${condition.word}</span>`;
}
