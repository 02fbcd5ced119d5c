"""The proof of this node's identity to other participants, and their DID documents.

By default, the node sends a self-issued token and resolves the DID documents of others. A data space with another
proof of identity provides an authenticator (``node.web.callers``) for incoming requests, and the two functions here
for outgoing ones.
"""

from __future__ import annotations

from collections.abc import Callable

from node.identity.credentials.access_tokens import OutgoingTokens
from node.identity.model import DidDocument
from node.identity.ports import Peers

Outgoing = Callable[[str], str | None]
"""Participant id → value of the Authorization header of requests to it; None: the standard token is used."""

Documents = Callable[[str], DidDocument | None]
"""Participant id → known data about it, in the form of a DID document; None: its DID document is resolved."""


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
        """Return the Authorization header of one request to ``participant``; it is new for each request."""
        other = self._outgoing(participant) if self._outgoing is not None else None
        return other or f"Bearer {self._tokens.bearer(participant)}"

    async def header(self, participant: str) -> str:
        """Like ``authorization``, for ports that may have to fetch the proof."""
        return self.authorization(participant)

    async def document(self, participant: str) -> DidDocument:
        """Return the document of ``participant``. Raises the errors of ``node.identity.ports.Peers.did_document``."""
        other = self._documents(participant) if self._documents is not None else None
        return other or await self._peers.did_document(participant)
