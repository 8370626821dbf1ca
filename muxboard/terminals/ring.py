"""Output by absolute offset: what was produced and is not yet known to be parsed."""

from __future__ import annotations

from collections import deque

CHUNK_BYTES = 4096  # what comes in crumbs is kept together up to this size: a window has 200,000 bytes


class Ring:
    """Bytes ``start`` to ``end`` of a stream, counted from its beginning.

    Bytes go in at the end and are dropped at the start; what it holds is bounded by whoever feeds it.
    """

    __slots__ = ("_chunks", "end", "start")

    def __init__(self) -> None:
        self.start = 0
        self.end = 0
        self._chunks: deque[bytes] = deque()

    def append(self, data: bytes) -> None:
        """Take in the next bytes of the stream."""
        if not data:
            return
        if self._chunks and len(self._chunks[-1]) + len(data) <= CHUNK_BYTES:
            self._chunks[-1] += data
        else:
            self._chunks.append(data)
        self.end += len(data)

    def trim(self, offset: int) -> None:
        """Drop everything before an offset; one outside of what is held is brought inside."""
        offset = min(offset, self.end)
        while self.start < offset:
            chunk = self._chunks[0]
            if self.start + len(chunk) <= offset:
                self._chunks.popleft()
                self.start += len(chunk)
            else:
                self._chunks[0] = chunk[offset - self.start :]
                self.start = offset

    def clear(self) -> None:
        """Drop everything; the stream goes on where it is."""
        self._chunks.clear()
        self.start = self.end

    def since(self, offset: int) -> bytes:
        """Return the bytes from an offset on.

        Raises:
            LookupError: The ring does not hold that offset (any more, or yet).
        """
        if not self.start <= offset <= self.end:
            raise LookupError(offset)
        return b"".join(self._chunks)[offset - self.start :]

    def __len__(self) -> int:
        return self.end - self.start
