"""Limits of bargaining of the assets of a node in memory: the real use case over a store in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from node.catalogue.model import Record
from node.ledger.usecases import LedgerWriter
from node.negotiation.limits import SetLimits
from node.negotiation.model import Limits
from tests.fakes.clock import FixedClock
from tests.stores import memory_stores


class _Records:
    """The part of ``RecordStore`` that limits need."""

    def __init__(self, records: Mapping[str, Sequence[Record]]) -> None:
        self._records = records

    def get(self, _: Any, iri: str) -> Record | None:
        versions = self._records.get(iri)
        return versions[0] if versions else None


def demo_limits(records: Mapping[str, Sequence[Record]], me: str, now: datetime) -> SetLimits:
    """Limits of each asset of ``me`` that is offered, set for the terms that its offer had before."""
    stores, clock = memory_stores(), FixedClock(now)
    with stores.uow.begin() as tx:
        for iri, versions in records.items():
            if versions[0].origin == me and versions[0].offer is not None:
                terms = {**versions[0].offer, "@id": "urn:uuid:an-earlier-offer"}
                stores.negotiation.limits.put(tx, Limits(dataset=iri, terms=terms, by="els", at=now))
    return SetLimits(
        uow=stores.uow,
        store=stores.negotiation.limits,
        records=cast("Any", _Records(records)),
        region=lambda: None,
        append=LedgerWriter(stores.ledger, clock),
        clock=clock,
        me=me,
    )
