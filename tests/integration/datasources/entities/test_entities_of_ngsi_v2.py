"""Entities of a context broker that speaks NGSIv2, read under contract. The broker is a scripted one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.integration.datasources.live_data import Opened, open_live, share
from tests.integration.datasources.servers import standing
from tests.nodes import Running, running
from tests.simulator.broker_v2 import BrokerV2, parking

MODELS = Path(os.environ.get("HANSA_SHARED", "/nowhere")) / "data" / "ngsi-ld"


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[tuple[Running, Running]]:
    home = tmp_path_factory.mktemp("entities-v2")
    with (
        running(home / "city", template=sqlite_template) as city,
        running(home / "partner", template=sqlite_template) as partner,
    ):
        yield city, partner


@pytest.fixture(scope="module")
def broker(nodes: tuple[Running, Running]) -> Iterator[BrokerV2]:
    server = BrokerV2()
    with standing(server.app()) as url:
        with nodes[0].client() as client:
            client.data_sources.add("orion", "ngsi-v2", f"{url}/v2", options={"tenant": "city"})
        yield server


@pytest.fixture(scope="module")
def parkings(nodes: tuple[Running, Running], broker: BrokerV2) -> Opened:
    return open_live(nodes[1], share(nodes[0], "orion", "OffStreetParking", slug="parkings", format="JSON"))


def test_entities_of_one_type_and_tenant_are_read(parkings: Opened, nodes: tuple[Running, Running]) -> None:
    with nodes[0].client() as client:
        report = client.data_sources.test("orion", item="OffStreetParking")
    assert report["passed"], report
    assert parkings.get().json() == parkings.get("/v2/entities").json() == [parking(number) for number in range(9)]
    page = parkings.get("/entities?limit=2&offset=1&options=keyValues,count&attrs=name,free")
    assert page.json() == [
        {"id": f"parking:{number}", "type": "OffStreetParking", "name": f"P{number}", "free": number * 10}
        for number in (1, 2)
    ]
    assert page.headers["fiware-total-count"] == "9"
    assert [entity["id"] for entity in parkings.get("/entities?q=free>60").json()] == ["parking:7", "parking:8"]
    assert parkings.get("/entities/parking:3").json() == parking(3)
    for path in ("/entities/d", "/entities/none", "/subscriptions", "/types", "/entities/parking:3/attrs"):
        assert parkings.get(path).status_code == 404, path
    for query in ("type=Depot", "idPattern=.*", "options=values", "limit=0", "q=free", "typePattern=.*", "mq=a.b==1"):
        assert parkings.get(f"/entities?{query}").status_code == 400, query
    assert parkings.get("/entities", method="POST").status_code == 405


def test_who_would_subscribe_learns_in_words_that_nobody_can(parkings: Opened) -> None:
    subscription = {"type": "Subscription", "entities": [{"type": "OffStreetParking"}]}
    document = {**subscription, "notification": {"endpoint": {"uri": "https://plzen.example/notify"}}}
    headers = {"Authorization": parkings.authorization}
    with httpx2.Client(trust_env=False, headers=headers) as client:
        linked = client.post(f"{parkings.endpoint}/ngsi-ld/v1/subscriptions", json=document)
        other = client.post(f"{parkings.endpoint}/v2/subscriptions", json=document)
    assert (linked.status_code, "speaks NGSIv2 only" in linked.json()["detail"]) == (400, True)
    assert (other.status_code, "a stream of them" in other.json()["remedy"]) == (400, True)


def test_a_part_has_its_columns_and_entities_and_no_others(nodes: tuple[Running, Running], broker: BrokerV2) -> None:
    part: dict[str, Any] = {
        "columns": ["id", "free"],
        "rows": [{"column": "free", "operator": "gt", "value": "30"}],
        "box": [3.6, 50.9, 3.665, 51.1],
    }
    conditions = {"template": "open", "part": part}
    iri = share(nodes[0], "orion", "OffStreetParking", slug="some-parkings", format="JSON", conditions=conditions)
    opened = open_live(nodes[1], iri)
    entities = opened.get("/entities?options=keyValues").json()
    assert entities == [
        {"id": f"parking:{number}", "type": "OffStreetParking", "free": number * 10} for number in (4, 5, 6)
    ]
    assert opened.get("/entities/parking:1").status_code == 404
    assert opened.get("/entities/parking:5").json()["free"]["value"] == 50
    for query in ("q=free>40", "attrs=guard", "options=count", "orderBy=guard", "georel=near"):
        assert opened.get(f"/entities?{query}").status_code == 400, query


def test_a_broker_that_sends_another_type_gives_nothing(parkings: Opened, broker: BrokerV2) -> None:
    broker.lies = [parking(1), {"id": "d", "type": "Depot", "secret": {"value": "depot-secret"}}]
    answer = parkings.get("/entities")
    broker.lies = None
    assert (answer.status_code, "depot-secret" in answer.text) == (502, False)


@pytest.mark.skipif(not MODELS.is_dir(), reason="HANSA_SHARED has no examples of smart data models")
def test_the_examples_of_smart_data_models_pass_unchanged(nodes: tuple[Running, Running]) -> None:
    examples: dict[str, dict[str, Any]] = {}
    for file in sorted(MODELS.glob("*/*/examples/example-normalized.json")):
        entity = json.loads(file.read_text("utf-8"))
        if isinstance(entity, dict) and isinstance(entity.get("type"), str) and isinstance(entity.get("id"), str):
            examples.setdefault(entity["type"], entity)
    server = BrokerV2(entities=list(examples.values()), service=None)
    with standing(server.app()) as url:
        with nodes[0].client() as client:
            client.data_sources.add("models-v2", "ngsi-v2", f"{url}/v2")
            assert client.data_sources.test("models-v2")["passed"]
        for name in ("AirQualityObserved", "Vehicle"):
            opened = open_live(nodes[1], share(nodes[0], "models-v2", name, slug=f"v2-{name.lower()}", format="JSON"))
            assert opened.get("/entities").json() == [examples[name]]
