"""The functions for rows on their way through transformations that run in the cage.

What comes is data of somebody, and what a function in Python made of it: neither is read anywhere else.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Final

from node.base.errors import InvalidInput
from node.base.jsons import canonical
from node.scenarios.model import GEOMETRY
from node.scenarios.tables.conversions import unit_mapping
from node.scenarios.tables.mapping import transform
from node.scenarios.tables.rows import canonical_csv, canonical_geojson, canonical_rows, read_rows

Answer = tuple[dict[str, Any], list[bytes]]

GEOJSON: Final = "geojson"
CSV: Final = "csv"


def read_file(message: dict[str, Any], _blobs: list[bytes]) -> Answer:
    """Target ``transformations.read``: the rows (JSON) of the file at ``path``, which has ``mediaType``; ``count``.
    Raises ``InvalidInput`` and ``TooLarge``."""
    rows = read_rows(Path(message["path"]).read_bytes(), message["mediaType"])
    return {"count": len(rows)}, [json.dumps(rows).encode()]


def map_columns(message: dict[str, Any], blobs: list[bytes]) -> Answer:
    """Target ``transformations.map``: the rows that the column mapping ``definition`` makes of the rows in the one
    blob; with ``units`` it is a conversion of units. Raises ``InvalidInput``."""
    mapping = unit_mapping(message["definition"]) if message.get("units") else message["definition"]
    return {}, [json.dumps([dict(row) for row in transform(mapping, json.loads(blobs[0]))]).encode()]


def settle(_message: dict[str, Any], blobs: list[bytes]) -> Answer:
    """Target ``transformations.settle``: the rows of the one blob in canonical form, with ``count`` and ``sha256``.
    Raises ``InvalidInput`` if they are no rows."""
    rows = canonical_rows(_rows(blobs[0]))
    body = canonical(rows, fractions=True)
    return {"count": len(rows), "sha256": hashlib.sha256(body).hexdigest()}, [body]


def write_file(_message: dict[str, Any], blobs: list[bytes]) -> Answer:
    """Target ``transformations.write``: the rows of the one blob as a file. Its ``format`` is GeoJSON if a row has a
    geometry, else CSV."""
    rows = _rows(blobs[0])
    if any(isinstance(row.get(GEOMETRY), dict) for row in rows):
        return {"format": GEOJSON}, [canonical_geojson(rows)]
    return {"format": CSV}, [canonical_csv(rows)]


def _rows(blob: bytes) -> list[dict[str, Any]]:
    try:
        rows = json.loads(blob)
    except (ValueError, RecursionError):
        rows = None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InvalidInput("the transformation returns no rows", remedy="ask its owner to correct it")
    return rows
