import { html, nothing, type TemplateResult } from "lit";
import { classMap } from "lit/directives/class-map.js";
import type { HostView, UserView } from "../api/types.gen.ts";
import { clock, exact, now } from "../lib/time.ts";
import { count, visible } from "../lib/words.ts";
import {
  because,
  type Condition,
  emptyCondition,
  hostCondition,
  isTrouble,
  saidByHost,
  userCondition,
} from "../state/conditions.ts";
import { type Item, soleUser } from "../state/items.ts";
import { hostPath } from "../state/router.ts";
import type { UserRows } from "../state/rows.ts";
import { boardRow, marked, type RowContext } from "./board-row.ts";
import { remedy } from "./code-line.ts";
import { conditionMark, icon } from "./icons.ts";
import "./mux-ago.ts";

export interface ListContext extends RowContext {
  create: (host: HostView, user: UserView | null) => void;
  fold: (item: Item, folded: boolean) => void;
  /** Keys of the items whose remedy is unfolded. */
  remedies: ReadonlySet<string>;
  unfold: (key: string, open: boolean) => void;
}

type HostItem = Extract<Item, { kind: "host" }>;
type LotItem = Extract<Item, { kind: "lot" }>;

/** One line of the board, whatever it is. */
export function boardItem(item: Item, index: number, context: ListContext): TemplateResult {
  switch (item.kind) {
    case "session":
      return boardRow(item.row, index, context);
    case "host":
      return hostHead(item, index, context);
    case "user":
      return userHead(item.key, item.host, item.group, index, context);
    case "lot":
      return lotLine(item, index, context);
  }
}

function hostHead(item: HostItem, index: number, context: ListContext): TemplateResult {
  const { host } = item.group;
  const condition = hostCondition(host);
  const troubled = isTrouble(condition);
  const sole = soleUser(item.group);
  const maker = host.state === "ok" && host.users.some((user) => user.may_create);
  const active = context.active === item.key;
  const classes = { "host-head": true, troubled, active, brief: item.brief, gap: item.gap };
  return html`<div class=${classMap(classes)} role="row" aria-rowindex=${index + 2} data-testid="host"
      data-host=${host.key} data-state=${host.state} data-key=${item.key}>
    <div class="host-line" role="cell" aria-colspan="7">
      ${foldButton(item, context)}
      ${hostNames(item, context)}
      ${sole ? soleName(sole, context) : nothing}
      ${item.rows === 0 && sole && host.state === "ok" ? emptyMark(sole.user) : nothing}
      ${item.brief && !sole ? html`<span class="soft small">no sessions</span>` : nothing}
      ${item.folded ? html`<span class="soft small">${count(item.rows, "session")}</span>` : nothing}
      ${troubled ? trouble({ key: item.key, host, condition, of: host, above: item.rows > 0 && !item.folded }, context) : calm(host)}
      ${maker ? newButton(() => context.create(host, sole?.user ?? null), `New session on ${host.key}`) : nothing}
    </div>
  </div>`;
}

function foldButton(item: HostItem, context: ListContext): TemplateResult {
  if (item.rows === 0) return html`<span class="fold-room"></span>`;
  const { key } = item.group.host;
  const stop = context.active === item.key || !item.folded ? "0" : "-1";
  return html`<button class="plain fold" tabindex=${stop} data-testid="fold" ?data-name-link=${item.folded}
    aria-expanded=${item.folded ? "false" : "true"} aria-label="Sessions of ${key}"
    title=${item.folded ? "Show the sessions (→)" : "Fold the sessions away (←)"}
    @click=${() => context.fold(item, !item.folded)}>${icon(item.folded ? "right" : "down")}</button>`;
}

function hostNames(item: HostItem, context: ListContext): TemplateResult {
  const { host } = item.group;
  const { marks } = context;
  const label = host.label && host.label !== host.key ? host.label : "";
  const path = hostPath(host.key);
  const stop = context.active === item.key ? "0" : "-1";
  return html`<h2 title=${visible(host.hostname)}><a href=${path} tabindex=${stop} ?data-name-link=${item.rows === 0}
      @click=${(event: MouseEvent) => context.follow(event, path)}>${marked(host.key, marks.host)}</a></h2>
    ${label ? html`<span class="host-label soft">${marked(label, marks.host)}</span>` : nothing}`;
}

/** The only user of a host stands in the host's line. */
function soleName({ user }: UserRows, context: ListContext): TemplateResult {
  return html`<span class="sole mono small soft" data-testid="user" data-user=${user.name} data-state=${user.state}
    title="tmux user">${icon("person")} ${marked(user.name, context.marks.user)}</span>`;
}

function emptyMark(user: UserView): TemplateResult {
  return html`<span class="bare small" data-testid="no-sessions" data-state=${user.state}>${conditionMark(emptyCondition(user))}</span>`;
}

function calm(host: HostView): TemplateResult {
  return html`<span class="host-state soft small">${
    host.state === "pending"
      ? conditionMark(hostCondition(host))
      : html`<span class="condition"><span class="tone-good condition">${icon("dot")}ok</span> ·
          <mux-ago .at=${host.checked_at}></mux-ago></span>`
  }</span>`;
}

interface Trouble {
  key: string;
  host: HostView;
  condition: Condition;
  of: { problem: string | null; remedy: string | null; stale: boolean };
  /** Whether the sessions that were last known stand below. */
  above: boolean;
}

/** What is wrong, since when, why, what is shown in spite of it, and what mends it. */
function trouble({ key, host, condition, of, above }: Trouble, context: ListContext): TemplateResult {
  const folds = {
    open: context.remedies.has(key),
    toggle: (open: boolean) => context.unfold(key, open),
  };
  return html`<span class="host-state">${conditionMark(condition)}</span>
    <div class="trouble"><span class="why soft">${since(host)}${visible(because(of.problem, condition))}.${
      of.stale ? lastKnown(host, above) : nothing
    }</span> ${remedy(of.remedy, condition.fix, folds)}</div>`;
}

/** Since when it is in trouble: the last full answer is the last moment at which it was not. */
function since(host: HostView): TemplateResult | typeof nothing {
  if (host.seen_at <= 0 || host.state === "ok") return nothing;
  return html`<span title=${exact(host.seen_at)}>since ${clock(host.seen_at, now())}</span> — `;
}

function lastKnown(host: HostView, above: boolean): TemplateResult | typeof nothing {
  const age = html`<mux-ago .at=${host.seen_at}></mux-ago>`;
  if (host.seen_at > 0) return above ? html` Last known, ${age}:` : html` Last seen ${age}.`;
  return above ? html` Last known:` : nothing;
}

function userHead(
  key: string,
  host: HostView,
  group: UserRows,
  index: number,
  context: ListContext,
): TemplateResult {
  const { user } = group;
  const condition = userCondition(user);
  const troubled = isTrouble(condition) && !saidByHost(host, user);
  const empty = !troubled && host.state === "ok" && user.sessions.length === 0;
  const hint = user.may_create || user.state === "ok" ? emptyCondition(user).sentence : "";
  return html`<div class=${classMap({ "user-head": true, troubled })} role="row" aria-rowindex=${index + 2}
      data-testid="user" data-host=${host.key} data-user=${user.name} data-state=${user.state}>
    <div class="user-line" role="cell" aria-colspan="7"><h3>${marked(user.name, context.marks.user)}</h3>
      ${troubled ? trouble({ key, host, condition, of: user, above: group.rows.length > 0 }, context) : nothing}
      ${empty ? html`${emptyMark(user)}<span class="hint faint small">${hint}</span>` : nothing}
      ${empty && user.may_create ? newButton(() => context.create(host, user), `New session for ${user.name} on ${host.key}`) : nothing}
    </div></div>`;
}

function newButton(run: () => void, label: string): TemplateResult {
  return html`<button class="plain small new" data-testid="new-session" aria-label=${label} @click=${run}>${icon("plus")}<span class="word">new session</span></button>`;
}

const LOTS = { idle: "without sessions", pending: "not heard from yet" };

function lotLine(item: LotItem, index: number, context: ListContext): TemplateResult {
  const stop = context.active === item.key ? "0" : "-1";
  return html`<div class=${classMap({ lot: true, active: context.active === item.key })} role="row"
      aria-rowindex=${index + 2} data-testid="lot" data-lot=${item.lot} data-key=${item.key}>
    <div role="cell" aria-colspan="7"><button class="plain" tabindex=${stop} data-name-link
      aria-expanded=${item.open ? "true" : "false"} @click=${() => context.fold(item, item.open)}>
      ${item.lot === "pending" ? html`<span class="condition tone-wait">${icon("ring")}</span>` : nothing}
      ${count(item.count, "host")} ${LOTS[item.lot]} · ${item.open ? "hide" : "show"}</button></div></div>`;
}
