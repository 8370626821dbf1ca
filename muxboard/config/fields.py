"""What the schema's files have in common."""

from __future__ import annotations

from msgspec import Meta, field

from muxboard.config.values import Duration


def doc(text: str) -> Meta:
    """A field's meaning."""
    return Meta(description=text)


def lasting(text: str) -> Duration:
    """A default duration, as it is written."""
    default: Duration = field(default_factory=lambda: Duration.parse(text))
    return default
