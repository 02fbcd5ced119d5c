"""Check the transformations that a dataset offers for its files, before it is published."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final

from node.base.errors import InvalidInput
from node.base.work import UnitOfWork
from node.catalogue.model import Record
from node.catalogue.ports import RecordStore
from node.scenarios.model import Port, Transformation
from node.scenarios.records.cards import dataset_port, transformation_of
from node.scenarios.transformations.offerable import port_of_schema, those_that_fit
from node.semantics.conversions import MOST_OFFERED
from node.semantics.findings.files import file_finding
from node.semantics.model import Finding
from node.transfer.conversions.steps import is_usable

RULE: Final = "dataset:offered-transformation"


def offered_transformations(draft: Record, uow: UnitOfWork, records: RecordStore) -> Iterator[Finding]:
    """Yield the findings about transformations that ``draft`` offers for its files and nobody could ask for: they
    are not there, or, of a dataset with one file, they do not read its columns."""
    for place, file in enumerate(draft.files):
        field = f"files.{place}.through"
        if len(file.through) > MOST_OFFERED:
            yield file_finding(
                "through-many", RULE, field=field, severity="violation", file=file.name, most=str(MOST_OFFERED)
            )
            continue
        with uow.read() as tx:
            transformations = [(iri, records.get(tx, iri)) for iri in file.through]
        usable = [record for _, record in transformations if record is not None and is_usable(record, draft)]
        for iri, record in transformations:
            if record not in usable:
                yield file_finding("through-unknown", RULE, field=field, severity="violation", address=iri[:300])
        if usable and len(draft.files) == 1:
            for title in _misfits(draft, usable, uow, records):
                yield file_finding("through-misfit", RULE, field=field, title=title, file=file.name)


def _misfits(dataset: Record, usable: Sequence[Record], uow: UnitOfWork, records: RecordStore) -> list[str]:
    """Return the titles of the transformations that read neither the columns of a dataset nor the result of another
    one; none if the dataset does not say which columns it has."""

    @cache
    def fields_of(iri: str) -> Port | None:
        with uow.read() as tx:
            record = records.get(tx, iri)
        try:
            return port_of_schema(record) if record is not None else None
        except InvalidInput:
            return None

    source = dataset_port(dataset, "")
    described = [] if source.variables else [fields_of(iri) for iri in source.schemas]
    ports = [source, *(port for port in described if port is not None)]
    if not any(port.variables for port in ports):
        return []
    cards: list[Transformation] = []
    for record in usable:
        try:
            cards.append(transformation_of(record))
        except InvalidInput:
            continue
    fitting = those_that_fit(cards, ports, fields_of, offers=frozenset(card.iri for card in cards))
    readable = {card.iri for card in cards}
    return [record.title() for record in usable if record.iri in readable - fitting]
