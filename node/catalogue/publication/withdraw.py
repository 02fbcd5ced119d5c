"""Withdraw: an asset leaves the catalogue."""

from __future__ import annotations

import asyncio

from node.base.work import Transaction
from node.catalogue.envelope import withdrawal_of
from node.catalogue.model import Publication
from node.catalogue.publication.catalogue import Catalogue, Settled, settle
from node.catalogue.visibility import absent
from node.identity.model import Caller
from node.identity.roles import UseCase, require


class Withdraw:
    """Take an asset out of the catalogue. Its history stays in the ledger."""

    def __init__(self, *, catalogue: Catalogue, settled: Settled | None = None) -> None:
        self._catalogue = catalogue
        self._settled = settled

    async def withdraw(self, iri: str, by: Caller) -> Publication:
        """Add a version of ``iri`` that marks it as withdrawn; an asset that is withdrawn already does not change.

        Raises ``NotFound`` for an asset of another node, ``NotAllowed`` if ``by`` may not publish.
        """
        require(by, UseCase.PUBLISH)
        published = await asyncio.to_thread(self._store, iri, by)
        return await settle(published, self._settled)

    def _store(self, iri: str, by: Caller) -> Publication:
        def withdraw(tx: Transaction) -> Publication:
            head = self._catalogue.records.get(tx, iri)
            if head is None or head.origin != self._catalogue.node.did:
                raise absent()
            if head.withdrawn:
                return Publication(record=head, created=False)
            return Publication(record=self._catalogue.keep(tx, withdrawal_of(head), by), created=True)

        return self._catalogue.in_turn(iri, withdraw)
