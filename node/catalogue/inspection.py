"""Inspect the files of a draft: files of another type than their names state, tables that may have been read wrongly,
rows that violate the schema that the description names, a schema that rejects data of its last version, and an
ontology whose changes break data or queries that use its terms.

A file of another type than its name states is an error, and so are breaking changes of an ontology, or of a schema
that asks for it; everything else is a warning, shown with the record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol

from node.base.errors import InvalidInput, NotFound, Overloaded
from node.base.work import UnitOfWork
from node.cage.model import has_full_queue
from node.catalogue.meaning.conformity import JSON, TABLES, SchemaRules, schema_in_words, schemas_of
from node.catalogue.meaning.difference import meaning_difference
from node.catalogue.meaning.strictness import BREAKING_CHANGES, REFUSE, WARN, WRONG_DATA, strictness
from node.catalogue.model import Record
from node.catalogue.ports import RecordStore
from node.semantics import sheets
from node.semantics.findings.files import Words, file_finding
from node.semantics.findings.tables import NotATable
from node.semantics.model import File, Finding
from node.semantics.ontologies.pitfalls import MOST_NAMES, pitfalls
from node.semantics.schemas.breaches import Report

BREAKING_RULES: Final = {"ontology": "ontology:breaking", "schema": "schema:breaking"}
"""Kind of asset → the rule of findings about changes that break data or queries."""

MOST_CHANGES: Final = 10


class FileComparison(Protocol):
    """Compares the file at ``path`` with a JSON Schema (``node.semantics.schemas.file_check.FileCheck``)."""

    def __call__(self, path: Path, schema: Mapping[str, Any], *, delimiter: str | None = None) -> Report: ...


Opened = Callable[[str], BinaryIO]
"""Opens the bytes with this SHA-256; raises ``NotFound``."""


class Inspect:
    """Inspects the files of a draft. It blocks, and needs the same memory for files of any size."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        records: RecordStore,
        open_file: Opened,
        place: Callable[[str], Path],
        check: FileComparison,
        further: Callable[[Record], Iterable[Finding]] = lambda _draft: (),
        contradictions: Callable[[Record], Iterable[Finding]] = lambda _draft: (),
        imports: Callable[[Record], Iterable[Finding]] = lambda _draft: (),
        part: Callable[[Record], Iterable[Finding]] = lambda _draft: (),
        default: str = WARN,
    ) -> None:
        """``further`` finds faults of other kinds of assets, ``contradictions`` and ``imports`` those of ontologies,
        ``part`` those of a part of the data that the conditions give. ``place`` returns the path of the bytes with
        this SHA-256, ``check`` compares a file with a schema. ``default`` is what happens to data that break a schema
        which does not say what happens."""
        self._uow = uow
        self._records = records
        self._open_file = open_file
        self._place = place
        self._check = check
        self._further = further
        self._contradictions = contradictions
        self._imports = imports
        self._part = part
        self._default = default

    def __call__(self, draft: Record) -> tuple[Finding, ...]:
        """Return the findings about ``draft``. Bytes that are not here yet are checked when they arrive."""
        findings = list(self._meaning(draft)) if draft.kind in BREAKING_RULES else []
        if draft.kind == "ontology":
            findings += [*_pitfalls(draft), *self._imports(draft), *self._contradictions(draft)]
        findings += self._further(draft)
        findings += self._part(draft)
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

    def _conforms_to(self, draft: Record) -> Sequence[SchemaRules]:
        with self._uow.read() as tx:
            return schemas_of(tx, self._records, draft)

    def _file(self, file: File, place: str, rules: Sequence[SchemaRules]) -> Iterator[Finding]:
        media_type = file.media_type.partition(";")[0].strip().casefold()
        delimiter = TABLES.get(media_type)
        if file.source is not None or (delimiter is None and not (rules and media_type in JSON)):
            return
        try:
            content = self._open_file(file.sha256)
        except NotFound:
            return
        with content:
            if delimiter is not None:
                yield from self._table(content, delimiter, file, place, rules)
                return
        for record, schema in rules:
            yield from self._compare(file, place, record, schema, None)

    def _compare(
        self, file: File, place: str, record: Record, schema: Mapping[str, Any], delimiter: str | None
    ) -> Iterator[Finding]:
        refuses = strictness(record, WRONG_DATA, self._default) == REFUSE
        severity = "violation" if refuses else "warning"
        title: Words = partial(schema_in_words, record)
        try:
            report = self._check(self._place(file.sha256), schema, delimiter=delimiter)
        except InvalidInput as error:
            key, rule = "unreadable", "file:breaks-schema"
            yield file_finding(
                key, rule, field=place, severity=severity, why=error.detail, file=file.name, schema=title
            )
        except Overloaded as error:
            if has_full_queue(error):
                raise
            yield file_finding(
                "not-checked", "file:breaks-schema", field=place, severity=severity, file=file.name, schema=title
            )
        else:
            yield from _breaches(report, file, place, record, severity)

    def _table(
        self, stream: BinaryIO, delimiter: str, file: File, place: str, rules: Sequence[SchemaRules]
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
        if survey.unreadable:
            return  # Reported as a doubt.
        for record, schema in rules:
            yield from self._compare(file, place, record, schema, delimiter)


def _pitfalls(draft: Record) -> Iterator[Finding]:
    for pitfall in pitfalls(draft.nquads, draft.subject):
        names = ", ".join(pitfall.terms[:MOST_NAMES]) + (" …" if len(pitfall.terms) > MOST_NAMES else "")
        count = str(len(pitfall.terms))
        yield file_finding(f"pitfall-{pitfall.case}", f"ontology:{pitfall.case}", field="", terms=names, count=count)


def _breaches(report: Report, file: File, place: str, record: Record, severity: str) -> Iterator[Finding]:
    title: Words = partial(schema_in_words, record)
    rule = "file:breaks-schema"
    suffix = "" if record.kind == "schema" else "-of-codes"
    for breach in report.breaches:
        yield file_finding(
            f"breach{suffix}", rule, field=place, severity=severity, breach=breach.words, file=file.name, schema=title
        )
    if report.count > len(report.breaches):
        more = str(report.count - len(report.breaches))
        rows = str(report.rows)
        yield file_finding(
            f"more-breaches{suffix}",
            rule,
            field=place,
            severity=severity,
            more=more,
            rows=rows,
            file=file.name,
            schema=title,
        )
    if not report.whole:
        yield file_finding("not-whole", rule, field=place, file=file.name, rows=str(report.rows))
    for pattern in report.patterns_left_out:
        yield file_finding("untried", rule, field=place, pattern=pattern[:80], file=file.name, schema=title)
