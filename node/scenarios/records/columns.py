"""The columns of a dataset, as its description states them: what the check before a run compares with a model."""

from __future__ import annotations

from typing import Final

from node.base.errors import InvalidInput
from node.catalogue.statements import Statements
from node.scenarios.model import Variable
from node.scenarios.tables import units
from node.semantics.description.tables import CODE_LIST
from node.vocab.namespaces import CSVW, QUDT

MOST_COLUMNS: Final = 2000
"""Columns of one dataset that are compared."""


def columns_of(card: Statements, files: list[str]) -> tuple[Variable, ...]:
    """Return the columns that all described tables in ``files`` have. A unit or a code list counts only if they all
    state the same; a unit that is no UCUM code is none."""
    tables = [_columns(card, table) for file in files for table in card.nodes(file, f"{CSVW}tableSchema")]
    common = [name for name in (tables[0] if tables else ()) if all(name in table for table in tables)]
    columns = []
    for name in common[:MOST_COLUMNS]:
        many = [table[name] for table in tables]
        units_of_all, codes_of_all = {column.unit for column in many}, {column.codes for column in many}
        columns.append(
            Variable(
                name=name,
                unit=many[0].unit if len(units_of_all) == 1 else None,
                codes=many[0].codes if len(codes_of_all) == 1 else None,
            )
        )
    return tuple(columns)


def _columns(card: Statements, table: str) -> dict[str, Variable]:
    columns = {}
    for node in card.nodes(table, f"{CSVW}column"):
        if name := card.text(node, f"{CSVW}name"):
            unit = _unit(card.text(node, f"{QUDT}ucumCode"))
            columns[name] = Variable(name=name, unit=unit, codes=card.iri(node, CODE_LIST))
    return columns


def _unit(code: str | None) -> str | None:
    if not code:
        return None
    try:
        units.parse(code)
    except InvalidInput:
        return None
    return code
