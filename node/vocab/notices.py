"""The address to which context brokers send notifications."""

from __future__ import annotations

from typing import Final

NOTICES_PATH: Final = "/notices"


def notices_address(base: str, session: str) -> str:
    """Return the address of a session at the node with the public address ``base``; it is a secret."""
    return f"{base}{NOTICES_PATH}/{session}"
