import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import type { HostView, UserView } from "../api/types.gen.ts";
import { clock, exact, now } from "../lib/time.ts";
import { visible } from "../lib/words.ts";
import { because, emptyCondition, hostCondition, userCondition } from "../state/conditions.ts";
import { type HostRows, saidByHost, type UserRows } from "../state/rows.ts";
import { boardRow, marked, type RowContext } from "./board-row.ts";
import { remedy } from "./code-line.ts";
import { conditionMark, icon } from "./icons.ts";
import "./mux-ago.ts";

export interface HostContext extends RowContext {
  create: (host: HostView, user: UserView | null) => void;
}

export function boardHost(group: HostRows, context: HostContext): TemplateResult {
  const { host, users } = group;
  const fine = host.state === "ok" || host.state === "pending";
  return html`<section class="host" aria-label="Host ${host.key}" data-testid="host" data-host=${host.key} data-state=${host.state}>
    ${fine ? calmHead(host, context) : troubledHead(host, context)}
    ${repeat(
      users,
      (user) => user.user.name,
      (user) => boardUser(host, user, context),
    )}
  </section>`;
}

function names(host: HostView, needles: readonly string[]): TemplateResult {
  const label = host.label && host.label !== host.key ? host.label : "";
  return html`<h2 title=${visible(host.hostname)}>${marked(host.key, needles)}</h2>
    ${label ? html`<span class="soft">${marked(label, needles)}</span>` : nothing}`;
}

function calmHead(host: HostView, context: HostContext): TemplateResult {
  const condition = hostCondition(host);
  const maker = host.users.some((user) => user.may_create);
  return html`<header class="host-head">
    ${names(host, context.needles)}
    <span class="host-state soft small">
      ${
        host.state === "pending"
          ? conditionMark(condition)
          : html`<span class="condition"><span class="tone-good condition">${icon("dot")}ok</span> ·
              <mux-ago .at=${host.checked_at}></mux-ago></span>`
      }
    </span>
    ${maker && host.state === "ok" ? newButton(() => context.create(host, null), `New session on ${host.key}`) : nothing}
  </header>`;
}

function troubledHead(host: HostView, context: HostContext): TemplateResult {
  const condition = hostCondition(host);
  return html`<header class="host-head troubled">
    ${names(host, context.needles)}
    <span class="host-state">${conditionMark(condition)}</span>
    <span class="host-why soft">${since(host)}${visible(because(host.problem, condition))}.${lastKnown(host, host.stale)}</span>
    ${remedy(host.remedy, condition.fix)}
  </header>`;
}

/** Since when it is in trouble: the last full answer is the last moment at which it was not. */
function since(host: HostView): TemplateResult | typeof nothing {
  if (host.seen_at <= 0) return nothing;
  return html`<span title=${exact(host.seen_at)}>since ${clock(host.seen_at, now())}</span> — `;
}

function lastKnown(host: HostView, stale: boolean): TemplateResult | typeof nothing {
  if (!stale) return nothing;
  return host.seen_at > 0 ? html` Last known, <mux-ago .at=${host.seen_at}></mux-ago>:` : html` Last known:`;
}

function boardUser(host: HostView, group: UserRows, context: HostContext): TemplateResult {
  const { user, rows } = group;
  return html`<div class="user" data-testid="user" data-host=${host.key} data-user=${user.name} data-state=${user.state}>
    ${userHead(host, group, context)}
    ${
      rows.length > 0
        ? html`<ul aria-label="Sessions of ${user.name} on ${host.key}">${repeat(
            rows,
            (row) => row.key,
            (row) => boardRow(row, context),
          )}</ul>`
        : nothing
    }
  </div>`;
}

function userHead(host: HostView, group: UserRows, context: HostContext): TemplateResult {
  const { user } = group;
  const condition = userCondition(user);
  const name = html`<h3>${marked(user.name, context.needles)}</h3>`;
  if (condition.tone === "bad" && !saidByHost(host, user)) {
    return html`<div class="user-head">${name} ${conditionMark(condition)}
      <span class="why">— ${visible(because(user.problem, condition))}.${lastKnown(host, user.stale)}</span>
      ${remedy(user.remedy, condition.fix)}</div>`;
  }
  if (host.state !== "ok" || user.sessions.length > 0) return html`<div class="user-head">${name}</div>`;
  const empty = emptyCondition(user);
  return html`<div class="user-head" data-testid="no-sessions" data-state=${user.state}>${name} ${conditionMark(empty)}
    <span class="hint faint small">${user.may_create || user.state === "ok" ? empty.sentence : ""}</span>
    ${user.may_create ? newButton(() => context.create(host, user), `New session for ${user.name} on ${host.key}`) : nothing}</div>`;
}

function newButton(run: () => void, label: string): TemplateResult {
  return html`<button class="plain small new" data-testid="new-session" aria-label=${label} @click=${run}>${icon("plus")} new session</button>`;
}
