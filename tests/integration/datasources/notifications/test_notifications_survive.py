"""Notifications outlive SIGKILL: each observation reaches each subscriber, in order, and uses are counted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.nodes import Member
from node.client import HansaClient
from tests.integration.datasources.live_data import open_live
from tests.integration.datasources.notifications.receiver import Receiver, receiving
from tests.integration.datasources.notifications.test_entity_subscriptions import subscribe, wish
from tests.integration.datasources.streams import SCHEMA, observation
from tests.integration.datasources.test_table_queries import counted_offer
from tests.node_processes import node_process
from tests.nodes import described, running
from tests.waits import until

SUBSCRIBERS = 8
LONG = 120.0


@pytest.fixture
def city(tmp_path: Path) -> Iterator[Member]:
    with node_process(tmp_path) as member:
        yield member


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def share(client: HansaClient, name: str, conditions: Any = "open") -> str:
    client.streams.add(name, SCHEMA, subject="station")
    fields = described(name, files=[{"data_source": "streams", "item": name, "format": "JSON"}])
    return str(client.publish({"fields": fields, "files": [], "conditions": conditions})["iri"])


def path_of(number: int) -> str:
    return f"/subscriber-{number}"


def orders(receiver: Receiver, number: int) -> list[int]:
    """The observations that a subscriber has got, in order of their first arrival."""
    return list(dict.fromkeys(receiver.values(path=path_of(number))))


def is_over(client: HansaClient) -> bool:
    return bool(client.subscribers.all()[0]["state"] == "ended")


def test_each_of_eight_subscribers_gets_all_in_order_when_the_node_is_killed(
    tmp_path: Path, sqlite_template: Path, city: Member, receiver: Receiver
) -> None:
    with running(tmp_path / "partner", template=sqlite_template) as partner:
        with city.client() as client:
            stream = open_live(partner, share(client, "counters"))
            for number in range(SUBSCRIBERS):
                subscribe(stream, wish(receiver, path_of(number)))
            receiver.holds = path_of(0)  # so that one of them cannot have all before the node is killed
            for first in range(0, 400, 20):
                client.streams.send("counters", [observation(each) for each in range(first, first + 20)])
            until("each has some", lambda: all(orders(receiver, number) for number in range(SUBSCRIBERS)), LONG)
        city.kill()
        receiver.holds = ""
        before = [orders(receiver, number) for number in range(SUBSCRIBERS)]
        assert any(len(values) < 400 for values in before), "it is killed in the middle"
        city.serve()
        city.wait_ready()
        with city.client() as client:
            client.streams.send("counters", [observation(each) for each in range(400, 420)])
            for number in range(SUBSCRIBERS):
                until("all have come", lambda number=number: len(orders(receiver, number)) == 420, LONG)
            views = client.subscribers.all()
    for number in range(SUBSCRIBERS):
        assert orders(receiver, number) == list(range(420)), "in order, but for repetitions"
    assert [view["state"] for view in views] == ["active"] * SUBSCRIBERS
    assert sum(view["gaps"] for view in views) == 0


def test_counted_notifications_are_never_more_than_agreed_when_the_node_is_killed(
    tmp_path: Path, sqlite_template: Path, city: Member, receiver: Receiver
) -> None:
    uses = 12
    with running(tmp_path / "partner", template=sqlite_template) as partner:
        with city.client() as client:
            stream = open_live(partner, share(client, "counted", {"offer": counted_offer(uses)}))
            subscribe(stream, wish(receiver))
            for each in range(6):
                client.streams.send("counted", [observation(each)])
            until("some have come", receiver.values, pause=0.001)
        city.kill()
        city.serve()
        city.wait_ready()
        with city.client() as client:
            for each in range(6, 40):
                client.streams.send("counted", [observation(each)])
                until("it has come, or it is over", lambda each=each: each in receiver.values() or is_over(client))
                if is_over(client):
                    break
            (view,) = client.subscribers.all()
    assert view["state"] == "ended"
    taken = [post for post in receiver.posts if post.entities]
    assert 0 < len(taken) <= uses, "a use is counted before it is sent"
    values = list(dict.fromkeys(receiver.values()))
    assert values == list(range(len(values)))
    assert stream.get("/latest").status_code == 403
