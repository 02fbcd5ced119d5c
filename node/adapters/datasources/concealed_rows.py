"""The SQL of PostgreSQL for columns in a less telling form, and for leaving out small groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from node.datasources.errors import DataSourceUnreachable
from node.policy.concealment import BINS, GRID, LENGTH, PSEUDONYM, SUPPRESS, TIME, Concealment, pads
from node.policy.portion import Portion

if TYPE_CHECKING:
    # Loaded with the first query.
    from psycopg.sql import Composable, Composed

_GEOMETRIES: Final = ("geometry", "geography")
_NUMBERS: Final = ("int2", "int4", "int8", "numeric", "float4", "float8")
_MOMENTS: Final = ("date", "timestamp", "timestamptz")
_COUNT: Final = "rows of the group"
_WGS84: Final = 4326


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table, with the name of its type."""

    name: str
    kind: str

    @property
    def is_geometry(self) -> bool:
        return self.kind in _GEOMETRIES


def concealed_rows(
    relation: Composable, conditions: Sequence[Composable], table: Sequence[Column], limits: Portion
) -> Composed:
    """Return the statement for the rows of ``relation`` that meet ``conditions``, without rows of small groups.

    All columns of ``table`` are in the form that ``limits`` gives them. Raises ``DataSourceUnreachable`` if a column
    has a type of which no such form can be made: then nothing is given.
    """
    from psycopg import sql

    forms = {concealment.column: concealment for concealment in limits.forms}
    cells = [
        sql.SQL("{} AS {}").format(_cell(column, forms[column.name], limits.key), sql.Identifier(column.name))
        if column.name in forms
        else sql.Identifier(column.name)
        for column in table
    ]
    where = sql.SQL(" WHERE {}").format(sql.SQL(" AND ").join(conditions)) if conditions else sql.SQL("")
    statement = sql.SQL("SELECT {} FROM {}{}").format(sql.SQL(", ").join(cells), relation, where)
    if limits.group is None:
        return statement
    count, names = sql.Identifier(_COUNT), {column.name: column for column in table}
    # Geometries are equal if their bytes are: "=" of PostGIS compares boxes of some kinds only.
    columns = [
        sql.SQL("{}::text").format(sql.Identifier(name)) if names[name].is_geometry else sql.Identifier(name)
        for name in limits.group.columns
    ]
    sizes = sql.SQL("SELECT *, count(*) OVER (PARTITION BY {}) AS {} FROM ({}) AS concealed").format(
        sql.SQL(", ").join(columns), count, statement
    )
    return sql.SQL("SELECT * FROM ({}) AS counted WHERE {} >= {}").format(
        sizes, count, sql.Literal(limits.group.size)
    )


def _cell(column: Column, concealment: Concealment, key: bytes) -> Composable:
    from psycopg import sql

    cell, step = sql.Identifier(column.name), concealment.step
    match concealment.form:
        case form if form == PSEUDONYM and len(key) >= LENGTH and not column.is_geometry:
            inner, outer = (sql.SQL("decode({}, 'hex')").format(sql.Literal(pad)) for pad in pads(key))
            return sql.SQL(
                "left(encode(sha256({} || sha256({} || convert_to({}::text, 'UTF8'))), 'hex'), {})"
            ).format(outer, inner, cell, sql.Literal(LENGTH))
        case form if form == TIME and column.kind in _MOMENTS:
            if column.kind == "timestamptz":
                return sql.SQL("date_trunc({}, {}, 'UTC')").format(sql.Literal(step), cell)
            text = "date_trunc({}, {}::timestamp)" + ("::date" if column.kind == "date" else "")
            return sql.SQL(text).format(sql.Literal(step), cell)
        case form if form in (BINS, GRID) and column.kind in _NUMBERS:
            rounding = "floor" if form == BINS else "round"
            text = f"({rounding}({{0}}::numeric / {{1}}::numeric) * {{1}}::numeric)"
            if column.kind.startswith("float") or not concealment.decimals:
                # The type stays, but where a step between whole numbers does not fit it.
                text += f"::{column.kind}"
            return sql.SQL(text).format(cell, sql.Literal(step))
        case form if form == GRID and column.is_geometry:
            return sql.SQL(
                "CASE WHEN ST_SRID({0}::geometry) IN (0, {2}) THEN ST_SnapToGrid(ST_Centroid({0}::geometry), {1}) "
                "ELSE ST_Transform(ST_SnapToGrid(ST_Centroid(ST_Transform({0}::geometry, {2})), {1}), "
                "ST_SRID({0}::geometry)) END"
            ).format(cell, sql.Literal(float(step)), sql.Literal(_WGS84))
        case form if form == SUPPRESS:
            return sql.SQL("CASE WHEN false THEN {} END").format(cell)
        case _:
            raise DataSourceUnreachable(
                f"a column has the type {column.kind}, of which the form {concealment.form} cannot be made",
                remedy="its provider chooses another form: pseudonym or suppress",
            )
