"""Time-based one-time passwords (RFC 6238, over RFC 4226): the codes of an authenticator app."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime
from typing import Final
from urllib.parse import quote, urlencode

PERIOD: Final = 30
DIGITS: Final = 6
SKEW: Final = 1
"""Steps before and after the present one that count too: clocks of phones differ (RFC 6238 §5.2)."""

SECRET_BYTES: Final = 20
"""160 bits, as RFC 4226 §4 (R6) recommends; SHA-1, because every authenticator app supports it."""


def step_at(moment: datetime) -> int:
    """Return the number of the time step that ``moment`` is in (RFC 6238 §4.2)."""
    return int(moment.timestamp()) // PERIOD


def code_at(secret: bytes, step: int, *, digits: int = DIGITS) -> str:
    """Return the code of ``step`` (RFC 4226 §5.3)."""
    digest = hmac.new(secret, step.to_bytes(8, "big"), hashlib.sha1).digest()
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
    return str(number % 10**digits).zfill(digits)


def matching_step(secret: bytes, code: str, now: datetime) -> int | None:
    """Return the step near ``now`` that has this code, or None. All steps are compared."""
    present, matching = step_at(now), None
    for step in range(present - SKEW, present + SKEW + 1):
        if hmac.compare_digest(code_at(secret, step).encode(), code.encode()):
            matching = step
    return matching


def spell(secret: bytes) -> str:
    """Return the secret in base 32 without padding, for typing into an app."""
    return base64.b32encode(secret).decode("ascii").rstrip("=")


def address(secret: bytes, *, issuer: str, login: str) -> str:
    """Return the ``otpauth`` URI that authenticator apps read from a QR code (Key URI Format)."""
    # A colon divides the label, so it is removed from the issuer.
    name = issuer.replace(":", " ").strip()[:64] or "Hansa"
    query = {"secret": spell(secret), "issuer": name, "algorithm": "SHA1", "digits": DIGITS, "period": PERIOD}
    return f"otpauth://totp/{quote(name)}:{quote(login)}?{urlencode(query, quote_via=quote)}"
