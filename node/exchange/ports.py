"""The ports for storing and transferring bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBytes:
    """Bytes in the store, addressed by their ``sha256``."""

    sha256: str
    size: int


class AssetStore(Protocol):
    """Stores bytes by their SHA-256. Names never come from outside."""

    async def take_in(self, chunks: AsyncIterator[bytes], *, limit: int, trial: bool = False) -> StoredBytes:
        """Store a stream durably (hash, fsync, rename). Raises ``TooLarge`` and keeps nothing beyond ``limit``.

        With ``trial`` the bytes are there to be looked at: they may be deleted later, unless they are here already or
        come again without ``trial``.
        """

    def renew(self, sha256: str) -> None:
        """Let the bytes stay as long as a trial that arrives now, if they are one."""

    def retain(self, sha256: str) -> None:
        """Do not treat the bytes as a trial any more, if they are one."""

    def expire(self, sha256: str) -> None:
        """Treat the bytes as a trial that arrives now, unless they are one already: nothing uses them any more."""

    def trials(self, before: float) -> Sequence[str]:
        """Return the SHA-256 of trials that arrived last before this moment (seconds since 1970)."""

    def remove_trial(self, sha256: str, before: float) -> bool:
        """Delete the bytes if they still are a trial that arrived last before this moment; return whether."""

    async def adopt(self, path: Path, *, limit: int) -> StoredBytes:
        """Store a copy of a file of this machine. Raises ``InvalidInput`` for anything but a plain file."""

    async def open(self, sha256: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Yield the bytes from ``start`` to before ``end``. Raises ``NotFound``."""

    async def verify(self, sha256: str) -> StoredBytes:
        """Hash the stored bytes again. Raises ``NotFound``, or ``LocalFault`` if they have changed."""

    async def check(self, sha256: str) -> StoredBytes:
        """Like ``verify``, but trust an earlier verification if the bytes were not written to since."""

    def has(self, sha256: str) -> bool: ...

    def remove(self, sha256: str) -> bool:
        """Delete the bytes for good; return False if the store did not have them."""

    def size(self, sha256: str) -> int | None:
        """Return the number of bytes; None if the store does not have them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """The body of a peer's answer: bytes from ``start``; ``total`` is the size of the whole, if the peer states it.

    ``start`` is 0, even if a later one was requested, when the peer's bytes are no longer those of ``etag``.
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
        size: int | None = None,
    ) -> AbstractAsyncContextManager[Body]:
        """Return the body from byte ``start`` if its entity tag still is ``etag``, else from its beginning.

        ``size``: the size of the whole in bytes, if known. A large body may take longer to its first byte.
        Leaving the context closes the connection. ``chunks`` raises ``PeerUnreachable`` if the body breaks off.
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
        """Send ``size`` bytes to an address that takes them. Also raises the errors of ``chunks``, and
        ``InvalidInput`` if the peer refuses the bytes."""

    async def document(
        self, url: str, *, authorization: str | None, method: str = "GET", limit: int = 65536
    ) -> bytes:
        """Return a small document as a whole; ``method`` POST sends no body. Raises ``TooLarge`` beyond ``limit``."""
