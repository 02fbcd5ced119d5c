"""The SQL for a table, made from what a reader may choose. Names are quoted and values are literals of the driver."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from node.adapters.datasources.concealed_rows import Column, concealed_rows
from node.base.errors import InvalidInput
from node.datasources.errors import DataSourceUnreachable
from node.policy.concealment import FORMS, GROUP
from node.policy.portion import WHOLE, Box, Portion

if TYPE_CHECKING:
    # Loaded with the first query.
    from psycopg.sql import Composed

CSV: Final = "text/csv"
GEOJSON: Final = "application/geo+json"
_FORMS: Final = {"csv": CSV, "geojson": GEOJSON, "json": GEOJSON, CSV: CSV, GEOJSON: GEOJSON}
_WGS84: Final = 4326
_SIGNS: Final = {"eq": "=", "neq": "<>", "lt": "<", "lteq": "<=", "gt": ">", "gteq": ">="}
PORTIONS: Final = frozenset({"columns", "boxes", *_SIGNS, *FORMS, GROUP})
"""The limits of a part that a statement keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableQuery:
    """A reader's choice within its part.

    ``equal`` has pairs of column and value, ``box`` is west, south, east, north, and ``most`` a number of rows.
    ``limits`` is the part, ``places`` the column that its boxes are about, and ``table`` all columns that there are.
    """

    columns: tuple[Column, ...]
    geometry: Column | None
    media_type: str
    equal: tuple[tuple[str, str], ...] = ()
    box: Box | None = None
    most: int | None = None
    limits: Portion = WHOLE
    places: Column | None = None
    table: tuple[Column, ...] = ()

    @classmethod
    def read(
        cls,
        parameters: Sequence[tuple[str, str]],
        columns: tuple[Column, ...],
        media_type: str,
        portion: Portion = WHOLE,
    ) -> TableQuery:
        """Return the query in the parameters of an address. Raises ``InvalidInput`` for any that it cannot take, and
        ``DataSourceUnreachable`` if the table no longer has the columns of ``portion``: then nothing is given."""
        places = next((column for column in columns if column.is_geometry), None)
        _require_columns(columns, places, portion)
        table = columns
        # From here on, a column that is not in the part does not exist.
        columns = tuple(column for column in columns if portion.shows(column.name))
        columns_by_name = {column.name: column for column in columns}
        geometry = next((column for column in columns if column.is_geometry), None)
        query_columns, form, most, box = columns, media_type, None, None
        equal: list[tuple[str, str]] = []
        for name, value in parameters:
            match name:
                case "columns":
                    query_columns = tuple(_find_column(columns_by_name, part) for part in value.split(","))
                case "limit":
                    most = _number(value)
                case "bbox":
                    box = _box(value)
                case "f":
                    form = _FORMS.get(value, "")
                    if not form:
                        raise InvalidInput("a table is given as CSV or GeoJSON", remedy="f=csv or f=geojson")
                case _:
                    equal.append((_find_column(columns_by_name, name).name, value))
        is_geojson = form.partition(";")[0].strip() == GEOJSON
        if geometry is None and (is_geojson or box is not None):
            raise InvalidInput("the table has no column with places", remedy="ask for it as CSV, without bbox")
        return cls(
            columns=query_columns,
            geometry=geometry,
            media_type=GEOJSON if is_geojson else CSV,
            equal=tuple(equal),
            box=box,
            most=most,
            limits=portion,
            places=places,
            table=table,
        )


def csv_statement(schema: str, table: str, query: TableQuery) -> Composed:
    """Return the statement that copies rows as CSV; places are written as WKT. Raises ``DataSourceUnreachable`` if a
    column no longer has values of which the form of the part can be made."""
    from psycopg import sql

    columns = [
        sql.SQL("ST_AsText({0}) AS {0}").format(sql.Identifier(column.name))
        if column.is_geometry
        else sql.Identifier(column.name)
        for column in query.columns
    ]
    rows = _select(schema, table, sql.SQL(", ").join(columns), query)
    return sql.SQL("COPY ({}) TO STDOUT (FORMAT csv, HEADER true)").format(rows)


def geojson_statement(schema: str, table: str, query: TableQuery) -> Composed:
    """Return the statement that gives each row as a feature of GeoJSON, in WGS 84 (RFC 7946 §4). Raises as
    ``csv_statement``."""
    from psycopg import sql

    assert query.geometry is not None
    place = sql.SQL(
        "CASE WHEN ST_SRID({0}::geometry) IN (0, {1}) THEN {0}::geometry "
        "ELSE ST_Transform({0}::geometry, {1}) END AS {0}"
    ).format(sql.Identifier(query.geometry.name), sql.Literal(_WGS84))
    columns = [sql.Identifier(column.name) for column in query.columns if not column.is_geometry]
    rows = _select(schema, table, sql.SQL(", ").join([place, *columns]), query)
    return sql.SQL("SELECT ST_AsGeoJSON(t.*)::text FROM ({}) AS t").format(rows)


def _select(schema: str, table: str, columns: Composed, query: TableQuery) -> Composed:
    from psycopg import sql

    # A value of the part is compared as the type of its column; a reader's as text, which cannot fail.
    conditions = [
        sql.SQL("{} {} {}").format(sql.Identifier(row.column), sql.SQL(_SIGNS[row.operator]), sql.Literal(row.value))
        for row in query.limits.rows
    ]
    conditions += [_touching(query.places, box) for box in query.limits.boxes if query.places is not None]
    relation: Composed = sql.SQL("{}").format(sql.Identifier(schema, table))
    if query.limits.conceals:
        # A reader's conditions are about what the reader gets: by others, it would find out what is concealed.
        relation = sql.SQL("({}) AS part").format(concealed_rows(relation, conditions, query.table, query.limits))
        conditions = []
    conditions += [
        sql.SQL("{}::text = {}").format(sql.Identifier(name), sql.Literal(value)) for name, value in query.equal
    ]
    if query.box is not None and query.geometry is not None:
        conditions.append(_touching(query.geometry, query.box))
    where = sql.SQL(" WHERE {}").format(sql.SQL(" AND ").join(conditions)) if conditions else sql.SQL("")
    most = sql.SQL(" LIMIT {}").format(sql.Literal(query.most)) if query.most is not None else sql.SQL("")
    return sql.SQL("SELECT {} FROM {}{}{}").format(columns, relation, where, most)


def _touching(column: Column, box: Box) -> Composed:
    """Return the condition that a place touches a box of WGS 84."""
    from psycopg import sql

    place = sql.SQL("{}::geometry").format(sql.Identifier(column.name))
    corners = sql.SQL(", ").join(sql.Literal(value) for value in (*box, _WGS84))
    area = sql.SQL(
        "CASE WHEN ST_SRID({0}) IN (0, 4326) THEN ST_SetSRID(ST_MakeEnvelope({1}), ST_SRID({0})) "
        "ELSE ST_Transform(ST_MakeEnvelope({1}), ST_SRID({0})) END"
    ).format(place, corners)
    return sql.SQL("ST_Intersects({}, {})").format(place, area)


def _require_columns(columns: tuple[Column, ...], places: Column | None, portion: Portion) -> None:
    names = {column.name for column in columns}
    complete = portion.needs_columns <= names and (places is not None or not portion.boxes)
    if not complete or not any(portion.shows(name) for name in names):
        raise DataSourceUnreachable(
            "the table no longer has the columns of the part that the agreement gives",
            remedy="ask the provider for a new offer",
        )


def _find_column(columns: dict[str, Column], name: str) -> Column:
    if name not in columns:
        raise InvalidInput(
            f"the table has no column {name[:60]!r}",
            remedy=f"its columns: {', '.join(list(columns)[:50])}; other parameters: columns, bbox, limit, f",
        )
    return columns[name]


def _number(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise InvalidInput("limit is a number of rows", remedy="such as limit=1000")
    return int(value)


def _box(value: str) -> Box:
    try:
        west, south, east, north = (float(part) for part in value.split(","))
    except ValueError as error:
        raise InvalidInput("bbox has four numbers", remedy="west,south,east,north in degrees") from error
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):
        raise InvalidInput("bbox is no box on Earth", remedy="west,south,east,north in degrees")
    return west, south, east, north
