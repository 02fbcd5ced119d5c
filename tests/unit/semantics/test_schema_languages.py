"""Schemas in nine languages: read as one table of fields, compared, converted, and refused where they are hostile."""

from __future__ import annotations

import json
from typing import Any

import pytest

from node.base.errors import HansaError, InvalidInput
from node.semantics.schemas.changes import compare, compatibility
from node.semantics.schemas.conformity import check
from node.semantics.schemas.drafts import of_columns
from node.semantics.schemas.languages.field_table import field_table
from node.semantics.schemas.languages.names import WRITTEN
from node.semantics.schemas.languages.readers import read_schema
from node.semantics.schemas.languages.writers import write_schema
from tests.artefacts import data

SPEED = "https://terms.example/averageVehicleSpeed"
JSON = {
    "type": "object",
    "required": ["segment", "speed"],
    "properties": {
        "segment": {"type": "string", "maxLength": 9},
        "speed": {"type": "number", "minimum": 0, "x-ogc-unit": "km/h", "x-jsonld-id": SPEED},
        "day": {"type": "string", "format": "date"},
    },
}
TABLE = {
    "fields": [
        {"name": "segment", "type": "string", "constraints": {"required": True, "maxLength": 9}},
        {
            "name": "speed",
            "type": "number",
            "unit": "km/h",
            "rdfType": SPEED,
            "constraints": {"required": True, "minimum": 0},
        },
        {"name": "day", "type": "date"},
    ]
}
CSVW = {
    "@context": "http://www.w3.org/ns/csvw",
    "url": "flows.csv",
    "tableSchema": {
        "columns": [
            {"name": "segment", "datatype": {"base": "string", "maxLength": 9}, "required": True},
            {
                "titles": "speed",
                "datatype": {"base": "decimal", "minimum": "0"},
                "propertyUrl": SPEED,
                "qudt:ucumCode": "km/h",
                "required": True,
            },
            {"name": "day", "datatype": "date"},
        ]
    },
}
AVRO = {
    "type": "record",
    "name": "Flow",
    "fields": [
        {"name": "segment", "type": "string"},
        {"name": "speed", "type": "double", "unit": "km/h", "x-jsonld-id": SPEED},
        {"name": "day", "type": ["null", {"type": "int", "logicalType": "date"}], "default": None},
    ],
}
SHACL = f"""@prefix sh: <http://www.w3.org/ns/shacl#> . @prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix qudt: <http://qudt.org/schema/qudt/> . @prefix : <https://terms.example/> .
:Flow a sh:NodeShape ; sh:property
  [ sh:path :segment ; sh:order 1 ; sh:datatype xsd:string ; sh:maxLength 9 ; sh:minCount 1 ; sh:maxCount 1 ] ,
  [ sh:path <{SPEED}> ; sh:order 2 ; sh:name "speed" ; sh:datatype xsd:decimal ; sh:minInclusive 0 ;
    qudt:ucumCode "km/h" ; sh:minCount 1 ; sh:maxCount 1 ] ,
  [ sh:path :day ; sh:order 3 ; sh:datatype xsd:date ; sh:maxCount 1 ] ."""
PROTOBUF = """syntax = "proto2"; package city;  // flows
message Flow { required string segment = 1; required double speed = 2 [(hansa.unit) = "km/h"];
  optional string day = 3; enum Kind { CAR = 0; } }"""
XSD = """<?xml version="1.0"?><xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
<xs:element name="flow"><xs:complexType><xs:sequence>
<xs:element name="segment"><xs:simpleType><xs:restriction base="xs:string"><xs:maxLength value="9"/></xs:restriction>
</xs:simpleType></xs:element><xs:element name="speed" type="xs:decimal"/>
<xs:element name="day" type="xs:date" minOccurs="0"/></xs:sequence></xs:complexType></xs:element></xs:schema>"""
OPENAPI = """openapi: 3.1.0
components:
  schemas:
    Flow:
      type: object
      required: [segment, speed]
      properties:
        segment: {type: string, maxLength: 9}
        speed: {type: number, minimum: 0, x-ogc-unit: km/h}
        day: {type: string, format: date}
"""
ALL: dict[str, Any] = {
    "json-schema": JSON,
    "table-schema": TABLE,
    "csvw": CSVW,
    "avro": AVRO,
    "shacl": SHACL,
    "protobuf": PROTOBUF,
    "xsd": XSD,
    "openapi": OPENAPI,
}


def body(schema: Any) -> bytes:
    return schema.encode() if isinstance(schema, str) else json.dumps(schema).encode()


@pytest.mark.parametrize("language", ALL)
def test_every_language_is_read_as_one_table(language: str) -> None:
    document = read_schema(body(ALL[language]))
    assert document.language == language
    fields = {field.name: field for field in field_table(document.schema)}
    assert [(name, field.required) for name, field in fields.items()] == [
        ("segment", True),
        ("speed", True),
        ("day", False),
    ]
    assert fields["speed"].type == "number"
    assert fields["speed"].unit == ("" if language == "xsd" else "km/h")
    assert fields["speed"].term == ("" if language in ("xsd", "protobuf", "openapi") else SPEED)
    assert fields["segment"].constraints == (() if language in ("avro", "protobuf") else ("length ≤ 9",))


@pytest.mark.parametrize("language", WRITTEN)
def test_what_is_lost_in_a_conversion_is_named_and_the_rest_comes_back(language: str) -> None:
    text, losses = write_schema(JSON, language, name="Flow")
    back = read_schema(text.encode())
    assert back.language == language
    before, after = (field_table(schema) for schema in (JSON, back.schema))
    assert [(f.name, f.unit, f.term, f.required) for f in after] == [
        (f.name, f.unit, f.term or after[place].term, f.required) for place, f in enumerate(before)
    ]
    lost = {(loss.path, loss.what) for loss in losses}
    assert lost == (
        {("segment", "maxLength"), ("speed", "minimum"), ("day", "optional")} if language == "avro" else set()
    )
    if language != "avro":
        assert [f.constraints for f in after] == [f.constraints for f in before]


def test_words_that_no_other_language_has_are_named() -> None:
    schema = {"properties": {"a": {"anyOf": [{"type": "string"}, {"type": "integer"}]}, "b": {"type": "string"}}}
    for language in ("table-schema", "csvw", "avro", "shacl"):
        _, losses = write_schema(schema, language)
        assert ("a", "anyOf") in {(loss.path, loss.what) for loss in losses}
        assert all("anyOf" in loss.words(tongue) for loss in losses[:1] for tongue in ("en", "nl", "cs"))
    with pytest.raises(InvalidInput, match="not written as Protocol Buffers"):
        write_schema(schema, "protobuf")


def test_each_loss_of_a_conversion_is_true() -> None:
    place = {"type": "object", "additionalProperties": False, "properties": {"lat": {"type": "number"}}}
    tags = {"type": "array", "minItems": 2, "items": {"type": "string"}}
    schema = {
        "title": "Stations",
        "description": "Where they are",
        "additionalProperties": False,
        "required": ["place"],
        "properties": {"place": place, "tags": tags, "naam": {"type": "string", "title": "Naam van het station"}},
    }
    shape, losses = write_schema(schema, "shacl", name="Station")
    assert [(loss.path, loss.what) for loss in losses] == [("tags", "minItems")], "the description is kept"
    assert "sh:ignoredProperties ( rdf:type )" in shape, "a row of a class conforms to a closed shape"
    assert '"Naam van het station"@und' in shape
    assert "@en" not in shape
    back = read_schema(shape.encode()).schema
    assert (back["description"], back["additionalProperties"]) == ("Where they are", False)
    assert back["properties"]["naam"]["title"] == "Naam van het station"
    _, losses = write_schema(schema, "avro")
    assert ("place", "additionalProperties") in {(loss.path, loss.what) for loss in losses}
    assert "tags: a missing value becomes null." in [loss.words("en") for loss in losses]
    _, losses = write_schema({"properties": {"kind": {"enum": ["A", 3]}}}, "avro")
    assert {loss.what for loss in losses} == {"enum", "type any", "optional"}, "any value becomes a text"


@pytest.mark.parametrize(
    ("old", "new", "verdict", "what"),
    [
        (AVRO, {**AVRO, "fields": AVRO["fields"][:2]}, "backward", ["removed"]),
        (TABLE, {"fields": [*TABLE["fields"], {"name": "new", "type": "string"}]}, "full", ["added"]),
        (
            PROTOBUF,
            PROTOBUF.replace("optional string day = 3", "optional string day = 4"),
            "none",
            ["other"],
        ),
        (SHACL, SHACL.replace("sh:maxLength 9", "sh:maxLength 5"), "forward", ["tightened"]),
        (XSD, XSD.replace('type="xs:decimal"', 'type="xs:boolean"'), "none", ["type"]),
        (OPENAPI, OPENAPI.replace("km/h", "m/s"), "none", ["unit"]),
        (CSVW, json.loads(json.dumps(CSVW).replace('"day"', '"date"')), "none", ["renamed"]),
        (JSON, AVRO, "backward", ["loosened", "loosened", "type-widened"]),
    ],
)
def test_versions_are_compared_whatever_the_language(old: Any, new: Any, verdict: str, what: list[str]) -> None:
    changes = compare(read_schema(body(old)).schema, read_schema(body(new)).schema)
    assert (compatibility(changes), sorted(change.what for change in changes)) == (verdict, what)


def test_parts_are_chosen_by_name() -> None:
    two = PROTOBUF + "\nmessage Lane { optional int32 number = 1; }"
    assert read_schema(two.encode()).parts == ("Flow", "Lane")
    document = read_schema(two.encode(), "Flow")
    assert [field.name for field in field_table(document.schema)] == ["segment", "speed", "day"]
    with pytest.raises(InvalidInput, match="no message Road"):
        read_schema(two.encode(), "Road")


def test_rows_inside_themselves_are_shown_once_and_written_without_end() -> None:
    schema = {"type": "object", "properties": {"name": {"type": "string"}, "inner": {"$ref": "#"}}}
    assert [field.name for field in field_table(schema)] == ["name", "inner", "inner.name", "inner.inner"]
    for language in ("table-schema", "csvw", "avro", "shacl"):
        write_schema(schema, language)


def test_a_document_type_is_refused_in_words_of_the_language() -> None:
    body = b'<!DOCTYPE x [<!ENTITY a "b">]><xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"/>'
    with pytest.raises(InvalidInput, match="the XML has a document type declaration"):
        read_schema(body)


@pytest.mark.parametrize("head", ['{"$schema": "http://json-schema.org/draft-04/schema#", ', "openapi"])
def test_exclusive_bounds_of_older_languages_are_numbers(head: str) -> None:
    speed = {"type": "number", "minimum": 0, "exclusiveMinimum": True, "maximum": 9, "exclusiveMaximum": False}
    row: dict[str, Any] = {"type": "object", "properties": {"speed": speed}}
    body = (
        json.dumps({"openapi": "3.0.3", "components": {"schemas": {"Flow": row}}})
        if head == "openapi"
        else head + json.dumps(row)[1:]
    )
    document = read_schema(body.encode())
    assert field_table(document.schema)[0].constraints == ("> 0", "≤ 9")
    assert check(document.schema, ["speed"], [["0"], ["0.5"], ["9"]]).count == 1


BOMB = "a: &a [x, x]\nopenapi: 3.0.0\nb: [*a, *a]\n"
HOSTILE: dict[str, bytes] = {
    "empty": b"  ",
    "latin": b"\xff\xfe\x00",
    "list": b"[]",
    "deep json": b'{"properties":' * 3000 + b"{}" + b"}" * 3000,
    "deep avro": json.dumps(AVRO)
    .encode()
    .replace(b'"double"', b'{"type":"array","items":' * 40 + b'"int"' + b"}" * 40),
    "unknown type": b'{"type":"record","name":"a","fields":[{"name":"x","type":"city.Unknown"}]}',
    "table without names": b'{"fields":[{"type":"string"}]}',
    "columns elsewhere": b'{"@context":"http://www.w3.org/ns/csvw","tableSchema":"https://evil.example/s.json"}',
    "entities": b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><xs:schema '
    b'xmlns:xs="http://www.w3.org/2001/XMLSchema"/>',
    "files by xml": b'<?xml version="1.0"?><!DOCTYPE x SYSTEM "file:///etc/passwd"><xs:schema '
    b'xmlns:xs="http://www.w3.org/2001/XMLSchema"/>',
    "xml without elements": b'<?xml version="1.0"?><xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"/>',
    "yaml aliases": b"openapi: 3.0.0\n" + BOMB.encode(),
    "open message": b"message A { required string a = 1;",
    "message without number": b"message A { required string a = x; }",
    "turtle": b"this is no schema",
    "shapes without fields": b"@prefix sh: <http://www.w3.org/ns/shacl#> . <urn:a> a sh:NodeShape .",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_bad_schemas_are_refused_in_words(name: str) -> None:
    with pytest.raises(HansaError) as error:
        read_schema(HOSTILE[name])
    assert error.value.detail
    assert error.value.remedy


def test_references_to_elsewhere_are_named_and_not_fetched() -> None:
    schema = {"properties": {"a": {"$ref": "https://evil.example/schema.json"}, "b": {"$ref": "file:///etc/passwd"}}}
    document = read_schema(body(schema))
    assert {loss.what for loss in document.losses} == {
        "$ref https://evil.example/schema.json",
        "$ref file:///etc/passwd",
    }
    xsd = XSD.replace(
        "<xs:element name", '<xs:include schemaLocation="http://evil.example/a.xsd"/><xs:element name', 1
    )
    assert [loss.what for loss in read_schema(xsd.encode()).losses] == ["include http://evil.example/a.xsd"]
    imports = 'import "../../etc/passwd.proto";\n' + PROTOBUF.partition(";")[2]
    assert [loss.what for loss in read_schema(imports.encode()).losses] == ['import "../../etc/passwd.proto"']


def test_schemas_that_multiply_are_limited() -> None:
    """Thirty definitions that name the next one twice would be a thousand million fields."""
    definitions = {
        f"d{n}": {"type": "object", "properties": {name: {"$ref": f"#/$defs/d{n + 1}"} for name in "ab"}}
        for n in range(30)
    }
    schema = {"$ref": "#/$defs/d0", "$defs": {**definitions, "d30": {"type": "string"}}}
    assert len(field_table(schema)) <= 500
    for language in ("avro", "shacl"):
        with pytest.raises(InvalidInput, match=r"more than \d+"):
            write_schema(schema, language)


def test_a_schema_is_drafted_from_columns() -> None:
    columns = [
        {"name": "speed", "type": "number", "unit": "km/h", "required": True},
        {"name": "kind", "type": "text", "values": ["car", "bus"]},
    ]
    fields = field_table(of_columns(columns))
    assert [(field.name, field.type, field.unit, field.required) for field in fields] == [
        ("speed", "number", "km/h", True),
        ("kind", "string", "", False),
    ]
    assert fields[1].constraints == ("car | bus",)


def test_every_data_model_at_hand_is_read_and_written() -> None:
    models = sorted(data("ngsi-ld").rglob("schema.json"))
    seen = 0
    for path in models:
        document = read_schema(path.read_bytes())
        assert document.language == "ngsi-ld", path
        assert field_table(document.schema), path
        for language in ("table-schema", "csvw", "avro", "shacl"):
            text, _ = write_schema(document.schema, language)
            assert read_schema(text.encode()).language == language
        seen += 1
    flows = next(path for path in models if path.parent.name == "TrafficFlowObserved")
    fields = {field.name: field for field in field_table(read_schema(flows.read_bytes()).schema)}
    assert fields["averageVehicleSpeed"].term.endswith("dataModel.Transportation/averageVehicleSpeed")
    assert fields["averageVehicleSpeed"].unit == "km/h"
    assert seen > 50
