"""Requests that find out whether an address works, or fetch what is there to check it, sent by the egress client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from node.adapters.egress import Egress, Lane
from node.catalogue.measurement.link_requests import AGENT, Probe

SECONDS: Final = 15.0
"""For the answer to begin, and for each pause in it; twice this for everything together."""


class WebLinks:
    """Asks addresses on the web for a few bytes."""

    def __init__(self, egress: Egress, contact: str) -> None:
        """``contact`` is the address of this node, so that those who are asked can find out who asks."""
        self._egress = egress
        self._agent = f"{AGENT} (+{contact})"

    async def send(self, method: str, address: str, headers: Mapping[str, str], size: int) -> Probe:
        """Return the answer, with at most ``size`` bytes of its body; the rest is not read. Raises
        ``ForbiddenAddress``, ``PeerUnreachable`` and ``TimeoutError``."""
        all_headers = {"User-Agent": self._agent, **headers}
        async with (
            asyncio.timeout(2 * SECONDS),
            self._egress.stream(
                method, address, headers=all_headers, timeout=SECONDS, idle=SECONDS, lane=Lane.DOCUMENTS
            ) as answer,
        ):
            body = b""
            if size:
                async for chunk in answer.chunks:
                    body += chunk
                    if len(body) >= size:
                        break
            return Probe(status=answer.status, headers=answer.headers, body=body[:size])

    @asynccontextmanager
    async def fetch(self, address: str) -> AsyncIterator[tuple[int, AsyncIterator[bytes]]]:
        """Yield the status of a file on the web, and its bytes as they arrive. Raises as ``send``."""
        headers = {"User-Agent": self._agent}
        async with self._egress.stream("GET", address, headers=headers, timeout=SECONDS, idle=SECONDS) as answer:
            yield answer.status, answer.chunks
