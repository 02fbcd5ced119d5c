"""Where bytes lie and how they travel."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """Bytes that the store holds: content-addressed by ``sha256``."""

    sha256: str
    size: int


class AssetStore(Protocol):
    """Keeps bytes by their SHA-256. Names never come from outside."""

    async def take_in(self, chunks: AsyncIterator[bytes], *, limit: int) -> Stored:
        """Store a stream durably (hash, fsync, rename). Raises ``TooLarge`` and keeps nothing beyond ``limit``."""

    async def open(self, sha256: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The bytes from ``start`` to before ``end``. Raises ``NotFound``."""

    async def verify(self, sha256: str) -> Stored:
        """Hash the stored bytes again. Raises ``NotFound``, or ``LocalFault`` where they have changed."""

    def has(self, sha256: str) -> bool: ...


class BytePlane(Protocol):
    """Fetches bytes from a peer's data address."""

    def fetch(self, url: str, *, authorization: str | None, start: int = 0) -> AsyncIterator[bytes]:
        """The body from byte ``start`` (HTTP range). Raises ``PeerUnreachable``, ``NotAllowed``, ``NotFound``."""
