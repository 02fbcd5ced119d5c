"""Assets in memory."""

from __future__ import annotations

import hashlib
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path

from node.base.errors import InvalidInput, LocalFault, NotFound, TooLarge
from node.exchange.ports import StoredBytes

PIECE = 1024 * 1024


class MemoryAssets:
    """``AssetStore`` in a dictionary. ``damage`` changes stored bytes behind the store's back."""

    def __init__(self) -> None:
        self._bytes: dict[str, bytes] = {}
        self._trials: dict[str, float] = {}

    async def take_in(self, chunks: AsyncIterator[bytes], *, limit: int, trial: bool = False) -> StoredBytes:
        content = bytearray()
        async for chunk in chunks:
            if len(content) + len(chunk) > limit:
                raise TooLarge(f"it is larger than {limit} bytes")
            content += chunk
        sha256 = hashlib.sha256(content).hexdigest()
        if not trial:
            self._trials.pop(sha256, None)
        elif sha256 in self._trials or sha256 not in self._bytes:
            self._trials[sha256] = time.time()
        return self.keep(bytes(content))

    def expire(self, sha256: str) -> None:
        if self.has(sha256):
            self._trials.setdefault(sha256, time.time())

    def renew(self, sha256: str) -> None:
        if sha256 in self._trials:
            self._trials[sha256] = time.time()

    def retain(self, sha256: str) -> None:
        self._trials.pop(sha256, None)

    def trials(self, before: float) -> Sequence[str]:
        return sorted(sha256 for sha256, arrival in self._trials.items() if arrival < before)

    def remove_trial(self, sha256: str, before: float) -> bool:
        return sha256 in self.trials(before) and self._trials.pop(sha256) < before and self.remove(sha256)

    async def adopt(self, path: Path, *, limit: int) -> StoredBytes:
        if path.is_symlink() or path.is_dir():
            raise InvalidInput(f"{path.name} is not a file")
        if not path.exists():
            raise NotFound(f"the file {path.name} does not exist")
        return await self.take_in(stream([path.read_bytes()]), limit=limit)

    async def open(self, sha256: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        data = self._get(sha256)[start:end]
        return stream(data[at : at + PIECE] for at in range(0, len(data), PIECE))

    async def verify(self, sha256: str) -> StoredBytes:
        data = self._get(sha256)
        if hashlib.sha256(data).hexdigest() != sha256:
            raise LocalFault(f"the stored asset {sha256} has changed")
        return StoredBytes(sha256=sha256, size=len(data))

    async def check(self, sha256: str) -> StoredBytes:
        return await self.verify(sha256)

    def remove(self, sha256: str) -> bool:
        return self._bytes.pop(sha256, None) is not None

    def has(self, sha256: str) -> bool:
        return sha256 in self._bytes

    def size(self, sha256: str) -> int | None:
        return len(self._bytes[sha256]) if sha256 in self._bytes else None

    def keep(self, data: bytes) -> StoredBytes:
        stored = StoredBytes(sha256=hashlib.sha256(data).hexdigest(), size=len(data))
        self._bytes[stored.sha256] = data
        return stored

    def damage(self, sha256: str, data: bytes) -> None:
        self._bytes[sha256] = data

    def forget(self, sha256: str) -> None:
        del self._bytes[sha256]

    def _get(self, sha256: str) -> bytes:
        if sha256 not in self._bytes:
            raise NotFound("this node does not have these bytes")
        return self._bytes[sha256]


async def stream(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    """An asynchronous stream of ``chunks``."""
    for chunk in chunks:
        yield chunk
