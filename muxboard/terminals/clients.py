"""Whose connection a terminal has, and who has lost it to another."""

from __future__ import annotations

from collections import deque

REMEMBERED = 8


class Clients:
    """The newest client of one terminal, and those that it has taken over from.

    Attributes:
        ask_again: Whether its connection is one request of many.
    """

    def __init__(self) -> None:
        self._id = ""  # what the newest connection calls its client
        self.ask_again = False
        self._replaced: deque[str] = deque(maxlen=REMEMBERED)

    def replaced(self, client_id: str) -> bool:
        """Whether another has taken over from this one, so that it must not come back."""
        return client_id != "" and client_id in self._replaced

    def take(self, client_id: str, *, asks_again: bool) -> bool:
        """Note whose connection it is from now on; return whether it goes on with the link of the one before.

        Args:
            client_id: What the client calls itself; "" = nothing.
            asks_again: Whether the connection is one request of many.
        """
        goes_on = asks_again and self.ask_again and client_id == self._id != ""
        if client_id and self._id not in {"", client_id}:
            self._replaced.append(self._id)
        self._id, self.ask_again = client_id or self._id, asks_again
        return goes_on
