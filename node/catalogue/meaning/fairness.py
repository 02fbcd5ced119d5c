"""The FAIR points and the documentation of an ontology that a caller may see."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final

from node.base.errors import InvalidInput, NotFound, TooMany
from node.base.turnstile import Turnstile
from node.base.work import UnitOfWork
from node.catalogue.model import PUBLIC, Record
from node.catalogue.ports import RecordStore
from node.catalogue.visibility import Visibility
from node.identity.model import Caller
from node.semantics.ontologies.fairness import FairReport, fairness

KEPT: Final = 50
"""Reports that are kept in memory, by the content of the version; the oldest make room."""
_AT_ONCE: Final = 2
_CALLERS: Final = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Fairness:
    """The report about the newest version of an ontology."""

    ontology: Record
    report: FairReport

    def to_json(self, language: str) -> dict[str, Any]:
        record = self.ontology
        head = {"iri": record.iri, "version": record.version, "titles": record.titles}
        return {**head, **self.report.to_json(language)}


class FairReports:
    """Reports about the ontologies that a caller may see."""

    def __init__(self, *, uow: UnitOfWork, records: RecordStore, visibility: Visibility) -> None:
        self._uow = uow
        self._records = records
        self._visibility = visibility
        self._reports: OrderedDict[tuple[str, str, bool], FairReport] = OrderedDict()
        self._turnstile = Turnstile(
            at_once=_AT_ONCE,
            most=_CALLERS,
            refusal=lambda: TooMany("many ontologies are being looked at just now", remedy="try again in a moment"),
        )

    async def __call__(self, iri: str, caller: Caller) -> Fairness:
        """Return the report about the ontology ``iri``. Raises ``NotFound``, ``InvalidInput`` for another kind of
        asset, and ``TooMany``."""
        record = await asyncio.to_thread(self._ontology, iri, caller)
        key = (record.iri, record.sha256, record.audience == PUBLIC)
        with self._turnstile.admission():
            async with self._turnstile.turn:
                report = self._reports.get(key)
                if report is None:
                    report = await asyncio.to_thread(
                        fairness, record.nquads, record.subject, is_public=record.audience == PUBLIC
                    )
                self._reports[key] = report
                while len(self._reports) > KEPT:
                    self._reports.popitem(last=False)
        return Fairness(ontology=record, report=report)

    def _ontology(self, iri: str, caller: Caller) -> Record:
        with self._uow.read() as tx:
            record = self._records.get(tx, iri, audiences=self._visibility.audiences(caller))
        if record is None or record.withdrawn or record.is_erased:
            raise NotFound("there is no such ontology here", remedy="search for it by its title")
        if record.kind != "ontology":
            raise InvalidInput(f"{record.title()} is a {record.kind}", remedy="name the address of an ontology")
        return record
