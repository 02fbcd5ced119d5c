"""Agreements that this node has concluded as consumer: which one is in force for an asset."""

from __future__ import annotations

from collections.abc import Iterator

from anyio.to_thread import run_sync

from node.base.errors import NotAllowed
from node.base.plaintext import word
from node.base.work import Transaction, UnitOfWork
from node.negotiation.model import Agreement
from node.negotiation.ports import AgreementStore

LOOKED_AT = 20
"""The number of agreements about one asset that are read, newest first."""


class OurAgreements:
    """Agreements in which ``me`` is the consumer."""

    def __init__(self, uow: UnitOfWork, agreements: AgreementStore, me: str) -> None:
        self._uow = uow
        self._agreements = agreements
        self._me = me

    async def in_force(self, iri: str, provider: str) -> Agreement:
        """Return the newest agreement in force about ``iri``. Raises ``NotAllowed`` if there is none."""
        agreement_here = await run_sync(self._find, iri, provider)
        for agreement in agreement_here:
            if agreement.in_force:
                return agreement
        raise NotAllowed(
            f"the agreement about {iri} {'has ended' if agreement_here else 'does not exist'}",
            remedy=f"hansa get {word(iri)} --agree-only",
            facts={"case": "ended" if agreement_here else "no-agreement", "dataset": iri, "provider": provider},
        )

    def about(self, tx: Transaction, iri: str, provider: str) -> Iterator[str]:
        """Yield the ids of all agreements about ``iri``, in force or not, the last stored first."""
        for agreement in self._agreements.walk(tx, dataset=iri, provider=provider, consumer=self._me):
            yield agreement.id

    def _find(self, iri: str, provider: str) -> list[Agreement]:
        with self._uow.read() as tx:
            return list(
                self._agreements.select(tx, dataset=iri, provider=provider, consumer=self._me, limit=LOOKED_AT)
            )
