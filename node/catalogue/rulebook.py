"""The rulebook in force at this node."""

from __future__ import annotations

import time
from typing import Any

from node.base.work import UnitOfWork
from node.catalogue.accession import Allegiance
from node.catalogue.ports import RecordStore


class RulebookInForce:
    """The rulebook that agreements name: a region's own, else that of the joined region.

    A region's own is read at most once a second, because the decisions about a whole page of results need it.
    """

    def __init__(
        self, *, uow: UnitOfWork, records: RecordStore, allegiance: Allegiance, me: str, issuer: bool
    ) -> None:
        """``issuer`` is true if this node ``me`` is a region of its own."""
        self._uow = uow
        self._records = records
        self._allegiance = allegiance
        self._me = me
        self._issuer = issuer
        self._own: dict[str, Any] | None = None
        self._looked = -1.0

    def __call__(self) -> dict[str, Any] | None:
        if not self._issuer:
            return self._allegiance.rulebook
        now = time.monotonic()
        if now - self._looked > 1.0:
            self._own, self._looked = own_rulebook(self._uow, self._records, self._me), now
        return self._own


def own_rulebook(uow: UnitOfWork, records: RecordStore, me: str) -> dict[str, Any] | None:
    """Return the newest rulebook that this node published itself: IRI, version, hash and publisher."""
    with uow.read() as tx:
        rulebooks = records.current(tx, kinds=("rulebook",), origins=(me,))
    if not rulebooks:
        return None
    newest = max(rulebooks, key=lambda record: record.at)
    return {
        "iri": newest.iri,
        "version": newest.version,
        "sha256": newest.sha256,
        "publisher": newest.publisher_name,
    }
