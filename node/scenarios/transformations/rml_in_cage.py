"""The function of the cage that carries out mappings in RML and YARRRML."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

from node.base.errors import InvalidInput, UnsupportedMediaType
from node.base.jsons import read_json
from node.scenarios.chain.interfaces import YARRRML
from node.scenarios.tables.rows import read_rows
from node.semantics.rml.engine import INPUT, check_sources, statements
from node.semantics.rml.model import Mapping
from node.semantics.rml.records import Input
from node.semantics.rml.resources import differences, rows_of
from node.semantics.rml.turtle import declarations, read_turtle
from node.semantics.rml.yarrrml import read_yarrrml
from node.vocab.namespaces import PREFIXES

Answer = tuple[dict[str, Any], list[bytes]]

XML_TYPES: Final = ("application/xml", "text/xml")


def map_statements(message: dict[str, Any], blobs: list[bytes]) -> Answer:
    """Target ``transformations.rml``: carry out the mapping ``definition`` in ``language``; ``source`` and ``target``
    are the namespaces of the prefixes ``from:`` and ``to:``.

    One blob is the input, of ``mediaType`` (none for rows as JSON). Without it, only the mapping is checked. Returns
    the resources as rows of JSON and the statements as N-Quads; ``statements`` and ``sha256`` are their number and
    hash. With ``expected`` (Turtle), ``missing`` and ``further`` are the first statements that differ.
    """
    mapping = _mapping(message)
    check_sources(mapping)
    if not blobs:
        return {"statements": 0}, [b"[]", b""]
    lines = statements(mapping, {INPUT: _input(message, blobs)})
    nquads = "".join(lines).encode()
    facts: dict[str, Any] = {"statements": len(lines), "sha256": hashlib.sha256(nquads).hexdigest()}
    if message.get("expected") is not None:
        facts |= differences(str(message["expected"]), nquads)
    rows = rows_of(nquads, message["target"])
    return facts, [json.dumps(rows).encode(), nquads]


def _mapping(message: dict[str, Any]) -> Mapping:
    definition = message["definition"]
    ends = {"from": message["source"], "to": message["target"]}
    if message["language"] == YARRRML:
        return read_yarrrml(definition if isinstance(definition, str) else json.dumps(definition), ends)
    if not isinstance(definition, str):
        raise InvalidInput("the definition is no text", remedy="write the mapping in Turtle, or use YARRRML")
    return read_turtle(definition, declarations({**PREFIXES, **ends}))


def _input(message: dict[str, Any], blobs: list[bytes]) -> Input:
    media_type = str(message.get("mediaType", "")).partition(";")[0].strip().casefold()
    body = blobs[0]
    if not media_type:
        return Input(rows=lambda: json.loads(body), document=lambda: json.loads(body))
    if media_type in XML_TYPES:
        return Input(xml=body)
    if media_type.endswith("json"):
        return Input(rows=lambda: read_rows(body, media_type), document=lambda: read_json(body))
    if media_type in ("text/csv", "text/tab-separated-values"):
        return Input(rows=lambda: read_rows(body, media_type), document=lambda: read_rows(body, media_type))
    raise UnsupportedMediaType(f"{media_type} is not read by mappings", remedy="give CSV, JSON, XML or Parquet")
