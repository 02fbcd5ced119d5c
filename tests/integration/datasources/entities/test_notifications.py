"""Notifications of a context broker become observations of a stream, checked and once, as any other.

The notifications are written from ETSI GS CIM 009 §5.3.1; no real broker can be had from the registries.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from node.cli.exits import DONE, REFUSED
from node.cli.main import run
from node.client import Refusal
from tests.nodes import Running, Start
from tests.simulator.context_broker import counter

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "at": {"type": "string"},
        "intensity": {"type": "integer", "minimum": 0},
        "kind": {"type": "string"},
    },
    "required": ["id", "at", "intensity"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def city(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with start(tmp_path_factory.mktemp("notifications") / "city") as node:
        yield node


def describe(city: Running, name: str, schema: dict[str, Any] = SCHEMA, **description: Any) -> None:
    with city.client() as client:
        client.streams.add(name, schema, **{"subject": "id", "key": ["id", "at"], **description})


def notification(*entities: Any, **members: Any) -> dict[str, Any]:
    """What a broker sends to the endpoint of a subscription."""
    return {
        "id": "urn:ngsi-ld:Notification:1",
        "type": "Notification",
        "subscriptionId": "urn:ngsi-ld:Subscription:1",
        "notifiedAt": "2026-11-20T09:00:00.000Z",
        "data": list(entities),
        **members,
    }


def test_each_entity_is_an_observation_with_the_time_of_its_attributes(city: Running) -> None:
    describe(city, "counters")
    with city.client() as client:
        receipt = client.streams.send("counters", notification(counter(1), counter(2)))
        assert (receipt["accepted"], receipt["refused"]) == (2, 0)
        assert [entry["observation"] for entry in client.streams.latest("counters")] == [
            {"id": counter(1)["id"], "intensity": 10, "kind": "bikes", "at": "2026-11-02T08:00:00Z"},
            {"id": counter(2)["id"], "intensity": 20, "kind": "secret-lane", "at": "2026-11-03T08:00:00Z"},
        ]
        again = client.streams.send("counters", notification(counter(1), counter(2)))
        assert (again["accepted"], again["repeated"]) == (0, 2)


@pytest.mark.parametrize("media_type", ["application/json", "application/ld+json; charset=utf-8"])
def test_every_form_of_entities_gives_the_same_observation(city: Running, media_type: str) -> None:
    name = f"forms-{media_type[12:14].strip('/;')}"
    describe(city, name, subject="kind", key=["kind"])
    normalized = {**counter(3), "@context": "https://context.example"}
    concise = {
        "id": normalized["id"],
        "type": "TrafficCounter",
        "intensity": {"value": 30, "observedAt": "2026-11-04T08:00:00Z"},
        "kind": "concise",
        "location": {"type": "Point", "coordinates": [1, 2]},
    }
    plain = {"id": normalized["id"], "type": "TrafficCounter", "intensity": 30, "kind": "plain", "tags": ["a", "b"]}
    several = {
        **counter(3),
        "kind": {"type": "Property", "value": "several"},
        "intensity": [
            {"type": "Property", "value": 99, "datasetId": "urn:ngsi-ld:dataset:gps"},
            {"type": "Property", "value": 30, "observedAt": "2026-11-04T08:00:00Z"},
        ],
    }
    body = json.dumps(notification(normalized, concise, plain, several)).encode()
    with city.client() as client:
        receipt = client.streams.send_bytes(name, body, media_type)
        assert (receipt["accepted"], receipt["refused"]) == (4, 0), receipt
        lines = [entry["observation"] for entry in client.streams.latest(name)]
    assert [line["intensity"] for line in lines] == [30] * 4
    assert [line["kind"] for line in lines] == ["bikes", "concise", "plain", "several"]
    assert [line["at"] for line in lines] == ["2026-11-04T08:00:00Z"] * 2 + [
        "2026-11-20T09:00:00.000Z",
        "2026-11-04T08:00:00Z",
    ]


def test_an_open_schema_takes_all_attributes_as_values(city: Running) -> None:
    schema = {"type": "object", "properties": {"id": {"type": "string"}, "seen": {"type": "string"}}}
    describe(city, "open", schema, time="seen", key=[])
    moment = {"@type": "DateTime", "@value": "2026-11-20T08:00:00Z"}
    entity = {**counter(1), "seen": {"type": "Property", "value": moment}, "@context": "https://context.example"}
    with city.client() as client:
        assert client.streams.send("open", notification(entity))["accepted"] == 1
        assert client.streams.latest("open")[0]["observation"] == {
            "id": entity["id"],
            "type": "TrafficCounter",
            "kind": "bikes",
            "intensity": 10,
            "guard": "guard-1",
            "location": {"type": "Point", "coordinates": [3.61, 51.0]},
            "refDepot": "urn:ngsi-ld:Depot:1",
            "seen": "2026-11-20T08:00:00Z",
        }


@pytest.mark.parametrize(
    ("sent", "value"),
    [
        ([], []),
        ({}, {}),
        ({"value": 3, "unit": "m"}, {"value": 3, "unit": "m"}),
        ([{"value": 3, "unit": "m"}], [{"value": 3, "unit": "m"}]),
        ({"type": "Measure", "value": 3}, {"type": "Measure", "value": 3}),
        ({"type": ["Property"], "value": 3}, {"type": ["Property"], "value": 3}),
        ({"type": "Point", "coordinates": [1, 2]}, {"type": "Point", "coordinates": [1, 2]}),
        ({"type": "Property", "value": 3, "unit": "m"}, 3),
        ({"type": "Property", "value": []}, []),
        ({"value": 3, "observedAt": "2026-11-20T08:00:00Z", "accuracy": 0.5}, 3),
        ({"value": 3, "previousValue": 2}, 3),
        ({"value": 3, "accuracy": {"value": 0.5}}, 3),
        ({"object": "urn:ngsi-ld:Depot:1"}, "urn:ngsi-ld:Depot:1"),
        ([{"value": 3, "datasetId": "urn:ngsi-ld:dataset:1"}, {"value": 4}], 4),
    ],
)
def test_a_value_that_looks_like_an_attribute_stays_whole(city: Running, sent: Any, value: Any) -> None:
    name = f"values-{abs(hash(json.dumps(sent)))}"
    schema = {"type": "object", "properties": {"id": {"type": "string"}, "at": {"type": "string"}}}
    describe(city, name, schema, key=[])
    with city.client() as client:
        entity = {"id": "urn:ngsi-ld:T:1", "type": "T", "member": sent}
        assert client.streams.send(name, notification(entity))["accepted"] == 1
        assert client.streams.latest(name)[0]["observation"]["member"] == value


def test_what_does_not_conform_is_counted_and_harms_no_other(city: Running) -> None:
    describe(city, "faulty")
    gone = {"id": counter(1)["id"], "type": "TrafficCounter", "deletedAt": "2026-11-20T08:00:00Z"}
    nothing = {**counter(2), "intensity": "urn:ngsi-ld:null"}
    null = {**counter(2), "intensity": {"type": "Property", "value": "urn:ngsi-ld:null"}}
    with city.client() as client:
        receipt = client.streams.send("faulty", notification(gone, counter(3), nothing, null, 7, "text"))
        assert (receipt["accepted"], receipt["refused"]) == (1, 5)
        assert [fault["place"] for fault in receipt["faults"]] == [0, 2, 3, 4, 5]
        with pytest.raises(Refusal) as refusal:
            client.streams.send("faulty", notification(gone))
        assert refusal.value.http_status == 422
        with pytest.raises(Refusal) as refusal:
            client.streams.send("faulty", notification(data={"type": "FeatureCollection", "features": []}))
        assert refusal.value.http_status == 400
        assert "accept" in refusal.value.remedy


def v2(*entities: Any, **members: Any) -> dict[str, Any]:
    """What a broker that speaks NGSIv2 sends."""
    return {"subscriptionId": "57458eb60962ef754e7c0998", "data": list(entities), **members}


def test_a_broker_that_speaks_ngsi_v2_notifies_too(city: Running) -> None:
    describe(city, "v2-counters")
    at = {"TimeInstant": {"type": "DateTime", "value": "2026-11-20T08:00:00.00Z"}}
    changed = {"type": "DateTime", "value": "2026-11-20T08:05:00.00Z", "metadata": {}}
    entities = [
        {
            "id": "a",
            "type": "C",
            "intensity": {"type": "Number", "value": 1, "metadata": at},
            "dateModified": changed,
        },
        {
            "id": "b",
            "type": "C",
            "intensity": {"type": "Number", "value": 2, "metadata": {}},
            "dateModified": changed,
        },
        {"id": "c", "type": "C", "intensity": 3, "TimeInstant": "2026-11-20T08:02:00Z"},
        {"id": "d", "type": "C", "intensity": {"type": "Number", "value": 4, "metadata": {}}},
    ]
    with city.client() as client:
        answer = client.streams.send("v2-counters", v2(*entities))
        assert (answer["accepted"], answer["refused"]) == (3, 1), "without a time, it is no observation"
        latest = {entry["observation"]["id"]: entry["observation"] for entry in client.streams.latest("v2-counters")}
    assert {name: (entry["intensity"], entry["at"][11:16]) for name, entry in latest.items()} == {
        "a": (1, "08:00"),
        "b": (2, "08:05"),
        "c": (3, "08:02"),
    }


def test_only_the_two_members_make_a_notification_of_ngsi_v2(city: Running) -> None:
    schema = {"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]}
    describe(city, "v2-looks", schema, subject="at", key=["at"])
    sent = v2({"id": "a"}, at="2026-11-20T08:00:00Z")
    with city.client() as client:
        assert client.streams.send("v2-looks", sent)["accepted"] == 1
        (entry,) = client.streams.latest("v2-looks")
    assert entry["observation"] == sent


def test_an_observation_that_only_looks_like_a_notification_stays_what_it_is(city: Running) -> None:
    schema = {
        "type": "object",
        "properties": {"type": {"type": "string"}, "subscriptionId": {"type": "string"}, "at": {"type": "string"}},
    }
    describe(city, "alike", schema, subject="type", key=[])
    own = {"type": "Notification", "subscriptionId": "s", "at": "2026-11-20T08:00:00Z", "data": []}
    with city.client() as client:
        assert client.streams.send("alike", own)["accepted"] == 1
        assert client.streams.latest("alike")[0]["observation"] == own


def test_a_repeated_and_reordered_storm_of_notifications_is_stored_once(city: Running) -> None:
    describe(city, "storm")
    messages = [notification(*map(counter, range(number, number + 5))) for number in range(12)]

    def send(message: dict[str, Any]) -> int:
        with city.client() as client:
            return int(client.streams.send("storm", message)["accepted"])

    with ThreadPoolExecutor(64) as pool:
        counts = list(pool.map(send, [*messages, *reversed(messages), *messages]))
    assert sum(counts) == 16
    with city.client() as client:
        assert client.streams.stream("storm")["accepted"] == 16


def test_the_terminal_sends_one_too(city: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    describe(city, "typed")
    file = tmp_path / "notification.json"
    file.write_text(json.dumps(notification(counter(1))), "utf-8")
    assert run(["stream", "send", "typed", str(file), "--node", str(city.folder)]) == DONE
    assert "1 observations stored" in capsys.readouterr().out
    file.write_text(json.dumps(notification({"id": "urn:x:1", "type": "T"})), "utf-8")
    assert run(["stream", "send", "typed", str(file), "--node", str(city.folder)]) == REFUSED
