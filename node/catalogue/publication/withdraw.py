"""Withdraw: an asset leaves the catalogue."""

from __future__ import annotations

import asyncio
from typing import Final

from node.base.errors import InvalidInput
from node.base.work import Transaction
from node.catalogue.envelope import withdrawal_of
from node.catalogue.model import Publication
from node.catalogue.publication.catalogue import Catalogue, Settled, settle
from node.catalogue.visibility import absent
from node.identity.model import Caller
from node.identity.roles import UseCase, require

LONGEST_REASON: Final = 1000
"""Characters of the reason for a withdrawal."""


class Withdraw:
    """Take an asset out of the catalogue. Its history stays in the ledger."""

    def __init__(self, *, catalogue: Catalogue, wait_for_views: Settled | None = None) -> None:
        self._catalogue = catalogue
        self._wait_for_views = wait_for_views

    def require_role(self, by: Caller) -> None:
        """Raise ``NotAllowed`` if ``withdraw`` would raise it: for a page that asks for the reason first."""
        require(by, UseCase.PUBLISH)

    async def withdraw(self, iri: str, by: Caller, *, reason: str = "") -> Publication:
        """Add a version of ``iri`` that marks it as withdrawn; an asset that is withdrawn already does not change.

        Everybody who could see the asset can read the ``reason``. Raises ``NotFound`` for an asset of another node,
        ``NotAllowed`` if ``by`` may not publish, ``InvalidInput`` if the reason is too long.
        """
        require(by, UseCase.PUBLISH)
        if len(reason) > LONGEST_REASON:
            raise InvalidInput(
                f"a reason has at most {LONGEST_REASON} characters",
                remedy="shorten it",
                facts={"case": "long-reason", "count": LONGEST_REASON},
            )
        published = await asyncio.to_thread(self._store, iri, by, reason.strip())
        return await settle(published, self._wait_for_views)

    def _store(self, iri: str, by: Caller, reason: str) -> Publication:
        def withdraw(tx: Transaction) -> Publication:
            head = self._catalogue.records.get(tx, iri)
            if head is None or head.origin != self._catalogue.node.did:
                raise absent()
            if head.withdrawn:
                return Publication(record=head, created=False)
            return Publication(record=self._catalogue.keep(tx, withdrawal_of(head, reason), by), created=True)

        return self._catalogue.in_turn(iri, withdraw)
