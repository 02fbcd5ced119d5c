"""The tokens of data addresses, as they come in a header and as they are kept."""

from __future__ import annotations

import hashlib
import re
from typing import Final

_BEARER: Final = re.compile(r"(?i:bearer) +([A-Za-z0-9._~+/=-]{1,512})")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
"""What ``secrets.token_urlsafe(32)`` makes: a token of ours, and nothing else that a client might mean."""


def bearer_token(authorization: str | None) -> str | None:
    """The token in an ``Authorization: Bearer`` header (RFC 6750 §2.1); None where there is none."""
    match = _BEARER.fullmatch(authorization or "")
    return match.group(1) if match is not None else None


def shown_token(authorization: str | None) -> str | None:
    """As ``bearer_token``, or one of ours without a scheme before it: what was made for EDC's public API sends the
    token of a data address as it is."""
    if authorization is not None and _BARE.fullmatch(authorization):
        return authorization
    return bearer_token(authorization)


def token_hash(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()
