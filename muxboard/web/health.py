"""Is the loop alive, is the service ready, and what does it count."""

from __future__ import annotations

from muxboard.problems import Code, Problem
from muxboard.records.metrics import CONTENT_TYPE
from muxboard.web.handler import Access, Handler


class Healthz(Handler):
    """The loop is alive, or this would not answer."""

    access = {"GET": Access.public, "HEAD": Access.public}

    def get(self) -> None:
        self.answer({"status": "ok"})

    def head(self) -> None:
        self.get()


class Readyz(Handler):
    """Ready for new terminals, and not draining."""

    access = {"GET": Access.public, "HEAD": Access.public}

    def get(self) -> None:
        if self.services.attacher.draining:
            raise Problem(Code.draining)
        self.answer({"status": "ready"})

    def head(self) -> None:
        self.get()


class MetricsText(Handler):
    """Prometheus exposition; only on a listener of its own."""

    access = {"GET": Access.public}

    def get(self) -> None:
        self.set_header("Content-Type", CONTENT_TYPE)
        self.write(self.services.metrics.text())
