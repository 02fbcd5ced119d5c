"""Streams from the node of a provider over HTTP: the latest observations, and what comes. Redirects are not followed:
the token is for the address that the provider named."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Final
from urllib.parse import urlencode

from node.adapters.egress.client import Answer, Egress, Lane
from node.adapters.egress.refusals import refusal_of
from node.base.errors import PeerUnreachable
from node.transfer.live.feeds import SUBJECTS

_WAIT: Final = 20.0
"""Seconds for an answer."""
_IDLE: Final = 40.0
"""Seconds without a sign after which a connection is taken for broken: a stream gives one every fifteen."""
_MOST_LATEST: Final = 4 << 20
"""Bytes of the latest observations: an observation has at most 16 kB, and comes with few more."""
_MOST_REFUSAL: Final = 64 << 10
_EVENTS: Final = "text/event-stream"


class ReadStream:
    """Reads streams of providers (``node.transfer.live.partner_streams``)."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    async def latest(self, endpoint: str, authorization: str) -> bytes:
        """Return the provider's document. Raises its refusal in its own words, ``PeerUnreachable``, ``TooLarge`` and
        ``ForbiddenAddress``."""
        answer = await self._egress.request(
            "GET",
            f"{endpoint}/latest?limit={SUBJECTS}",
            headers={"Authorization": authorization},
            timeout=_WAIT,
            max_bytes=_MOST_LATEST,
            allow_redirects=0,
            lane=Lane.BYTES,
        )
        if answer.status != 200:
            raise refusal_of(answer)
        return answer.body

    async def events(
        self, stack: AsyncExitStack, endpoint: str, authorization: str, place: str, start: str = ""
    ) -> AsyncIterator[bytes]:
        """Open the events after ``place`` (empty: from now on) within ``stack``; return their bytes. ``start`` is a
        time from which observations are wanted. Raises as ``latest``, and ``PeerUnreachable`` for an answer that is
        no events."""
        headers = {"Authorization": authorization, "Accept": _EVENTS}
        if place:
            headers["Last-Event-ID"] = place
        opening = self._egress.stream(
            "GET",
            f"{endpoint}/events?{urlencode({'from': start})}" if start else f"{endpoint}/events",
            headers=headers,
            timeout=_WAIT,
            idle=_IDLE,
            allow_redirects=0,
            lane=Lane.BYTES,
        )
        stream = await stack.enter_async_context(opening)
        if stream.status != 200:
            body = b""
            async for chunk in stream.chunks:
                body += chunk
                if len(body) > _MOST_REFUSAL:
                    break
            raise refusal_of(Answer(status=stream.status, headers=stream.headers, body=body, url=stream.url))
        if stream.headers.get("content-type", "").partition(";")[0].strip().lower() != _EVENTS:
            raise PeerUnreachable(
                "the provider's data are not a stream of observations", remedy="read them in another way: hansa live"
            )
        return stream.chunks
