"""The delivery of one grant: the source itself, or the sealed source, readable at any offset."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final

from node.exchange.age import ReadSource, SealPlan, SealSecrets
from node.exchange.ports import AssetStore

SEALED_MEDIA_TYPE: Final = "application/octet-stream"
SEALED_ENDING: Final = ".age"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Bytes of a known size. ``etag`` (without quotes) identifies exactly these bytes, which never change."""

    name: str
    media_type: str
    size: int
    etag: str
    source_sha256: str
    sealed: bool
    read: ReadSource = field(repr=False, compare=False)


def deliver_plain(assets: AssetStore, *, sha256: str, size: int, name: str, media_type: str) -> Delivery:
    """Return a delivery of the unchanged stored bytes."""

    async def read(start: int, end: int) -> AsyncIterator[bytes]:
        return await assets.open(sha256, start=start, end=end)

    return Delivery(
        name=name, media_type=media_type, size=size, etag=sha256, source_sha256=sha256, sealed=False, read=read
    )


def deliver_sealed(assets: AssetStore, secrets: SealSecrets, *, name: str) -> Delivery:
    """Return a delivery of the stored bytes sealed for one recipient (age v1). Its entity tag changes with source and
    secrets."""
    plan = SealPlan(secrets)

    async def source(start: int, end: int) -> AsyncIterator[bytes]:
        return await assets.open(secrets.source_sha256, start=start, end=end)

    async def read(start: int, end: int) -> AsyncIterator[bytes]:
        return plan.sealed_range(start, end, source)

    return Delivery(
        name=name + SEALED_ENDING,
        media_type=SEALED_MEDIA_TYPE,
        size=plan.sealed_size,
        etag=f"{secrets.source_sha256}-{plan.id}",
        source_sha256=secrets.source_sha256,
        sealed=True,
        read=read,
    )
