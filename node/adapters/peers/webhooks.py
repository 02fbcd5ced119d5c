"""Programs outside the node that take events over HTTP, by the egress client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from node.adapters.egress import Egress
from node.adapters.egress.client import Lane
from node.exchange.receivers import Receipt

SECONDS: Final = 10.0
"""Seconds within which a receiver has to answer."""


class WebhookReceivers:
    """``node.exchange.receivers.Receivers``. Of an answer, only status and headers are read."""

    def __init__(self, egress: Egress, *, seconds: float = SECONDS) -> None:
        self._egress = egress
        self._seconds = seconds

    def check(self, address: str) -> str:
        return self._egress.rules.check_url(address).host

    async def post(self, address: str, headers: Mapping[str, str], body: bytes) -> Receipt:
        status, answer_headers = await self._egress.send(
            "POST", address, headers=headers, body=body, timeout=self._seconds, lane=Lane.NOTICES
        )
        return Receipt(status, answer_headers.get("Retry-After"))
