"""Reading what other nodes show: as ourselves, or as anybody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from node.adapters.egress import Egress, Lane
from node.base.errors import PeerUnreachable
from node.identity.credentials.access_tokens import OutgoingTokens

LARGEST = 32 << 20
"""Bytes of one answer: a page of a feed, a file of an open dataset."""


class Outside:
    """HTTP GET through the one way out."""

    def __init__(self, egress: Egress, tokens: OutgoingTokens) -> None:
        self._egress = egress
        self._tokens = tokens

    async def json(self, url: str) -> dict[str, Any]:
        """A JSON object that anybody may read. Raises ``PeerUnreachable``."""
        answer = await self._egress.request("GET", url, headers={"Accept": "application/json"}, lane=Lane.MESSAGES)
        if not answer.ok:
            raise PeerUnreachable(f"{url} answers {answer.status}")
        document = answer.json()
        if not isinstance(document, dict):
            raise PeerUnreachable(f"{url} does not answer an object")
        return document

    async def fetch(
        self, url: str, headers: Mapping[str, str], *, audience: str
    ) -> tuple[int, Mapping[str, str], bytes]:
        """(status, headers, body) as this node, for the participant ``audience``. Raises ``PeerUnreachable``."""
        token = self._tokens.bearer(audience)
        answer = await self._egress.request(
            "GET",
            url,
            headers={**headers, "Authorization": f"Bearer {token}"},
            lane=Lane.MESSAGES,
            max_bytes=LARGEST,
            allow_redirects=0,
        )
        return answer.status, answer.headers, answer.body
