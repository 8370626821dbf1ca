"""What a terminal has read and its client has not parsed: the bytes, how many there may be, and their age."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from muxboard.terminals.flow import Flow
from muxboard.terminals.ring import Ring
from muxboard.terminals.stall import Stall

if TYPE_CHECKING:
    from collections.abc import Callable


class Backlog:
    """Output of one terminal by absolute offset, from what is acked to what is read.

    Args:
        most: The largest window, in bytes.
        clock: Monotonic seconds.

    Attributes:
        flow: How much more may be read.
        screen: How many bytes are worth a redraw.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.flow = Flow(most, clock)
        self.screen = 0
        self._ring = Ring()
        self._stall = Stall(clock)

    def __len__(self) -> int:
        return len(self._ring)

    @property
    def end(self) -> int:
        """Where the next byte comes."""
        return self._ring.end

    @property
    def budget(self) -> int:
        """How many bytes may be read now; 0 pauses."""
        return self.flow.budget(self._ring.end)

    def add(self, data: bytes, *, sent: bool) -> None:
        """Take in the next bytes; ``sent``: a client gets them now."""
        self._ring.append(data)
        self._stall.waits(self._ring.end - self.flow.acked, self.screen)
        if sent:
            self.flow.sent(self._ring.end, len(data))

    def ack(self, offset: int) -> bool:
        """Take in that everything before an offset is parsed; return whether a paused reader may go on.

        Raises:
            ValueError: The offset was never sent.
        """
        before = self.flow.acked
        resumed = self.flow.ack(offset, self._ring.end)
        self._ring.trim(offset)
        if offset > before:
            self._stall.moved(self._ring.end - offset, self.screen)
        if not resumed and not self.flow.paused:
            self._stall.caught_up()
        return resumed

    def since(self, offset: int) -> bytes | None:
        """Return the bytes from an offset on; None where it is not held."""
        try:
            return self._ring.since(offset)
        except LookupError:
            return None

    def comes(self, offset: int, *, same_link: bool) -> bool:
        """A client that has everything before an offset comes; return whether what it has not is stale.

        Args:
            offset: One that is held.
            same_link: Whether it goes on with the link that it had.
        """
        waiting = self._ring.end - offset
        if same_link and offset > self.flow.acked:
            self._stall.moved(waiting, self.screen)
        else:
            self._stall.comes(waiting, self.screen)
        return self._stall.stale and waiting > self.screen

    def goes_on(self, offset: int, *, same_link: bool) -> None:
        """Everything from an offset on is sent to the client that has come."""
        if same_link:
            self.flow.ack(offset, self._ring.end)
        else:
            self.flow.begin(max(self.flow.acked, offset))
        self._ring.trim(offset)
        if waiting := self._ring.end - offset:
            self._stall.waits(waiting, self.screen)
            self.flow.sent(self._ring.end, waiting)

    def skip(self) -> bool:
        """Whether a redraw may come now in place of what is held, which has become stale; it is counted."""
        return self._stall.skip()

    def takes_s(self, size: int) -> float:
        """Return how long the client takes for so many bytes; 0 where that is not known."""
        return size / self.flow.rate if self.flow.rate else 0.0

    def clear(self) -> None:
        """Drop everything; the stream goes on where it is."""
        self._ring.clear()
