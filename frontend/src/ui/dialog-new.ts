import { html } from "lit";
import { ApiError } from "../api/problem.ts";
import { createSession } from "../api/sessions.ts";
import type { HostView, UserView } from "../api/types.gen.ts";
import { freeName } from "../state/rows.ts";
import { MuxDialog } from "./mux-dialog.ts";

export class MuxDialogNew extends MuxDialog {
  static override properties = {
    hosts: { attribute: false },
    host: { attribute: false },
    user: { attribute: false },
    made: { attribute: false },
  };
  declare hosts: HostView[];
  declare host: HostView;
  declare user: UserView | null;
  declare made: (host: string, user: string, name: string) => void;
  protected readonly heading = "New session";
  /** The suggestion until somebody types their own. */
  #suggested = "";
  #own = false;

  protected override body() {
    const users = this.host.users.filter((user) => user.may_create);
    const user = this.#user();
    this.#suggested = user ? freeName(user) : "main";
    const wrong = this.wrong("name") !== "";
    return html`
      <div class="dialog-pair">
        ${this.field(
          "Host",
          "host",
          html`<select id="f-host" data-testid="dialog-host" @change=${this.#pickHost}>
            ${this.hosts.map((h) => html`<option value=${h.key} ?selected=${h.key === this.host.key}>${h.key}</option>`)}
          </select>`,
        )}
        ${this.field(
          "tmux user",
          "user",
          html`<select id="f-user" data-testid="dialog-user" @change=${this.#pickUser}>
            ${users.map((u) => html`<option value=${u.name} ?selected=${u.name === user?.name}>${u.name}</option>`)}
          </select>`,
        )}
      </div>
      ${this.field(
        "Name",
        "name",
        html`<input id="f-name" class="mono" data-testid="dialog-name" autofocus autocomplete="off" spellcheck="false"
          autocapitalize="off" aria-invalid=${wrong ? "true" : "false"} aria-describedby="e-name"
          .value=${this.#own ? this.value("dialog-name") : this.#suggested} @input=${() => {
            this.#own = true;
          }}>`,
      )}
      ${this.field(
        "Command",
        "command",
        html`<input id="f-command" class="mono" data-testid="dialog-command" autocomplete="off" spellcheck="false"
          autocapitalize="off" aria-invalid=${this.wrong("command") ? "true" : "false"} aria-describedby="e-command">`,
        "Empty: the user's own shell.",
      )}
      ${this.field(
        "Directory",
        "directory",
        html`<input id="f-directory" class="mono" data-testid="dialog-directory" autocomplete="off" spellcheck="false"
          autocapitalize="off" aria-invalid=${this.wrong("directory") ? "true" : "false"} aria-describedby="e-directory">`,
        "Empty: the user's home.",
      )}
      ${this.error()}
      ${this.buttons(html`<button class="button primary" data-testid="dialog-submit" ?disabled=${this.busy}>
        ${this.busy ? "Creating…" : "Create"}</button>`)}`;
  }

  #user(): UserView | undefined {
    const users = this.host.users.filter((user) => user.may_create);
    return users.find((user) => user.name === this.user?.name) ?? users[0];
  }

  #pickHost = (event: Event): void => {
    const key = (event.target as HTMLSelectElement).value;
    this.host = this.hosts.find((host) => host.key === key) ?? this.host;
    this.user = null;
  };

  #pickUser = (event: Event): void => {
    const name = (event.target as HTMLSelectElement).value;
    this.user = this.host.users.find((user) => user.name === name) ?? null;
  };

  protected override async submit(): Promise<void> {
    const user = this.#user();
    const name = this.value("dialog-name");
    if (!user) throw new ApiError(0, "forbidden", "You may not create sessions on this host.");
    if (!name) {
      throw new ApiError(0, "invalid", "A session needs a name.", "", [
        { path: "name", reason: "A session needs a name." },
      ]);
    }
    const command = this.value("dialog-command").trim();
    const directory = this.value("dialog-directory").trim();
    const made = await createSession(this.host.key, user.name, {
      name,
      ...(command ? { command } : {}),
      ...(directory ? { directory } : {}),
    });
    this.made(this.host.key, user.name, made.name);
  }
}

customElements.define("mux-dialog-new", MuxDialogNew);
