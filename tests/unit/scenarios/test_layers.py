"""Change layers: their JSON, their hash, and rows with them on."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from node.base.errors import InvalidInput
from node.scenarios.layers.changes import LayeredRows, apply, overlaps
from node.scenarios.layers.serialization import layer_from_json, layer_to_json, with_hash
from node.scenarios.model import Layer, OperationType

POINT = {"type": "Point", "coordinates": [3.7, 51.05]}
ROWS: list[dict[str, Any]] = [
    {"segmentId": "s1", "capacity_vph": 1800, "name": "Contributiebrug", "geometry": POINT},
    {"segmentId": "s2", "capacity_vph": 600, "name": None},
    {"segmentId": "s3", "capacity_vph": 800.0, "name": "Kaai"},
]
BODY: dict[str, Any] = {
    "id": "urn:uuid:1", "title": "Brug dicht", "target": "https://gent.example/datasets/road-network", "version": 2,
    "file": "road-network.geojson", "target_sha256": "ab" * 32, "key": "segmentId", "author": "An",
    "reason": "Raadsvraag", "at": "2026-11-20T12:00:00Z",
    "operations": [{"op": "update", "id": "s1", "set": {"capacity_vph": 0}}],
}  # fmt: skip


def layer(*operations: dict[str, Any], **more: Any) -> Layer:
    return with_hash(layer_from_json({**BODY, "operations": list(operations), **more}))


def update(id_: str, **more: Any) -> dict[str, Any]:
    return {"op": "update", "id": id_, **more}


def on(*operations: dict[str, Any], rows: list[dict[str, Any]] = ROWS, key: str = "segmentId") -> LayeredRows:
    return apply(rows, key, [layer(*operations, key=key)])


# ---- JSON


def test_there_and_back() -> None:
    body = {
        **BODY,
        "operations": [
            {"op": "update", "id": "s1", "before": {"a": 1}, "set": {"a": 2.5, "b": {"factor": 0.8}}, "unset": ["c"]},
            {"op": "add", "id": "s9", "set": {"a": None}, "geometry": POINT},
            {"op": "remove", "id": "s2", "before": {"a": True}},
        ],
    }
    record = with_hash(layer_from_json(body))
    assert [one.op for one in record.operations] == [
        OperationType.UPDATE,
        OperationType.ADD,
        OperationType.REMOVE,
    ]
    assert record.at == datetime(2026, 11, 20, 12, tzinfo=UTC)
    document = json.loads(json.dumps(layer_to_json(record)))
    assert document["sha256"] == record.sha256
    assert document["operations"] == body["operations"]
    assert with_hash(layer_from_json(document)) == record
    assert layer_from_json({**body, "at": record.at}) == layer_from_json(document)


def test_the_hash_is_of_what_the_layer_says() -> None:
    first = layer(update("s1", set={"a": 1}))
    assert len(first.sha256) == 64
    assert layer(update("s1", set={"a": 1.0})).sha256 == first.sha256
    assert with_hash(first) == first
    for other in (
        layer(update("s1", set={"a": 2})),
        layer(update("s2", set={"a": 1})),
        layer(update("s1", set={"a": 1}), version=3),
        layer(update("s1", set={"a": 1}), reason="Iets anders"),
        layer(update("s1", set={"a": 1}, before={"a": 0})),
    ):
        assert other.sha256 != first.sha256


@pytest.mark.parametrize(
    ("change", "at"),
    [
        ({"title": ""}, "title"), ({"reason": None}, "reason"), ({"author": 3}, "author"),
        ({"key": "x" * 5000}, "key"),
        ({"version": 0}, "version"), ({"version": True}, "version"), ({"at": "yesterday"}, "at"),
        ({"operations": []}, "operations"), ({"operations": {}}, "operations"),
        ({"operations": [update("s1", set={"a": 1})] * 10_001}, "operations"),
    ],
)  # fmt: skip
def test_a_layer_that_lacks_something_is_refused(change: dict[str, Any], at: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        layer_from_json({**BODY, **change})
    assert refused.value.facts["at"] == at


@pytest.mark.parametrize(
    ("operation", "at"),
    [
        ("s1", ""), ({"op": "patch", "id": "s1"}, ".op"), ({"id": "s1"}, ".op"), (update(""), ".id"),
        ({"op": "update", "id": True, "set": {"a": 1}}, ".id"), ({"op": "update", "set": {"a": 1}}, ".id"),
        (update("s1"), ""), (update("s1", set={}), ""), (update("s1", sets={"a": 1}), ".sets"),
        (update("s1", set=[1]), ".set"), (update("s1", set={"a": [1]}), ".set.a"),
        (update("s1", set={"a": {"times": 2}}), ".set.a"), (update("s1", set={"a": {"factor": "2"}}), ".set.a"),
        (update("s1", set={"a": float("nan")}), ".set.a"), (update("s1", set={"segmentId": "s2"}), ".set.segmentId"),
        (update("s1", set={"geometry": None}), ".set.geometry"),
        (update("s1", before={"a": {"factor": 2}}), ".before.a"),
        (update("s1", unset="a"), ".unset"), (update("s1", unset=["segmentId"]), ".unset"),
        (update("s1", set={"a": 1}, unset=["a"]), ".unset"), (update("s1", geometry={"type": "Circle"}), ".geometry"),
        ({"op": "add", "id": "s9"}, ""), ({"op": "add", "id": "s9", "set": {"a": 1}, "unset": ["b"]}, ""),
        ({"op": "add", "id": "s9", "set": {"a": {"factor": 2}}}, ".set.a"),
        ({"op": "remove", "id": "s1", "set": {"a": 1}}, ""),
    ],
)  # fmt: skip
def test_an_operation_that_says_nothing_sensible_is_refused(operation: Any, at: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        layer(operation)
    assert refused.value.facts["at"] == f"operations.0{at}"
    assert refused.value.remedy


@pytest.mark.parametrize(
    "second",
    [
        update("s1", set={"a": 2}),
        update("s1", unset=["a"]),
        {"op": "remove", "id": "s1"},
        {"op": "add", "id": "s1", "set": {}, "geometry": POINT},
    ],
)
def test_a_layer_does_not_contradict_itself(second: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="twice"):
        layer(update("s1", set={"a": 1}), second)
    assert layer(update("s1", set={"a": 1}), update("s1", set={"b": 1}))


# ---- rows


def test_the_data_are_never_touched() -> None:
    before = copy.deepcopy(ROWS)
    applied = on(
        update("s1", set={"capacity_vph": 0}, unset=["name"], geometry={"type": "Point", "coordinates": [4, 51]}),
        {"op": "remove", "id": "s2"},
        {"op": "add", "id": "s4", "set": {"capacity_vph": 5}, "geometry": POINT},
    )
    assert applied.conflicts == ()
    assert applied.rows == [
        {"segmentId": "s1", "capacity_vph": 0, "geometry": {"type": "Point", "coordinates": [4, 51]}},
        ROWS[2],
        {"segmentId": "s4", "capacity_vph": 5, "geometry": POINT},
    ]
    assert applied.rows[1] is ROWS[2]
    assert before == ROWS


def test_factors_multiply_what_is_there() -> None:
    applied = on(
        update("s3", set={"capacity_vph": {"factor": 1.1}}), update("s1", set={"capacity_vph": {"factor": 0}})
    )
    assert [row["capacity_vph"] for row in applied.rows] == [0, 600, 880]


def test_a_value_that_has_changed_is_a_conflict_with_three_values() -> None:
    applied = on(update("s1", before={"capacity_vph": 1500}, set={"capacity_vph": 0}))
    assert applied.rows == ROWS
    (conflict,) = applied.conflicts
    assert (conflict.id, conflict.field, conflict.seen, conflict.now, conflict.meant) == (
        "s1", "capacity_vph", 1500, 1800, 0,
    )  # fmt: skip
    assert conflict.sentence == (
        "capacity_vph of s1 was 1500 when the change was made and is 1800 now; the layer sets 0"
    )
    assert conflict.to_json()["layer"] == "urn:uuid:1"


@pytest.mark.parametrize(
    ("operation", "sentence"),
    [
        (update("s8", set={"capacity_vph": 0}), "s8 does not exist; the layer changes it"),
        ({"op": "remove", "id": "s8"}, "s8 does not exist; the layer removes it"),
        ({"op": "add", "id": "s1", "set": {"name": "x"}}, "s1 already exists; the layer adds it"),
        (
            {"op": "remove", "id": "s1", "before": {"name": "Brug"}},
            "name of s1 was Brug when the change was made and is Contributiebrug now; and the layer removes it",
        ),
        (update("s1", set={"name": {"factor": 2}}), "name of s1 is Contributiebrug; the layer multiplies it by 2"),
        (update("s2", set={"name": {"factor": 2}}), "name of s2 is empty; the layer multiplies it by 2"),
        (update("s1", set={"capacity_vhp": 0}), "no row has capacity_vhp (there is capacity_vph); the layer sets it"),
        (
            update("s1", before={"name": "x"}, unset=["name"]),
            "name of s1 was x when the change was made and is Contributiebrug now; the layer removes it",
        ),
        (
            update("s1", before={"name": None}, set={"capacity_vph": {"factor": 0.5}}),
            "name of s1 was empty when the change was made and is Contributiebrug now; "
            "the layer changes other members of it",
        ),
        (
            update("s1", before={"capacity_vph": 1.5}, set={"capacity_vph": {"factor": 0.5}}),
            "capacity_vph of s1 was 1.5 when the change was made and is 1800 now; the layer multiplies it by 0.5",
        ),
    ],
)
def test_changes_that_do_not_fit_are_left_out_and_told(operation: dict[str, Any], sentence: str) -> None:
    applied = on(operation, update("s3", set={"name": "Lei"}))
    assert [one.sentence for one in applied.conflicts] == [sentence]
    assert applied.rows == [*ROWS[:2], {**ROWS[2], "name": "Lei"}]


@pytest.mark.parametrize(
    "seen", [{"capacity_vph": 800}, {"name": "Kaai"}, {"extra": None}, {"name": "Kaai", "extra": None}]
)
def test_what_is_as_it_was_is_no_conflict(seen: dict[str, Any]) -> None:
    assert not on(update("s3", before=seen, set={"capacity_vph": 1})).conflicts
    assert on(update("s3", before={"capacity_vph": True}, set={"capacity_vph": 1})).conflicts


def test_layers_are_stacked_in_order() -> None:
    first = layer(update("s1", set={"capacity_vph": 100}))
    second = layer(update("s1", set={"capacity_vph": {"factor": 2}}))
    assert apply(ROWS, "segmentId", [first, second]).rows[0]["capacity_vph"] == 200
    assert apply(ROWS, "segmentId", [second, first]).rows[0]["capacity_vph"] == 100
    careful = layer(update("s1", before={"capacity_vph": 1800}, set={"capacity_vph": 900}))
    assert [one.now for one in apply(ROWS, "segmentId", [first, careful]).conflicts] == [100]


def test_other_keys() -> None:
    trips = [{"from": "a", "to": "b", "n": 1}, {"from": "a", "to": "c", "n": 2}]
    applied = on(
        update("a,c", set={"n": {"factor": 3}}),
        {"op": "add", "id": "b,a", "set": {"n": 9}},
        rows=trips,
        key="from,to",
    )
    assert [row["n"] for row in applied.rows] == [1, 6, 9]
    assert applied.rows[2] == {"from": "b", "to": "a", "n": 9}
    numbered = [{"id": 1, "n": 1}, {"id": 2, "n": 1}]
    assert on({"op": "add", "id": 3, "set": {"n": 2}}, rows=numbered, key="id").rows[2] == {"id": 3, "n": 2}
    assert on({"op": "remove", "id": 1}, rows=numbered, key="id").rows == [{"id": 2, "n": 1}]
    with pytest.raises(InvalidInput, match="not a value of from, to"):
        on({"op": "add", "id": "b", "set": {"n": 9}}, rows=trips, key="from,to")
    with pytest.raises(InvalidInput, match="both a"):
        on(update("a", set={"n": 1}), rows=trips, key="from")
    with pytest.raises(InvalidInput, match="as text"):
        on(update("1", set={"n": 1}), rows=[{"id": 1, "n": 1}, {"id": "1", "n": 2}], key="id")
    with pytest.raises(InvalidInput, match="knows rows by from, not by to"):
        apply([{"from": "a", "to": "b"}], "to", [layer(update("a", set={"n": 1}), key="from")])


def test_overlaps() -> None:
    a = layer(update("s1", set={"x": 1, "y": 1}), update("s2", geometry=POINT), {"op": "remove", "id": "s3"})
    b = layer(update("s1", unset=["y"]), update("s2", set={"x": 1}), update("s3", set={"x": 1}))
    assert overlaps(a, b) == overlaps(b, a) == (("s1", "y"), ("s3", ""))
    assert overlaps(a, layer(update("s2", set={"geometryx": 1}))) == ()
    assert overlaps(a, layer(update("s2", geometry=POINT))) == (("s2", "geometry"),)


def test_a_word_among_numbers_is_a_conflict() -> None:
    found = on(update("s1", set={"capacity_vph": "closed"}))
    assert [one.sentence for one in found.conflicts] == ["capacity_vph holds numbers; the layer sets closed"]
    assert found.rows == ROWS
    assert on(update("s1", set={"capacity_vph": 0, "name": "North"})).conflicts == ()
    assert on(update("s1", set={"capacity_vph": None})).conflicts == ()
    assert on(update("s1", set={"capacity_vph": {"factor": 0.5}})).conflicts == ()
