"""Received files are sent to tables of PostgreSQL, through terminal, API and pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from node.cli.exits import DONE
from node.cli.main import run
from node.client import Refusal
from tests.integration.agreements.test_deletion import DELETED
from tests.integration.datasources.test_shipments import ended, received
from tests.nodes import CSV, Running, publish, receive, running, table
from tests.portal_browser import post, signed_in
from tests.postgres import postgis_server
from tests.waits import until

pytestmark = pytest.mark.postgres
WRITER = {"scheme": "basic", "name": "hansa_writer", "secret": "writer-secret"}


@pytest.fixture(scope="module")
def server() -> str:
    return postgis_server()


@pytest.fixture
def admin(server: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(server, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def nodes(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, server: str
) -> Iterator[tuple[Running, Running]]:
    home = tmp_path_factory.mktemp("tables")
    info = psycopg.conninfo.conninfo_to_dict(server)
    address = f"postgresql://127.0.0.1:{info['port']}/{info['dbname']}"
    with (
        running(home / "ghent", template=sqlite_template) as ghent,
        running(home / "bruges", template=sqlite_template) as bruges,
    ):
        with bruges.client() as client:
            client.data_sources.add("db", "postgis", address, options={"sink": "yes"}, credentials=WRITER)
        yield ghent, bruges


def rows(admin: psycopg.Connection[Any], name: str) -> int:
    count = admin.execute(f"SELECT count(*) FROM received.{name}").fetchone()
    assert count is not None
    return int(count[0])


def names(admin: psycopg.Connection[Any]) -> list[str]:
    return [row[0] for row in admin.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'received'")]


def test_a_terminal_sends_to_a_table_and_a_deletion_drops_it(
    nodes: tuple[Running, Running],
    admin: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ghent, bruges = nodes
    monkeypatch.setenv("HANSA_NODE", str(bruges.folder))
    agreement, pid = received(ghent, bruges, "to-table", conditions=DELETED)
    assert run(["shipment", "send", pid, "db", "--to", "received.by_terminal_{version}"]) == DONE
    assert "received.by_terminal_1" in capsys.readouterr().out
    assert rows(admin, "by_terminal_1") == CSV.count(b"\n") - 1
    assert run(["agreement", "confirm-deletion", agreement]) == DONE
    assert "deleted by this node" in capsys.readouterr().out
    assert "by_terminal_1" not in names(admin)


def test_a_page_sends_each_version_to_a_table(nodes: tuple[Running, Running], admin: psycopg.Connection[Any]) -> None:
    ghent, bruges = nodes
    agreement, pid = received(ghent, bruges, "table-by-page")
    page = f"/received/{quote(pid, safe='')}"
    with signed_in(bruges) as browser:
        assert "public.counters" in browser.get(page).text
        refusal = post(browser, page, f"{page}/send", source="db", place="")
        assert refusal.status_code == 400
        assert "--to public.counters" in refusal.text
        answer = post(browser, page, f"{page}/send", source="db", place="received.by_page", always="1")
        assert answer.status_code == 303, answer.text
        until("it is sent", lambda: "Sent</" in browser.get(page).text)
        assert "checksum" in browser.get("/shipments").text
    assert rows(admin, "by_page") == CSV.count(b"\n") - 1
    later = table(20_000, "later")
    publish(ghent, "table-by-page", data=later)
    assert receive(bruges, agreement)["state"] == "COMPLETED"


def test_the_api_refuses_what_is_no_table_and_changed_tables_stay(
    nodes: tuple[Running, Running], admin: psycopg.Connection[Any]
) -> None:
    ghent, bruges = nodes
    agreement, pid = received(ghent, bruges, "by-api", conditions=DELETED)
    with bruges.client() as client:
        for place in ("", "counts", "received/x", "received.{name}", "pg_catalog.x"):
            with pytest.raises(Refusal, match="a database takes data into a table"):
                client.shipments.send(pid, "db", place=place)
            with pytest.raises(Refusal, match="a database takes data into a table"):
                client.shipments.order(agreement, "db", place=place)
        missing = ended(bruges, client.shipments.send(pid, "db", place="nowhere.counts"))
        # The refusal came from the database, so the node looks there again before it confirms a deletion.
        assert (missing["state"], missing["copyThere"]) == ("failed", True)
        assert "no such schema" in missing["reason"]
        shipment = ended(bruges, client.shipments.send(pid, "db", place="received.by_api"))
        assert shipment["state"] == "sent", shipment
        admin.execute("DELETE FROM received.by_api")
        with bruges.http(headers=bruges.person()) as http:
            answer = http.post(f"/api/agreements/{quote(agreement, safe='')}/confirm-deletion")
        assert answer.status_code == 409
        assert "changed since" in answer.text
        assert "by_api" in names(admin)
