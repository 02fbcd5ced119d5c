"""How bytes are stored and transferred."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """Bytes in the store, addressed by their ``sha256``."""

    sha256: str
    size: int


class AssetStore(Protocol):
    """Stores bytes by their SHA-256. Names never come from outside."""

    async def take_in(self, chunks: AsyncIterator[bytes], *, limit: int) -> Stored:
        """Store a stream durably (hash, fsync, rename). Raises ``TooLarge`` and keeps nothing beyond ``limit``."""

    async def adopt(self, path: Path, *, limit: int) -> Stored:
        """Store a copy of a file of this machine. Raises ``InvalidInput`` for anything but a plain file."""

    async def open(self, sha256: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Yield the bytes from ``start`` to before ``end``. Raises ``NotFound``."""

    async def verify(self, sha256: str) -> Stored:
        """Hash the stored bytes again. Raises ``NotFound``, or ``LocalFault`` where they have changed."""

    async def check(self, sha256: str) -> Stored:
        """As ``verify``, but trusts an earlier verification of bytes that were not written to since."""

    def has(self, sha256: str) -> bool: ...

    def size(self, sha256: str) -> int | None:
        """Return the number of bytes; None if the store does not have them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What a peer sends: bytes from ``start`` of the ``total`` that the whole has, where it says so.

    ``start`` is 0 although more was asked for when the peer's bytes are no longer those of ``etag``.
    """

    start: int
    total: int | None
    etag: str | None
    chunks: AsyncIterator[bytes]


class BytePlane(Protocol):
    """Fetches bytes from a peer's data address.

    All calls raise ``PeerUnreachable`` (no answer, a broken one, a pause that is too long), ``Unauthenticated``
    (401: the token has expired), ``NotAllowed`` (403, with the peer's reasons as ``facts``), ``NotFound``,
    ``ForbiddenAddress``.
    """

    def fetch(self, url: str, *, authorization: str | None, start: int = 0) -> AsyncIterator[bytes]:
        """Yield the body from byte ``start`` (HTTP range)."""

    def read(
        self,
        url: str,
        *,
        authorization: str | None,
        start: int = 0,
        etag: str | None = None,
        expected: int | None = None,
    ) -> AbstractAsyncContextManager[Body]:
        """The body from byte ``start`` if it still is the one of ``etag``, else from its beginning.

        ``expected``: how many bytes the whole has, where that is known. The first byte of many may take its time.
        Leaving the context closes the connection. ``chunks`` raises ``PeerUnreachable`` where they break off.
        """

    async def push(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        chunks: AsyncIterator[bytes],
        size: int,
    ) -> None:
        """Send ``size`` bytes to an address that takes them. Raises also what ``chunks`` raises, and ``InvalidInput``
        where the peer will not have them."""

    async def document(
        self, url: str, *, authorization: str | None, method: str = "GET", limit: int = 65536
    ) -> bytes:
        """Return a small document as a whole; ``method`` POST sends no body. Raises ``TooLarge`` beyond ``limit``."""
