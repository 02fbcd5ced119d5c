"""Check a transformation before it is published: its definition, its columns against both schemas, its example."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from node.base.errors import HansaError, InvalidInput
from node.base.work import UnitOfWork
from node.cage.model import has_full_queue
from node.catalogue.meaning.conformity import schema_in_words
from node.catalogue.meaning.difference import definition_of
from node.catalogue.model import PUBLIC, Record
from node.catalogue.ports import RecordStore
from node.scenarios.chain.interfaces import COORDINATES, FRAMING, PYTHON, SQL, STATEMENTS, mapping_of
from node.scenarios.model import Rows, Transformation
from node.scenarios.records.cards import transformation_of
from node.scenarios.tables import mapping_grammar
from node.scenarios.tables.conversions import coordinate_conversion
from node.scenarios.tables.rows import canonical_json
from node.scenarios.transformations.offers import offered_transformations
from node.scenarios.transformations.transformer import Transformer
from node.scenarios.transformations.trial import media_type_of
from node.semantics.constructions import FROM, TO, columns_in, namespace_of
from node.semantics.findings.files import file_finding
from node.semantics.model import Finding
from node.semantics.schemas import members

RULE: Final = "transformation:cannot-work"
MOST_EXAMPLES: Final = 1000
"""Rows of an example."""
_BREACHES: Final = 3


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a schema; ``demands`` are those that each row must have; a ``closed`` one has no others."""

    title: str
    names: frozenset[str]
    demands: frozenset[str]
    closed: bool
    types: Mapping[str, tuple[str, ...]]
    """The types of JSON Schema of each column; none for a column of any type."""


class TransformationCheck:
    """Checks transformations before they are published. It blocks."""

    def __init__(self, *, uow: UnitOfWork, records: RecordStore, transformer: Transformer) -> None:
        self._uow = uow
        self._records = records
        self._transformer = transformer

    def __call__(self, draft: Record) -> Iterator[Finding]:
        """Yield the findings about ``draft``, a transformation or a dataset that offers some; none for other kinds of
        assets, and for a transformation whose definition is a file."""
        if draft.kind == "dataset":
            yield from offered_transformations(draft, self._uow, self._records)
        if draft.kind != "transformation":
            return
        try:
            card = transformation_of(draft)
        except InvalidInput:
            return
        try:
            self._transformer.check(card)
        except HansaError as error:
            if has_full_queue(error):
                raise
            yield _wrong("definition", "useless", why=_words(error))
            return
        sources, targets = self._schemas(draft, card.sources), self._schemas(draft, card.targets)
        yield from self._columns(
            card, [_columns_of(*schema) for schema in sources], [_columns_of(*schema) for schema in targets]
        )
        if card.example is not None:
            yield from self._example(card, sources, targets)

    def _schemas(self, draft: Record, iris: Sequence[str]) -> list[tuple[Record, Mapping[str, Any]]]:
        """Return the schemas of the catalogue among ``iris`` that everybody who sees ``draft`` may know."""
        schemas = []
        with self._uow.read() as tx:
            for iri in iris:
                record = self._records.get(tx, iri)
                if record is None or record.kind != "schema" or record.withdrawn:
                    continue
                definition = definition_of(record)
                if definition is not None and (record.origin == draft.origin or record.audience == PUBLIC):
                    schemas.append((record, definition))
        return schemas

    def _example(
        self,
        card: Transformation,
        sources: Sequence[tuple[Record, Mapping[str, Any]]],
        targets: Sequence[tuple[Record, Mapping[str, Any]]],
    ) -> Iterator[Finding]:
        example = card.example
        rows: Any = example.get("input") if isinstance(example, Mapping) else None
        if card.language in STATEMENTS and isinstance(example, Mapping):
            yield from self._statements_example(card, example)
            return
        if not _are_rows(rows) or ("output" in example and not _are_rows(example["output"])):
            yield _wrong("example", "no-example", most=str(MOST_EXAMPLES))
            return
        try:
            result = self._transformer(card, rows)
        except HansaError as error:
            if has_full_queue(error):
                raise
            yield _wrong("example", "example-fails", why=_words(error))
            return
        yield from _breaches("input", rows, sources)
        if card.deterministic and not self._is_repeatable(card, rows, result):
            yield _wrong("example", "example-changes")
        if "output" not in example:
            yield from _breaches("output", result, targets)
        elif _canonical(result) != _canonical(example["output"]):
            yield _wrong("example", "example-differs", result=_canonical(result).decode()[:300])
        else:
            yield from _breaches("output", result, targets)

    def _statements_example(self, card: Transformation, example: Mapping[str, Any]) -> Iterator[Finding]:
        """Yield the findings about the example of a mapping to RDF: ``input`` are rows or the text of a file,
        ``output`` are statements in Turtle, or the resources as rows."""
        rows, output = example.get("input"), example.get("output")
        if not ((isinstance(rows, str) and rows) or _are_rows(rows)) or not (
            output is None or isinstance(output, str) or _are_rows(output)
        ):
            yield _wrong("example", "no-example", most=str(MOST_EXAMPLES))
            return
        body = rows.encode() if isinstance(rows, str) else json.dumps(rows).encode()
        media_type = media_type_of("", body) if isinstance(rows, str) else ""
        expected = output if isinstance(output, str) else None
        try:
            result = self._transformer.state(card, body, media_type, comparison=expected)
        except HansaError as error:
            if has_full_queue(error):
                raise
            yield _wrong("example", "example-fails", why=_words(error))
            return
        if result.missing or result.further:
            lines = [f"- {line}" for line in result.missing] + [f"+ {line}" for line in result.further]
            yield _wrong("example", "example-differs", result=" ".join(lines)[:300])
        elif isinstance(output, list) and _canonical(json.loads(result.rows)) != _canonical(output):
            yield _wrong("example", "example-differs", result=result.rows.decode()[:300])

    def _is_repeatable(self, card: Transformation, rows: Rows, result: Rows) -> bool:
        try:
            return self._transformer.is_repeatable(card, rows, result)
        except HansaError as error:
            if has_full_queue(error):
                raise
            return False

    def _columns(
        self, card: Transformation, sources: Sequence[Columns], targets: Sequence[Columns]
    ) -> Iterator[Finding]:
        """Yield the columns that it reads and no row has, and those that it does not make and every row must have.
        What a function, a frame and a mapping to RDF read and make is known by their example only."""
        if card.language in (PYTHON, FRAMING, *STATEMENTS):
            return
        if card.language != SQL:
            reads, makes, keeps_all = _named_columns(card)
            yield from _unknown(reads, sources)
            yield from _unmade(makes, targets) if not keeps_all else ()
        elif sources and sources[0].names:
            try:
                makes = self._transformer.result_columns(card, sources[0].types)
            except HansaError as error:
                if has_full_queue(error):
                    raise
                yield _wrong("definition", "useless", why=_words(error))
                return
            yield from _unmade(makes, targets)


def _named_columns(card: Transformation) -> tuple[frozenset[str], frozenset[str], bool]:
    """Return the columns that it reads, those that it makes, and whether it keeps all others."""
    if card.language == COORDINATES:
        conversion = coordinate_conversion(card.definition)
        return frozenset(conversion.columns), frozenset(conversion.result), True
    mapping = mapping_of(card)
    if mapping is not None:
        reads = frozenset(mapping.reads)
        keeps_all = mapping.keep == (mapping_grammar.ALL,)
        makes = frozenset(variable.name for variable in mapping_grammar.output_port(mapping, schemas=()).variables)
    else:
        reads = columns_in(card.definition, FROM, namespace_of(card.sources))
        makes, keeps_all = columns_in(card.definition, TO, namespace_of(card.targets)), False
    return reads, makes, keeps_all


def _unknown(reads: frozenset[str], sources: Sequence[Columns]) -> Iterator[Finding]:
    for schema in sources[:1]:
        for column in sorted(reads - schema.names) if schema.names else ():
            severity = "violation" if schema.closed else "warning"
            yield _wrong("definition", "unknown-column", severity, column=column, schema=schema.title)


def _unmade(makes: frozenset[str], targets: Sequence[Columns]) -> Iterator[Finding]:
    for schema in targets[:1]:
        for column in sorted(schema.demands - makes):
            yield _wrong("definition", "unmade-column", column=column, schema=schema.title)


def _columns_of(record: Record, schema: Mapping[str, Any]) -> Columns:
    row = schema.get("items") if schema.get("type") == "array" else schema
    row = row if isinstance(row, Mapping) else {}
    properties, demands = row.get("properties"), row.get("required")
    return Columns(
        title=record.title(),
        names=frozenset(properties) if isinstance(properties, Mapping) else frozenset(),
        demands=frozenset(map(str, demands)) if isinstance(demands, list) else frozenset(),
        closed=row.get("additionalProperties") is False,
        types={str(name): _types(member) for name, member in properties.items()}
        if isinstance(properties, Mapping)
        else {},
    )


def _types(member: Any) -> tuple[str, ...]:
    types = member.get("type") if isinstance(member, Mapping) else None
    return tuple(map(str, types)) if isinstance(types, list) else (str(types),) if isinstance(types, str) else ()


def _breaches(side: str, rows: Rows, schemas: Sequence[tuple[Record, Mapping[str, Any]]]) -> Iterator[Finding]:
    for record, schema in schemas[:1]:
        report = members.check(schema, rows, limit=_BREACHES)
        for breach in report.breaches[:_BREACHES]:
            yield _wrong("example", f"example-{side}", breach=breach.words, schema=partial(schema_in_words, record))


def _are_rows(value: Any) -> bool:
    return (
        isinstance(value, list) and 0 < len(value) <= MOST_EXAMPLES and all(isinstance(row, Mapping) for row in value)
    )


def _canonical(rows: Rows) -> bytes:
    return canonical_json(rows)


def _words(error: HansaError) -> str:
    return f"{error.detail} ({error.remedy})" if error.remedy else error.detail


def _wrong(field: str, key: str, severity: str = "violation", **values: Any) -> Finding:
    return file_finding(key, RULE, field=field, severity=severity, **values)
