"""Requests to other nodes by the egress client: as this node, or anonymously."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from node.adapters.egress import Egress, Lane
from node.base.delivery import PeerAnswer
from node.base.errors import InvalidInput, NotFound, PeerUnreachable
from node.dialogue.wire import encode
from node.identity.credentials.access_tokens import OutgoingTokens

LARGEST = 32 << 20
"""Bytes of one answer: a page of a feed, a file of an open dataset."""
ANSWER_SECONDS = 30.0
"""Seconds in which an answer that does not wait is complete."""
LARGEST_DOCUMENT = 2 << 20
"""Bytes of the description of one asset of another node."""
LARGEST_RESULT = 20 << 20
"""Bytes of a result of a search or a query."""


class PeerRequests:
    """Requests of this node to other nodes, apart from messages and the transfers of data planes."""

    def __init__(self, egress: Egress, tokens: OutgoingTokens) -> None:
        self._egress = egress
        self._tokens = tokens

    async def json(self, url: str) -> dict[str, Any]:
        """Return a JSON object that anybody may read. Raises ``PeerUnreachable``."""
        answer = await self._egress.request("GET", url, headers={"Accept": "application/json"}, lane=Lane.MESSAGES)
        if not answer.ok:
            raise PeerUnreachable(f"{url} answers with status {answer.status}")
        document = answer.json()
        if not isinstance(document, dict):
            raise PeerUnreachable(f"{url} does not answer with a JSON object")
        return document

    async def content(self, url: str, media_type: str) -> bytes:
        """Return a document that anybody may read, in this media type. Raises ``PeerUnreachable``."""
        answer = await self._egress.request(
            "GET", url, headers={"Accept": media_type}, max_bytes=LARGEST_DOCUMENT, lane=Lane.MESSAGES
        )
        if not answer.ok:
            raise PeerUnreachable(f"{url} answers with status {answer.status}")
        return answer.body

    async def fetch(
        self, url: str, headers: Mapping[str, str], *, audience: str, wait: int = 0
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Send a request as this node to the participant ``audience``; return (status, headers, body).

        ``wait``: the seconds for which the participant may wait with its answer (RFC 7240 §4.3). Raises
        ``PeerUnreachable``.
        """
        token = self._tokens.bearer(audience)
        preference = {"Prefer": f"wait={wait}"} if wait else {}
        answer = await self._egress.request(
            "GET",
            url,
            headers={**headers, **preference, "Authorization": f"Bearer {token}"},
            lane=Lane.NOTICES if wait else Lane.MESSAGES,
            timeout=wait + ANSWER_SECONDS,
            max_bytes=LARGEST,
            allow_redirects=0,
        )
        return answer.status, answer.headers, answer.body

    async def evidence(self, url: str, did: str) -> bytes:
        """Return the evidence of the participant ``did`` at ``url``. Raises ``NotFound`` and ``PeerUnreachable``."""
        status, _, body = await self.ask("GET", url, audience=did)
        if status in (404, 410):
            raise NotFound("the other party does not make it available to this node")
        if not 200 <= status < 300:
            raise PeerUnreachable(f"the other party answers with status {status}")
        return body

    async def ask(
        self,
        method: str,
        url: str,
        *,
        audience: str,
        body: bytes | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
        max_bytes: int | None = None,
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Send one request as this node; return (status, headers, body). Raises ``PeerUnreachable``."""
        limit = {} if max_bytes is None else {"max_bytes": max_bytes}
        answer = await self._egress.request(
            method,
            url,
            headers={**headers, "Authorization": f"Bearer {self._tokens.bearer(audience)}"},
            body=body,
            lane=Lane.MESSAGES,
            **limit,
        )
        return answer.status, answer.headers, answer.body


class RegionRequests:
    """Requests to the region that this node has joined, as this node."""

    def __init__(
        self, requests: PeerRequests, region: Callable[[], str | None], address: Callable[[str], str]
    ) -> None:
        """``region`` gives its DID, ``address`` the public URL of a DID."""
        self._requests = requests
        self._region = region
        self._address = address

    async def __call__(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, str, bytes]:
        """Send one request; return (status, media type, body). Raises ``InvalidInput`` if the node has no region."""
        region = self._region()
        if not region:
            raise InvalidInput("this node is not a member of a region", remedy="join one: hansa join https://…")
        status, response_status, content = await self._requests.ask(
            method,
            self._address(region) + path,
            audience=region,
            body=body or None,
            headers=headers,
            max_bytes=LARGEST_RESULT,
        )
        return status, response_status.get("Content-Type", "application/json"), content


class PostMessages:
    """Sends messages of the Dataspace Protocol, each with a fresh proof of the sender."""

    def __init__(self, egress: Egress, authorization: Callable[[str], str], *, seconds: float) -> None:
        """``authorization`` returns the header for a participant; a peer has ``seconds`` to answer."""
        self._egress = egress
        self._authorization = authorization
        self._seconds = seconds

    async def __call__(self, url: str, body: bytes, *, audience: str) -> PeerAnswer:
        """See ``node.worker.deliveries.Post``."""
        answer = await self._egress.request(
            "POST",
            url,
            headers={"Authorization": self._authorization(audience), "Content-Type": "application/json"},
            body=encode(body),
            lane=Lane.MESSAGES,
            timeout=self._seconds,
        )
        return PeerAnswer(answer.status, answer.body, answer.headers.get("Retry-After"))
