"""Opens the dashboard in a browser of this machine, without telling anybody else how."""

from __future__ import annotations

import contextlib
import html
import tempfile
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

from muxboard.tasks import Strangers, Tasks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

_PAGE = """<!DOCTYPE html>
<meta charset="utf-8"><meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0;url={url}">
<title>muxboard</title><a href="{url}">muxboard</a>
"""


@contextlib.asynccontextmanager
async def browser() -> AsyncIterator[Callable[[str], None]]:
    """Give what opens a URL that logs in; it does not wait.

    Every user of the machine sees the command line of a browser. So the browser is given a file of ours,
    which leads to the URL and is taken away at the end.
    """
    with tempfile.TemporaryDirectory(prefix="muxboard-") as folder:
        page = Path(folder) / "open.html"

        def show(url: str) -> None:
            page.touch(0o600)
            page.write_text(_PAGE.format(url=html.escape(url)), encoding="utf-8")
            # Some browsers keep whoever opens them waiting until they end.
            tasks.start(Strangers("browser", 1).run(webbrowser.open, page.as_uri()), "open")

        tasks = Tasks("browser")
        try:
            yield show
        finally:
            await tasks.close()
