"""What becomes of the messages of a broker."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from node.base.clock import stamp
from node.base.errors import InvalidInput
from node.datasources.brokers.model import BrokerSubscription, Form, Message, check_members
from node.datasources.brokers.payloads import read_payload
from node.datasources.streams.model import Stream
from node.datasources.streams.observations import CheckedMessage, lines_of

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SCHEMA = {
    "type": "object",
    "properties": {"at": {"type": "string"}, "station": {"type": "string"}, "value": {}, "unit": {"type": "string"}},
    "required": ["at", "value"],
    "additionalProperties": False,
}
STREAM = Stream(name="air", schema=SCHEMA, time_member="at", keep_seconds=60, most=10, by="eva", at=NOON)
AT = "2026-11-22T11:00:00Z"


def read(
    payload: bytes, form: Form = Form.JSON, topic: str = "city/air/north", *, key: bytes | None = None, **members: str
) -> CheckedMessage:
    check_members(members, form)
    subscription = BrokerSubscription(
        stream="air", source="b", topic="#", form=form, members=members, session="", by="eva", at=NOON
    )
    return read_payload(STREAM, subscription, Message(topic=topic, payload=payload, key=key), at=NOON)


def content(checked: CheckedMessage) -> list[dict[str, Any]]:
    return lines_of([observation.text for observation in checked.observations])


@pytest.mark.parametrize(
    ("payload", "form"),
    [
        (f'{{"at": "{AT}", "value": 1}}'.encode(), Form.JSON),
        (f'[{{"at": "{AT}", "value": 1}}]'.encode(), Form.JSON),
        (f'\n{{"at": "{AT}", "value": 1}}\n'.encode(), Form.LINES),
        (f"at,value\n{AT},1\n".encode(), Form.CSV),
    ],
)
def test_a_payload_is_the_observation_in_every_form(payload: bytes, form: Form) -> None:
    assert [row["at"] for row in content(read(payload, form))] == [AT]


def test_members_come_from_where_they_are_said_to_be() -> None:
    members = {"at": "payload:meta/time", "station": "topic:3", "value": "payload:values/1", "unit": "text:µg/m³"}
    body = f'{{"meta": {{"time": "{AT}"}}, "values": [1, 2.5]}}'.encode()
    assert content(read(body, **members)) == [{"at": AT, "station": "north", "value": 2.5, "unit": "µg/m³"}]


def test_the_key_of_a_message_is_taken_as_text_where_there_is_one() -> None:
    places = {"at": "arrival", "value": "payload", "station": "key"}
    assert content(read(b"1", key="Süd".encode(), **places))[0]["station"] == "Süd"
    assert content(read(b"1", key=b"\xff", **places))[0]["station"] == "\ufffd"
    assert "station" not in content(read(b"1", **places))[0]


def test_a_message_that_the_broker_could_not_give_is_a_fault_with_its_reason() -> None:
    subscription = BrokerSubscription(stream="air", source="b", topic="#", session="", by="eva", at=NOON)
    checked = read_payload(STREAM, subscription, Message(topic="city/air", payload=b"", fault="it is gone"), at=NOON)
    assert checked.observations == ()
    assert [entry.reason for _, entry in checked.faults] == ["city/air: it is gone"]


def test_a_value_alone_becomes_an_observation() -> None:
    assert content(read(b"21.5", at="arrival", value="payload", station="topic")) == [
        {"at": stamp(NOON), "value": 21.5, "station": "city/air/north"}
    ]
    assert content(read(b"on", Form.TEXT, at="arrival", value="payload"))[0]["value"] == "on"


def test_named_members_are_stronger_than_all_members() -> None:
    body = f'{{"d": {{"at": "{AT}", "value": 1, "station": "wrong"}}}}'.encode()
    for members in ({"*": "payload:d", "station": "topic:3"}, {"station": "topic:3", "*": "payload:d"}):
        assert content(read(body, **members))[0]["station"] == "north"


def test_what_is_not_there_is_left_out_and_the_schema_decides() -> None:
    checked = read(f'{{"time": "{AT}"}}'.encode(), at="payload:time", value="payload:x/1/y", unit="topic:9")
    assert (checked.observations, len(checked.faults)) == ((), 1)
    assert "value" in checked.faults[0][1].reason


@pytest.mark.parametrize(
    ("payload", "form", "members"),
    [
        (b"{", Form.JSON, {}),
        (b"\xff\xfe", Form.JSON, {}),
        (b"\xff\xfe", Form.TEXT, {"value": "payload"}),
        (b"[" * 100_000, Form.JSON, {}),
        (b"1" * 1_100_000, Form.JSON, {"value": "payload"}),
        (b"[" + b"1," * 10_001 + b"1]", Form.JSON, {"value": "payload"}),
        (b"[" + b"1," * 10_001 + b"1]", Form.JSON, {}),
        (b"", Form.CSV, {}),
        (b"a,b\n1,2\n", Form.CSV, {}),
        (b"NaN", Form.JSON, {"value": "payload"}),
    ],
)
def test_what_cannot_be_read_is_a_fault_with_its_topic_and_raises_nothing(
    payload: bytes, form: Form, members: dict[str, str]
) -> None:
    checked = read(payload, form, **members)
    assert checked.observations == ()
    assert all(fault.reason.startswith("city/air/north: ") for _, fault in checked.faults)
    assert all(len(fault.text) <= 1000 for _, fault in checked.faults)
    assert bool(checked.faults) is bool(payload)


@pytest.mark.parametrize(
    ("members", "form"),
    [
        ({"at": "nowhere"}, Form.JSON),
        ({"": "payload"}, Form.JSON),
        ({"at": "topic:0"}, Form.JSON),
        ({"at": "payload:"}, Form.JSON),
        ({"*": "arrival"}, Form.JSON),
        ({"at": "arrival"}, Form.LINES),
        ({}, Form.TEXT),
        ({f"m{n}": "arrival" for n in range(51)}, Form.JSON),
    ],
)
def test_places_that_are_none_are_refused_in_words(members: dict[str, str], form: Form) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_members(members, form)
    assert caught.value.remedy
