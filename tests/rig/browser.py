"""Chromium on a page that is watched."""

from __future__ import annotations

import contextlib
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import ConsoleMessage, Request, WebSocket

    from tests.rig.service import Service

PLAIN_NAME = "muxboard.test"  # of this machine; on plain http, browsers do not trust it as they do loopback
# Chromium without what draws its windows: half of the processor time, of which the suite has little to spare.
CHROMIUM = "chromium-headless-shell"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--host-resolver-rules=MAP {PLAIN_NAME} 127.0.0.1",
]
TIMEOUT_MS = 10_000
SCREENS = Path(__file__).parents[2] / "build" / "screens"

REPORT_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) =>
  muxboardViolation(
    `${event.violatedDirective}: ${event.blockedURI || "inline"} ${event.sourceFile}:${event.lineNumber}`));
"""


class Watch:
    """What a page did: its requests, errors and violations of its policy, looked at after the test."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self._expected: list[re.Pattern[str]] = []

    def expect(self, pattern: str) -> None:
        """A complaint that the test provokes, e.g. of a refused login."""
        self._expected.append(re.compile(pattern))

    def attach(self, context: BrowserContext) -> None:
        context.expose_binding(
            "muxboardViolation", lambda _source, text: self.complaints.append(f"CSP: {text}")
        )
        context.add_init_script(REPORT_VIOLATIONS)
        context.on("request", self._requested)
        context.on("console", self._said)
        context.on("weberror", lambda error: self.complaints.append(f"error: {error.error}"))
        context.on("page", lambda page: page.on("websocket", self._opened))

    def _requested(self, request: Request) -> None:
        self.requests.append(request.url)

    def _opened(self, socket: WebSocket) -> None:
        self.requests.append(socket.url)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(f"console: {message.text} ({message.location.get('url', '')})")

    def third_party(self) -> list[str]:
        """Requests to anything but the service."""
        home = urlsplit(self.origin).netloc
        outside = [url for url in self.requests if urlsplit(url).scheme not in ("data", "blob")]
        return [url for url in outside if urlsplit(url).netloc != home]

    def check(self) -> None:
        """Fail on a third party's request, and on a complaint that was not expected."""
        bad = [text for text in self.complaints if not any(known.search(text) for known in self._expected)]
        bad += [f"third party: {url}" for url in self.third_party()]
        assert not bad, "the page: " + "\n  ".join(bad)


@pytest.fixture(scope="module")
def browser_flags() -> list[str]:
    """How Chromium is started. Without WebGL: where there is no graphics card it takes a processor."""
    return [*FLAGS, "--disable-3d-apis"]


@pytest.fixture(scope="module")
def browser(browser_flags: list[str]) -> Iterator[Browser]:
    """One Chromium for a module's tests. Not for the whole run: while Playwright is up this thread has a
    running event loop, and a test with pytest-tornado's loop could not run beside it."""
    chromium = shutil.which(CHROMIUM)
    if chromium is None:
        pytest.fail(f"missing: apt-get install -y --no-install-recommends {CHROMIUM}", pytrace=False)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, headless=True, args=browser_flags)
        try:
            yield browser
        finally:
            browser.close()


@pytest.fixture
def watch(service: Service) -> Watch:
    """What the page did so far."""
    return Watch(service.url)


@pytest.fixture
def context_options() -> dict[str, Any]:
    """Options of the browser context; a module or class may override it, e.g. with a phone's size."""
    return {"viewport": {"width": 1280, "height": 800}}


@pytest.fixture
def context(browser: Browser, watch: Watch, context_options: dict[str, Any]) -> Iterator[BrowserContext]:
    """A browser profile of this test's own."""
    context = browser.new_context(**context_options)
    context.set_default_timeout(TIMEOUT_MS)
    watch.attach(context)
    try:
        yield context
    finally:
        context.close()


@pytest.fixture
def page(context: BrowserContext, watch: Watch, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page. It must ask nobody but the service, throw nothing and violate nothing."""
    page = context.new_page()
    yield page
    report = getattr(request.node, "report_call", None)
    if report is None or report.failed:
        SCREENS.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(Exception):  # the test's own failure is what matters
            # Given a path, Playwright would write the file in a thread that it keeps.
            (SCREENS / f"{request.node.name}.png").write_bytes(page.screenshot())
    page.close()
    watch.check()
