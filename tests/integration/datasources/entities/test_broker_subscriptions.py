"""A stream that the node itself fills from a context broker: subscribed, renewed, caught up, removed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import httpx2
import pytest

from node.adapters.datasources import entity_subscriptions
from node.cli.exits import DONE
from node.cli.main import run
from node.client import Refusal
from tests.fakes.subscription_broker import SubscriptionBroker, SubscriptionBrokerV2
from tests.integration.datasources.servers import standing
from tests.nodes import Running, Start
from tests.waits import until

NUMBERS = count()
SCHEMA = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "at": {"type": "string"},
        "intensity": {"type": "integer", "minimum": 0},
    },
    "required": ["id", "at", "intensity"],
    "additionalProperties": False,
}


@pytest.fixture(params=[SubscriptionBroker, SubscriptionBrokerV2], ids=["ngsi-ld", "ngsi-v2"])
def broker(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[SubscriptionBroker, str]]:
    monkeypatch.setattr(entity_subscriptions, "CHECK_SECONDS", 0.2)
    fake = request.param()
    with standing(fake.app()) as url:
        yield fake, f"{url}{fake.root}/"


@pytest.fixture(scope="module")
def city(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with start(tmp_path_factory.mktemp("subscriptions") / "city") as node:
        yield node


@pytest.fixture
def stream(city: Running, broker: tuple[SubscriptionBroker, str]) -> Iterator[str]:
    name = f"counters-{next(NUMBERS)}"
    with city.client() as client:
        credentials = {"scheme": "bearer", "secret": "broker-secret"}
        client.data_sources.add(name, broker[0].kind, broker[1], credentials=credentials)
        # The latest of each moment are all of them.
        client.streams.add(name, SCHEMA, subject="at", key=["id", "at"], keep="7d")
    yield name
    with city.client() as client:
        try:
            client.streams.disconnect(name)
        except Refusal:
            return


def values(city: Running, name: str) -> list[tuple[str, int]]:
    with city.client() as client:
        entries = [entry["observation"] for entry in client.streams.latest(name)]
    return [(entry["id"][-1], entry["intensity"]) for entry in entries]


def state(city: Running, name: str) -> dict[str, Any]:
    with city.client() as client:
        return dict(client.streams.stream(name)["broker"])


def test_it_is_subscribed_fed_and_removed(
    city: Running, broker: tuple[SubscriptionBroker, str], stream: str, capsys: pytest.CaptureFixture[str]
) -> None:
    fake, _ = broker
    fake.change(fake.counter(1, 5))
    assert run(["stream", "connect", stream, stream, "TrafficCounter/intensity", "--node", str(city.folder)]) == DONE
    until("what was there before", lambda: values(city, stream) == [("1", 5)])
    ((name, subscription),) = fake.subscriptions.items()
    assert fake.watched(subscription) == ["intensity"]
    address = fake.receiver(subscription)
    assert address.startswith(f"{city.url}/notices/")
    assert address.rpartition("/")[2] not in name
    assert fake.change(fake.counter(1, 6)) == [204]
    assert fake.change(fake.counter(2, 7)) == [204]
    assert values(city, stream) == [("1", 5), ("1", 6), ("2", 7)]
    assert fake.change(fake.counter(2, "many")) == [204]
    with city.client() as client:
        assert client.streams.stream(stream)["refused"] == 1
    assert run(["stream", "disconnect", stream, "--node", str(city.folder)]) == DONE
    until("the subscription is gone", lambda: not fake.subscriptions)
    assert httpx2.post(address, json={}, trust_env=False).status_code == 404
    assert values(city, stream) == [("1", 5), ("1", 6), ("2", 7)]
    capsys.readouterr()


def test_what_the_broker_lost_is_caught_up(
    city: Running, broker: tuple[SubscriptionBroker, str], stream: str
) -> None:
    fake, _ = broker
    with city.client() as client:
        client.streams.connect(stream, stream, "TrafficCounter")
    until("the subscription", lambda: fake.subscriptions)
    assert fake.change(fake.counter(1, 1)) == [204]
    # It is deleted behind our back, and what changes meanwhile is not sent.
    fake.subscriptions.clear()
    fake.change(fake.counter(1, 2))
    until("it is made again", lambda: fake.subscriptions)
    until("the change", lambda: ("1", 2) in values(city, stream))
    # A notification that failed is noted by the broker.
    (subscription,) = fake.subscriptions.values()
    fake.deaf = True
    fake.change(fake.counter(1, 3))
    fake.deaf = False
    subscription["notification"]["lastFailure"] = "2026-11-20T09:00:00.000Z"
    until("the lost change", lambda: ("1", 3) in values(city, stream))
    # It is paused there.
    fake.pause(subscription)
    fake.deaf = True
    fake.change(fake.counter(1, 4))
    fake.deaf = False
    until("it is active again", lambda: any(map(fake.is_active, fake.subscriptions.values())))
    until("the change in the pause", lambda: ("1", 4) in values(city, stream))
    assert values(city, stream) == [("1", 1), ("1", 2), ("1", 3), ("1", 4)]


def test_a_broker_that_is_gone_comes_back(city: Running, broker: tuple[SubscriptionBroker, str], stream: str) -> None:
    fake, _ = broker
    fake.fault = 503
    with city.client() as client:
        client.streams.connect(stream, stream, "TrafficCounter")
    until("it is said", lambda: "503" in state(city, stream)["error"])
    fake.change(fake.counter(1, 1))
    fake.fault = 0
    until("the subscription", lambda: fake.subscriptions)
    until("what was missed", lambda: values(city, stream) == [("1", 1)])
    until("the state", lambda: state(city, stream)["connectedSince"])


def test_the_end_is_put_off(
    city: Running, broker: tuple[SubscriptionBroker, str], stream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake, _ = broker
    monkeypatch.setattr(entity_subscriptions, "_RENEWED", entity_subscriptions._LASTS * 0)
    with city.client() as client:
        client.streams.connect(stream, stream, "TrafficCounter")
    until("a renewal", lambda: fake.renewals)
    (subscription,) = fake.subscriptions.values()
    assert fake.end_of(subscription) > "2026"


def test_many_entities_come_in_pages(city: Running, broker: tuple[SubscriptionBroker, str], stream: str) -> None:
    fake, _ = broker
    for number in range(250):
        fake.change(fake.counter(number, number))
    with city.client() as client:
        client.streams.connect(stream, stream, "TrafficCounter")
    until("all of them", lambda: total(city, stream) == 250)


def total(city: Running, name: str) -> int:
    with city.client() as client:
        return int(client.streams.stream(name)["accepted"])


def test_what_is_wrong_is_said(city: Running, broker: tuple[SubscriptionBroker, str], stream: str) -> None:
    fake, _ = broker
    with city.client() as client, pytest.raises(Refusal, match="is no type of entities"):
        client.streams.connect(stream, stream, "not a type")
    fake.authorization = "another"
    with city.client() as client:
        client.streams.connect(stream, stream, "TrafficCounter")
    until("the refusal", lambda: "does not let" in state(city, stream)["error"])
    for path in ("wrong", "%00", "a/b"):
        assert httpx2.post(f"{city.url}/notices/{path}", json={}, trust_env=False).status_code in (400, 404)
    assert httpx2.get(f"{city.url}/notices/wrong", trust_env=False).status_code in (404, 405)


def test_a_large_notification_is_refused(city: Running, broker: tuple[SubscriptionBroker, str], stream: str) -> None:
    fake, _ = broker
    with city.client() as client:
        client.streams.connect(stream, stream, "TrafficCounter")
    until("the subscription", lambda: fake.subscriptions)
    (subscription,) = fake.subscriptions.values()
    address = fake.receiver(subscription)
    assert httpx2.post(address, content=b"x" * ((1 << 20) + 1), trust_env=False).status_code == 413
    assert httpx2.post(address, content=b"{", trust_env=False).status_code == 204
    with city.client() as client:
        assert client.streams.stream(stream)["refused"] == 1
