"""The schemas that a dataset says it conforms to, as far as data can be checked against them here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from node.base.work import Transaction
from node.catalogue.meaning.code_lists import code_rules
from node.catalogue.meaning.difference import definition_of
from node.catalogue.model import PUBLIC, Record
from node.catalogue.nquads import iri_of, is_iri
from node.catalogue.ports import RecordStore
from node.catalogue.statements import Statements
from node.semantics.findings.words import FINDINGS
from node.vocab.namespaces import DCT

TABLES: Final = {"text/csv": "", "text/tab-separated-values": "\t"}
"""Media type of a table → its delimiter; empty if it has to be found."""
JSON: Final = frozenset({"application/json", "application/geo+json", "application/vnd.geo+json"})
"""Media types of files whose rows may be compared with a schema."""
_CONFORMS: Final = f"<{DCT}conformsTo>".encode()

SchemaRules = tuple[Record, Mapping[str, Any]]
"""A schema in its newest version, and its definition as JSON Schema; or what states the codes of columns."""


def schemas_of(tx: Transaction, records: RecordStore, dataset: Record) -> Sequence[SchemaRules]:
    """Return the schemas that ``dataset`` conforms to by its own statements, sorted by IRI: those with a definition,
    that are of the same node or public; then the rules of the code lists of its columns."""
    if dataset.kind != "dataset":
        return []
    codes = code_rules(tx, records, dataset)
    # Most datasets name no schema: reading all statements takes longer than this look.
    if _CONFORMS not in dataset.nquads:
        return codes
    iris = {iri_of(term) for term in Statements(dataset).everywhere(f"{DCT}conformsTo") if is_iri(term)}
    rules = []
    for iri in sorted(iris):
        record = records.get(tx, iri)
        if record is None or record.kind != "schema" or record.withdrawn:
            continue
        definition = definition_of(record)
        if definition is not None and (record.origin == dataset.origin or record.audience == PUBLIC):
            rules.append((record, definition))
    return [*rules, *codes]


def schema_in_words(schema: Record, language: str) -> str:
    """Return the title of a schema with the version that data were compared with; without one before it is
    published."""
    if not schema.version:
        return schema.title(language)
    return FINDINGS.say(language, "file.schema", title=schema.title(language), version=str(schema.version))


def may_be_checked(media_type: str) -> bool:
    """Return whether rows of a file of this media type can be compared with a schema."""
    plain = media_type.partition(";")[0].strip().casefold()
    return plain in TABLES or plain in JSON
