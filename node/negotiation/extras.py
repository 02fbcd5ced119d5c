"""Members of a message that are not part of the protocol: stored unchanged, and limited in size.

Implementations add members of their own, and JSON-LD allows everybody to. They are stored with the message, and
nothing here reads them: without a limit, any caller could fill the database with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from node.base.errors import TooLarge
from node.dialogue import wire
from node.dialogue.message import AFTER, IncomingMessage
from node.dialogue.terms import TERMS
from node.negotiation import messages

MOST: Final = 16 * 1024
"""The most bytes that all of them may take in one message, with their names and with its ``@context``."""

_LONGER: Final = 4
"""A value is measured as this node writes it, ``9e15`` as 18 characters: no value grows by more than this factor."""

_OURS: Final = frozenset({messages.SIGNATURE, messages.TERMS, messages.JSON_TERMS, messages.PURPOSE, AFTER})


def require_modest(message: IncomingMessage) -> None:
    """Raises ``TooLarge`` if the members that are neither the protocol's nor ours take more than ``MOST`` bytes. For
    a message that was converted to the compact form, the compact form is measured."""
    if not message.rewritten and len(message.raw) <= MOST // _LONGER:
        return  # Nearly all messages: the whole has no more bytes than its additional members may have.
    size = _size(message.body)
    if size > MOST:
        raise TooLarge(
            f"members outside the protocol have {size} bytes in this message; the limit is {MOST}",
            remedy="leave them out, or send an address where they can be read",
        )


def _size(value: Any) -> int:
    if isinstance(value, list):
        return sum(_size(item) for item in value)
    if not isinstance(value, Mapping):
        return 0
    size = 0
    for name, member in value.items():
        if name == "@context" or (name not in TERMS and name not in _OURS and not name.startswith("@")):
            size += len(name.encode("utf-8", "replace")) + len(wire.text(member).decode("utf-8", "replace"))
        else:
            size += _size(member)
    return size
