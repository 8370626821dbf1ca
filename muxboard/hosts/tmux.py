"""tmux, purely: argv out, output in. Nothing here starts a process.

Rules that every command keeps, each learned from a way in which tmux surprises:

- always ``-u``: without UTF-8 tmux prints every TAB and every non-ASCII character as ``_``;
- sessions are addressed by ``$id``: names are matched as prefixes and globs, and ``=name`` can still
  be taken for a client;
- ``#`` is doubled in every user's text, for ``-s`` and ``-c`` are formats and ``#(…)`` runs a shell;
- an argument that ends in ``;`` would end the command, so its last ``;`` is escaped.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, NamedTuple

from muxboard.hosts.model import Session, UserReport, UserState
from muxboard.problems import Code, Problem, invalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAX_NAME_CHARS = 300  # of a session; longer ones are shown but not made
MAX_COMMAND_CHARS = 8192
# What xterm.js draws beyond plain xterm-256color. "sync" frames each redraw, so nothing tears.
CLIENT_FEATURES = "RGB,overline,strikethrough,sync,usstyle"

_SESSION_FIELDS = (
    "session_id",
    "session_windows",
    "session_created",
    "session_activity",
    "session_attached",
    "session_name",
)
_PANE_FIELDS = ("session_id", "window_active", "pane_active", "window_activity")
# A process, a program or a directory chooses these: they may hold TAB and newline, and be as long as
# they like, so tmux cuts them; a path has its own limit.
_PANE_TEXTS = ("=256:pane_current_command", "=256:pane_title", "pane_current_path")
_INT_CHARS = 20  # of 64 bits
# More than any tmux server prints of its own accord; reading it holds up whoever else uses the service.
MAX_SESSIONS = 5000
MAX_RECORDS = 20 * MAX_SESSIONS  # of a listing: one for each session, four for each pane
MAX_LISTING_BYTES = 4 << 20
USUAL_PATH = "/usr/bin/tmux"  # of tmux, where nobody has looked for it
SAID_CHARS = 4096  # of standard error that are looked at: the last ones


class Target(NamedTuple):
    """Whose tmux server: the Unix user, and how to become it.

    Attributes:
        user: The tmux user.
        sudo: Whether it is another user than the one we log in as.
        socket: Absolute path for ``tmux -S``; empty = the user's default server.
    """

    user: str
    sudo: bool
    socket: str = ""


def argv(target: Target, *words: str, client: Sequence[str] = ()) -> list[str]:
    """Return the whole command line for one tmux command."""
    become = ["sudo", "-n", "-u", target.user, "--"] if target.sudo else []
    server = ["-S", target.socket] if target.socket else []
    return [*become, "tmux", "-u", *client, *server, *words]


def listing(target: Target, mark: str) -> list[str]:
    """Return the one command that lists sessions and what runs in them.

    Args:
        target: Whose server.
        mark: Random hex, fresh for this command. It starts every record and separates the texts that
            others choose, so that no title or directory name can pretend to be a record.
    """
    sessions = mark + "S" + "\t".join(f"#{{{name}}}" for name in _SESSION_FIELDS)
    panes = mark + "P" + "\t".join(f"#{{{name}}}" for name in _PANE_FIELDS)
    panes += "".join(f"{mark}T#{{{name}}}" for name in _PANE_TEXTS)
    return argv(target, "list-sessions", "-F", sessions, ";", "list-panes", "-a", "-F", panes)


def parse_listing(output: bytes, mark: str) -> tuple[Session, ...]:
    """Return the sessions that ``listing`` printed, in tmux's order.

    Raises:
        ValueError: The output is not of that form, or too much to be one.
    """
    if len(output) > MAX_LISTING_BYTES or output.count(mark.encode()) > MAX_RECORDS:
        raise ValueError("tmux printed a listing that is too long")
    records = output.decode(errors="replace").split(mark)
    if records[0].strip():
        raise ValueError(f"tmux printed something else: {records[0].strip()[:200]!r}")
    rows: dict[str, list[str]] = {}
    latest: dict[str, int] = {}
    shown: dict[str, list[str]] = {}
    texts: list[str] | None = None
    for record in records[1:]:
        kind, body = record[:1], record[1:]
        if kind == "S":
            fields = body.removesuffix("\n").split("\t", len(_SESSION_FIELDS) - 1)
            if len(fields) != len(_SESSION_FIELDS):
                raise ValueError(f"tmux printed a session without its fields: {body[:200]!r}")
            rows[fields[0]] = fields
            if len(rows) > MAX_SESSIONS:
                raise ValueError(f"tmux printed more than {MAX_SESSIONS} sessions")
        elif kind == "P":
            session, window_active, pane_active, activity = body.split("\t")
            latest[session] = max(latest.get(session, 0), _int(activity))
            texts = shown.setdefault(session, []) if window_active == pane_active == "1" else None
        elif kind == "T" and texts is not None:
            texts.append(body)
    return tuple(_session(fields, latest, shown) for fields in rows.values())


def _session(fields: list[str], latest: dict[str, int], shown: dict[str, list[str]]) -> Session:
    session, windows, created, activity, attached, name = fields
    command, title, directory = (shown.get(session) or ["", "", ""])[:3]
    return Session(
        id=session,
        name=name,
        windows=_int(windows),
        created=float(_int(created)),
        # session_activity moves with keys alone; output moves window_activity.
        activity=float(max(_int(activity), latest.get(session, 0))),
        attached=_int(attached),
        command=command,
        directory=directory.removesuffix("\n"),  # it ends the line that tmux printed
        title=title,
    )


def _int(text: str) -> int:
    if len(text) > _INT_CHARS:
        raise ValueError(f"tmux printed a number of {len(text)} digits")
    return int(text) if text else 0  # some times are empty until the first attach


def names(target: Target) -> list[str]:
    """Return the command that lists ids and names alone."""
    return argv(target, "list-sessions", "-F", "#{session_id}\t#{session_name}")


_NAMES = re.compile(r"^(\$[0-9]{1,20})\t([^\n]*)$", re.MULTILINE)


def parse_names(output: bytes) -> dict[str, str]:
    """Return name → id as ``names`` printed them; a line with anything else for an id counts for nothing."""
    lines = _NAMES.finditer(output[:MAX_LISTING_BYTES].decode(errors="replace"))
    return {line[2]: line[1] for line in itertools.islice(lines, MAX_SESSIONS)}


def create(target: Target, name: str, command: str, directory: str) -> list[str]:
    """Return the command that makes a detached session and prints its id and name."""
    words = ["new-session", "-d", "-P", "-F", "#{session_id}\t#{session_name}", "-s", _text(name)]
    if directory:
        words += ["-c", _text(directory)]
    if command:
        words += ["--", _word(command)]
    return argv(target, *words)


def rename(target: Target, session: str, name: str) -> list[str]:
    """Return the command that renames a session."""
    return argv(target, "rename-session", "-t", session, "--", _text(name))


def kill(target: Target, session: str) -> list[str]:
    """Return the command that ends a session."""
    return argv(target, "kill-session", "-t", session)


def screen(target: Target, session: str) -> list[str]:
    """Return the command that prints the visible screen, with colours."""
    return argv(target, "capture-pane", "-p", "-e", "-t", session)


def scrollback(target: Target, session: str) -> list[str]:
    """Return the command that prints the whole history as text, wrapped lines joined."""
    return argv(target, "capture-pane", "-p", "-J", "-S", "-", "-t", session)


def attach(target: Target, session: str, *, view: bool) -> list[str]:
    """Return the command that attaches a terminal to a session.

    ``-E`` leaves the session's environment as it is; ours would take its ssh agent and display away.
    ``-r`` keeps a viewer's keys from the session, and its size as long as others are attached. It does
    not keep the viewer from walking to other sessions, so the server drops a viewer's input as well.
    """
    words = ["attach-session", "-E", *(["-r"] if view else []), "-t", session]
    return argv(target, *words, client=("-T", CLIENT_FEATURES))


def _word(text: str) -> str:
    return text[:-1] + "\\;" if text.endswith(";") else text


def _text(text: str) -> str:
    return _word(text.replace("#", "##"))


def check_name(name: str) -> str:
    """Return a name for a session to be made or renamed, or raise ``invalid`` with the reason."""
    reason = None
    if not name.strip():
        reason = "must not be empty"
    elif len(name) > MAX_NAME_CHARS:
        reason = f"must be at most {MAX_NAME_CHARS} characters"
    elif not name.isprintable():
        reason = "must not contain control characters or characters that cannot be shown"
    elif set(name) & {":", "."}:
        reason = 'must not contain ":" or ".", which tmux turns into "_"'
    elif name in {"~", "!", "+", "-"}:
        reason = "has a meaning of its own to tmux"
    if reason:
        raise invalid("name", reason)
    return name


def check_command(command: str) -> str:
    """Return a command for a new session, or raise ``invalid``."""
    if len(command) > MAX_COMMAND_CHARS:
        raise invalid("command", f"must be at most {MAX_COMMAND_CHARS} characters")
    if "\0" in command:
        raise invalid("command", "must not contain NUL")
    return command


def check_directory(directory: str) -> str:
    """Return a directory for a new session, or raise ``invalid``."""
    if directory and not (directory == "~" or directory.startswith(("/", "~/"))):
        raise invalid("directory", 'must be absolute or begin with "~/"')
    if not directory.isprintable() or len(directory) > 4096:  # noqa: PLR2004  PATH_MAX
        raise invalid("directory", "must be a path of printable characters")
    return directory


_NO_SERVER = re.compile(
    r"no server running on |error connecting to .*\(No such file or directory\)|no sessions?$"
    # The server went while it was asked: after kill-server it still listens for a moment.
    r"|^lost server$|^server exited unexpectedly$"
)
_SUDO = re.compile(
    r"^(sudo: |Sorry, user |.* is not in the sudoers file|.* is not allowed to (run|execute) )"
)


def classify(target: Target, login: str, stderr: str, path: str = USUAL_PATH) -> UserReport:
    """Return what a failed listing means.

    Args:
        target: Whose server was asked.
        login: The Unix user that asked.
        stderr: What the command said.
        path: Where tmux is on the host.
    """

    def report(state: UserState, problem: str | None, remedy: str | None = None) -> UserReport:
        return UserReport(name=target.user, state=state, problem=problem, remedy=remedy)

    stderr = stderr[-SAID_CHARS:]
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    said = lines[-1][:240] if lines else "tmux failed without a word"
    if any(_NO_SERVER.search(line) for line in lines):
        return report("no_server", None)
    if "tmux" in stderr and re.search(r"tmux: (command )?not found|tmux: No such file", stderr):
        return report("tmux_missing", "tmux is not installed.", "apt-get install tmux")
    if re.search(r"unknown user:? ", stderr):
        return report("error", f"There is no Unix user {target.user}.", f"useradd -m {target.user}")
    if target.sudo and any(_SUDO.match(line) for line in lines):
        if "no new privileges" in stderr:
            return report(
                "sudo_refused",
                "sudo may not become anybody: its service has NoNewPrivileges.",
                "NoNewPrivileges=false under [Service] in the unit",
            )
        if "must have a tty" in stderr:
            return report(
                "sudo_refused", "sudo wants a terminal (requiretty).", f"Defaults:{login} !requiretty"
            )
        return report(
            "sudo_refused",
            f"{login} may not run tmux as {target.user}.",
            f"{login} ALL=({target.user}) NOPASSWD: {path}",
        )
    return report("error", f"tmux said: {printable(said)}")


def printable(text: str) -> str:
    """Return text with every control or bidirectional character escaped, for sentences and logs."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def failed(target: Target, login: str, stderr: str, path: str = USUAL_PATH) -> Problem:
    """Return the problem that a failed create, rename, kill or capture means to the caller.

    The arguments are those of ``classify``.
    """
    stderr = stderr[-SAID_CHARS:]
    said = printable(stderr.strip().splitlines()[-1] if stderr.strip() else "tmux failed without a word")[
        :240
    ]
    if said.startswith("duplicate session"):
        return Problem(Code.session_exists)
    if said.startswith(("can't find session", "can't find pane", "session not found")):
        return Problem(Code.session_not_found)
    if said.startswith(("bad session name", "invalid session name", "invalid session")):
        return invalid("name", "tmux does not take it")
    report = classify(target, login, stderr, path)
    return refusal(report) or Problem(Code.host_error, f"tmux said: {said}")


def refusal(report: UserReport) -> Problem | None:
    """Return the problem of asking a user's tmux that this report says cannot be asked."""
    match report.state:
        case "no_server":
            return Problem(Code.session_not_found, f"{report.name} has no tmux server running.")
        case "sudo_refused":
            return Problem(Code.sudo_refused, f"{report.problem} Add to sudoers: {report.remedy}")
        case "tmux_missing":
            return Problem(Code.tmux_missing)
        case "socket_unreadable" | "error":
            return Problem(Code.host_error, report.problem or "")
    return None


def order(sessions: Iterable[Session], first: Sequence[str]) -> tuple[Session, ...]:
    """Return sessions with ``session_order`` first (a name or a prefix, first entry wins), then by
    name as people count: 2 before 10, case apart from nothing."""

    def key(session: Session) -> tuple[int, list[tuple[int, int, str]], str]:
        rank = next((i for i, entry in enumerate(first) if session.name.startswith(entry)), len(first))
        return rank, natural(session.name), session.name

    return tuple(sorted(sessions, key=key))


def natural(name: str) -> list[tuple[int, int, str]]:
    """Return a sort key in which runs of digits compare as numbers, however long they are."""
    parts = re.findall(r"0*([0-9]+)|([^0-9]+)", name.casefold())
    return [(1, 0, text) if text else (0, len(digits), digits) for digits, text in parts]
