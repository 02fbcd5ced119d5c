"""Other participants' documents in memory: what the port ``Peers`` fetches lies in dictionaries.

A value may be an exception, which is then raised. ``asked`` is the log of what was fetched, in order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from node.base.errors import InvalidInput, PeerUnreachable
from node.identity.did import check_document, document_url
from node.identity.model import DidDocument

Shows = Callable[[str, Sequence[str]], Awaitable[list[Any]]]


class MemoryPeers:
    """Implements ``Peers``. Nothing is cached: age is counted by whoever asks."""

    def __init__(self) -> None:
        self.documents: dict[str, dict[str, Any] | Exception] = {}
        self.renewed: dict[str, dict[str, Any]] = {}
        """Documents that only a fresh look finds."""
        self.shows: dict[str, Shows | Exception] = {}
        self.lists: dict[str, str | dict[str, Any] | Exception] = {}
        self.json_documents: dict[str, Any] = {}
        self.metadata: dict[str, dict[str, Any]] = {}
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.deliveries: list[tuple[str, dict[str, Any]]] = []
        self.request_answer: str | Exception = "1"
        self.asked: list[tuple[str, str]] = []

    def count(self, what: str) -> int:
        return Counter(kind for kind, _ in self.asked)[what]

    async def did_document(self, did: str, *, fresh: bool = False) -> DidDocument:
        document_url(did, allow_loopback_http=True)
        self.asked.append(("fresh document" if fresh else "document", did))
        raw = self.renewed.get(did) if fresh else None
        raw = raw or _answer(self.documents, did)
        return check_document(did, raw)

    async def presentations(self, holder: DidDocument, access_token: str, scopes: Sequence[str]) -> list[Any]:
        if holder.service("CredentialService") is None:
            raise InvalidInput("the DID document names no CredentialService")
        self.asked.append(("presentations", holder.id))
        shows: Shows = _answer(self.shows, holder.id)
        return await shows(access_token, scopes)

    async def status_list(self, url: str, *, max_age: float) -> str | dict[str, Any]:
        self.asked.append(("status list", url))
        found: str | dict[str, Any] = _answer(self.lists, url)
        return found

    async def json_document(self, url: str) -> Any:
        self.asked.append(("json", url))
        return _answer(self.json_documents, url)

    async def issuer_metadata(self, issuer: DidDocument) -> dict[str, Any]:
        found: dict[str, Any] = _answer(self.metadata, issuer.id)
        return found

    async def request_credentials(self, issuer: DidDocument, message: dict[str, Any]) -> str:
        self.requests.append((issuer.id, message))
        if isinstance(self.request_answer, Exception):
            raise self.request_answer
        return self.request_answer

    async def deliver_credentials(self, holder: DidDocument, message: dict[str, Any]) -> None:
        self.deliveries.append((holder.id, message))


def _answer(things: dict[str, Any], key: str) -> Any:
    if key not in things:
        raise PeerUnreachable(f"{key} does not answer")
    if isinstance(things[key], Exception):
        raise things[key]
    return things[key]
