"""Windows of streams from the node of a provider over HTTP. Redirects are not followed: the token is for the address
that the provider named."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from node.adapters.egress.client import Egress, Lane
from node.adapters.egress.refusals import refusal_of
from node.datasources.streams.windows import MOST_BYTES, WindowQuestion

_WAIT: Final = 90.0
"""Seconds for an answer: the queue of the provider, its work, and the way."""
_FACTS: Final = 4096
"""Bytes of a window beside its observations."""


class FetchWindow:
    """Fetches windows from providers (``node.transfer.live.windows.Fetch``)."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    async def __call__(self, endpoint: str, authorization: str, question: WindowQuestion) -> bytes:
        """Return the provider's document. Raises its refusal in its own words, ``PeerUnreachable``, ``TooLarge`` and
        ``ForbiddenAddress``."""
        answer = await self._egress.request(
            "GET",
            f"{endpoint}/window?{urlencode(question.parameters())}",
            headers={"Authorization": authorization},
            timeout=_WAIT,
            max_bytes=MOST_BYTES + _FACTS,
            allow_redirects=0,
            lane=Lane.BYTES,
        )
        if answer.status != 200:
            raise refusal_of(answer, also=("case", "until", "from", "to"))
        return answer.body
