"""The function that reads a file for a database, in the cage: a piece of a table, as lines that COPY takes.

No line is left out: a table that the engine cannot read with types is read as text, and one that it cannot read as
text is refused.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from node.adapters.profiles.layers import reading, source_of_geojson, source_of_geopackage
from node.adapters.profiles.relations import Source, close_access, connect, engine_errors, quote_name, sql_text
from node.adapters.profiles.rows import sources_of
from node.base.errors import InvalidInput
from node.semantics import sheets

_HEAD: Final = 4096
_ROWS: Final = 2_000
_FEATURES: Final = 20_000
_MEMORY: Final = "800MB"
_ELSEWHERE: Final = "send it to a folder or a bucket instead"
_WITH_HEIGHTS: Final = "EPSG:4979"
_EXACT: Final = 1 << 53
"""Beyond this, a number that GDAL gives as a float is not the whole number of the file any more."""
_TYPES: Final = {
    "BOOLEAN": "boolean",
    "TINYINT": "smallint",
    "SMALLINT": "smallint",
    "INTEGER": "integer",
    "BIGINT": "bigint",
    "UTINYINT": "smallint",
    "USMALLINT": "integer",
    "UINTEGER": "bigint",
    "UBIGINT": "numeric",
    "HUGEINT": "numeric",
    "UHUGEINT": "numeric",
    "FLOAT": "real",
    "DOUBLE": "double precision",
    "DATE": "date",
    "TIME": "time",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
    "UUID": "uuid",
    "BLOB": "bytea",
}
_TYPES_OF_FIELDS: Final = {
    "int": "bigint",
    "uint": "numeric",
    "float": "double precision",
    "bool": "boolean",
    "datetime64[D]": "date",
    "datetime64": "timestamptz",
}

_rows: dict[str, _OpenTable] = {}
"""The table that is being read: a child that stays is only ever asked about the same file."""


class _OpenTable:
    """A table of text or Parquet, and how far it was read."""

    def __init__(self, path: Path, name: str) -> None:
        """Raises ``InvalidInput`` if it cannot be read to its end."""
        cause: Exception | None = None
        for source in whole_sources(path, name):
            self._engine = connect(memory=_MEMORY)
            try:
                self._engine.execute("SET TimeZone = 'UTC'")
                self._engine.execute(f"SET allowed_paths = [{sql_text(str(path))}]")
                close_access(self._engine)
                rows = source.select(self._engine, "*", before="DESCRIBE ").fetchall()
                kinds = [(str(row[0]), str(row[1])) for row in rows]
                if len(source.values) > 1 and [column for column, _ in kinds] != list(source.values[3]):
                    self._engine.close()
                    continue
                line = " || ',' || ".join(_cell(column, kind) for column, kind in kinds)
                # All of it, before a row is given: the types of a sample may not fit the last line.
                source.select(self._engine, f"sum(length({line}))").fetchall()
                source.select(self._engine, line)
            except engine_errors() as error:
                self._engine.close()
                cause = error
                continue
            self.columns = [[column, _type(kind)] for column, kind in kinds]
            self.position = 0
            return
        raise InvalidInput("some lines of the file do not fit its table", remedy=_ELSEWHERE) from cause

    def pieces(self) -> Iterator[list[str]]:
        while rows := self._engine.fetchmany(_ROWS):
            self.position += len(rows)
            yield [row[0] for row in rows]


def load(message: dict[str, Any], _blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """Target ``tables.load``: a piece of the table at ``path``, which was called ``name``, from the row ``start`` on,
    of about ``most_bytes``, as CSV for COPY.

    The facts are its ``columns`` (pairs of name and type), the ``count`` of rows of the piece, the number ``srid`` of
    its coordinate reference system (0: unknown) if a column is a geometry, and whether there may be ``more``. Raises
    ``InvalidInput`` for a file that is no table.
    """
    path, name = Path(message["path"]), str(message["name"])
    start, most = int(message["start"]), int(message["most_bytes"])
    try:
        with path.open("rb") as file:
            head = file.read(72)
        text = head.lstrip(b"\xef\xbb\xbf").lstrip()
        if sheets.what_it_is(head) == "sqlite":
            return _features(source_of_geopackage(path), "GeoPackage", start)
        if text[:1] in (b"{", b"["):
            return _features(source_of_geojson(path), "GeoJSON", start)
        return _lines(path, name, start, most)
    except InvalidInput as error:
        raise InvalidInput(error.detail.replace(str(path), name), remedy=_ELSEWHERE) from error


def _lines(path: Path, name: str, start: int, most: int) -> tuple[dict[str, Any], list[bytes]]:
    key = str(path)
    table = _rows.pop(key, None)
    if table is None or table.position != start:
        table = _OpenTable(path, name)
        while table.position < start:
            if not table._engine.fetchmany(min(_ROWS, start - table.position)):
                break
            table.position = min(start, table.position + _ROWS)
    piece, size = [], 0
    for lines in table.pieces():
        piece += lines
        size += sum(map(len, lines))
        if size >= most:
            _rows[key] = table
            break
    body = "".join(f"{line}\n" for line in piece).encode("utf-8", errors="strict")
    return {"columns": table.columns, "count": len(piece), "more": key in _rows}, [body]


def whole_sources(path: Path, name: str) -> list[Source]:
    """Return the ways to read a table that leave out no line, the last one as text."""
    sources = sources_of(path, name)
    if len(sources) == 1:
        return sources
    stem = sources[0].relation.removesuffix(")")
    return [
        Source(f"{stem}{more})", sources[0].values, sources[0].size)
        for more in ("", ", sample_size = -1", ", all_varchar = true")
    ]


def _type(kind: str) -> str:
    stem, _, rest = kind.partition("(")
    if kind.endswith("]") or stem in ("STRUCT", "MAP", "UNION", "JSON", "VARIANT"):
        return "jsonb"
    if stem == "DECIMAL":
        return f"numeric({rest.replace(' ', '')}"
    return _TYPES.get("TIMESTAMP" if stem in ("TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS") else stem, "text")


def _cell(column: str, kind: str) -> str:
    """Return the expression for a cell as COPY reads it: quoted, and nothing at all for no value."""
    name = quote_name(column)
    if _type(kind) == "jsonb":
        text = f"CAST(to_json({name}) AS VARCHAR)"
    elif kind == "BLOB":
        text = f"'\\x' || hex({name})"
    else:
        text = f"CAST({name} AS VARCHAR)"
    return f"coalesce('\"' || replace({text}, '\"', '\"\"') || '\"', '')"


def _features(source: str, form: str, start: int) -> tuple[dict[str, Any], list[bytes]]:
    with reading(form):
        import pyogrio

        layers = pyogrio.list_layers(source)
        if len(layers) != 1:
            raise InvalidInput(f"the file has {len(layers)} layers, and a table takes one", remedy=_ELSEWHERE)
        facts = pyogrio.read_info(source)
        crs = str(facts["crs"] or "")
        if form == "GeoJSON" and crs == _WITH_HEIGHTS:
            crs = "OGC:CRS84"  # RFC 7946, 4: the heights are those of the geometries.
        srid = _srid(crs) if facts["geometry_type"] else None
        _, _, shapes, fields = pyogrio.raw.read(
            source, skip_features=start, max_features=_FEATURES, datetime_as_string=True
        )
    types = [_type_of_field(str(kind)) for kind in facts["dtypes"]]
    columns = [[str(name), kind] for name, kind in zip(facts["fields"], types, strict=True)]
    cells = [[_text(value, kind) for value in values] for values, kind in zip(fields, types, strict=True)]
    if srid is not None:
        names = {name for name, _ in columns}
        columns.append([next(name for name in ("geom", "geometry", "geom_of_file") if name not in names), "geometry"])
        cells.append(["" if shape is None else f'"{shape.hex()}"' for shape in shapes])
    count = len(cells[0]) if cells else 0
    body = "".join(f"{','.join(row)}\n" for row in zip(*cells, strict=True)).encode("utf-8", errors="replace")
    answer = {"columns": columns, "count": count, "more": count == _FEATURES}
    return (answer if srid is None else {**answer, "srid": srid}), [body]


def _srid(crs: str) -> int:
    """Return the number of a coordinate reference system; 0 if the file names none."""
    authority, _, number = crs.partition(":")
    if crs in ("OGC:CRS84", ""):
        return 4326 if crs else 0
    if authority != "EPSG" or not number.isdecimal():
        raise InvalidInput("the coordinate reference system of the file has no number of EPSG", remedy=_ELSEWHERE)
    return int(number)


def _type_of_field(kind: str) -> str:
    if kind in _TYPES_OF_FIELDS:
        return _TYPES_OF_FIELDS[kind]
    return _TYPES_OF_FIELDS.get(kind.partition("[")[0].rstrip("0123456789"), "text") if kind != "object" else "text"


def _text(value: Any, kind: str) -> str:
    """Return a value of a feature as COPY reads it."""
    if value is None or (isinstance(value, float) and math.isnan(value)) or str(value) == "NaT":
        return ""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and math.isnan(value):
        return ""
    if kind == "bigint" and isinstance(value, float):
        if abs(value) > _EXACT:
            raise InvalidInput("a column with empty cells has numbers that GDAL rounds", remedy=_ELSEWHERE)
        value = int(value)
    if kind == "boolean" and isinstance(value, float | int):
        value = bool(value)
    if hasattr(value, "tolist"):
        value = json.dumps(value.tolist())
    if isinstance(value, bytes):
        value = f"\\x{value.hex()}"
    text = str(value).replace("/", "-") if kind == "date" else str(value)
    return '"' + text.replace('"', '""') + '"'
