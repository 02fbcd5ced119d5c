"""Runs and exchanges reach a catalogue of lineage as events of OpenLineage, a start before each end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from node.base.ids import new_urn
from node.cli.exits import DONE, REFUSED
from node.cli.main import run
from node.ledger.model import EntryKind
from tests.fakes.clock import JumpingClock
from tests.fakes.webhook_receivers import MemoryReceivers
from tests.integration.datasources.live_data import share
from tests.integration.datasources.servers import standing
from tests.integration.scenarios.sums import publish_counting
from tests.integration.webhooks.bench import EVA, Bench
from tests.nodes import Running, agree, publish, receive, running
from tests.runs import ended
from tests.simulator.lineage_catalogue import LineageCatalogue, is_run_event, types
from tests.stores import Stores
from tests.waits import until

KINDS = ("openlineage.run", "openlineage.exchange")
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"station": {"type": "string"}, "at": {"type": "string"}, "minutes": {"type": "number"}},
    "required": ["station", "at", "minutes"],
}


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[tuple[Running, Running]]:
    home = tmp_path_factory.mktemp("lineage")
    with (
        running(home / "ghent", template=sqlite_template) as ghent,
        running(home / "bruges", template=sqlite_template) as bruges,
    ):
        yield ghent, bruges


@contextmanager
def catalogue_of(node: Running, name: str) -> Iterator[LineageCatalogue]:
    """A catalogue that ``node`` tells about lineage."""
    catalogue = LineageCatalogue()
    with standing(catalogue.app()) as url, node.client() as client:
        client.webhooks.add(name, f"{url}/api/v1/lineage", kinds=KINDS)
        yield catalogue
        client.webhooks.remove(name)


def test_a_run_is_told_when_it_starts_and_when_it_has_ended(nodes: tuple[Running, Running]) -> None:
    ghent, _ = nodes
    publish_counting(ghent, "waiting", "delays", "minutes", "min", gives="seconds", in_unit="s")
    with ghent.client() as client:
        client.streams.add("delays", SCHEMA, subject="station")
        client.streams.send("delays", [{"station": "a", "at": "2026-01-01T08:00:00Z", "minutes": 2.5}])
    iri = share(ghent, "streams", "delays", slug="delays", format="JSON")
    window = {"from": "2026-01-01T08:00:00Z", "to": "2026-01-01T09:00:00Z"}
    request = {"scenario": "scenario/waiting", "inputs": {"delays": {"dataset": iri, "window": window}}}
    with catalogue_of(ghent, "marquez") as catalogue, ghent.client() as client:
        pid = client.scenarios.start(request)["pid"]
        outcome = ended(ghent, pid)
        run_id = pid.removeprefix("urn:uuid:")
        until("both are told", lambda: len(catalogue.of(run_id)) == 2)
        start, end = catalogue.of(run_id)
        assert (outcome["state"], start["eventType"], end["eventType"]) == ("successful", "START", "COMPLETE")
        assert start["eventTime"] < end["eventTime"]
        assert start["job"] == end["job"]
        assert start["job"]["namespace"] == ghent.did
        assert start["job"]["name"].endswith("/waiting")
        inputs = {entry["name"]: entry for entry in start["inputs"]}
        assert inputs[iri]["namespace"] == ghent.did
        assert inputs[iri]["facets"]["version"]["datasetVersion"] == "1"
        assert start["outputs"] == []
        (output,) = end["outputs"]
        assert output["name"] == pid
        assert output["facets"]["version"]["datasetVersion"] == outcome["result"]
        assert client.webhooks.deliveries("marquez")[0]["state"] == "delivered"


@pytest.mark.parametrize(("state", "kind"), [("failed", "FAIL"), ("dismissed", "ABORT"), ("running", "START")])
def test_other_ends_of_a_run_are_told_too(database_stores: Stores, state: str, kind: str) -> None:
    """Also those of earlier releases, whose entries name no inputs."""
    receivers = MemoryReceivers()
    bench = Bench(database_stores, receivers, clock=JumpingClock())
    bench.webhooks.add("marquez", "https://marquez.example/api/v1/lineage", EVA, kinds=["openlineage.run"])
    pid = new_urn()
    body = {"run": pid, "state": state, "scenario": "urn:s", "version": 3, "error": "no-data"}
    if state != "failed":
        del body["error"]
    bench.enter(EntryKind.RUN, pid, body)
    bench.queue()
    bench.drive()
    ((_, headers, content),) = receivers.requests
    event = json.loads(content)
    assert headers["Content-Type"] == "application/json"
    assert is_run_event(event)
    assert (event["eventType"], event["run"]["runId"]) == (kind, pid.removeprefix("urn:uuid:"))
    message = event["run"]["facets"].get("errorMessage", {}).get("message")
    assert message == ("no-data" if state == "failed" else None)
    assert [entry["name"] for entry in event["inputs"]] == ["urn:s"]


def test_an_exchange_is_told_on_both_sides_as_the_same_data(nodes: tuple[Running, Running]) -> None:
    ghent, bruges = nodes
    iri = publish(ghent, "exchanged")["iri"]
    with catalogue_of(ghent, "here") as provider, catalogue_of(bruges, "there") as consumer:
        receive(bruges, str(agree(bruges, iri)["agreementId"]))
        for side in (provider, consumer):
            until("the end is told", partial(side.has_told, "COMPLETE"))
            assert types(side.events) == ["START", "COMPLETE"]
            for event in side.events:
                assert [(entry["namespace"], entry["name"]) for entry in event["inputs"]] == [(ghent.did, iri)]
                assert [(entry["namespace"], entry["name"]) for entry in event["outputs"]] == [(bruges.did, iri)]
                assert event["job"]["name"] == f"exchange of {iri}"


def test_a_webhook_without_kinds_is_told_no_lineage_and_a_mix_is_refused(
    nodes: tuple[Running, Running], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ghent, _ = nodes
    monkeypatch.setenv("HANSA_NODE", str(ghent.folder))
    catalogue = LineageCatalogue()
    with standing(catalogue.app()) as url:
        address = f"{url}/api/v1/lineage"
        add = ["webhook", "add", "mixed", address, "--kind", "openlineage.run"]
        assert run([*add, "--kind", "hansa.run.failed"]) == REFUSED
        assert "register two webhooks" in capsys.readouterr().err
        assert run(add) == DONE
        assert run(["webhook", "test", "mixed"]) == DONE
        assert run(["webhook", "remove", "mixed"]) == DONE
    assert types(catalogue.events) == ["OTHER"]
    with ghent.client() as client:
        assert set(KINDS) <= set(client.webhooks.all()["kinds"])
