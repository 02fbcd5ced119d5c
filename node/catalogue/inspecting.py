"""What is told when somebody publishes, beside the description: files that are not what they say, tables that are
read with doubts, rows that break the schema that they are said to conform to, and a schema that breaks what was right
by its last version.

A file that is something else than its name says is refused; all else is told, and stands as a warning at the record.
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
from node.semantics import sheets
from node.semantics.model import File, Finding
from node.semantics.schemas import changes, conformity
from node.vocab.namespaces import DCT, HANSA

TABLES: Final = {"text/csv": "", "text/tab-separated-values": "\t"}
"""Media types of tables → their delimiter, where it is fixed."""
MOST_CHANGES: Final = 10

Opened = Callable[[str], BinaryIO]
"""The bytes with this SHA-256; raises ``NotFound``."""


class Inspect:
    """Looks into what is published; blocking, and with flat memory whatever the size of the files."""

    def __init__(self, *, uow: UnitOfWork, records: RecordStore, opened: Opened) -> None:
        self._uow = uow
        self._records = records
        self._opened = opened

    def __call__(self, draft: Record) -> tuple[Finding, ...]:
        """The findings about ``draft``. Bytes that are not here yet are looked at when they are."""
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
            yield _told(
                "schema:breaking",
                {
                    "en": f"{change.text['en']}: data that were right by version {before.version} become wrong",
                    "nl": f"{change.text['nl']}: wat volgens versie {before.version} goed was, wordt fout",
                    "cs": f"{change.text['cs']}: údaje správné podle verze {before.version} už správné nejsou",
                },
                {
                    "en": "tell those who use the schema, or publish it under another id and keep this one",
                    "nl": "zeg het wie het schema gebruikt, of publiceer het onder een andere id en laat dit staan",
                    "cs": "oznamte to těm, kdo schéma používají, nebo je zveřejněte pod jiným id a toto ponechte",
                },
                field="definition",
                value=change.path,
            )
        if len(breaking) > MOST_CHANGES:
            more = len(breaking) - MOST_CHANGES
            yield _told(
                "schema:breaking", {"en": f"{more} more changes break what was right"}, {}, field="definition"
            )

    def _conforms_to(self, draft: Record) -> list[tuple[Record, Mapping[str, Any]]]:
        if draft.kind != "dataset":
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
        delimiter = TABLES.get(file.media_type.partition(";")[0].strip().casefold())
        if delimiter is None or file.source is not None:
            return
        try:
            opened = self._opened(file.sha256)
        except NotFound:
            return
        with opened:
            try:
                survey = sheets.survey(opened, delimiter=delimiter)
            except ValueError as error:
                yield _told(
                    "file:not-a-table",
                    {
                        "en": f"{file.name} is published as a table ({file.media_type}), and {error}",
                        "nl": f"{file.name} wordt als tabel gepubliceerd ({file.media_type}), maar dat is het niet",
                        "cs": f"{file.name} se zveřejňuje jako tabulka ({file.media_type}), ale tabulkou není",
                    },
                    {
                        "en": "publish the table itself as CSV, or give the file the name of what it is",
                        "nl": "publiceer de tabel zelf als CSV, of geef het bestand de naam van wat het is",
                        "cs": "zveřejněte samotnou tabulku jako CSV, nebo soubor pojmenujte podle toho, čím je",
                    },
                    field=place,
                    severity="violation",
                )
                return
            for doubt in survey.doubts():
                yield _told("file:doubt", {"en": f"{file.name}: {doubt}"}, {}, field=place)
            for record, schema in rules:
                yield from _breaches(opened, survey.look, file, place, record, schema)


def definition_of(record: Record | None) -> Mapping[str, Any] | None:
    """The JSON Schema that a record of a schema holds; None where it holds none."""
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


def _breaches(
    opened: BinaryIO, look: sheets.Look, file: File, place: str, record: Record, schema: Mapping[str, Any]
) -> Iterator[Finding]:
    rows = sheets.rows(opened, look)
    try:
        next(rows, None)
        report = conformity.check(schema, look.columns, (cells for _, cells in rows))
    except csv.Error:
        return  # The survey has said where it cannot be read.
    title = record.title()
    for breach in report.breaches:
        yield _told(
            "file:breaks-schema",
            {
                "en": f"{file.name} does not conform to {title}: {breach.words()}",
                "nl": f"{file.name} voldoet niet aan {title}: {breach.words()}",
                "cs": f"{file.name} neodpovídá schématu {title}: {breach.words()}",
            },
            {
                "en": "mend the data, or leave conforms_to out",
                "nl": "verbeter de gegevens, of laat conforms_to weg",
                "cs": "opravte údaje, nebo vynechte conforms_to",
            },
            field=place,
        )
    if report.count > len(report.breaches):
        more = f"{report.count - len(report.breaches)} more breaches of {title} in {report.rows} rows"
        yield _told("file:breaks-schema", {"en": f"{file.name}: {more}"}, {}, field=place)
    if not report.whole:
        yield _told(
            "file:breaks-schema", {"en": f"{file.name}: only {report.rows} rows were checked"}, {}, field=place
        )


def _told(
    rule: str,
    messages: Mapping[str, str],
    remedies: Mapping[str, str],
    *,
    field: str,
    severity: str = "warning",
    value: str = "",
) -> Finding:
    return Finding(
        severity=severity,
        message=messages["en"],
        remedy=remedies.get("en", ""),
        rule=rule,
        field=field,
        value=value,
        translations={
            tag: {"message": text, "why": "", "remedy": remedies.get(tag, "")}
            for tag, text in messages.items()
            if tag != "en"
        },
    )
