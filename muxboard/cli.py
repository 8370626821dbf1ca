"""Commands; no logic."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import platform
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, NoReturn

import click
import msgspec

from muxboard import __version__
from muxboard.config import ConfigError, load

if TYPE_CHECKING:
    from collections.abc import Callable

    from muxboard.config.schema import Loaded

CONFIG_ERROR = 2

_config = click.option("-c", "--config", "path", metavar="FILE", help="The configuration file.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """A web board over tmux sessions, with live terminals in the browser."""


def _load(path: str | None, bind: str | None = None) -> Loaded:
    try:
        return load(path, os.environ, bind=bind)
    except ConfigError as error:
        _broken(error)


def _broken(error: ConfigError) -> NoReturn:
    from muxboard.records import log  # noqa: PLC0415

    mark = f"<{log.priority(logging.ERROR)}>" if log.journal() else ""
    for line in error.lines:
        click.echo(f"{mark}{line}", err=True)
    sys.exit(CONFIG_ERROR)


@main.command()
@_config
@click.option("--bind", metavar="ADDR", help='Listening address, e.g. "127.0.0.1:8765".')
@click.option("--open", "browse", is_flag=True, help="Open the printed URL in a browser.")
def serve(path: str | None, bind: str | None, browse: bool) -> None:
    """Run the service; prints one URL that opens a logged-in dashboard."""
    gc.disable()
    # paramiko tries to import it for commands in ~/.ssh/config, which is not read here, and does without.
    sys.modules.setdefault("invoke", None)  # type: ignore[arg-type]  # as the import system documents it
    import asyncio  # noqa: PLC0415  a third of what other commands would take to start

    from muxboard.config import weak  # noqa: PLC0415
    from muxboard.records import log  # noqa: PLC0415  other commands start without the web
    from muxboard.server import Service  # noqa: PLC0415
    from muxboard.server import serve as run  # noqa: PLC0415

    # What is imported stays. Looking whether it does would hold all terminals up, for some 20 ms each time.
    gc.freeze()
    gc.enable()
    loaded = _load(path, bind)
    log.configure(loaded.log_level)
    for found in weak.settings(loaded, os.environ):
        logging.getLogger("muxboard.config").warning("%s: %s %s", found.path, found.problem, found.remedy)

    async def start() -> None:
        service = Service(loaded, os.environ)
        show: Callable[[str], None] | None = None

        def started() -> None:
            # A journal is kept, and read by more than one: no place for a token that lasts.
            kept = log.journal() and not service.fresh_token
            click.echo(f"muxboard {__version__}: {service.address if kept else service.url}")
            if show:
                show(service.url)

        async with contextlib.AsyncExitStack() as stack:
            if browse:
                from muxboard import opening  # noqa: PLC0415

                show = await stack.enter_async_context(opening.browser())
            await run(service, started)

    try:
        asyncio.run(start())
    except ConfigError as error:
        _broken(error)
    except OSError as error:
        why = f"cannot start: {error}"
        if str(error.filename or "").endswith("static/index.html"):
            why = f"the page is not built ({error.filename}): run make run"
        _broken(ConfigError([why]))


@main.command()
@_config
@click.option("--offline", is_flag=True, help="The configuration alone; no host is asked.")
@click.option("--json", "as_json", is_flag=True, help="What was found as JSON.")
def check(path: str | None, offline: bool, as_json: bool) -> None:
    """Check the configuration, then try every host step by step.

    Exits with 0 when all is good, 1 when a host failed, 2 when the configuration is wrong.
    """
    from muxboard.access import build  # noqa: PLC0415
    from muxboard.config import weak  # noqa: PLC0415
    from muxboard.config.values import Secret  # noqa: PLC0415
    from muxboard.hosts import live  # noqa: PLC0415  it brings rich, without which the service starts faster
    from muxboard.hosts.checklist import Checklist  # noqa: PLC0415
    from muxboard.registry import build as registry  # noqa: PLC0415

    loaded = _load(path)
    try:
        build.check_shared(loaded, build.build_gate(loaded, Secret("")))
        build.build_links(loaded)
        registry.build_registry(loaded)
    except ConfigError as error:
        _broken(error)
    found = weak.settings(loaded, os.environ)

    async def ask() -> list[tuple[str, str]]:
        return [*await build.unreachable(loaded), *await registry.unreachable(loaded)]

    live.leave(Checklist(loaded, os.environ, found, as_json=as_json, ask=ask).run(offline=offline))


@main.command()
@_config
@click.option("--json", "as_json", is_flag=True, help="The inventory as JSON.")
def ls(path: str | None, as_json: bool) -> None:
    """Ask every host once and print what there is."""
    from muxboard.access.grants import Grants  # noqa: PLC0415
    from muxboard.access.principal import Principal  # noqa: PLC0415
    from muxboard.hosts import live  # noqa: PLC0415
    from muxboard.hosts.listing import Listing  # noqa: PLC0415
    from muxboard.web import views  # noqa: PLC0415

    listing = Listing(_load(path), os.environ, quiet=as_json)
    listing.sweep()
    if as_json:  # whoever runs this needs no grant: they are the user that the hosts are asked as
        inventory = views.inventory(listing.sweeper, Grants([]), Principal(name="", gate="local"))
        click.echo(msgspec.json.format(msgspec.json.encode(inventory)).decode())
    else:
        listing.tell()
    live.leave(listing.exit_code)


@main.command()
@_config
@click.option("--bind", metavar="ADDR", help="As given to serve.")
def healthy(path: str | None, bind: str | None) -> None:
    """Ask the running service whether it is alive.

    Exits with 0 when it is, else with 1, and says so on one line.
    """
    from muxboard.healthy import Unhealthy, ask  # noqa: PLC0415

    try:
        click.echo(f"alive at {ask(path, os.environ, bind)}")
    except Unhealthy as error:
        click.echo(str(error), err=True)
        sys.exit(1)


@main.command()
@_config
@click.argument("target", metavar="HOST/USER/SESSION")
@click.option("--mode", type=click.Choice(["view", "control"]), default="view", show_default=True)
@click.option("--ttl", default="10m", show_default=True, help="How long the link can be opened.")
@click.option("--for", "subject", metavar="NAME", default="", help="Whom it is for; else whoever has it.")
def link(path: str | None, target: str, mode: str, ttl: str, subject: str) -> None:
    """Print a link that opens one session, once."""
    from muxboard.access import minting  # noqa: PLC0415

    try:
        click.echo(minting.url(_load(path), target, mode, ttl, subject))
    except ValueError as error:
        click.echo(str(error), err=True)
        sys.exit(CONFIG_ERROR)


@main.group()
def config() -> None:
    """Print an example, the JSON Schema, or what is in force."""


@config.command()
def example() -> None:
    """A commented example of the file."""
    from muxboard.config import show  # noqa: PLC0415

    click.echo(show.example())


@config.command()
def schema() -> None:
    """The JSON Schema of the file."""
    from muxboard.config import show  # noqa: PLC0415

    click.echo(msgspec.json.format(msgspec.json.encode(show.json_schema())).decode())


@config.command("show")
@_config
def show_config(path: str | None) -> None:
    """The effective configuration, secrets masked."""
    from muxboard.config import show  # noqa: PLC0415

    click.echo(show.effective(_load(path)), nl=False)


@main.command()
def version() -> None:
    """Version, Python, tmux and ssh found."""
    click.echo(f"muxboard {__version__}")
    click.echo(f"Python {platform.python_version()}")
    for program, flag in (("tmux", "-V"), ("ssh", "-V")):
        click.echo(_version_of(program, flag))


def _version_of(program: str, flag: str) -> str:
    found = shutil.which(program)
    if found is None:
        return f"{program} not found"
    done = subprocess.run([found, flag], capture_output=True, text=True, timeout=10, check=False)
    return (done.stdout or done.stderr).strip() or f"{program} found"
