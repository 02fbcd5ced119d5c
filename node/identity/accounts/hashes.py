"""Hashes of passwords and tokens.

A password is kept as an Argon2id hash, an API token or session as the SHA-256 of 256 random bits: random bits need no
slow hash, and a stolen database gives no access.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from node.base.errors import InvalidInput

MIN_PASSWORD: Final = 12
MAX_PASSWORD: Final = 256

NOBODY: Final = "$argon2id$v=19$m=19456,t=2,p=1$" + "c2FsdHNhbHRzYWx0c2FsdA$" + "A" * 43
"""A hash that matches no password: it makes refusing an unknown login take as long as refusing a wrong password."""


NO_PASSWORD: Final = "none"  # noqa: S105 - it matches no password
"""In place of the hash of an account that has no password (yet)."""


def token_hash(token: str) -> str:
    """Return the SHA-256 of a token in hexadecimal, which is stored in place of the token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def stored_token_hash(file: Path) -> str | None:
    """Return the hash of the API token in ``file``; None if there is no such file."""
    return token_hash(file.read_text("ascii").strip()) if file.is_file() else None


def hash_password(password: str) -> str:
    """Return the Argon2id hash of ``password`` (19 MiB, 2 passes). Raises ``InvalidInput`` if it is too short or too
    long."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise InvalidInput(
            f"a password has {MIN_PASSWORD} to {MAX_PASSWORD} characters", remedy="choose a password of this length"
        )
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1).hash(password)


def password_fits(password_hash: str, password: str) -> bool:
    """Return whether ``password`` has this hash; a damaged hash matches no password."""
    from argon2 import PasswordHasher
    from argon2.exceptions import Argon2Error, InvalidHashError

    try:
        return PasswordHasher().verify(password_hash, password[:MAX_PASSWORD])
    except (Argon2Error, InvalidHashError, UnicodeError):
        return False
