"""The rules of a schema that no data are compared with are named."""

from __future__ import annotations

from typing import Any

import pytest

from node.semantics.schemas.left_out import rules_left_out

PLACE: dict[str, Any] = {"type": "object", "properties": {"since": {"type": "string", "format": "hostname"}}}


@pytest.mark.parametrize(
    ("schema", "names"),
    [
        ({"properties": {"a": {"type": "integer", "minimum": 0, "format": "int32"}}}, ()),
        ({"properties": {"a": {"format": "hostname"}, "b": {"format": "regex"}}}, ("format (a, b)",)),
        ({"properties": {"a": {"format": "date", "multipleOf": 5}, "b": {"format": "uri"}}}, ()),
        ({"properties": {"a": {"format": "date", "x-written": "%d/%m/%Y"}}}, ("format (a)",)),
        ({"properties": {"a": {"oneOf": [{}]}}, "not": {}}, ()),
        ({"properties": {"a": {"oneOf": [{}, {"format": "hostname"}]}}}, ("format (a)",)),
        (
            {"if": {"properties": {"a": {"format": "regex"}}}, "else": {"unevaluatedProperties": False}},
            ("unevaluatedProperties", "format (a)"),
        ),
        ({"properties": {"a": {"$ref": "https://example.org/x"}}}, ("$ref (a)",)),
        ({"items": {"properties": {"a": {"uniqueItems": True}}}}, ()),
        ({"properties": {"a": {"items": {"format": "uri-reference"}}}}, ("format (a[])",)),
        ({"properties": {"a": PLACE}}, ("format (a.since)",)),
        ({"properties": {name: {"format": "hostname"} for name in "abcdefg"}}, ("format (a, b, c, d, e, …)",)),
        ({"$ref": "#"}, ("$ref",)),
    ],
)
def test_each_word_is_named_with_its_fields(schema: dict[str, Any], names: tuple[str, ...]) -> None:
    assert rules_left_out(schema) == names


def test_rows_inside_a_cell_are_named_for_tables() -> None:
    schema = {"properties": {"place": PLACE, "tags": {"items": {"type": "string"}}, "n": {"type": "integer"}}}
    assert rules_left_out(schema, in_cells=True) == ("properties (place)", "items (tags)")


def test_a_schema_inside_itself_comes_to_an_end() -> None:
    inner = {f"d{n}": {"properties": {key: {"$ref": f"#/$defs/d{n + 1}"} for key in "abcdefgh"}} for n in range(30)}
    schema = {"$ref": "#/$defs/d0", "$defs": {**inner, "d30": {"properties": {"a": {"$ref": "#/$defs/d0"}}}}}
    assert rules_left_out(schema) == ()


def test_what_combines_schemas_is_named_for_tables() -> None:
    schema = {"properties": {"a": {"oneOf": [{}]}, "b": {"uniqueItems": True}}, "not": {}}
    assert rules_left_out(schema, in_cells=True) == ("not", "oneOf (a)", "uniqueItems (b)")
