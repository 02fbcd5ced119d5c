"""Received files are pushed to a web server of the recipient, through terminal, API and pages."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from node.cli.exits import DONE
from node.cli.main import run
from node.client import Refusal
from tests.integration.agreements.test_deletion import DELETED
from tests.integration.datasources.servers import standing
from tests.integration.datasources.test_shipments import ended, received, sent
from tests.nodes import CSV, Running, running
from tests.portal_browser import post, signed_in
from tests.simulator.web_sinks import WebSink
from tests.waits import until

TOKEN = {"scheme": "bearer", "secret": "writer-secret"}


@pytest.fixture(scope="module")
def intake() -> Iterator[tuple[WebSink, str]]:
    server = WebSink()
    with standing(server.app()) as url:
        yield server, f"{url}/intake/"


@pytest.fixture(scope="module")
def nodes(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, intake: tuple[WebSink, str]
) -> Iterator[tuple[Running, Running]]:
    home = tmp_path_factory.mktemp("pushes")
    with (
        running(home / "ghent", template=sqlite_template) as ghent,
        running(home / "bruges", template=sqlite_template) as bruges,
    ):
        with bruges.client() as client:
            client.data_sources.add("web", "http", intake[1], options={"sink": "yes"}, credentials=TOKEN)
        yield ghent, bruges


def test_a_terminal_pushes_and_a_deletion_deletes(
    nodes: tuple[Running, Running],
    intake: tuple[WebSink, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (ghent, bruges), server = nodes, intake[0]
    monkeypatch.setenv("HANSA_NODE", str(bruges.folder))
    agreement, pid = received(ghent, bruges, "pushed", conditions=DELETED)
    assert run(["--json", "shipment", "send", pid, "web", "--to", "in/{version}/"]) == DONE
    shipment = json.loads(capsys.readouterr().out)
    assert (shipment["state"], shipment["sha256"]) == ("sent", hashlib.sha256(CSV).hexdigest())
    assert server.files["in/1/pushed.csv"] == CSV
    assert run(["agreement", "confirm-deletion", agreement]) == DONE
    assert "deleted by this node" in capsys.readouterr().out
    assert server.files == {}


def test_a_page_pushes(nodes: tuple[Running, Running], intake: tuple[WebSink, str]) -> None:
    (ghent, bruges), server = nodes, intake[0]
    _, pid = received(ghent, bruges, "pushed-by-page")
    page = f"/received/{quote(pid, safe='')}"
    with signed_in(bruges) as browser:
        assert '<option value="web">' in browser.get(page).text
        assert post(browser, page, f"{page}/send", source="web", place="").status_code == 303
        until("it is sent", lambda: "Sent</" in browser.get(page).text)
    assert server.files["pushed-by-page.csv"] == CSV


def test_a_busy_server_gets_it_later_and_a_full_one_is_said(
    nodes: tuple[Running, Running], intake: tuple[WebSink, str]
) -> None:
    (ghent, bruges), server = nodes, intake[0]
    _, pid = received(ghent, bruges, "pushed-later")
    server.fault = 507
    with bruges.client() as client:
        shipment = client.shipments.send(pid, "web")

        def look() -> str:
            return str(client.shipments.shipment(shipment["id"])["reason"])

        assert "full" in until("an attempt fails", look)
        server.fault = 0
        assert ended(bruges, shipment)["state"] == "sent"
    server.fault = 413
    large = sent(bruges, pid, "web", "elsewhere.csv")
    server.fault = 0
    assert (large["state"], large["attempts"]) == ("failed", 1)
    assert "larger than" in large["reason"]
    with bruges.client() as client, pytest.raises(Refusal, match="put or post"):
        client.data_sources.add("odd", "http", intake[1], options={"sink": "yes", "method": "patch"})
