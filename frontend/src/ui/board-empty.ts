import { html, type TemplateResult } from "lit";
import { visible } from "../lib/words.ts";
import { codeLine } from "./code-line.ts";
import { icon } from "./icons.ts";

const EXAMPLE = `[[hosts]]
key = "web1"
hostname = "web1.example.net"
ssh_user = "ops"
tmux_users = ["ops", "deploy"]`;

export function noHosts(): TemplateResult {
  return html`<section class="teach" data-testid="no-hosts">
    <h2>No hosts yet</h2>
    <p class="soft">Add one to <span class="mono">muxboard.toml</span> and start the service again. If hosts are
      configured, none of them is granted to you.</p>
    ${codeLine(EXAMPLE, "Copy the configuration")}
    <p class="soft">Then <span class="mono">muxboard check</span> tries every host and says what is missing.</p>
  </section>`;
}

/** `create` is null where this person may not make any. */
export function nothingRuns(create: (() => void) | null, server: boolean): TemplateResult {
  return html`<section class="teach" data-testid="nothing-runs">
    <h2>No sessions yet</h2>
    <p class="soft">${server ? "tmux runs, with nothing in it." : "No tmux server runs; the first session starts one."}
      Sessions appear here by themselves as soon as somebody starts one.</p>
    <div class="teach-row">
      ${create ? html`<button class="button primary" @click=${create}>${icon("plus")} New session</button> <span class="soft">or in a shell</span>` : html`<span class="soft">In a shell</span>`}
      ${codeLine("tmux new -s main", "Copy the command")}
    </div>
  </section>`;
}

export function firstAnswer(): TemplateResult {
  return html`<section class="teach soft" data-testid="first-answer" role="status">
    <p class="condition tone-wait">${icon("ring")} Asking the service…</p>
  </section>`;
}

export function unknownHost(host: string | null): TemplateResult {
  return html`<section class="teach" data-testid="unknown-host" role="status">
    <p>There is no host <span class="mono">${visible(host ?? "")}</span> here, or it is not granted to you.
      <a class="link" href="./">All hosts</a></p>
  </section>`;
}

export function nothingFound(filter: string, clear: () => void): TemplateResult {
  return html`<section class="teach" data-testid="nothing-found">
    <p>Nothing matches <span class="mono">${filter}</span>.</p>
    <p class="soft">The filter looks at host, user, session, command, directory and state; <span class="mono">host:</span>,
      <span class="mono">state:</span> and so on look at one of them.</p>
    <div><button class="button" @click=${clear}>Clear the filter <kbd>Esc</kbd></button></div>
  </section>`;
}
