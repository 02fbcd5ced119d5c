"""The bytes of a stored file at once, for those that need them whole."""

from __future__ import annotations

from node.exchange.ports import AssetStore


async def contents(assets: AssetStore, sha256: str, *, start: int = 0, end: int | None = None) -> bytes:
    """Return the bytes from ``start`` to before ``end``. The caller limits their number. Raises ``NotFound``."""
    return b"".join([chunk async for chunk in await assets.open(sha256, start=start, end=end)])
