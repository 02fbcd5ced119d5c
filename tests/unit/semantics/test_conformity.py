"""Rows of tables and of JSON against the schema that they are said to conform to."""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from node.base.errors import InvalidInput
from node.cage.cage import Cage
from node.semantics import json_rows
from node.semantics.findings.files import file_finding
from node.semantics.findings.words import FINDINGS
from node.semantics.schemas import members
from node.semantics.schemas.breaches import Breach
from node.semantics.schemas.conformity import check
from node.semantics.schemas.patterns import Patterns, python_pattern
from node.texts.languages import LANGUAGES

FLOW: dict[str, Any] = {
    "type": "object",
    "required": ["segment", "intensity"],
    "properties": {
        "segment": {"type": "string", "maxLength": 4},
        "intensity": {"type": "integer", "minimum": 0},
        "kind": {"enum": ["car", "bike"]},
        "open": {"type": ["boolean"]},
    },
}


@pytest.mark.parametrize(
    ("row", "what"),
    [
        (["s1", "12", "car", "true"], ""),
        (["s1", "12", "", ""], ""),
        (["s1", "many", "car", ""], "row 1, intensity: 'many' is not a number"),
        (["s1", "1.5", "car", ""], "whole number"),
        (["s1", "-1", "car", ""], "less than is allowed"),
        (["", "1", "car", ""], "row 1, segment: is empty, but required"),
        (["s1", "1", "tram", ""], "not one of bike, car"),
        (["s1", "1", "car", "yes"], "neither true nor false"),
        (["s1234", "1", "car", ""], "5 characters"),
    ],
)
def test_cells(row: list[str], what: str) -> None:
    report = check(FLOW, ["segment", "intensity", "kind", "open"], [row])
    assert report.count == bool(what)
    assert not what or what in report.breaches[0].words()


def test_a_bound_that_is_excluded_is_said_to_be() -> None:
    speed = {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 9}
    report = check({"properties": {"speed": speed}}, ["speed"], [["0"], ["9"], ["1"]])
    assert [breach.words() for breach in report.breaches] == [
        "row 1, speed: 0 is not more than 0",
        "row 2, speed: 9 is not less than 9",
    ]


def test_columns_and_caps() -> None:
    report = check({"items": {**FLOW, "additionalProperties": False}}, ["segment", "speed"], [["s1", "1"]] * 3)
    assert [one.words() for one in report.breaches] == [
        "column intensity is missing, but required",
        "column speed is not part of the schema",
    ]
    many = check(FLOW, ["segment", "intensity"], [["s1", "x"]] * 1000)
    assert (many.count, len(many.breaches), many.rows) == (1000, 5, 1000)


EXPLODING = "^(a+)+$"
CODED: dict[str, Any] = {
    "type": "object",
    "required": ["code"],
    "properties": {
        "code": {"type": "string", "pattern": "^gent-seg-[0-9]{3}$"},
        "count": {"type": "integer", "minimum": 0, "maximum": 9},
        "tags": {"type": "array", "maxItems": 2, "items": {"enum": ["a", "b"]}},
        "place": {"$ref": "#/$defs/place"},
    },
    "$defs": {"place": {"type": "object", "required": ["x"], "additionalProperties": False, "properties": {"x": {}}}},
}


@pytest.fixture(scope="module")
def cage() -> Iterator[Cage]:
    with Cage() as found:
        yield found


def plain(pattern: str, texts: Sequence[str]) -> frozenset[int]:
    """Patterns without a cage, for those that are harmless."""
    found = re.compile(python_pattern(pattern), re.ASCII)
    return frozenset(place for place, text in enumerate(texts) if not found.search(text))


def test_patterns_are_tried_and_counted_in_the_order_of_rows(cage: Cage) -> None:
    rows = [["gent-seg-001", "1"], ["brugge", "x"], ["", "2"], ["gent-seg-12", "3"]]
    report = check(CODED, ["code", "count"], rows, misses=Patterns(cage))
    assert [one.words() for one in report.breaches] == [
        "row 2, code: 'brugge' does not match the pattern ^gent-seg-[0-9]{3}$",
        "row 2, count: 'x' is not a number",
        "row 3, code: is empty, but required",
        "row 4, code: 'gent-seg-12' does not match the pattern ^gent-seg-[0-9]{3}$",
    ]
    assert (report.count, report.patterns_left_out) == (4, ())


def test_many_texts_are_tried_in_pieces() -> None:
    calls: list[int] = []

    def counted(pattern: str, texts: Sequence[str]) -> frozenset[int]:
        calls.append(len(texts))
        return plain(pattern, texts)

    rows = [[f"gent-seg-{number:05}"] for number in range(25_000)]
    report = check(CODED, ["code"], rows, misses=counted)
    assert (report.count, report.rows, len(report.breaches)) == (25_000, 25_000, 5)
    assert max(calls) <= 10_000


@pytest.mark.parametrize("pattern", [EXPLODING, r"^(\w|\d|x)*$\u", r"\p{Letter}", "x" * 2000])
def test_a_pattern_that_explodes_or_cannot_be_read_is_told(cage: Cage, pattern: str) -> None:
    schema = {"properties": {"a": {"pattern": pattern}, "b": {"type": "integer"}}}
    rows = [["a" * 64 + "!", "1"], ["a" * 65 + "!", "x"]] * 10_000
    began = time.monotonic()
    report = check(schema, ["a", "b"], rows, misses=Patterns(cage))
    assert time.monotonic() - began < 15
    assert report.patterns_left_out == (pattern,)
    assert report.count == 10_000, "the rest is checked"


def test_a_pattern_that_is_slow_and_no_more_has_a_bound_in_all(cage: Cage) -> None:
    patterns = Patterns(cage, seconds=0.001)
    assert patterns("a", ["a", "b"]) == {1}
    assert patterns("a", ["a", "b"]) is None


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("^[0-9]+$", "12", True),
        ("^[0-9]+$", "12\n", False),
        ("[$]", "a$", True),
        (r"\$", "a$", True),
        ("(?<year>[0-9]{4})-", "2026-", True),
        ("(?<=x)y", "xy", True),
        ("b", "abc", True),
        (r"^\d$", "٣", False),
        (r"^https?:\/\/", "https://x", True),
    ],
)
def test_patterns_mean_what_the_standard_says(pattern: str, text: str, matches: bool) -> None:
    assert (not plain(pattern, [text])) is matches


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ({"code": "gent-seg-001", "count": 3, "other": 1}, ""),
        ({"code": "gent-seg-001", "count": 3.0, "tags": ["a"], "place": {"x": 1}}, ""),
        ({"count": 1}, "row 1, code: is missing, but required"),
        ({"code": 12}, "row 1, code: 12 is not of type string"),
        ({"code": "gent-seg-001", "count": "3"}, "row 1, count: '3' is not of type integer"),
        ({"code": "gent-seg-001", "count": True}, "row 1, count: true is not of type integer"),
        ({"code": "gent-seg-001", "count": 1.5}, "row 1, count: 1.5 is not of type integer"),
        ({"code": "gent-seg-001", "count": 12}, "row 1, count: 12 is more than is allowed (9)"),
        ({"code": "x"}, "row 1, code: 'x' does not match the pattern ^gent-seg-[0-9]{3}$"),
        ({"code": "gent-seg-001", "tags": ["a", "c"]}, "row 1, tags[1]: 'c' is not one of 'a', 'b'"),
        ({"code": "gent-seg-001", "tags": ["a", "a", "a"]}, "row 1, tags: it has 3 items"),
        ({"code": "gent-seg-001", "place": {}}, "row 1, place.x: is missing, but required"),
        ({"code": "gent-seg-001", "place": {"x": 1, "y": 1}}, "row 1, place.y: is not part of the schema"),
        ("text", "row 1: is not an object"),
    ],
)
def test_rows_of_json(row: Any, what: str) -> None:
    report = members.check(CODED, [row], misses=plain)
    assert [one.words() for one in report.breaches] == ([what] if what else [])


def test_features_are_compared_by_their_properties() -> None:
    feature = {"type": "object", "properties": {"geometry": {}, "properties": CODED, "type": {}}}
    collection = {"type": "object", "properties": {"features": {"type": "array", "items": feature}}}
    for schema in (CODED, feature, collection):
        # References are looked up in the whole document.
        whole = {**schema, "$defs": CODED["$defs"]}
        report = members.check(whole, [{"code": "gent-seg-001"}, {"count": 1}], features=True, misses=plain)
        assert [one.words() for one in report.breaches] == ["row 2, code: is missing, but required"]


def test_what_is_no_number_of_this_world_makes_no_breach_of_ours() -> None:
    assert members.check({"properties": {"a": {"type": "integer"}}}, [{"a": 10**400}]).count == 0


@pytest.mark.parametrize("piece", [1, 7, 1 << 18])
@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("[]", []),
        (' [ {"a": 1} , {"a": "]é"}, 12 ]\n', [{"a": 1}, {"a": "]é"}, 12]),
        ('{"a": [1, 2]}', [{"a": [1, 2]}]),
        (
            '{"type": "FeatureCollection", "features": [{"properties": {"a": 1}}, {"properties": null}]}',
            [{"a": 1}, {}],
        ),
        ('{"features": [{"properties": {"a": 1}}], "type": "FeatureCollection", "name": "x"}', [{"a": 1}]),
        ('{"type": "Other", "features": []}', [{"type": "Other", "features": []}]),
        ("\ufeff[1234567890]", [1234567890]),
    ],
)
def test_json_is_read_row_by_row(text: str, rows: list[Any], piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_rows, "_PIECE", piece)
    assert list(json_rows.rows(io.BytesIO(text.encode()))) == rows


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"%PDF-1.7",
        b'[{"a": 1}',
        b'[{"a": 1} {"a": 2}]',
        b"[1] [2]",
        b"[NaN]",
        b'[{"a": 1, "a": 2}]',
        b'["\xe9"]',
        b"{1: 2}",
        b'{"a" 1}',
        b"[" * 100_000,
        b'[{"a": ' + b"[" * 200,
    ],
)
def test_what_is_no_json_is_refused_in_words(body: bytes) -> None:
    with pytest.raises(InvalidInput):
        list(json_rows.rows(io.BytesIO(body)))


def test_a_large_file_is_read_with_flat_memory() -> None:
    row = {"code": "gent-seg-001", "text": "x" * 200}
    body = io.BytesIO(json.dumps([row] * 100_000).encode())
    longest = 0
    reader = json_rows.rows(body)
    for _ in reader:
        frame = reader.gi_frame  # type: ignore[attr-defined]
        if frame is not None:
            longest = max(longest, len(frame.f_locals["reader"]._text))
    assert 0 < longest < 1 << 20


def test_every_language_has_every_phrase() -> None:
    values = ("first", "second", "third")
    for what in (key.removeprefix("breach.") for key in FINDINGS.keys("breach.")):
        if what.startswith("in-"):
            continue
        sentences = {
            tongue: Breach(row=1, column="c", what=what, values=values).words(tongue) for tongue in LANGUAGES
        }
        assert len(set(sentences.values())) == len(LANGUAGES), what
    names = {
        "change",
        "version",
        "more",
        "file",
        "type",
        "really",
        "schema",
        "why",
        "breach",
        "rows",
        "pattern",
        "doubt",
    }
    keys = [key.removeprefix("file.") for key in FINDINGS.keys("file.") if not key.endswith(".remedy")]
    for key in keys:
        finding = file_finding(key, "rule", field="files.0", **{name: f"<{name}>" for name in names})
        sentences = {tongue: words["message"] for tongue, words in finding.translations.items()}
        assert set(sentences) | {"en"} == set(LANGUAGES)
        assert len({finding.message, *sentences.values()}) == len(LANGUAGES), key
