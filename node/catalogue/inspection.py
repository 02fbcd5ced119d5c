"""Inspect the files of a draft: files of another type than their names state, tables that may have been read wrongly,
rows that violate the schema that the description names, a schema that rejects data of its last version, and an
ontology whose changes break data or queries that use its terms.

A file of another type than its name states is an error, and so are breaking changes of an ontology, or of a schema
that asks for it; everything else is a warning, shown with the record.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO, Final

from node.base.errors import InvalidInput, NotFound
from node.base.work import UnitOfWork
from node.catalogue.meaning.difference import definition_of, meaning_difference
from node.catalogue.meaning.strictness import BREAKING_CHANGES, REFUSE, strictness
from node.catalogue.model import PUBLIC, Record
from node.catalogue.nquads import iri_of, is_iri
from node.catalogue.ports import RecordStore
from node.catalogue.statements import Statements
from node.semantics import json_rows, sheets
from node.semantics.findings.files import file_finding
from node.semantics.findings.tables import NotATable
from node.semantics.model import File, Finding
from node.semantics.schemas import conformity, members
from node.semantics.schemas.breaches import Report
from node.semantics.schemas.patterns import Misses
from node.vocab.namespaces import DCT

TABLES: Final = {"text/csv": "", "text/tab-separated-values": "\t"}
"""Media type of a table → its delimiter, if that is fixed."""
JSON: Final = frozenset({"application/json", "application/geo+json", "application/vnd.geo+json"})
"""Media types of rows of JSON; the rows are compared with a schema if the description names one."""
_CONFORMS: Final = f"<{DCT}conformsTo>".encode()

BREAKING_RULES: Final = {"ontology": "ontology:breaking", "schema": "schema:breaking"}
"""Kind of asset → the rule of findings about changes that break data or queries."""

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
        findings = list(self._meaning(draft)) if draft.kind in BREAKING_RULES else []
        rules = self._conforms_to(draft)
        for index, file in enumerate(draft.files):
            findings += self._file(file, f"files.{index}", rules)
        return tuple(findings)

    def _meaning(self, draft: Record) -> Iterator[Finding]:
        with self._uow.read() as tx:
            before = self._records.get(tx, draft.iri)
        if before is None or before.withdrawn:
            return
        difference = meaning_difference(before, draft)
        breaking = [change for change in difference.changes if change.breaking] if difference else []
        refuses = draft.kind == "ontology" or strictness(before, BREAKING_CHANGES) == REFUSE
        rule, severity = BREAKING_RULES[draft.kind], "violation" if refuses else "warning"
        place = "definition" if draft.kind == "schema" else ""
        for change in breaking[:MOST_CHANGES]:
            key = "refused-breaking" if refuses else "unjudged" if change.what == "other" else "breaking"
            yield file_finding(
                key,
                rule,
                field=place,
                severity=severity,
                value=change.subject,
                change=change.text.__getitem__,
                version=str(before.version),
            )
        if len(breaking) > MOST_CHANGES:
            more = str(len(breaking) - MOST_CHANGES)
            key = "more-refused" if refuses else "more-breaking"
            yield file_finding(key, rule, field=place, severity=severity, more=more)

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
