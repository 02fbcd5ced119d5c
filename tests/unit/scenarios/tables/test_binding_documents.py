"""A binding as a person writes it: what is read, and what is refused with the member named."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from node.base.errors import InvalidInput
from node.datasources.streams.windows import WindowQuestion
from node.scenarios.runs.request import BindingRequest, InputRequest, UseRequest, binding_request
from node.semantics.kinds import iri_meant

BASE = "https://data.gent.example"
ROADS = f"{BASE}/datasets/roads"
EIGHT = datetime(2026, 11, 22, 8, tzinfo=UTC)


def test_everything_that_can_be_said() -> None:
    read = binding_request(
        {
            "scenario": "scenario/bridge",
            "version": 2,
            "inputs": {
                "network": {"dataset": "dataset/roads", "version": 3, "file": "roads.csv", "inPlace": True},
                "trips": "https://data.plzen.example/datasets/trips",
            },
            "uses": {"assign": {"iri": "model/other", "version": 4}, "noise": "models/noise"},
            "parameters": {"demand": 1.5, "list": [1]},
            "layers": ["closed", "ab" * 32],
        },
        BASE,
    )
    assert read == BindingRequest(
        scenario=f"{BASE}/scenarios/bridge",
        version=2,
        inputs={
            "network": InputRequest(dataset=ROADS, version=3, file="roads.csv", in_place=True),
            "trips": InputRequest(dataset="https://data.plzen.example/datasets/trips"),
        },
        uses={
            "assign": UseRequest(iri=f"{BASE}/models/other", version=4),
            "noise": UseRequest(iri=f"{BASE}/models/noise"),
        },
        parameters={"demand": 1.5, "list": [1]},
        layers=("closed", "ab" * 32),
    )


def test_a_scenario_alone_is_a_binding() -> None:
    empty = {"version": None, "inputs": None, "uses": None, "parameters": None, "layers": None}
    bare = BindingRequest(scenario=f"{BASE}/scenarios/bridge")
    assert binding_request({"scenario": "scenario/bridge"}, BASE) == bare
    assert binding_request({"scenario": "scenario/bridge", **empty}, BASE) == bare


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"scenario": None}, "the binding lacks scenario"),
        ({"scenario": ""}, "the binding lacks scenario"),
        ({"scenario": 5}, "the binding lacks scenario"),
        ({"input": {}}, "the binding has members that are not known: input"),
        ({"version": 0}, "version must be the number of a version"),
        ({"version": True}, "version must be the number of a version"),
        ({"version": "2"}, "version must be the number of a version"),
        ({"version": 1.0}, "version must be the number of a version"),
        ({"inputs": []}, "inputs is not an object"),
        ({"inputs": "dataset/roads"}, "inputs is not an object"),
        ({"inputs": {"network": 5}}, "input network is neither an address nor an object"),
        ({"inputs": {"network": []}}, "input network is neither an address nor an object"),
        ({"inputs": {"network": ""}}, "input network lacks dataset"),
        ({"inputs": {"network": {}}}, "input network lacks dataset"),
        ({"inputs": {"network": {"dataset": 7}}}, "input network lacks dataset"),
        ({"inputs": {"network": {"dataset": "x", "in_place": True}}}, "not known: in_place"),
        ({"inputs": {"network": {"dataset": "x", "version": -1}}}, "input network: version"),
        ({"inputs": {"network": {"dataset": "x", "inPlace": "yes"}}}, "inPlace is true or false"),
        ({"inputs": {"network": {"dataset": "x", "inPlace": 1}}}, "inPlace is true or false"),
        ({"inputs": {"network": {"dataset": "x", "file": 1}}}, "file the name of a file"),
        ({"uses": [1]}, "uses is not an object"),
        ({"uses": {"assign": 5}}, "step assign is neither"),
        ({"uses": {"assign": {"version": 2}}}, "step assign lacks iri"),
        ({"uses": {"assign": {"iri": "x", "dataset": "y"}}}, "not known: dataset"),
        ({"uses": {"assign": {"iri": "x", "version": "new"}}}, "step assign: version"),
        ({"parameters": []}, "parameters is not an object"),
        ({"parameters": 0}, "parameters is not an object"),
        ({"layers": "closed"}, "layers is not a list"),
        ({"layers": {}}, "layers is not a list"),
        ({"layers": ["closed", 5]}, "layers is not a list"),
    ],
)
def test_a_bad_member_is_named(members: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        binding_request({"scenario": "scenario/bridge", **members}, BASE)


def test_many_odd_members_make_no_endless_sentence() -> None:
    with pytest.raises(InvalidInput) as refused:
        binding_request({"scenario": "x", **dict.fromkeys(map(str, range(10_000)))}, BASE)
    assert len(refused.value.detail) < 300
    assert "scenario" in refused.value.remedy


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("dataset/roads", ROADS),
        ("datasets/roads", ROADS),
        (ROADS, ROADS),
        ("dataset/roads/more", "dataset/roads/more"),
        ("dataset/", "dataset/"),
        ("car/roads", "car/roads"),
        ("roads", "roads"),
    ],
)
def test_addresses_of_this_node(text: str, meant: str) -> None:
    assert iri_meant(text, BASE) == meant


MORNING = {"from": "2026-11-22T08:00:00Z", "to": "2026-11-22T09:00:00Z"}


@pytest.mark.parametrize(
    ("window", "question"),
    [
        ("10m", WindowQuestion(last=timedelta(minutes=10))),
        ({"last": "2h"}, WindowQuestion(last=timedelta(hours=2))),
        ("2026-11-22T08:00:00Z/2026-11-22T09:00:00Z", WindowQuestion(start=EIGHT, end=EIGHT + timedelta(hours=1))),
        ({**MORNING, "position": "7"}, WindowQuestion(start=EIGHT, end=EIGHT + timedelta(hours=1), position="7")),
    ],
)
def test_a_window_of_a_stream(window: Any, question: WindowQuestion) -> None:
    inputs = {"counts": {"dataset": "dataset/roads", "window": window}}
    read = binding_request({"scenario": "scenario/bridge", "inputs": inputs}, BASE)
    assert read.inputs["counts"] == InputRequest(dataset=ROADS, window=question)


@pytest.mark.parametrize(
    ("window", "words"),
    [
        (5, "neither a text nor an object of texts"),
        ({"last": 10}, "neither a text nor an object of texts"),
        ({"since": "10m"}, "the window of input counts has members that are not known: since"),
        ("soon", "input counts: 'soon' is no time"),
        ("60d", "at most 31 days"),
        ({"last": "10m", "position": "7"}, "have no position yet"),
        ({"from": MORNING["from"]}, "a window has a beginning and an end"),
        ("/", "a window has a beginning and an end"),
    ],
)
def test_what_is_no_window_is_named(window: Any, words: str) -> None:
    inputs = {"counts": {"dataset": "dataset/roads", "window": window}}
    with pytest.raises(InvalidInput) as refused:
        binding_request({"scenario": "scenario/bridge", "inputs": inputs}, BASE)
    assert words in refused.value.detail
    assert refused.value.remedy


def test_a_window_cannot_stay_with_its_owner() -> None:
    inputs = {"counts": {"dataset": "dataset/roads", "window": "10m", "inPlace": True}}
    with pytest.raises(InvalidInput, match="cannot stay with its owner"):
        binding_request({"scenario": "scenario/bridge", "inputs": inputs}, BASE)
