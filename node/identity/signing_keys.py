"""The present signing keys of other participants."""

from __future__ import annotations

from typing import Any

from node.base.clock import Clock
from node.identity.documents import UnknownKey, key_for
from node.identity.periods import document_at
from node.identity.ports import Peers


class SigningKeys:
    """Finds a participant's key in its DID document, which is fetched anew if the key is not in it."""

    def __init__(self, peers: Peers, clock: Clock) -> None:
        self._peers = peers
        self._clock = clock

    async def __call__(self, did: str, kid: str) -> dict[str, Any]:
        """Return the key ``kid`` of ``did``. Raises ``UnknownKey``, and the errors of ``Peers.did_document``."""
        # Data that arrives now was signed now, or while the key was being replaced: a former key is not accepted.
        now = self._clock.now()
        try:
            return key_for(document_at(await self._peers.did_document(did), now), kid, "assertionMethod")
        except UnknownKey:
            # The provider may have changed its keys since we last looked.
            document = await self._peers.did_document(did, fresh=True)
            return key_for(document_at(document, now), kid, "assertionMethod")
