"""The tables in a file and their columns, as a data dictionary (CSV on the Web), and what of it others may see.

Whoever sees a record sees all of it. So the values of a file that is not open (ranges, examples, counts) are left out
of its record, unless the steward shows them; and columns that may hold personal data need an answer first.
"""

from __future__ import annotations

import re
from typing import Final

from pyoxigraph import Dataset, Literal, NamedNode

from node.semantics.codelists.datatypes import DATATYPES
from node.semantics.description.forms import Field, Form
from node.semantics.description.personal_data import ANSWER
from node.semantics.findings import words
from node.semantics.model import Finding
from node.semantics.triples import Node, drop, iris, literals, nodes, put
from node.vocab.namespaces import CSVW, DCAT, DCT, HANSA, QUDT, SCHEMA, SKOS, XSD

CODE_LIST: Final = "http://purl.org/linked-data/cube#codeList"
"""The property of a column that names the concept scheme of its codes (RDF Data Cube)."""
CODES: Final = f"{HANSA}code"
"""The property of a column with a code that its cells may have."""

_SCHEMA: Final = f"{CSVW}tableSchema"
_COLUMN: Final = f"{CSVW}column"
_KIND: Final = f"{HANSA}personalDataKind"
_SHOWS: Final = f"{HANSA}showsValues"
_OF_VALUES: Final = (
    f"{SCHEMA}minValue",
    f"{SCHEMA}maxValue",
    f"{SKOS}example",
    f"{HANSA}emptyCells",
    f"{HANSA}distinctValues",
)
"""Properties of a column that reveal what is in the file."""

_NAMED: Final = 5
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")

TABLES: Final = Field(
    name="tables",
    form=Form.NODE,
    property=_SCHEMA,
    also=("table",),
    many=True,
    classes=(f"{CSVW}Schema",),
    fields=(
        Field(name="name", form=Form.PLAIN, property=f"{CSVW}name"),
        Field(name="title", form=Form.TEXT, property=f"{DCT}title"),
        Field(name="description", form=Form.TEXT, property=f"{DCT}description"),
        Field(name="rows", form=Form.INTEGER, property=f"{HANSA}rows"),
        Field(name="show_values", form=Form.BOOLEAN, property=_SHOWS),
        Field(
            name="columns",
            form=Form.NODE,
            property=_COLUMN,
            also=("column",),
            many=True,
            classes=(f"{CSVW}Column",),
            ordered=True,
            fields=(
                Field(name="name", form=Form.PLAIN, property=f"{CSVW}name"),
                Field(name="title", form=Form.TEXT, property=f"{CSVW}title"),
                Field(name="description", form=Form.TEXT, property=f"{DCT}description", also=("meaning",)),
                Field(name="type", form=Form.CODE, property=f"{CSVW}datatype", also=("datatype",), codes=DATATYPES),
                Field(name="unit", form=Form.PLAIN, property=f"{QUDT}ucumCode", also=("units",)),
                Field(name="property", form=Form.LINK, property=f"{CSVW}propertyUrl", also=("observed_property",)),
                Field(name="code_list", form=Form.LINK, property=CODE_LIST, also=("codelist", "scheme")),
                Field(name="codes", form=Form.PLAIN, property=CODES, also=("code",), many=True),
                Field(name="minimum", form=Form.VALUE, property=f"{SCHEMA}minValue", also=("min",)),
                Field(name="maximum", form=Form.VALUE, property=f"{SCHEMA}maxValue", also=("max",)),
                Field(name="empty", form=Form.NUMBER, property=f"{HANSA}emptyCells"),
                Field(name="distinct", form=Form.INTEGER, property=f"{HANSA}distinctValues"),
                Field(name="values", form=Form.PLAIN, property=f"{SKOS}example", also=("examples",), many=True),
                Field(name="personal", form=Form.PLAIN, property=_KIND),
            ),
            key="name",
        ),
    ),
    key="name",
)
"""The tables of a file and their columns, as CSV on the Web describes them: the data dictionary."""


def settle(dataset: Dataset, subject: NamedNode, *, is_open: bool, line: int | None) -> list[Finding]:
    """Remove from the description what others may not see, and return what its steward should know.

    ``is_open``: everybody who sees the record may have all its files without asking. ``line``: of the answer about
    personal data in the steward's file.
    """
    tables = [
        (file, table)
        for file in nodes(dataset, subject, f"{DCAT}distribution")
        for table in nodes(dataset, file, _SCHEMA)
    ]
    columns = [column for _, table in tables for column in nodes(dataset, table, _COLUMN)]
    for column in columns:
        _type_bounds(dataset, column)
    findings = _about_personal_data(dataset, subject, columns, is_open=is_open, line=line)
    hidden = sum(_hide_values(dataset, file, table, is_open=is_open) for file, table in tables)
    if hidden:
        findings.append(words.about_field("values-left-out", severity="info", field="files", value=str(hidden)))
    return findings


def _about_personal_data(
    dataset: Dataset, subject: NamedNode, columns: list[Node], *, is_open: bool, line: int | None
) -> list[Finding]:
    suspects = [column for column in columns if literals(dataset, column, _KIND)]
    answers = [text.value for text in literals(dataset, subject, ANSWER)]
    if answers == ["false"]:
        for column in suspects:
            drop(dataset, column, _KIND)
        return []
    if suspects and not answers:
        names = [text.value for column in suspects for text in literals(dataset, column, f"{CSVW}name")]
        listed = ", ".join(names[:_NAMED]) + (" …" if len(names) > _NAMED else "")
        return [words.about_field("personal-unanswered", field="personal_data", line=line, value=listed[:200])]
    if answers and is_open:
        return [words.about_field("personal-open", severity="warning", field="personal_data", line=line)]
    return []


def _type_bounds(dataset: Dataset, column: Node) -> None:
    """Give the bounds of a column of days their type. Moments stay texts: in files, they seldom name their zone."""
    if iris(dataset, column, f"{CSVW}datatype") != [f"{XSD}date"]:
        return
    for property_ in _OF_VALUES[:2]:
        for text in literals(dataset, column, property_):
            if _DAY.fullmatch(text.value):
                put(dataset, column, property_, Literal(text.value, datatype=NamedNode(f"{XSD}date")))


def _hide_values(dataset: Dataset, file: Node, table: Node, *, is_open: bool) -> int:
    """Remove what columns of ``table`` reveal, unless everybody may see it; return how many columns had something."""
    shows = any(text.value == "true" for text in literals(dataset, table, _SHOWS))
    drop(dataset, table, _SHOWS)
    if is_open or shows or iris(dataset, file, f"{DCAT}downloadURL"):
        return 0
    count = 0
    for column in nodes(dataset, table, _COLUMN):
        before = len(dataset)
        for property_ in _OF_VALUES:
            drop(dataset, column, property_)
        count += len(dataset) < before
    return count
