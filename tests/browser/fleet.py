"""A made-up fleet on the page of a real service: frontend/bench/fleet.js plays its event stream."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.board import Board

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Locator

SCRIPT = Path(__file__).parents[2] / "frontend/bench/fleet.js"

# Counts what something does to the page: elements made, taken away, and changed in place.
TOUCHED = """
async () => {
  const made = [], gone = [], changed = new Set();
  const take = (records) => {
    for (const record of records) {
      const elements = (nodes) => [...nodes].filter((node) => node.nodeType === 1);
      made.push(...elements(record.addedNodes));
      gone.push(...elements(record.removedNodes));
      const element = record.target.nodeType === 1 ? record.target : record.target.parentElement;
      // A clock that ticks meanwhile is none of the update's.
      if (element && !element.closest("mux-ago")) changed.add(element);
    }
  };
  const observer = new MutationObserver(take);
  observer.observe(document.querySelector("mux-dashboard"),
    { subtree: true, childList: true, attributes: true, characterData: true });
  await fleet.cost(() => { %s });
  take(observer.takeRecords());
  observer.disconnect();
  return { made: made.length, gone: gone.length, changed: changed.size };
}
"""


class Fleet(Board):
    """The board of hosts that are made up. ``prepare`` its context before the page is opened."""

    @staticmethod
    def prepare(context: BrowserContext) -> None:
        context.add_init_script(SCRIPT.read_text())

    def show(self, hosts: int, sessions: int, *, mixed: bool = False, at: str = "") -> Fleet:
        """Open the board, or a page below it, with so many hosts."""
        if self.page.url == "about:blank":
            self.page.goto(self.url)
            expect(self.live).to_be_visible()
        if at:
            self.page.goto(self.url.partition("#")[0] + at)
            expect(self.live).to_be_visible()
        self.page.evaluate(f"fleet.show(fleet.make({hosts}, {sessions}, {str(mixed).lower()}))")
        expect(self.live).to_have_text("live")
        return self

    def send(self, script: str) -> None:
        """Send the hosts that a script puts into ``news``; ``hosts`` are copies of those there are."""
        self.page.evaluate(f"() => {{ {self._sending(script)} }}")

    def touched(self, script: str) -> dict[str, int]:
        """Do the same; return how many elements that made, took away (``gone``) and changed."""
        return self.page.evaluate(TOUCHED % self._sending(script))

    @staticmethod
    def _sending(script: str) -> str:
        return f"const hosts = fleet.hosts(), news = []; {script}; fleet.change(news);"

    @property
    def heads(self) -> Locator:
        return self.page.get_by_test_id("host")

    def head(self, key: str) -> Locator:
        return self.page.locator(f"[data-testid=host][data-host={key}]")

    def session(self, host: str, name: str) -> Locator:
        return self.page.locator(f"[data-testid=session-row][data-host={host}][data-name={name}]")

    def lot(self, name: str) -> Locator:
        return self.page.locator(f"[data-testid=lot][data-lot={name}]")

    def tally(self, state: str) -> Locator:
        return self.page.locator(f"[data-testid=tally][data-filter='state:{state}']")

    @property
    def focused(self) -> str:
        """The host and the name of the line that has the focus, as ``host/name``."""
        return self._line("document.activeElement")

    def at(self, x: int, y: int) -> str:
        """The same of the line at a point of the window."""
        return self._line(f"document.elementFromPoint({x}, {y})")

    def _line(self, element: str) -> str:
        return self.page.evaluate(
            f"() => {{ const {{ host = '', name = '' }} = {element}?.closest('[data-key]')?.dataset ?? {{}};"
            " return `${host}/${name}`; }"
        )
