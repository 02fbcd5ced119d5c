"""A partner subscribes to entities of a context broker under contract: it is told what differs from look to look."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.datasources.live_data import Opened, open_live, share
from tests.integration.datasources.notifications.receiver import Receiver, receiving
from tests.integration.datasources.notifications.test_entity_subscriptions import ask, subscribe, wish
from tests.integration.datasources.servers import standing
from tests.nodes import Running, running, until
from tests.simulator.context_broker import CONTEXT, ContextBroker

COUNTERS = [{"type": "TrafficCounter"}]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[tuple[Running, Running]]:
    home = tmp_path_factory.mktemp("entities")
    with (
        running(home / "city", template=sqlite_template) as city,
        running(home / "partner", template=sqlite_template) as partner,
    ):
        yield city, partner


@pytest.fixture(scope="module")
def broker(nodes: tuple[Running, Running]) -> Iterator[ContextBroker]:
    server = ContextBroker(tenant="city", authorization="Bearer broker-token")
    with standing(server.app()) as url:
        with nodes[0].client() as client:
            client.data_sources.add(
                "broker",
                "ngsi-ld",
                f"{url}/ngsi-ld/v1",
                options={"tenant": "city", "context": CONTEXT},
                credentials={"scheme": "bearer", "name": "", "secret": "broker-token"},
            )
        yield server


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def opened(nodes: tuple[Running, Running], slug: str, **options: object) -> Opened:
    iri = share(nodes[0], "broker", "TrafficCounter", slug=slug, format="JSON_LD", **options)
    return open_live(nodes[1], iri)


def names(receiver: Receiver) -> list[str]:
    return [entity["id"] for post in receiver.posts for entity in post.entities]


def test_all_entities_come_first_and_then_those_that_change(
    nodes: tuple[Running, Running], broker: ContextBroker, receiver: Receiver
) -> None:
    counters = opened(nodes, "counters")
    total = len(counters.get("/entities?limit=1000").json())
    place = subscribe(counters, wish(receiver, entities=COUNTERS))
    until("all have come", lambda: len(names(receiver)) == total)
    assert len(set(names(receiver))) == total
    first = receiver.posts[0].entities[0]
    assert first["intensity"]["type"] == "Property"
    changed = next(entity for entity in broker.entities if entity["id"] == first["id"])
    changed["intensity"] = {**changed["intensity"], "value": 4711}
    until("the change has come", lambda: len(names(receiver)) == total + 1)
    last = receiver.posts[-1].entities
    assert [(entity["id"], entity["intensity"]["value"]) for entity in last] == [(first["id"], 4711)]
    assert ask(counters, "DELETE", place).status_code == 204


def test_a_part_of_the_agreement_holds(
    nodes: tuple[Running, Running], broker: ContextBroker, receiver: Receiver
) -> None:
    part = {"columns": ["id", "intensity"], "rows": [{"column": "intensity", "operator": "gteq", "value": 4000}]}
    counters = opened(nodes, "part-of-counters", conditions={"template": "open", "part": part})
    subscribe(counters, wish(receiver, entities=COUNTERS))
    until("it has come", lambda: len(names(receiver)) == 1)
    assert set(receiver.posts[0].entities[0]) <= {"id", "type", "intensity"}
    assert receiver.posts[0].entities[0]["intensity"]["value"] == 4711


def test_data_that_nobody_can_be_told_of_are_refused_in_words(
    nodes: tuple[Running, Running], broker: ContextBroker, receiver: Receiver
) -> None:
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    app = Starlette(routes=[Route("/x.json", lambda _: JSONResponse({}))])
    with standing(app) as url:
        with nodes[0].client() as client:
            client.data_sources.add("web", "http", f"{url}/")
        live = open_live(nodes[1], share(nodes[0], "web", "x.json", slug="file", format="JSON"))
        answer = ask(live, "POST", body=wish(receiver))
    assert (answer.status_code, "nobody can subscribe" in answer.json()["detail"]) == (400, True)
