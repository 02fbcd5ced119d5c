"""The definition of a schema, read when it is described: its language, its rows as JSON Schema, its fields as RDF.

What follows from the definition is written anew each time, so that a record cannot say something else about its
fields. Fields are the columns of CSV on the Web: a query finds the schemas, and with ``dct:conformsTo`` the datasets,
that have a field with a term or a unit.
"""

from __future__ import annotations

from typing import Final

from pyoxigraph import Dataset, Literal, NamedNode, Quad

from node.base.errors import HansaError
from node.base.jsons import canonical
from node.semantics.codelists.datatypes import DATATYPES
from node.semantics.description.builder import slug
from node.semantics.findings import words
from node.semantics.model import Finding
from node.semantics.schemas.languages.field_table import field_table
from node.semantics.schemas.languages.model import FieldRow
from node.semantics.schemas.languages.names import JSON_SCHEMA, LANGUAGES
from node.semantics.schemas.languages.readers import read_schema
from node.semantics.triples import TYPE, drop, literals
from node.vocab.namespaces import CSVW, DCT, HANSA, QUDT, RDF, XSD

MOST: Final = 200
"""Fields that are written as statements; all are in the definition."""
_COLUMN: Final = f"{CSVW}column"
_ROWS: Final = f"{HANSA}jsonSchema"
_LANGUAGE: Final = f"{HANSA}schemaLanguage"
_MARK: Final = "#field-"


def describe_definition(dataset: Dataset, subject: NamedNode, *, line: int | None) -> list[Finding]:
    """Read the definition of the schema ``subject``, add what follows from it, and return what the publisher should
    know: that it cannot be read, or which of its parts was read. ``line``: of the definition in the steward's file.
    """
    _forget(dataset, subject)
    definitions = literals(dataset, subject, f"{HANSA}definition")
    if not definitions:
        return []
    part = next((text.value for text in literals(dataset, subject, f"{HANSA}definitionPart")), "")
    try:
        document = read_schema(definitions[0].value.encode(), part)
    except HansaError as error:
        why = f"{error.detail} ({error.remedy})" if error.remedy else error.detail
        return [
            words.about_field("unread-schema", severity="warning", field="definition", line=line, value=why[:300])
        ]
    dataset.add(Quad(subject, NamedNode(_LANGUAGE), Literal(LANGUAGES[document.language])))
    if document.language != JSON_SCHEMA:
        rows = canonical(document.schema, fractions=True).decode()
        dataset.add(Quad(subject, NamedNode(_ROWS), Literal(rows, datatype=NamedNode(f"{RDF}JSON"))))
    addresses: set[str] = set()
    for number, row in enumerate(field_table(document.schema)[:MOST], 1):
        address = f"{subject.value}{_MARK}{slug(row.name) or number}"
        address = f"{address}-{number}" if address in addresses else address
        addresses.add(address)
        _write(dataset, subject, NamedNode(address), number, row)
    if len(document.parts) > 1 and not part:
        others = ", ".join(name for name in document.parts if name != document.part)
        return [
            words.about_field(
                "other-parts", severity="info", field="part", value=document.part[:100], others=others[:200]
            )
        ]
    return []


def _forget(dataset: Dataset, subject: NamedNode) -> None:
    for property_ in (_ROWS, _LANGUAGE, _COLUMN):
        drop(dataset, subject, property_)
    for quad in list(dataset):
        if isinstance(quad.subject, NamedNode) and quad.subject.value.startswith(subject.value + _MARK):
            dataset.remove(quad)


def _write(dataset: Dataset, subject: NamedNode, node: NamedNode, number: int, row: FieldRow) -> None:
    def add(property_: str, value: NamedNode | Literal) -> None:
        dataset.add(Quad(node, NamedNode(property_), value))

    dataset.add(Quad(subject, NamedNode(_COLUMN), node))
    add(TYPE.value, NamedNode(f"{CSVW}Column"))
    add(f"{CSVW}name", Literal(row.name[:300]))
    add(f"{HANSA}position", Literal(str(number), datatype=NamedNode(f"{XSD}integer")))
    if row.type:
        add(f"{DCT}type", Literal(row.type))
        form = row.type.partition("(")[2].rstrip(")").replace("date-time", "datetime")
        code = DATATYPES.find(form) or DATATYPES.find(row.type.partition(" ")[0])
        if code is not None:
            add(f"{CSVW}datatype", NamedNode(code.iri))
    if row.unit:
        add(f"{QUDT}ucumCode", Literal(row.unit[:60]))
    term = _iri(row.term)
    if term is not None:
        add(f"{CSVW}propertyUrl", term)
    if row.title:
        add(f"{CSVW}title", Literal(row.title[:300]))
    if row.description:
        add(f"{DCT}description", Literal(row.description[:1000]))
    if row.required:
        add(f"{CSVW}required", Literal("true", datatype=NamedNode(f"{XSD}boolean")))
    for constraint in row.constraints:
        add(f"{HANSA}constraint", Literal(constraint[:300]))


def _iri(text: str) -> NamedNode | None:
    if not text.startswith(("http://", "https://", "urn:")) or len(text) > 2000:
        return None
    try:
        return NamedNode(text)
    except ValueError:
        return None
