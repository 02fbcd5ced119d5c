"""Bytes that arrive in pieces go into a file, and are hashed on the way."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator

from node.base.errors import TooLarge
from node.exchange.offloop import off_loop
from node.exchange.spool import READ_SIZE, PartFile


async def fill(part: PartFile, chunks: AsyncIterator[bytes], *, limit: int, too_large: TooLarge) -> str:
    """Append ``chunks`` to ``part``, and return the SHA-256 of them all in hexadecimal; nothing is synced.

    Raises ``too_large`` at the first byte beyond ``limit``; errors of ``chunks`` pass through.
    """
    digest = hashlib.sha256()
    buffer = bytearray()
    async for chunk in chunks:
        if part.size + len(buffer) + len(chunk) > limit:
            raise too_large
        buffer += chunk
        if len(buffer) >= READ_SIZE:
            await off_loop(_add, part, digest, bytes(buffer))
            buffer.clear()
    await off_loop(_add, part, digest, bytes(buffer))
    return digest.hexdigest()


def _add(part: PartFile, digest: hashlib._Hash, data: bytes) -> None:
    digest.update(data)
    part.append(data)
