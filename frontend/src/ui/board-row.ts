import { html, nothing, type TemplateResult } from "lit";
import { classMap } from "lit/directives/class-map.js";
import type { Me } from "../api/types.gen.ts";
import { segments } from "../lib/marks.ts";
import { clock, exact, now } from "../lib/time.ts";
import { count, tilde, visible } from "../lib/words.ts";
import type { Marks } from "../state/filter.ts";
import { mayType } from "../state/may.ts";
import { terminalPath } from "../state/router.ts";
import type { Row } from "../state/rows.ts";
import { icon } from "./icons.ts";
import "./mux-ago.ts";

/** What a line of the board needs to know beside its own facts. */
export interface RowContext {
  me: Me | null;
  marks: Marks;
  active: string | null;
  fresh: ReadonlySet<string>;
  menu: string | null;
  openMenu: (row: Row, anchor: HTMLElement) => void;
  follow: (event: MouseEvent, path: string) => void;
}

export function marked(text: string, needles: readonly string[]): unknown {
  const shown = visible(text);
  if (needles.length === 0) return shown;
  return segments(shown, needles).map((part) => (part.hit ? html`<mark>${part.text}</mark>` : part.text));
}

export function targetOf(row: Row): { host: string; user: string; session: string } {
  return { host: row.host.key, user: row.user.name, session: row.session.name };
}

export function mainPath(row: Row, me: Me | null): string {
  return terminalPath(targetOf(row), typesIn(row, me) ? "control" : "view");
}

function typesIn(row: Row, me: Me | null): boolean {
  return mayType(me, targetOf(row), row.user.may_control);
}

/** What the columns are, for those who do not see them: to eyes each cell says it by itself. */
export function boardColumns(): TemplateResult {
  const names = ["Session", "Running", "Windows", "Age", "Last output", "Attached", "Actions"];
  return html`<div class="words-only" role="rowgroup"><div role="row" aria-rowindex="1">
    ${names.map((name) => html`<span role="columnheader">${name}</span>`)}</div></div>`;
}

/** One session, one line. Only the active row's controls are tab stops: Tab leaves the list, arrows move in it. */
export function boardRow(row: Row, index: number, context: RowContext): TemplateResult {
  const { session, user, host } = row;
  const { marks } = context;
  const active = context.active === row.key;
  const { stale } = user;
  const stop = active ? "0" : "-1";
  const view = terminalPath(targetOf(row), "view");
  const main = mainPath(row, context.me);
  const directory = tilde(session.directory, user.name);
  const go = (path: string) => (event: MouseEvent) => context.follow(event, path);
  return html`<div class=${classMap({ row: true, active, stale, fresh: context.fresh.has(row.key) })} role="row"
      aria-rowindex=${index + 2} data-testid="session-row" data-key=${row.key} data-host=${host.key}
      data-user=${user.name} data-name=${session.name}>
    <span class="row-name" role="cell">
      <a href=${main} tabindex=${stop} data-name-link title=${visible(session.title || session.name)}
        @click=${go(main)}>${marked(session.name, marks.session)}</a>
      ${context.fresh.has(row.key) ? html`<span class="badge">new</span>` : nothing}
    </span>
    <span class="row-doing" role="cell" title=${visible(`${session.command}  ${session.directory}`)}>
      <span class="command">${marked(session.command, marks.command)}</span>&ensp;${marked(directory, marks.dir)}
    </span>
    <span class="row-windows" role="cell">${count(session.windows, "window")}</span>
    <span class="row-created" role="cell"><mux-ago .words=${"age"} .label=${"Created "} .at=${session.created}></mux-ago></span>
    <span class="row-active" role="cell"><span class="lead">active </span>${
      stale
        ? html`<span title=${exact(session.activity)}>${clock(session.activity, now())}</span>`
        : html`<mux-ago .label=${"Last output "} .at=${session.activity}></mux-ago>`
    }</span>
    <span class="row-attached" role="cell">${
      session.attached > 0
        ? html`<span class="condition on">${icon("dot")}${session.attached}<span class="lead">attached</span></span>`
        : html`<span class="faint"><span aria-hidden="true">–</span><span class="words-only">nobody attached</span></span>`
    }</span>
    <span class="row-actions" role="cell">
      ${
        typesIn(row, context.me)
          ? html`<a class="plain on-demand" href=${view} tabindex=${stop} data-testid="view" title="View only (v)"
              aria-label="View ${visible(session.name)} only" @click=${go(view)}>${icon("eye")} view</a>
            <a class="plain attach" href=${main} tabindex=${stop} data-testid="attach" title="Attach (Enter)"
              aria-label="Attach to ${visible(session.name)}" @click=${go(main)}>${icon("enter")} attach</a>`
          : html`<a class="plain attach" href=${view} tabindex=${stop} data-testid="view" title="View only (Enter)"
              aria-label="view only: ${visible(session.name)}" @click=${go(view)}>${icon("eye")} view only</a>`
      }
      <button class="plain icon-only" tabindex=${stop} data-testid="more" aria-haspopup="menu"
        aria-expanded=${context.menu === row.key ? "true" : "false"} aria-label="More for ${visible(session.name)}"
        @click=${(event: Event) => context.openMenu(row, event.currentTarget as HTMLElement)}>${icon("more")}</button>
    </span>
  </div>`;
}
