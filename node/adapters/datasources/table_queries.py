"""The SQL for a table, made from what a reader may choose. Names are quoted and values are literals of the driver."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from node.base.errors import InvalidInput

if TYPE_CHECKING:
    # Loaded with the first query.
    from psycopg.sql import Composed

CSV: Final = "text/csv"
GEOJSON: Final = "application/geo+json"
_FORMS: Final = {"csv": CSV, "geojson": GEOJSON, "json": GEOJSON, CSV: CSV, GEOJSON: GEOJSON}
_GEOMETRIES: Final = ("geometry", "geography")
_WGS84: Final = 4326


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table, with the name of its type."""

    name: str
    kind: str

    @property
    def is_geometry(self) -> bool:
        return self.kind in _GEOMETRIES


@dataclass(frozen=True, slots=True, kw_only=True)
class TableQuery:
    """A reader's choice. ``equal`` has pairs of column and value, ``box`` is west, south, east, north, and ``most`` a
    number of rows."""

    columns: tuple[Column, ...]
    geometry: Column | None
    media_type: str
    equal: tuple[tuple[str, str], ...] = ()
    box: tuple[float, float, float, float] | None = None
    most: int | None = None

    @classmethod
    def read(cls, parameters: Sequence[tuple[str, str]], columns: tuple[Column, ...], media_type: str) -> TableQuery:
        """Return the query in the parameters of an address. Raises ``InvalidInput`` for any that it cannot take."""
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
        )


def csv_statement(schema: str, table: str, query: TableQuery) -> Composed:
    """Return the statement that copies rows as CSV; places are written as WKT."""
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
    """Return the statement that gives each row as a feature of GeoJSON, in WGS 84 (RFC 7946 §4)."""
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

    conditions = [
        sql.SQL("{}::text = {}").format(sql.Identifier(name), sql.Literal(value)) for name, value in query.equal
    ]
    if query.box is not None and query.geometry is not None:
        place = sql.SQL("{}::geometry").format(sql.Identifier(query.geometry.name))
        corners = sql.SQL(", ").join(sql.Literal(value) for value in (*query.box, _WGS84))
        box = sql.SQL(
            "CASE WHEN ST_SRID({0}) IN (0, 4326) THEN ST_SetSRID(ST_MakeEnvelope({1}), ST_SRID({0})) "
            "ELSE ST_Transform(ST_MakeEnvelope({1}), ST_SRID({0})) END"
        ).format(place, corners)
        conditions.append(sql.SQL("ST_Intersects({}, {})").format(place, box))
    where = sql.SQL(" WHERE {}").format(sql.SQL(" AND ").join(conditions)) if conditions else sql.SQL("")
    most = sql.SQL(" LIMIT {}").format(sql.Literal(query.most)) if query.most is not None else sql.SQL("")
    return sql.SQL("SELECT {} FROM {}{}{}").format(columns, sql.Identifier(schema, table), where, most)


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


def _box(value: str) -> tuple[float, float, float, float]:
    try:
        west, south, east, north = (float(part) for part in value.split(","))
    except ValueError as error:
        raise InvalidInput("bbox has four numbers", remedy="west,south,east,north in degrees") from error
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):
        raise InvalidInput("bbox is no box on Earth", remedy="west,south,east,north in degrees")
    return west, south, east, north
