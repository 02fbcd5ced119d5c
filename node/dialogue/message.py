"""A received message of either protocol, and the checks that both protocols demand (DSP 2025-1 §5)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from node.base.errors import InvalidInput
from node.dialogue.wire import version_named
from node.vocab.dsp import V2025_1, VERSIONS, DspVersion
from node.vocab.namespaces import HANSA

AFTER: Final = HANSA + "after"
"""Our extra member of a message within a transfer: the id of the receiver's last message that the sender had taken
when it decided to send this one. It makes crossed messages recognisable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingMessage:
    """A message that was read: ``name`` is the table's name for it, ``body`` the whole object in the compact form of
    2025-1, ``raw`` the bytes that were sent; ``rewritten`` is true if the bytes have another form."""

    name: str
    body: Mapping[str, Any]
    raw: bytes
    rewritten: bool = False

    @property
    def version(self) -> DspVersion:
        """Return the version of the protocol that the message uses."""
        return version_named(self.body.get("@context")) or V2025_1

    @property
    def sha256(self) -> str:
        """Return the SHA-256 of the sent bytes, in lower-case hexadecimal: the same bytes are the same message."""
        return hashlib.sha256(self.raw).hexdigest()

    @property
    def id(self) -> str | None:
        value = self.body.get("@id")
        return value if isinstance(value, str) else None

    @property
    def why(self) -> dict[str, Any]:
        """Return ``code`` and ``reason`` of a message that ends or suspends a process, as the process stores them."""
        reason = self.body.get("reason")
        return {
            "code": self.text("code"),
            "reason": reason if isinstance(reason, list) else [reason] if reason else [],
        }

    def text(self, member: str) -> str | None:
        value = self.body.get(member)
        return value if isinstance(value, str) else None


def require_type(body: Mapping[str, Any], *types: str) -> str:
    """Return the ``@type`` of ``body``. Raises ``InvalidInput`` unless it is one of ``types`` and the ``@context``
    names the protocol."""
    context = body.get("@context")
    contexts = context if isinstance(context, list) else [context]
    if not any(version.context in contexts for version in VERSIONS.values()):
        raise InvalidInput(
            "@context does not name the Dataspace Protocol",
            remedy=f'send "@context": ["{VERSIONS["2025-1"].context}"]',
        )
    kind = body.get("@type")
    if isinstance(kind, list) and len(kind) == 1:
        kind = kind[0]
    short = str(kind).rpartition("/")[2].rpartition(":")[2] if isinstance(kind, str) else ""
    if short not in types:
        raise InvalidInput(f"@type must be {' or '.join(types)}, not {str(kind)[:80]}")
    return short


def require_text(body: Mapping[str, Any], member: str) -> str:
    """Return a non-empty string member. Raises ``InvalidInput``."""
    value = body.get(member)
    if not isinstance(value, str) or not value:
        raise InvalidInput(f"{member} is missing or is not a text")
    if len(value) > 2048:
        raise InvalidInput(f"{member} is longer than 2048 characters")
    return value
