"""Prometheus metrics. Their names are part of the public contract."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from tornado.ioloop import PeriodicCallback

from muxboard import __version__
from muxboard.problems import Code

if TYPE_CHECKING:
    from collections.abc import Callable

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_LAG_INTERVAL_MS = 1000  # one wake-up a second shows a blocked loop soon enough


class Metrics:
    """Every metric of the service, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self.terminals = Gauge("muxboard_terminals", "Live terminals.", registry=registry)
        self.terminal_bytes = Counter(
            "muxboard_terminal_bytes", "Terminal bytes.", ["direction"], registry=registry
        )
        self.attach_seconds = Histogram(
            "muxboard_attach_seconds",
            "From a request for a terminal to its answer.",
            registry=registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
        )
        self.sweep_seconds = Gauge("muxboard_sweep_seconds", "The last sweep.", ["host"], registry=registry)
        self.host_up = Gauge(
            "muxboard_host_up", "1 when the last sweep was answered.", ["host"], registry=registry
        )
        self.sessions = Gauge("muxboard_sessions", "Sessions on a host.", ["host"], registry=registry)
        self.denied = Counter("muxboard_denied", "Requests refused.", ["code"], registry=registry)
        for code in Code:  # a counter that begins with its first refusal is never seen to rise
            self.denied.labels(code.name)
        self.requests = Counter(
            "muxboard_requests", "Requests answered.", ["route", "method", "status"], registry=registry
        )
        self.loop_lag = Histogram(
            "muxboard_loop_lag_seconds",
            "How late the event loop runs a timer.",
            registry=registry,
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1),
        )
        Gauge("muxboard_build_info", "Version.", ["version", "python"], registry=registry).labels(
            __version__, sys.version.split()[0]
        ).set(1)
        self.bytes_in = self.terminal_bytes.labels("in")
        self.bytes_out = self.terminal_bytes.labels("out")
        self._last = 0.0
        self._timer: PeriodicCallback | None = None

    def start(self, clock: Callable[[], float]) -> None:
        """Begin to measure the loop's lag; ``clock`` is the loop's time in seconds."""

        def tick() -> None:
            now = clock()
            if self._last:
                self.loop_lag.observe(max(0.0, now - self._last - _LAG_INTERVAL_MS / 1000))
            self._last = now

        self._timer = PeriodicCallback(tick, _LAG_INTERVAL_MS)
        self._timer.start()

    def stop(self) -> None:
        """Stop measuring. Idempotent."""
        if self._timer is not None:
            self._timer.stop()

    def swept(self, host: str, *, up: bool, seconds: float, sessions: int) -> None:
        """Take in how a sweep of a host went."""
        self.sweep_seconds.labels(host).set(seconds)
        self.host_up.labels(host).set(up)
        self.sessions.labels(host).set(sessions)

    def forget(self, host: str) -> None:
        """A host is no longer configured."""
        for gauge in (self.sweep_seconds, self.host_up, self.sessions):
            with contextlib.suppress(KeyError):
                gauge.remove(host)

    def text(self) -> bytes:
        """Return the exposition format."""
        return generate_latest(self._registry)
