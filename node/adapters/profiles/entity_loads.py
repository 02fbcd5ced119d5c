"""The function that reads a file for a context broker, in the cage: a piece of it, as entities of NGSI-LD."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

from node.adapters.profiles.relations import close_access, connect, engine_errors, quote_name, sql_text
from node.adapters.profiles.table_loads import whole_sources
from node.base.errors import InvalidInput
from node.datasources.entity_forms import entity_of_entity, entity_of_feature, entity_of_row
from node.semantics import sheets

_PIECE: Final = 2_000
_ROWS: Final = 500
_MOST_BYTES: Final = 4 << 20
_MEMORY: Final = "800MB"
_HEAD: Final = 4096
_ELSEWHERE: Final = "send it to a folder or a bucket instead"
_WORLD: Final = ("CRS84", "EPSG::4326", "EPSG:4326")

_open: dict[tuple[str, str, str], _OpenFile] = {}
"""The file that is being read: a child that stays is only ever asked about the same one."""


class _OpenFile:
    """The entities of a file, and how many were given."""

    def __init__(self, entities: Iterator[dict[str, Any]]) -> None:
        self.entities = entities
        self.position = 0
        self.rest: list[bytes] = []

    def piece(self) -> tuple[list[bytes], bool]:
        """Return the next entities as JSON, and whether there may be more."""
        lines, size = [], 0
        for entity in islice(self.entities, _PIECE):
            line = json.dumps(entity, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
            lines.append(line)
            size += len(line)
            if size >= _MOST_BYTES:
                break
        self.position += len(lines)
        return lines, len(lines) == _PIECE or size >= _MOST_BYTES


def load(message: dict[str, Any], _blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """Target ``entities.load``: entities of the ``type`` of the file at ``path``, which was called ``name``, from the
    number ``start`` on, each a line of JSON. ``column`` names the entities of a table; it may be empty.

    The fact ``more`` says whether there may be more. Raises ``InvalidInput`` for a file that holds none.
    """
    path, start = str(message["path"]), int(message["start"])
    key = (path, str(message["type"]), str(message["column"]))
    file = _open.pop(key, None)
    try:
        if file is None or file.position != start:
            file = _OpenFile(_entities(Path(path), str(message["name"]), key[1], key[2]))
            file.position = sum(1 for _ in islice(file.entities, start))
        lines, more = file.piece()
    except InvalidInput as error:
        raise InvalidInput(error.detail.replace(path, "the file"), remedy=error.remedy or _ELSEWHERE) from error
    except engine_errors() as error:
        raise InvalidInput("some lines of the file do not fit its table", remedy=_ELSEWHERE) from error
    if more:
        _open[key] = file
    return {"more": more}, [b"\n".join(lines)]


def _entities(path: Path, name: str, type_name: str, column: str) -> Iterator[dict[str, Any]]:
    with path.open("rb") as raw:
        head = raw.read(_HEAD)
    if sheets.what_it_is(head[:72]) == "sqlite":
        raise InvalidInput(
            "a GeoPackage does not go into a context broker",
            remedy="get it as GeoJSON, if its publisher gives that: hansa get … --format geojson",
        )
    if head.lstrip(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"["):
        return _of_json(path, type_name, column)
    return _of_table(path, name, type_name, column or "id")


def _of_json(path: Path, type_name: str, column: str) -> Iterator[dict[str, Any]]:
    try:
        content = json.loads(path.read_bytes().decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InvalidInput("the file is no JSON that this node reads", remedy=_ELSEWHERE) from error
    if isinstance(content, dict) and content.get("type") in ("FeatureCollection", "Feature"):
        yield from _of_features(content, type_name, column or "id")
        return
    if column:
        raise InvalidInput(
            "entities of NGSI-LD have ids of their own, and no column names them",
            remedy=f"leave out what is behind the full stop: --to {type_name}",
        )
    if isinstance(content, dict):
        graph = content.get("@graph")
        content = graph if isinstance(graph, list) else [content]
    if not isinstance(content, list) or not all(isinstance(entry, dict) and "id" in entry for entry in content):
        raise InvalidInput("the file holds no entities of NGSI-LD and no features", remedy=_ELSEWHERE)
    for entry in content:
        yield entity_of_entity(entry, type_name)


def _of_features(content: dict[str, Any], type_name: str, column: str) -> Iterator[dict[str, Any]]:
    crs = content.get("crs")
    if crs is not None and not any(word in json.dumps(crs) for word in _WORLD):
        raise InvalidInput(
            "the features are in another coordinate reference system than that of GeoJSON",
            remedy="get them in it, if their publisher gives that: hansa get … --crs EPSG:4326",
        )
    features = content.get("features") if content["type"] == "FeatureCollection" else [content]
    if not isinstance(features, list) or not all(isinstance(feature, dict) for feature in features):
        raise InvalidInput("the file has no list of features", remedy=_ELSEWHERE)
    for feature in features:
        yield entity_of_feature(feature, type_name, column)


def _of_table(path: Path, name: str, type_name: str, column: str) -> Iterator[dict[str, Any]]:
    cause: Exception | None = None
    for source in whole_sources(path, name):
        engine = connect(memory=_MEMORY)
        try:
            engine.execute("SET TimeZone = 'UTC'")
            engine.execute(f"SET allowed_paths = [{sql_text(str(path))}]")
            close_access(engine)
            columns = [str(row[0]) for row in source.select(engine, "*", before="DESCRIBE ").fetchall()]
            if len(source.values) > 1 and columns != list(source.values[3]):
                engine.close()
                continue
            # All of it, before a row is given: the types of a sample may not fit the last line.
            counts = ", ".join(f"count({quote_name(title)})" for title in columns)
            source.select(engine, counts).fetchall()
            if column not in columns:
                raise InvalidInput(
                    f"the table has no column {column[:80]}, which would name its entities",
                    remedy=f"name one of its columns behind a full stop: --to {type_name}.{columns[0][:80]}",
                )
            source.select(engine, "*")
        except engine_errors() as error:
            engine.close()
            cause = error
            continue
        while rows := engine.fetchmany(_ROWS):
            for row in rows:
                yield entity_of_row(dict(zip(columns, row, strict=True)), type_name, column)
        return
    raise InvalidInput("some lines of the file do not fit its table", remedy=_ELSEWHERE) from cause
