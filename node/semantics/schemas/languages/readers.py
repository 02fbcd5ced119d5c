"""Read a schema in any language that this node knows. The text may come from anybody: call it in the cage.

Nothing is fetched: references to elsewhere are named as losses. Files, rows inside rows and fields are limited.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from node.base.errors import InvalidInput, TooLarge
from node.base.jsons import read_json
from node.semantics.documents import JSON_LD, RDF_XML, TURTLE
from node.semantics.schemas.languages import avro, json_schemas, protobuf, shacl, tables, xsd
from node.semantics.schemas.languages.field_table import field_table
from node.semantics.schemas.languages.model import SchemaDocument
from node.semantics.schemas.languages.names import (
    AVRO,
    CSVW,
    JSON_SCHEMA,
    MAX_BYTES,
    NGSI_LD,
    OPENAPI,
    SHACL,
    TABLE_SCHEMA,
)
from node.semantics.schemas.languages.writers import write_schema

_NESTED: Final = 64
_OPENAPI_YAML: Final = re.compile(r"^\s*(?:#[^\n]*\n\s*|---\s*\n\s*)*[\"']?(?:openapi|swagger)[\"']?\s*:", re.ASCII)
_PROTOBUF: Final = re.compile(
    r"^\s*(?:syntax\s*=|edition\s*=|package\s+[\w.]+\s*;|import\s+\"|message\s+\w+\s*\{)", re.M
)
_XSD: Final = re.compile(r"<(?:\w+:)?schema\b[^>]*http://www\.w3\.org/2001/XMLSchema", re.DOTALL)
_CSVW_CONTEXT: Final = "http://www.w3.org/ns/csvw"


def read_schema(body: bytes, part: str = "") -> SchemaDocument:
    """Return the schema in ``body``; ``part`` names a message, shape, component, table or record in it.

    Raises ``InvalidInput`` if no language fits or the schema cannot be read, and ``TooLarge``.
    """
    if len(body) > MAX_BYTES:
        raise TooLarge(f"the schema has more than {MAX_BYTES >> 20} MB", remedy="divide it")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput("the schema is not UTF-8 text", remedy="save it as UTF-8") from error
    head = text.lstrip()[:1]
    if not head:
        raise InvalidInput("the schema is empty", remedy="choose another file")
    if head in "{[":
        return _of_json(read_json(text, max_depth=_NESTED), body, part)
    if head == "<" and text.lstrip()[:2] != "<h" and ("<?xml" in text[:200] or _XSD.search(text[:20_000])):
        if _XSD.search(text[:20_000]):
            return xsd.read_xsd(body, part)
        return shacl.read_shacl(body, RDF_XML, part)
    if _OPENAPI_YAML.match(text):
        return json_schemas.read_openapi(_yaml(text), part)
    if _PROTOBUF.search(_without_comments(text)):
        return protobuf.read_protobuf(text, part)
    return shacl.read_shacl(body, TURTLE, part)


def _of_json(document: Any, body: bytes, part: str) -> SchemaDocument:
    language = language_of(document)
    if language == AVRO:
        return avro.read_avro(document, part)
    if not isinstance(document, Mapping):
        raise InvalidInput("the schema is a list", remedy="give an object, or a list of records of Avro")
    if language == SHACL:
        return shacl.read_shacl(body, JSON_LD, part)
    if language in (TABLE_SCHEMA, CSVW, OPENAPI):
        read = {TABLE_SCHEMA: tables.read_table_schema, CSVW: tables.read_csvw, OPENAPI: json_schemas.read_openapi}
        return read[language](document, part)
    if language == NGSI_LD:
        return json_schemas.read_ngsi_ld(document)
    return json_schemas.read_json_schema(document)


def language_of(document: Any) -> str:
    """Return the language of a schema that is written in JSON, by its members."""
    if isinstance(document, list):
        return AVRO if any(isinstance(item, Mapping) and item.get("type") == "record" for item in document) else ""
    if not isinstance(document, Mapping):
        return ""
    if document.get("type") == "record" and isinstance(document.get("fields"), list):
        return AVRO
    if "openapi" in document or "swagger" in document:
        return OPENAPI
    context = document.get("@context")
    contexts = context if isinstance(context, list) else [context]
    if _CSVW_CONTEXT in contexts or "tableSchema" in document or isinstance(document.get("columns"), list):
        return CSVW
    if context is not None or "@graph" in document:
        return SHACL
    resources = document.get("resources")
    if isinstance(document.get("fields"), list) or (isinstance(resources, list) and "properties" not in document):
        return TABLE_SCHEMA
    return NGSI_LD if json_schemas.is_ngsi_ld(document) else JSON_SCHEMA


def _without_comments(text: str) -> str:
    return re.sub(r"//[^\n]*|/\*.*?\*/", "", text[:200_000], flags=re.DOTALL)


def _yaml(text: str) -> Mapping[str, Any]:
    """Return a document of YAML without aliases: a few of them can mean gigabytes."""
    import yaml

    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            if isinstance(event, yaml.AliasEvent):
                raise InvalidInput("aliases (*name) of YAML are not read here", remedy="write the value out")
        document = yaml.load(text, Loader=yaml.CBaseLoader)  # noqa: S506 - texts, lists and objects only
    except yaml.YAMLError as error:
        raise InvalidInput(f"the schema is no YAML: {str(error)[:200]}", remedy="correct it at that place") from error
    if not isinstance(document, Mapping):
        raise InvalidInput("the schema is no object", remedy="choose another file")
    typed = _with_types(document)
    assert isinstance(typed, Mapping)
    return typed


def _with_types(value: Any, depth: int = 0) -> Any:
    """Return numbers and truths of YAML's core schema for the texts that ``CBaseLoader`` leaves."""
    if depth > _NESTED:
        raise InvalidInput(f"the schema is nested more than {_NESTED} levels deep", remedy="make it flatter")
    if isinstance(value, Mapping):
        return {str(name): _with_types(part, depth + 1) for name, part in value.items()}
    if isinstance(value, list):
        return [_with_types(part, depth + 1) for part in value]
    if value in ("true", "false"):
        return value == "true"
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,15}(?:\.\d{1,15})?", value):
        return float(value) if "." in value else int(value)
    return value


def caged_read(message: dict[str, Any], blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """Target ``semantics.read_schema``: the schema in the one blob, ``part`` of it, and ``to``, the language in which
    it is written again (empty: none). Returns language, parts, table of fields and losses, and two blobs: the JSON
    Schema of a row, and the schema in the other language."""
    document = read_schema(blobs[0], message.get("part", ""))
    answer: dict[str, Any] = {
        "language": document.language,
        "part": document.part,
        "parts": list(document.parts[:1000]),
        "fields": [line.to_json() for line in field_table(document.schema)],
        "losses": [[loss.path, loss.what] for loss in document.losses[:1000]],
    }
    text_there = b""
    if message.get("to"):
        text, losses = write_schema(document.schema, message["to"], name=message.get("name") or "Row")
        answer["written"] = [[loss.path, loss.what] for loss in losses[:1000]]
        text_there = text.encode()
    return answer, [json.dumps(document.schema).encode(), text_there]
