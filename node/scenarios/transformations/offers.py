"""Check the transformations that a dataset offers for its files, before it is published."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from node.base.work import UnitOfWork
from node.catalogue.model import Record
from node.catalogue.ports import RecordStore
from node.semantics.conversions import MOST_OFFERED
from node.semantics.findings.files import file_finding
from node.semantics.model import Finding
from node.transfer.conversions.steps import is_usable

RULE: Final = "dataset:offered-transformation"


def offered_transformations(draft: Record, uow: UnitOfWork, records: RecordStore) -> Iterator[Finding]:
    """Yield the findings about transformations that ``draft`` offers for its files and that nobody could ask for."""
    for place, file in enumerate(draft.files):
        field = f"files.{place}.through"
        if len(file.through) > MOST_OFFERED:
            yield file_finding(
                "through-many", RULE, field=field, severity="violation", file=file.name, most=str(MOST_OFFERED)
            )
            continue
        with uow.read() as tx:
            transformations = [(iri, records.get(tx, iri)) for iri in file.through]
        for iri, record in transformations:
            if record is None or not is_usable(record, draft):
                yield file_finding("through-unknown", RULE, field=field, severity="violation", address=iri[:300])
