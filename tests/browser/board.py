"""The two screens, as a person uses them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

LOOK_MS = 50
SCREEN = """
() => {
  const term = document.querySelector("mux-terminal")?.term;
  if (!term) return "";
  const lines = [];
  for (let y = 0; y < term.rows; y++) {
    lines.push(term.buffer.active.getLine(term.buffer.active.viewportY + y)?.translateToString(true) ?? "");
  }
  return lines.join("\\n");
}
"""


class Board:
    """The dashboard and what can be reached from it."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url

    def open(self) -> Board:
        self.page.goto(self.url)
        expect(self.live).to_have_text("live")
        return self

    @property
    def live(self) -> Locator:
        return self.page.get_by_test_id("live-state")

    @property
    def rows(self) -> Locator:
        return self.page.get_by_test_id("session-row")

    @property
    def names(self) -> list[str]:
        return [row.get_attribute("data-name") or "" for row in self.rows.all()]

    @property
    def active(self) -> Locator:
        return self.page.locator("[data-testid=session-row].active")

    @property
    def dialog(self) -> Locator:
        return self.page.get_by_test_id("dialog")

    def row(self, name: str) -> Locator:
        return self.page.locator(
            f"[data-testid=session-row][data-name={json.dumps(name, ensure_ascii=False)}]"
        )

    def field(self, name: str) -> Locator:
        return self.dialog.get_by_test_id(f"dialog-{name}")

    def choose(self, name: str, action: str) -> None:
        """Choose an action of a row's menu."""
        self.row(name).get_by_test_id("more").click()
        self.page.get_by_test_id(action).click()

    def attach(self, name: str) -> Terminal:
        self.row(name).get_by_test_id("attach").click()
        return Terminal(self.page).connected()

    def view(self, name: str) -> Terminal:
        self.choose(name, "menu-view")
        return Terminal(self.page).connected("view only")


class Terminal:
    """The terminal page."""

    def __init__(self, page: Page) -> None:
        self.page = page

    @property
    def state(self) -> Locator:
        return self.page.get_by_test_id("term-state")

    @property
    def ended(self) -> Locator:
        return self.page.get_by_test_id("term-ended")

    def connected(self, words: str = "connected") -> Terminal:
        expect(self.state).to_have_text(words)
        return self

    def type(self, text: str) -> Terminal:
        """Type a text and Enter."""
        self.page.keyboard.type(text)
        self.page.keyboard.press("Enter")
        return self

    @property
    def screen(self) -> str:
        """The text that the terminal shows."""
        return self.page.evaluate(SCREEN)

    def wait_for(self, text: str) -> Terminal:
        # By the clock: a look at each frame makes Chromium draw frames.
        self.page.wait_for_function(f"(text) => ({SCREEN})().includes(text)", arg=text, polling=LOOK_MS)
        return self

    def back(self) -> None:
        self.page.get_by_test_id("back").click()
