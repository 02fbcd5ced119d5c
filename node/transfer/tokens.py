"""The tokens of data addresses: read them from a header, hash them for storage."""

from __future__ import annotations

import hashlib
import re
from typing import Final

_BEARER: Final = re.compile(r"(?i:bearer) +([A-Za-z0-9._~+/=-]{1,512})")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
"""The form of ``secrets.token_urlsafe(32)``: a token of ours, and nothing else that a client might mean."""


def bearer_token(authorization: str | None) -> str | None:
    """Return the token in an ``Authorization: Bearer`` header (RFC 6750 §2.1); None if the header has no such
    token."""
    match = _BEARER.fullmatch(authorization or "")
    return match.group(1) if match is not None else None


def shown_token(authorization: str | None) -> str | None:
    """Return the same as ``bearer_token``, or a token of ours without a scheme: clients made for EDC's public API
    send the token of a data address without one."""
    if authorization is not None and _BARE.fullmatch(authorization):
        return authorization
    return bearer_token(authorization)


def token_hash(token: str) -> str:
    """Return the hash of a token, for storage."""
    return hashlib.sha256(token.encode()).hexdigest()
