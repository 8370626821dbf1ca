"""How much output may be read before the browser has parsed what it got."""

from __future__ import annotations

# Everything between the PTY and the browser's parser is inside the window: the ring, the socket's
# buffers, the link. So it is also what a ^C has to wait for: 192 KiB is 0.2 s of a 1 MB/s link.
WINDOW_BYTES = 192 * 1024
# Reading begins again when the browser has parsed this share of the window, not at every ack: a
# read of a few bytes costs as much as one of 4 KiB. It must not be more than the window less one ack of
# the browser (an eighth of the window), or a paused terminal would wait for ever.
RESUME_SHARE = 4  # a quarter


class Flow:
    """The window of one terminal. States: reading, or paused until enough is acked."""

    __slots__ = ("acked", "paused", "window")

    def __init__(self, window: int = WINDOW_BYTES) -> None:
        self.window = window
        self.acked = 0
        self.paused = False

    def budget(self, end: int) -> int:
        """Return how many bytes may be read when output has come to ``end``; 0 pauses."""
        room = self.window - (end - self.acked)
        self.paused = room <= 0
        return max(0, room)

    def ack(self, offset: int, end: int) -> bool:
        """Take in an ack; return whether a paused reader may go on.

        An offset before the last one is old news and changes nothing.

        Raises:
            ValueError: The offset was never sent.
        """
        if offset > end:
            raise ValueError(f"ack of {offset} beyond {end}")
        self.acked = max(self.acked, offset)
        if self.paused and self.window - (end - self.acked) >= self.window // RESUME_SHARE:
            self.paused = False
            return True
        return False
