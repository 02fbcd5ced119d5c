"""Received files are sent to a context broker of the recipient, through terminal, API and pages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from node.cli.exits import DONE
from node.cli.main import run
from node.client import Refusal
from tests.fakes.entity_broker import EntityStore
from tests.integration.agreements.test_deletion import DELETED
from tests.integration.datasources.servers import standing
from tests.integration.datasources.test_shipments import ended, received
from tests.nodes import Running, publish, receive, running
from tests.portal_browser import post, signed_in
from tests.waits import until

TOKEN = {"scheme": "bearer", "secret": "writer-secret"}
CSV = b"station,count\nKorenmarkt,12\nDampoort,7\n"


@pytest.fixture(scope="module")
def broker() -> Iterator[tuple[EntityStore, str]]:
    store = EntityStore()
    with standing(store.app()) as url:
        yield store, f"{url}/ngsi-ld/v1"


@pytest.fixture(scope="module")
def nodes(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, broker: tuple[EntityStore, str]
) -> Iterator[tuple[Running, Running]]:
    home = tmp_path_factory.mktemp("entities")
    with (
        running(home / "ghent", template=sqlite_template) as ghent,
        running(home / "bruges", template=sqlite_template) as bruges,
    ):
        with bruges.client() as client:
            client.data_sources.add("broker", "ngsi-ld", broker[1], options={"sink": "yes"}, credentials=TOKEN)
        yield ghent, bruges


@pytest.fixture
def store(broker: tuple[EntityStore, str]) -> EntityStore:
    broker[0].entities.clear()
    broker[0].fault, broker[0].ends_after = 0, None
    return broker[0]


def test_a_terminal_sends_entities_and_a_deletion_deletes_them(
    nodes: tuple[Running, Running],
    store: EntityStore,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ghent, bruges = nodes
    monkeypatch.setenv("HANSA_NODE", str(bruges.folder))
    agreement, pid = received(ghent, bruges, "to-broker", data=CSV, conditions=DELETED)
    assert run(["--json", "shipment", "send", pid, "broker", "--to", "ghent/Counter.station"]) == DONE
    assert json.loads(capsys.readouterr().out)["state"] == "sent"
    counts = {name: entity["count"]["value"] for name, entity in store.of("Counter").items()}
    assert counts == {"urn:ngsi-ld:Counter:Korenmarkt": 12, "urn:ngsi-ld:Counter:Dampoort": 7}
    (record,) = store.of("HansaShipment").values()
    assert (record["transfer"]["value"], record["state"]["value"]) == (pid, "whole")
    assert run(["agreement", "confirm-deletion", agreement]) == DONE
    assert "deleted by this node" in capsys.readouterr().out
    assert store.entities == {}


def test_a_page_sends_each_version(nodes: tuple[Running, Running], store: EntityStore) -> None:
    ghent, bruges = nodes
    agreement, pid = received(ghent, bruges, "broker-by-page", data=CSV)
    page = f"/received/{quote(pid, safe='')}"
    with signed_in(bruges) as browser:
        assert "TrafficCounter.station" in browser.get(page).text
        refusal = post(browser, page, f"{page}/send", source="broker", place="")
        assert refusal.status_code == 400
        assert "--to TrafficCounter.station" in refusal.text
        answer = post(browser, page, f"{page}/send", source="broker", place="Counter.station", always="1")
        assert answer.status_code == 303, answer.text
        until("it is sent", lambda: "Sent</" in browser.get(page).text)
    publish(ghent, "broker-by-page", data=b"station,count\nKorenmarkt,13\nSint-Jacobs,1\n")
    assert receive(bruges, agreement)["state"] == "COMPLETED"

    def counts() -> bool:
        values = {entity["count"]["value"] for entity in store.of("Counter").values()}
        return values == {13, 1} and [record["state"]["value"] for record in store.of("HansaShipment").values()] == [
            "whole"
        ]

    until("the later version is there", counts)


def test_the_api_refuses_what_is_no_type_and_says_why_a_file_does_not_fit(
    nodes: tuple[Running, Running], store: EntityStore
) -> None:
    ghent, bruges = nodes
    agreement, pid = received(ghent, bruges, "broker-by-api", data=CSV, conditions=DELETED)
    with bruges.client() as client:
        for place in ("", "received/", "7.station", "{name}/x y"):
            with pytest.raises(Refusal, match=r"a context broker takes data as entities|no place for a file"):
                client.shipments.send(pid, "broker", place=place)
            with pytest.raises(Refusal, match=r"a context broker takes data as entities|no place for a file"):
                client.shipments.order(agreement, "broker", place=place)
        wrong = ended(bruges, client.shipments.send(pid, "broker", place="Counter.place"))
        assert wrong["state"] == "failed"
        assert "no column place" in wrong["reason"]
        store.ends_after = 3
        waiting = client.shipments.send(pid, "broker", place="Counter.station")

        def reason() -> str:
            return str(client.shipments.shipment(waiting["id"])["reason"])

        assert "busy" in until("an attempt fails", reason)
        store.ends_after = None
        assert ended(bruges, waiting)["state"] == "sent"
        name = "urn:ngsi-ld:Counter:Dampoort"
        theirs = {**store.entities[name], "count": {"type": "Property", "value": 8}}
        store.entities[name] = theirs
        with bruges.http(headers=bruges.person()) as http:
            address = f"/api/agreements/{quote(agreement, safe='')}/confirm-deletion"
            answer = http.post(address)
            assert answer.status_code == 409
            assert "changed since" in answer.text
            assert store.entities[name] == theirs
            store.entities[name] = {**theirs, "count": {"type": "Property", "value": 7}}
            assert http.post(address).status_code == 200
        assert store.entities == {}
