"""How this node shows itself to other participants, and what it knows of them.

By itself it sends a self-issued token and resolves their DID documents. A data space that proves identity otherwise
brings an authenticator (``node.web.callers``) for what comes in, and two functions here for what goes out.
"""

from __future__ import annotations

from collections.abc import Callable

from node.identity.credentials.access_tokens import OutgoingTokens
from node.identity.model import DidDocument
from node.identity.ports import Peers

Outgoing = Callable[[str], str | None]
"""Participant id → value of the Authorization header of requests to it; None leaves it to the standard token."""

Documents = Callable[[str], DidDocument | None]
"""Participant id → what is known of it without asking, in the form of a DID document; None: it is resolved."""


class Correspondence:
    """Headers for requests to participants, and their documents."""

    def __init__(
        self,
        tokens: OutgoingTokens,
        peers: Peers,
        *,
        outgoing: Outgoing | None = None,
        documents: Documents | None = None,
    ) -> None:
        self._tokens = tokens
        self._peers = peers
        self._outgoing = outgoing
        self._documents = documents

    def authorization(self, participant: str) -> str:
        """The Authorization header of one request to ``participant``: fresh for each."""
        other = self._outgoing(participant) if self._outgoing is not None else None
        return other or f"Bearer {self._tokens.bearer(participant)}"

    async def header(self, participant: str) -> str:
        """As ``authorization``, for ports whose proof may have to be fetched."""
        return self.authorization(participant)

    async def document(self, participant: str) -> DidDocument:
        """The document of ``participant``. Raises as ``node.identity.ports.Peers.did_document``."""
        other = self._documents(participant) if self._documents is not None else None
        return other or await self._peers.did_document(participant)
