"""The example's portal on a site of its own, and the terminals in its page."""

from __future__ import annotations

import contextlib
import importlib.util
import socket
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from playwright.sync_api import Error, expect

from tests.browser.board import LOOK_MS, SCREEN
from tests.rig.browser import Watch
from tests.rig.ports import free_ports
from tests.rig.service import CHECKOUT
from tests.rig.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from playwright.sync_api import Frame, Page

    from tests.rig.tls import Tls

EXAMPLE = CHECKOUT / "packaging/examples/embed"
SAID = """
window.said = [];
for (const what of ["open", "exit", "error"])
  addEventListener(`muxboard-${what}`, (event) => said.push([what, event.target.title, event.detail]));
window.heard = [];
addEventListener("message", (event) => heard.push(event.data));
"""


@dataclass
class Sites:
    """Where they are, and how a session there is called in a link."""

    portal: str
    other: str
    muxboard: str
    tls: Tls
    user: str
    key: bytes

    def token(self, session: str) -> str:
        """A link as the portal mints it."""
        return portal_of_the_example().link(self.key, self.title(session), "ann")

    def title(self, session: str) -> str:
        return f"build/{self.user}/{session}"


def portal_of_the_example() -> Any:
    spec = importlib.util.spec_from_file_location("portal", EXAMPLE / "portal.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def portal(muxboard: str, key: Path, targets: list[str], log: Path) -> Iterator[int]:
    """The example, as its docstring says; gives its port."""
    [port] = free_ports(1)
    command = [sys.executable, EXAMPLE / "portal.py", muxboard, key, *targets, "--port", str(port)]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        until(lambda: answers(port) or process.poll() is not None, "the portal")
        assert process.poll() is None, log.read_text()
        yield port
    finally:
        process.terminate()
        process.wait()


def answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


class Neighbours(Watch):
    """Two sites may be asked."""

    def __init__(self, sites: Sites) -> None:
        super().__init__(sites.muxboard)
        self._known = {urlsplit(url).netloc for url in (sites.portal, sites.other, sites.muxboard)}
        self.expect(r"401 .*/api/v1/me\)")  # every frame asks first who is there

    def third_party(self) -> list[str]:
        return [url for url in super().third_party() if urlsplit(url).netloc not in self._known]


class Box:
    """One terminal in the portal's page."""

    def __init__(self, page: Page, frame: Frame, title: str) -> None:
        self.page = page
        self.frame = frame
        self.title = title

    def open(self) -> Box:
        self.frame.get_by_test_id("open-go").click()
        return self.connected()

    def connected(self, words: str = "connected") -> Box:
        expect(self.frame.get_by_test_id("term-state")).to_have_text(words)
        return self

    def type(self, text: str) -> None:
        """Type a line as somebody who clicks into the terminal first."""
        self.frame.locator(".term-host").click()
        self.page.keyboard.type(text)
        self.page.keyboard.press("Enter")

    def wait_for(self, text: str) -> None:
        self.frame.wait_for_function(f"(text) => ({SCREEN})().includes(text)", arg=text, polling=LOOK_MS)

    def attach_again(self) -> None:
        """End the terminal and make another, which asks the service anew who is there."""
        self.frame.get_by_test_id("term-more").click()
        self.frame.get_by_test_id("menu-end").click()
        self.frame.get_by_test_id("term-again").click()
        self.connected()


def boxes(page: Page, sites: Sites, names: list[str]) -> list[Box]:
    """The frames that ask to open these sessions, in their order."""

    def asking() -> dict[str, Box] | None:
        found = {}
        page.evaluate("0")  # lets Playwright hear of new frames
        for frame in page.frames[1:]:
            with contextlib.suppress(Error):  # gone meanwhile
                shown = frame.get_by_test_id("open-session")
                if shown.count():
                    found[shown.inner_text().strip()] = Box(page, frame, "")
        return found if set(names) <= set(found) else None

    found = until(asking, f"frames for {names}")
    for name in names:
        found[name].title = sites.title(name)
    return [found[name] for name in names]


def said(page: Page, what: str) -> list[Any]:
    """The elements' events of one kind: title and detail of each."""
    return [[title, detail] for kind, title, detail in page.evaluate("said") if kind == what]


def wait_said(page: Page, what: str, title: str) -> list[Any]:
    """The same, once an element has said it."""
    page.wait_for_function(
        "([what, title]) => said.some((s) => s[0] === what && s[1] === title)", arg=[what, title]
    )
    return said(page, what)
