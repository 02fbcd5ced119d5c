"""The languages of schemas, and their names. Loaded by the terminal: it needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

JSON_SCHEMA: Final = "json-schema"
TABLE_SCHEMA: Final = "table-schema"
CSVW: Final = "csvw"
SHACL: Final = "shacl"
AVRO: Final = "avro"
PROTOBUF: Final = "protobuf"
XSD: Final = "xsd"
NGSI_LD: Final = "ngsi-ld"
OPENAPI: Final = "openapi"

LANGUAGES: Final[Mapping[str, str]] = {
    JSON_SCHEMA: "JSON Schema",
    TABLE_SCHEMA: "Table Schema",
    CSVW: "CSVW",
    SHACL: "SHACL",
    AVRO: "Avro",
    PROTOBUF: "Protocol Buffers",
    XSD: "XML Schema",
    NGSI_LD: "NGSI-LD data model",
    OPENAPI: "OpenAPI",
}
"""The languages that are read → their names."""

WRITTEN: Final = (JSON_SCHEMA, TABLE_SCHEMA, CSVW, AVRO, SHACL)
"""The languages that are written too."""

MAX_BYTES: Final = 4 << 20
