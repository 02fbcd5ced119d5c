"""Change layers: those that touch different members commute, the data stay as they are, hashes tell layers apart."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from node.scenarios.layers.changes import apply, overlaps
from node.scenarios.layers.serialization import layer_from_json, layer_to_json, with_hash
from node.scenarios.model import Layer
from node.scenarios.tables.rows import canonical_json

IDS = ["a", "b", "c", "d", "e"]
FIELDS = ["x", "y", "z"]
scalars = st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.floats(-9, 9), st.sampled_from(["p", "ř"]))
rows = st.lists(
    st.fixed_dictionaries({"id": st.sampled_from(IDS), **dict.fromkeys(FIELDS, scalars)}),
    max_size=5,
    unique_by=lambda row: row["id"],
)
points = st.tuples(st.integers(-9, 9), st.integers(-9, 9)).map(lambda at: {"type": "Point", "coordinates": list(at)})
values = st.one_of(scalars, st.floats(-3, 3).map(lambda factor: {"factor": factor}))


def whole(operation: dict[str, Any]) -> bool:
    return bool(
        operation["op"] == "remove" or operation.get("set") or operation.get("unset") or operation.get("geometry")
    )


updates = st.fixed_dictionaries(
    {
        "op": st.just("update"),
        "id": st.sampled_from(IDS),
        "set": st.dictionaries(st.sampled_from(["x", "y"]), values, max_size=2),
    },
    optional={
        "before": st.dictionaries(st.sampled_from(FIELDS), scalars, max_size=1),
        "unset": st.just(["z"]),
        "geometry": points,
    },
).filter(whole)
additions = st.fixed_dictionaries(
    {
        "op": st.just("add"),
        "id": st.sampled_from(IDS),
        "set": st.dictionaries(st.sampled_from(FIELDS), scalars, min_size=1),
    }
)
removals = st.fixed_dictionaries({"op": st.just("remove"), "id": st.sampled_from(IDS)})


def layer_of(operations: list[dict[str, Any]]) -> Layer:
    body = {name: name for name in ("id", "title", "target", "file", "target_sha256", "author", "reason")}
    return with_hash(
        layer_from_json({**body, "key": "id", "version": 1, "at": "2026-11-20T12:00:00Z", "operations": operations})
    )


layers = st.lists(
    st.one_of(updates, additions, removals), min_size=1, max_size=4, unique_by=lambda one: str(one["id"])
).map(layer_of)


@given(rows, layers, layers)
def test_layers_on_different_members_commute(data: list[dict[str, Any]], a: Layer, b: Layer) -> None:
    kept = copy.deepcopy(data)
    there, other = apply(data, "id", [a, b]), apply(data, "id", [b, a])
    assert data == kept
    # What was seen before may be what the other layer changes: then the order matters, and says so.
    read = {(one.id, name) for layer in (a, b) for one in layer.operations for name in one.before}
    written = {
        (operation.id, name)
        for layer in (a, b)
        for operation in layer.operations
        for name in (*operation.set, *operation.unset, *(FIELDS if operation.op != "update" else ()))
    }
    if overlaps(a, b) or read & written:
        return
    assert canonical_json(there.rows) == canonical_json(other.rows)
    assert {(x.id, x.field) for x in there.conflicts} == {(x.id, x.field) for x in other.conflicts}


@given(rows, layers)
def test_a_layer_changes_what_it_says_and_nothing_else(data: list[dict[str, Any]], a: Layer) -> None:
    applied = apply(data, "id", [a])
    touched = {one.id for one in a.operations}
    assert [row for row in applied.rows if row["id"] not in touched] == [
        row for row in data if row["id"] not in touched
    ]
    clashing = {one.id for one in applied.conflicts}
    assert [row for row in applied.rows if row["id"] in clashing] == [row for row in data if row["id"] in clashing]
    now = {row["id"]: row for row in applied.rows}
    for operation in a.operations:
        if operation.id in clashing:
            continue
        assert (operation.id in now) is (operation.op != "remove")
        for name, value in operation.set.items():
            assert isinstance(value, dict) or now[operation.id][name] == value


@given(rows, layers)
def test_seeing_what_is_there_is_never_a_conflict(data: list[dict[str, Any]], a: Layer) -> None:
    fine = [
        {"op": "update", "id": row["id"], "before": {name: row[name] for name in FIELDS}, "set": {"x": 1}}
        for row in data
    ]
    if fine:
        assert not apply(data, "id", [layer_of(fine)]).conflicts
    assert apply(data, "id", []).rows == data


@given(layers, layers)
def test_a_layer_is_read_as_it_is_written_and_known_by_its_hash(a: Layer, b: Layer) -> None:
    again = with_hash(layer_from_json(json.loads(json.dumps(layer_to_json(a)))))
    assert again == a
    assert a.sha256 != b.sha256 or a.operations == b.operations
