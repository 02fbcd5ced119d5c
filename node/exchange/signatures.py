"""Signatures of what is sent to webhooks, as Standard Webhooks describes them.

The receiver computes HMAC-SHA-256 over ``id.timestamp.body`` with the secret, which begins with ``whsec_`` and is
base64 after that, and compares it with the header ``webhook-signature`` (``v1,`` and base64).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import datetime
from typing import Final

from node.base.errors import InvalidInput

TIMESTAMP: Final = "webhook-timestamp"
PREFIX: Final = "whsec_"
_LENGTH: Final = 32
_SHORTEST, _LONGEST = 24, 64


def new_secret() -> bytes:
    """Return a fresh secret of 32 bytes."""
    return secrets.token_bytes(_LENGTH)


def text_of_secret(secret: bytes) -> str:
    """Return a secret as its receiver enters it."""
    return PREFIX + base64.b64encode(secret).decode("ascii")


def secret_of_text(text: str) -> bytes:
    """Return a secret that a receiver chose: at least 24 bytes. Raises ``InvalidInput``."""
    try:
        secret = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except ValueError:
        secret = b""
    if not text.startswith(PREFIX) or not _SHORTEST <= len(secret) <= _LONGEST:
        raise InvalidInput(
            "the secret that signs is none of Standard Webhooks",
            remedy=f"{PREFIX} and 24 to 64 random bytes in base64: openssl rand -base64 32",
        )
    return secret


def signed_headers(secret: bytes | None, event_id: str, now: datetime, body: bytes) -> dict[str, str]:
    """Return the headers that name an event and its time, with a signature if there is a secret."""
    moment = str(int(now.timestamp()))
    headers = {"webhook-id": event_id, TIMESTAMP: moment}
    if secret is None:
        return headers
    content = f"{event_id}.{moment}.".encode() + body
    signature = base64.b64encode(hmac.new(secret, content, hashlib.sha256).digest()).decode("ascii")
    return {**headers, "webhook-signature": f"v1,{signature}"}
