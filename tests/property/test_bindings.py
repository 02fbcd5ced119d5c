"""Bindings and results are known by hashes: the same for what is the same, in whatever order it comes."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from node.scenarios.chain.parameters import beyond, bound_parameters
from node.scenarios.layers.changes import apply
from node.scenarios.layers.serialization import layer_from_json, with_hash
from node.scenarios.model import Binding, BoundInput, BoundStep, Model, Parameter, Port, Template, Variable
from node.scenarios.run_model import IndicatorValue
from node.scenarios.runs.hashes import binding_key, result_hash
from node.scenarios.runs.request import binding_request
from node.scenarios.tables.rows import digest
from tests.unit.scenarios.desk import DATASET, WANTED, desk

names = st.sampled_from(["a", "b", "c", "ř", "Z"])
scalars = st.one_of(st.none(), st.booleans(), st.integers(-99, 99), st.floats(-9, 9), st.text("xyř", max_size=3))
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3))
hashes = st.sampled_from(["00" * 32, "ab" * 32, "cd" * 32])
CARD = Model(iri="https://x/models/m", version=1, origin="did:web:x", titles={}, inputs=(), outputs=())

inputs = st.lists(
    st.builds(
        BoundInput,
        role=names,
        iri=st.just("https://x/datasets/d"),
        version=st.integers(1, 3),
        file=st.sampled_from(["d.csv", "e.csv"]),
        sha256=hashes,
        media_type=st.just("text/csv"),
        origin=st.just("did:web:x"),
        titles=st.just({}),
        in_place=st.booleans(),
        agreement=st.sampled_from([None, "urn:a", "urn:b"]),
    ),
    unique_by=lambda one: one.role,
    max_size=4,
).map(tuple)
steps = st.lists(
    st.builds(
        BoundStep,
        name=names,
        iri=st.just(CARD.iri),
        version=st.integers(1, 3),
        sha256=hashes,
        origin=st.sampled_from(["did:web:x", "did:web:y"]),
        card=st.just(CARD),
        agreement=st.sampled_from([None, "urn:a"]),
    ),
    unique_by=lambda one: one.name,
    max_size=3,
).map(tuple)
bindings = st.builds(
    Binding,
    template=st.just("https://x/scenarios/s"),
    version=st.integers(1, 3),
    template_sha256=hashes,
    inputs=inputs,
    steps=steps,
    parameters=st.dictionaries(names, values, max_size=4),
    layers=st.lists(hashes, max_size=3).map(tuple),
    key=st.just(""),
)


def turned(value: Any) -> Any:
    """The same JSON with the members of every object in the other order."""
    if isinstance(value, dict):
        return {name: turned(inner) for name, inner in reversed(value.items())}
    return [turned(one) for one in value] if isinstance(value, list) else value


@given(bindings)
def test_the_key_knows_no_order_of_members(binding: Binding) -> None:
    other = replace(
        binding,
        inputs=binding.inputs[::-1],
        steps=binding.steps[::-1],
        parameters=turned(dict(binding.parameters)),
        key="whatever was there",
    )
    assert binding_key(other) == binding_key(binding)


@given(bindings)
def test_the_key_knows_nothing_of_who_and_under_what(binding: Binding) -> None:
    other = replace(
        binding,
        inputs=tuple(
            replace(one, agreement="urn:other", origin="did:web:z", titles={"en": "x"}) for one in binding.inputs
        ),
        steps=tuple(replace(one, agreement="urn:other", origin="did:web:z") for one in binding.steps),
    )
    assert binding_key(other) == binding_key(binding)


@given(bindings, st.data())
def test_the_key_knows_all_that_determines_the_result(binding: Binding, data: st.DataObject) -> None:
    changes: list[dict[str, Any]] = [
        {"template": "https://x/scenarios/other"},
        {"version": binding.version + 1},
        {"template_sha256": "ef" * 32},
        {"parameters": {**binding.parameters, "another": 1}},
        {"layers": (*binding.layers, "ef" * 32)},
        {"layers": ("ef" * 32, *binding.layers, "01" * 32)},
    ]
    for name in binding.parameters:
        changes.append({"parameters": {**binding.parameters, name: ["something", "else"]}})
    for chosen in binding.inputs:
        # Small cells may be left out of data that stay with their owner.
        stays = replace(chosen, in_place=not chosen.in_place)
        changes.append({"inputs": tuple(stays if one is chosen else one for one in binding.inputs)})
    for change in ({"version": 9}, {"file": "f.csv"}, {"sha256": "ef" * 32}, {"iri": "https://x/datasets/e"}):
        changes += [
            {"inputs": tuple(replace(one, **change) if one is chosen else one for one in binding.inputs)}
            for chosen in binding.inputs
        ]
    for change in ({"version": 9}, {"sha256": "ef" * 32}, {"iri": "https://x/models/n"}):
        changes += [
            {"steps": tuple(replace(one, **change) if one is chosen else one for one in binding.steps)}
            for chosen in binding.steps
        ]
    changed = replace(binding, **data.draw(st.sampled_from(changes)))
    assert binding_key(changed) != binding_key(binding)


@given(st.permutations(["00" * 32, "ab" * 32, "cd" * 32]))
def test_the_order_of_layers_counts(order: list[str]) -> None:
    bare = Binding(template="t", version=1, template_sha256="", inputs=(), steps=(), parameters={}, layers=(), key="")
    same = binding_key(replace(bare, layers=tuple(order))) == binding_key(replace(bare, layers=tuple(sorted(order))))
    assert same == (order == sorted(order))


rows = st.lists(
    st.fixed_dictionaries({"id": st.sampled_from("abcdefgh"), "x": st.floats(-1e6, 1e6), "y": scalars}),
    max_size=8,
    unique_by=lambda row: row["id"],
)
PORT = Port(role="out", variables=(Variable(name="x", unit="m", decimals=2),))
measured = st.lists(
    st.builds(
        IndicatorValue, name=names, before=st.none() | st.floats(-9, 9), after=st.floats(-9, 9), unit=st.just("m")
    ),
    unique_by=lambda one: one.name,
    max_size=4,
)


@given(rows, measured, st.randoms(use_true_random=False))
def test_the_result_knows_no_order_of_rows(
    data: list[dict[str, Any]], figures: list[IndicatorValue], chance: Any
) -> None:
    shuffled = [turned(row) for row in data]
    chance.shuffle(shuffled)
    first = result_hash({"after.s.out": digest(data, PORT), "before.s.out": "00"}, figures)
    other = result_hash({"before.s.out": "00", "after.s.out": digest(shuffled, PORT)}, figures[::-1])
    assert first == other
    if data:
        further = [*data[1:], {**data[0], "x": data[0]["x"] + 1}]
        assert result_hash({"after.s.out": digest(further, PORT), "before.s.out": "00"}, figures) != first


@given(rows.filter(bool), st.data())
def test_layers_that_touch_different_rows_give_one_result(data: list[dict[str, Any]], drawn: st.DataObject) -> None:
    ids = [row["id"] for row in data]
    cut = drawn.draw(st.integers(0, len(ids)))
    changed = drawn.draw(st.dictionaries(st.sampled_from(ids), st.integers(-9, 9)))

    def layer(some: list[str]) -> Any:
        operations = [{"op": "update", "id": one, "set": {"x": changed[one]}} for one in some if one in changed]
        if not operations:
            return None
        body = {name: name for name in ("id", "title", "target", "file", "target_sha256", "author", "reason")}
        at = "2026-11-20T12:00:00Z"
        return with_hash(layer_from_json({**body, "key": "id", "version": 1, "at": at, "operations": operations}))

    layers = [one for one in (layer(ids[:cut]), layer(ids[cut:])) if one is not None]
    results = {
        result_hash({"after.s.out": digest(apply(data, "id", order).rows, PORT)}, [])
        for order in (layers, layers[::-1])
    }
    assert len(results) == 1


@given(st.dictionaries(names, values), st.dictionaries(names, st.integers(1, 9)))
def test_what_is_wanted_is_read_the_same_in_any_order(parameters: dict[str, Any], versions: dict[str, int]) -> None:
    body = {
        "scenario": "scenario/s",
        "inputs": {name: {"dataset": "dataset/d", "version": one} for name, one in versions.items()},
        "parameters": parameters,
    }
    assert binding_request(turned(body), "https://x") == binding_request(body, "https://x")


@given(st.floats(-1e9, 1e9), st.none() | st.floats(-1e9, 1e9), st.none() | st.floats(-1e9, 1e9))
def test_bounds_are_what_they_say(value: float, low: float | None, high: float | None) -> None:
    parameter = Parameter(name="x", minimum=low, maximum=high)
    within = (low is None or low <= value) and (high is None or value <= high)
    assert (beyond(parameter, value) == "") == within
    template = Template(
        iri="t",
        version=1,
        origin="o",
        titles={},
        goal={},
        inputs=(),
        parameters=(parameter,),
        indicators=(),
        steps=(),
    )
    bound, findings = bound_parameters(template, [], {"x": value})
    assert (bound, [one.code for one in findings]) == ({"x": value}, [] if within else ["beyond-its-bounds"])


@settings(max_examples=15, deadline=None)
@given(st.permutations([("a", 1000), ("b", 250), ("c", 90), ("d", 720)]))
def test_a_run_gives_the_same_result_for_the_same_rows(order: list[tuple[str, int]]) -> None:
    async def result(lines: list[tuple[str, int]]) -> tuple[str, str]:
        at = await desk()
        body = "segmentId,length\n" + "".join(f"{one},{length}\n" for one, length in lines)
        await at.publish(DATASET, ("streets.csv", body.encode()))
        run = await at.perform(json.loads(json.dumps(WANTED)))
        assert run.result is not None
        return run.result, run.binding.key

    (one, key), (other, another) = asyncio.run(result(order)), asyncio.run(result(sorted(order)))
    assert one == other
    assert (key == another) == (order == sorted(order))
