"""Programs in memory that take events (``node.exchange.receivers.Receivers``)."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from node.base.errors import ForbiddenAddress
from node.exchange.receivers import Receipt


class MemoryReceivers:
    """Takes what is sent to hosts that are not private; ``receipt`` is the answer, ``error`` is raised before it."""

    def __init__(self) -> None:
        self.receipt = Receipt(204)
        self.error: Exception | None = None
        self.requests: list[tuple[str, Mapping[str, str], bytes]] = []

    def check(self, address: str) -> str:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or (parts.hostname or "").startswith("10."):
            raise ForbiddenAddress("the address belongs to a private network", remedy="use a public address")
        return str(parts.hostname)

    async def post(self, address: str, headers: Mapping[str, str], body: bytes) -> Receipt:
        self.check(address)
        if self.error is not None:
            raise self.error
        self.requests.append((address, headers, body))
        return self.receipt
