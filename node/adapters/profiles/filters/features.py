"""The function for questions to features that runs in the cage: those of a part of a file that meet a filter.

The part is made first, as for a question in SQL (``table_queries``), and the places are read from what is left: a
column that is concealed gives places as coarse as it is itself. Features are numbered in the order of the part.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

# Loaded once, by the process from which children are forked.
import duckdb

from node.adapters.profiles.data_files import DEGREES, with_geometry, with_points
from node.adapters.profiles.filters import moments
from node.adapters.profiles.filters.cql2 import SPATIAL, TIME, SpatialTest, Translation, kind_of, read
from node.adapters.profiles.relations import engine_errors, quote_name, sql_text
from node.adapters.profiles.sql_check import TABLE, first_line
from node.adapters.profiles.table_queries import (
    OpenTable,
    cell_expression,
    condition_of_row,
    forget,
    open_table,
    plain_value,
)
from node.base.errors import InvalidInput, NotFound
from node.policy.portion import RowCondition

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_FEATURES: Final = "features of data"
_NUMBER: Final = "number of feature"
_AT_ONCE: Final = 5_000
_MOST_BOX: Final = (-180.0, -90.0, 180.0, 90.0)


@dataclass(slots=True)
class _Features:
    """The features of a part: the types of their properties, and the name of their geometry (empty: none)."""

    types: dict[str, str]
    geometry: str

    @property
    def time(self) -> str:
        """Return the first column of days or moments; empty if there is none."""
        return next((column for column, kind in self.types.items() if kind_of(kind) == TIME), "")


def ask(message: dict[str, Any], _blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """Target ``features.query``: the features that a ``question`` is about (``FeatureQuestion`` as JSON; None: none).

    They are in the file at ``path``, which was called ``name``. ``columns``, ``rows``, ``forms``, ``group`` and
    ``key`` are the part that the asker may have, and ``most_bytes`` bounds the answer.

    Raises ``InvalidInput`` for a question that cannot be answered, with the fact ``ran`` if the features were read,
    and ``NotFound`` for a feature that is not there.
    """
    question = message["question"]
    # Before the file is read: most mistakes are here.
    expression = read(question["filter"], question["language"]) if question and question["filter"] else None
    table = open_table(message)
    try:
        if table.features is None:
            table.features = _features(table)
        return _answer(table, question, expression, int(message["most_bytes"]))
    except duckdb.OutOfMemoryException as error:
        forget()
        raise MemoryError from error
    except engine_errors() as error:
        forget()
        detail = first_line(error).replace(message["path"], str(message["name"]))
        raise InvalidInput(
            f"the question failed while it ran: {detail}", remedy="correct the filter", facts={"ran": True}
        ) from error


def _features(table: OpenTable) -> _Features:
    """Make the features of a part a table of its engine. Raises ``InvalidInput`` if it has no places in degrees."""
    engine = table.engine
    rows = engine.execute(f"DESCRIBE SELECT * FROM {TABLE}").fetchall()  # noqa: S608 - ours
    types = {str(row[0]): str(row[1]) for row in rows}
    if table.geometry and types.get(table.geometry) == "VARCHAR":
        # The text of a layer: a concealed geometry is none any more.
        cell = quote_name(table.geometry)
        cells = [f"TRY_CAST({cell} AS GEOMETRY) AS {cell}" if n == table.geometry else quote_name(n) for n in types]
        relation = f"(SELECT {', '.join(cells)} FROM {TABLE})"  # noqa: S608 - names are quoted
        geometry, crs = table.geometry, table.crs
    else:
        source = with_points(with_geometry(engine, TABLE, dict(types), DEGREES))
        relation, geometry, crs = source.relation, source.geometry, source.crs
        types = source.types
    if not geometry:
        raise InvalidInput(
            "the file has no places in the part that the agreement gives", remedy='ask it in SQL: "SELECT …"'
        )
    if crs != DEGREES:
        raise InvalidInput(
            f"the places of the file are in {crs or 'an unknown system'}, and features are given in degrees",
            remedy="ask the publisher to state the coordinate reference system in the file, or ask it in SQL",
        )
    statement = f"SELECT row_number() OVER () AS {quote_name(_NUMBER)}, * FROM {relation}"  # noqa: S608 - quoted
    engine.execute(f"CREATE TABLE {quote_name(_FEATURES)} AS {statement}")
    return _Features({name: kind for name, kind in types.items() if name != geometry}, geometry)


def _answer(
    table: OpenTable, question: dict[str, Any] | None, expression: Any, most_bytes: int
) -> tuple[dict[str, Any], list[bytes]]:
    features: _Features = table.features
    facts = {
        "columns": list(features.types.items()),
        "geometry": features.geometry,
        "time": features.time,
        "partial": table.partial,
    }
    if question is None:
        return {**facts, "count": 0, "total": 0, "more": False}, [b""]
    selection = _Selection(table.engine, features)
    where = f" WHERE {' AND '.join(conditions)}" if (conditions := selection.conditions(question, expression)) else ""
    relation = f"{quote_name(_FEATURES)}{where}"
    (total,) = table.engine.execute(f"SELECT count(*) FROM {relation}").fetchone() or (0,)  # noqa: S608 - see above
    if question["feature"] is not None and not total:
        remedy = "ask for …/items to see which there are"
        raise NotFound("there is no such feature", remedy=remedy, facts={"ran": True})
    names = selection.columns(question["columns"])
    kinds = [features.types[name] for name in names]
    # Each cell is an expression of its own below its number, as of an answer in SQL.
    inner = ", ".join(
        [quote_name(_NUMBER), f"ST_AsGeoJSON({quote_name(features.geometry)})", *map(quote_name, names)]
    )
    cells = ", ".join(["#1", "#2", *(cell_expression(place, kind) for place, kind in enumerate(kinds, 3))])
    page = f"ORDER BY {selection.order(question['sort'])} LIMIT {question['limit']} OFFSET {question['offset']}"
    cursor = table.engine.execute(f"SELECT {cells} FROM (SELECT {inner} FROM {relation} {page})")  # noqa: S608
    texts: list[bytes] = []
    size, is_cut = 0, False
    while not is_cut and (rows := cursor.fetchmany(200)):
        for number, shape, *values in rows:
            text = _feature(number, shape, names, kinds, values)
            if size + len(text) > most_bytes:
                is_cut = True
                break
            texts.append(text)
            size += len(text) + 1
    if is_cut and not texts:
        raise InvalidInput(
            f"one feature alone has more than {most_bytes:,} bytes, which is the most for a whole answer",
            remedy="ask for fewer columns: properties=…",
            facts={"ran": True},
        )
    more = question["offset"] + len(texts) < total
    return {**facts, "count": len(texts), "total": total, "more": more}, [b",\n".join(texts)]


def _feature(
    number: int, shape: str | None, names: Sequence[str], kinds: Sequence[str], values: Sequence[Any]
) -> bytes:
    properties = {name: plain_value(value, kind) for name, kind, value in zip(names, kinds, values, strict=True)}
    cells = json.dumps(properties, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # An empty geometry is none (RFC 7946, 3.1).
    geometry = "null" if shape is None or '"coordinates":[]' in shape else shape
    text = f'{{"type":"Feature","id":{number},"geometry":{geometry},"properties":{cells}}}'
    return text.encode("utf-8", errors="replace")


class _Selection:
    """The conditions of one question."""

    def __init__(self, engine: DuckDBPyConnection, features: _Features) -> None:
        self._engine = engine
        self._features = features
        self._tests = 0

    def conditions(self, question: dict[str, Any], expression: Any) -> list[str]:
        """Return the conditions in SQL. Raises ``InvalidInput``."""
        conditions = []
        if question["feature"] is not None:
            conditions.append(f"{quote_name(_NUMBER)} = {int(question['feature'])}")
        for name, value in question["equal"]:
            self._require(name)
            conditions.append(condition_of_row(RowCondition(name, "eq", value), self._features.types[name]))
        if question["period"]:
            conditions.append(self._within_period(question["period"]))
        if question["box"] is not None:
            conditions.append(self._within_box(question["box"]))
        if expression is not None:
            translation = Translation(self._features.types, self._features.geometry, self._compare)
            conditions.append(translation.condition(expression))
        return conditions

    def columns(self, wish: Sequence[str] | None) -> list[str]:
        """Return the columns that are wanted, in the order of the file. Raises ``InvalidInput``."""
        for name in wish or ():
            self._require(name)
        return [name for name in self._features.types if wish is None or name in wish]

    def order(self, sort: Sequence[str]) -> str:
        """Return the order: by these columns, then as in the file."""
        terms = []
        for text in sort:
            name = text.removeprefix("-").removeprefix("+")
            self._require(name)
            terms.append(f"{quote_name(name)} {'DESC' if text.startswith('-') else 'ASC'} NULLS LAST")
        return ", ".join([*terms, quote_name(_NUMBER)])

    def _require(self, name: str) -> None:
        if name not in self._features.types:
            columns = ", ".join(quote_name(column) for column in list(self._features.types)[:40])
            raise InvalidInput(f"there is no column {name[:60]!r}", remedy=f"the columns: {columns}")

    def _within_period(self, text: str) -> str:
        column = self._features.time
        if not column:
            raise InvalidInput("no column of the file is a day or a moment", remedy="leave out datetime")
        begin, slash, end = text.partition("/")
        wish = moments.period(begin, end) if slash else moments.literal(text)
        own = moments.of_column(quote_name(column), self._features.types[column])
        return moments.relation("t_intersects", own, wish)

    def _within_box(self, box: Sequence[float]) -> str:
        west, south, east, north = box
        boxes = [[west, south, east, north]]
        if west > east:
            boxes = [[west, south, 180.0, north], [-180.0, south, east, north]]
        return f"({' OR '.join(self._compare(SpatialTest('s_intersects', {'bbox': edges})) for edges in boxes)})"

    def _compare(self, test: SpatialTest) -> str:
        """Return the condition that a geometry passes a test; those that do are found here, and kept as a table."""
        import shapely

        literal = _geometry(test.literal)
        name = SPATIAL[test.name]
        is_reversed = name == "disjoint"  # Nearly all are: those that are not are found.
        compare = getattr(shapely, "intersects" if is_reversed else name)
        shapely.prepare(literal)
        self._tests += 1
        table = quote_name(f"test {self._tests}")
        cell, number = quote_name(self._features.geometry), quote_name(_NUMBER)
        west, south, east, north = literal.bounds
        extent = f"POLYGON(({west} {south}, {east} {south}, {east} {north}, {west} {north}, {west} {south}))"
        cursor = self._engine.cursor().execute(
            f"SELECT {number}, ST_AsWKB({cell}) FROM {quote_name(_FEATURES)} "  # noqa: S608 - names are quoted
            f"WHERE ST_Intersects_Extent({cell}, CAST({sql_text(extent)} AS GEOMETRY))"
        )
        numbers: list[int] = []
        while rows := cursor.fetchmany(_AT_ONCE):
            shapes = shapely.from_wkb([bytes(row[1]) for row in rows])
            # The literal is prepared, so it stands first; the other way round for relations with a direction.
            relate = {"within": shapely.contains, "contains": shapely.within}.get(name, compare)
            try:
                passes = relate(literal, shapes)
            except shapely.GEOSException:
                passes = relate(literal, shapely.make_valid(shapes))
            numbers += [row[0] for row, does_pass in zip(rows, passes, strict=True) if does_pass]
        self._engine.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT unnest($1::BIGINT[]) AS id", [numbers])
        found = f"{number} {'NOT ' if is_reversed else ''}IN (SELECT id FROM {table})"  # noqa: S608 - ours
        return f"(CASE WHEN {cell} IS NOT NULL THEN {found} END)"


def _geometry(literal: Any) -> Any:
    """Return the geometry of a literal. Raises ``InvalidInput`` if it is none in degrees."""
    import shapely

    wrong = "such as: BBOX(3.6, 51.0, 3.8, 51.1) or POINT(3.7 51.05), longitude first"
    try:
        if "bbox" in literal:
            edges = [float(edge) for edge in literal["bbox"]]
            if len(edges) == 6:
                edges = [edges[0], edges[1], edges[3], edges[4]]
            shape = shapely.box(*edges)
            is_box = len(edges) == 4 and edges[0] <= edges[2] and edges[1] <= edges[3]
        else:
            shape, is_box = shapely.from_geojson(json.dumps(literal)), True
    except (shapely.GEOSException, ValueError, TypeError) as error:
        raise InvalidInput("the filter has a geometry that is none", remedy=wrong) from error
    if not is_box or shape is None or shape.is_empty:
        raise InvalidInput("the filter has a geometry that is none", remedy=wrong)
    if not shape.is_valid:
        reason = shapely.is_valid_reason(shape)
        raise InvalidInput(f"a geometry of the filter is not valid: {reason}", remedy="let no line cross another")
    west, south, east, north = shape.bounds
    least, most = _MOST_BOX[:2], _MOST_BOX[2:]
    if west < least[0] or south < least[1] or east > most[0] or north > most[1]:
        raise InvalidInput("a geometry of the filter is not in degrees", remedy=wrong)
    return shape
