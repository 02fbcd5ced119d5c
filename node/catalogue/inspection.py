"""Inspect the files of a draft: files of another type than their names state, tables that may have been read wrongly,
rows that violate the schema that the description names, and a schema that rejects data of its last version.

A file of another type than its name states is an error; everything else is a warning, shown with the record.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO, Final

from node.base.errors import InvalidInput, NotFound
from node.base.jsons import read_json
from node.base.work import UnitOfWork
from node.catalogue.model import PUBLIC, Record
from node.catalogue.nquads import iri_of, is_iri, is_literal, text_of
from node.catalogue.ports import RecordStore
from node.catalogue.statements import Statements
from node.semantics import json_rows, sheets
from node.semantics.findings.files import file_finding
from node.semantics.findings.tables import NotATable
from node.semantics.model import File, Finding
from node.semantics.schemas import changes, conformity, members
from node.semantics.schemas.breaches import Report
from node.semantics.schemas.patterns import Misses
from node.vocab.namespaces import DCT, HANSA

TABLES: Final = {"text/csv": "", "text/tab-separated-values": "\t"}
"""Media type of a table → its delimiter, if that is fixed."""
JSON: Final = frozenset({"application/json", "application/geo+json", "application/vnd.geo+json"})
"""Media types of rows of JSON; the rows are compared with a schema if the description names one."""
_CONFORMS: Final = f"<{DCT}conformsTo>".encode()

MOST_CHANGES: Final = 10

Opened = Callable[[str], BinaryIO]
"""Opens the bytes with this SHA-256; raises ``NotFound``."""


class Inspect:
    """Inspects the files of a draft. It blocks, and needs the same memory for files of any size."""

    def __init__(
        self, *, uow: UnitOfWork, records: RecordStore, open_file: Opened, patterns: Callable[[], Misses | None]
    ) -> None:
        """``patterns`` returns the matcher that tries the patterns of schemas on the rows of one file."""
        self._uow = uow
        self._records = records
        self._open_file = open_file
        self._patterns = patterns

    def __call__(self, draft: Record) -> tuple[Finding, ...]:
        """Return the findings about ``draft``. Bytes that are not here yet are checked when they arrive."""
        findings = list(self._schema(draft)) if draft.kind == "schema" else []
        rules = self._conforms_to(draft)
        for index, file in enumerate(draft.files):
            findings += self._file(file, f"files.{index}", rules)
        return tuple(findings)

    def _schema(self, draft: Record) -> Iterator[Finding]:
        with self._uow.read() as tx:
            before = self._records.get(tx, draft.iri)
        old, new = (definition_of(before) if before and not before.withdrawn else None), definition_of(draft)
        if before is None or old is None or new is None:
            return
        breaking = [change for change in changes.compare(old, new) if change.breaking]
        for change in breaking[:MOST_CHANGES]:
            yield file_finding(
                "breaking",
                "schema:breaking",
                field="definition",
                value=change.path,
                change=change.text.__getitem__,
                version=str(before.version),
            )
        if len(breaking) > MOST_CHANGES:
            more = str(len(breaking) - MOST_CHANGES)
            yield file_finding("more-breaking", "schema:breaking", field="definition", more=more)

    def _conforms_to(self, draft: Record) -> list[tuple[Record, Mapping[str, Any]]]:
        # Most datasets name no schema: reading all statements takes longer than this look.
        if draft.kind != "dataset" or _CONFORMS not in draft.nquads:
            return []
        named = {iri_of(term) for term in Statements(draft).everywhere(f"{DCT}conformsTo") if is_iri(term)}
        findings = []
        with self._uow.read() as tx:
            for iri in sorted(named):
                record = self._records.get(tx, iri)
                if record is None or record.kind != "schema" or record.withdrawn:
                    continue
                definition = definition_of(record)
                if definition is not None and (record.origin == draft.origin or record.audience == PUBLIC):
                    findings.append((record, definition))
        return findings

    def _file(self, file: File, place: str, rules: list[tuple[Record, Mapping[str, Any]]]) -> Iterator[Finding]:
        media_type = file.media_type.partition(";")[0].strip().casefold()
        delimiter = TABLES.get(media_type)
        if file.source is not None or (delimiter is None and not (rules and media_type in JSON)):
            return
        try:
            opened = self._open_file(file.sha256)
        except NotFound:
            return
        with opened:
            if delimiter is not None:
                yield from self._table(opened, delimiter, file, place, rules)
                return
            for record, schema in rules:
                try:
                    features = json_rows.is_collection(opened)
                    report = members.check(schema, json_rows.rows(opened), features=features, misses=self._patterns())
                except InvalidInput as error:
                    yield file_finding(
                        "unreadable",
                        "file:breaks-schema",
                        field=place,
                        file=file.name,
                        schema=record.title(),
                        why=error.detail,
                    )
                else:
                    yield from _breaches(report, file, place, record)

    def _table(
        self, stream: BinaryIO, delimiter: str, file: File, place: str, rules: list[tuple[Record, Mapping[str, Any]]]
    ) -> Iterator[Finding]:
        try:
            survey = sheets.survey(stream, delimiter=delimiter)
        except NotATable as error:
            yield file_finding(
                "not-a-table",
                "file:not-a-table",
                field=place,
                severity="violation",
                file=file.name,
                type=file.media_type,
                really=error.text,
            )
            return
        for doubt in survey.doubts():
            yield file_finding("doubt", "file:doubt", field=place, file=file.name, doubt=doubt.text)
        for record, schema in rules:
            rows = sheets.rows(stream, survey.look)
            try:
                next(rows, None)
                body = (cells for _, cells in rows)
                report = conformity.check(schema, survey.look.columns, body, misses=self._patterns())
            except csv.Error:
                return  # The survey has reported the unreadable place already.
            yield from _breaches(report, file, place, record)


def definition_of(record: Record | None) -> Mapping[str, Any] | None:
    """Return the JSON Schema in the record of a schema; None if it has none."""
    if record is None:
        return None
    text = next((text_of(term) for term in Statements(record).own(f"{HANSA}definition") if is_literal(term)), None)
    if text is None:
        return None
    try:
        definition = read_json(text)
    except InvalidInput:
        return None
    return definition if isinstance(definition, Mapping) else None


def _breaches(report: Report, file: File, place: str, record: Record) -> Iterator[Finding]:
    named = {"file": file.name, "schema": record.title()}
    rule = "file:breaks-schema"
    for breach in report.breaches:
        yield file_finding("breach", rule, field=place, breach=breach.words, **named)
    if report.count > len(report.breaches):
        more = str(report.count - len(report.breaches))
        yield file_finding("more-breaches", rule, field=place, more=more, rows=str(report.rows), **named)
    if not report.whole:
        yield file_finding("not-whole", rule, field=place, file=file.name, rows=str(report.rows))
    for pattern in report.untried:
        yield file_finding("untried", rule, field=place, pattern=pattern[:80], **named)
