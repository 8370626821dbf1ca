import { html, type TemplateResult } from "lit";
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

export function firstAnswer(): TemplateResult {
  return html`<section class="teach soft" data-testid="first-answer" role="status">
    <p class="condition tone-wait">${icon("ring")} Asking the service…</p>
  </section>`;
}

export function nothingFound(filter: string, clear: () => void): TemplateResult {
  return html`<section class="teach" data-testid="nothing-found">
    <p>Nothing matches <span class="mono">${filter}</span>.</p>
    <p class="soft">The filter looks at host, user, name, command, directory and state.</p>
    <div><button class="button" @click=${clear}>Clear the filter <kbd>Esc</kbd></button></div>
  </section>`;
}
