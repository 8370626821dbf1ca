"""Who logs in, and what the identity provider says of them. What they may do: packaging's muxboard.toml."""

from __future__ import annotations

from typing import Any, NamedTuple

LONG_S = 600
SHORT_S = 10


class Person(NamedTuple):
    """Somebody at the identity provider.

    Attributes:
        claims: What their tokens say besides the subject.
        life: Seconds that a token of theirs lives.
        renews: Whether their login can be renewed.
    """

    claims: dict[str, Any]
    life: int = LONG_S
    renews: bool = True


def _person(name: str, *groups: str, **more: Any) -> Person:
    return Person({"email": f"{name}@example.com", "groups": list(groups)}, **more)


PEOPLE = {
    "ada": _person("ada"),  # admin by her address
    "ann": _person("ann", "sre"),  # operator by her group
    "vic": _person("vic"),  # viewer
    "sam": _person("sam", "sales"),  # nothing
    "eve": _person("eve", "sre", life=SHORT_S, renews=False),
    "kim": _person("kim", "sre", life=SHORT_S),
}
