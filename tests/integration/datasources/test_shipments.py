"""Received files are sent to data sources of the recipient, through terminal, API and pages: a folder, a bucket."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from node.cli.exits import DONE
from node.cli.main import run
from node.client import Refusal
from tests.integration.agreements.test_deletion import DELETED
from tests.integration.datasources.servers import standing
from tests.nodes import CSV, Running, agree, publish, receive, running, table
from tests.portal_browser import post, signed_in
from tests.simulator.s3_sinks import BucketSink
from tests.waits import until

WRITER = {"scheme": "basic", "name": "writer", "secret": "writer-secret"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("open")


@pytest.fixture(scope="module")
def bucket() -> Iterator[tuple[BucketSink, str]]:
    server = BucketSink()
    with standing(server.app()) as url:
        yield server, f"{url}/city/in/"


@pytest.fixture(scope="module")
def nodes(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, folder: Path, bucket: tuple[BucketSink, str]
) -> Iterator[tuple[Running, Running]]:
    """A provider, and a recipient with a folder and a bucket that take data, and a folder that does not."""
    home = tmp_path_factory.mktemp("shipments")
    closed = tmp_path_factory.mktemp("closed")
    with (
        running(home / "ghent", template=sqlite_template) as ghent,
        running(home / "bruges", template=sqlite_template, data_source_folders=[str(folder), str(closed)]) as bruges,
    ):
        with bruges.client() as client:
            client.data_sources.add("files", "folder", str(folder), options={"sink": "yes"})
            client.data_sources.add("closed", "folder", str(closed))
            client.data_sources.add("bucket", "s3", bucket[1], options={"sink": "yes"}, credentials=WRITER)
        yield ghent, bruges


@pytest.fixture
def ghent(nodes: tuple[Running, Running]) -> Running:
    return nodes[0]


@pytest.fixture
def bruges(nodes: tuple[Running, Running], bucket: tuple[BucketSink, str]) -> Running:
    server, _ = bucket
    server.fault, server.rival, server.deaf_end = 0, b"", False
    return nodes[1]


def received(ghent: Running, bruges: Running, slug: str, **options: Any) -> tuple[str, str]:
    """An agreement, and a transfer under it that has arrived."""
    agreement = str(agree(bruges, publish(ghent, slug, **options)["iri"])["agreementId"])
    return agreement, str(receive(bruges, agreement)["pid"])


def ended(node: Running, shipment: dict[str, Any]) -> dict[str, Any]:
    with node.client() as client:

        def look() -> dict[str, Any] | None:
            state = client.shipments.shipment(shipment["id"])
            return state if state["state"] not in ("queued", "sending") else None

        return until("the shipment ends", look)


def sent(node: Running, pid: str, source: str, place: str = "") -> dict[str, Any]:
    with node.client() as client:
        return ended(node, client.shipments.send(pid, source, place=place))


def test_a_terminal_sends_to_a_folder(
    ghent: Running,
    bruges: Running,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HANSA_NODE", str(bruges.folder))
    _, pid = received(ghent, bruges, "by-terminal")
    assert run(["shipment", "send", pid, "files", "--to", "by-terminal/{version}/"]) == DONE
    output = capsys.readouterr().out
    assert "sent to files" in output
    assert "by-terminal/1/by-terminal.csv" in output
    place = folder / "by-terminal" / "1"
    assert [path.name for path in place.iterdir()] == ["by-terminal.csv"]
    assert (place / "by-terminal.csv").read_bytes() == CSV
    # Once more is the same shipment.
    assert run(["--json", "shipment", "send", pid, "files", "--to", "by-terminal/{version}/"]) == DONE
    again = json.loads(capsys.readouterr().out)
    assert (again["state"], again["attempts"], again["sha256"]) == ("sent", 1, hashlib.sha256(CSV).hexdigest())
    # A copy that somebody deleted is sent again when a person asks.
    (place / "by-terminal.csv").unlink()
    assert run(["shipment", "retry", again["id"]]) == DONE
    assert (place / "by-terminal.csv").read_bytes() == CSV
    assert run(["shipment", "retry", again["id"]]) == DONE
    assert "the same content was there already" in capsys.readouterr().out
    run(["shipment", "list"])
    assert again["id"] in capsys.readouterr().out
    assert str(folder) not in json.dumps(again)


def test_a_page_sends_to_a_bucket_and_everything_later(
    ghent: Running, bruges: Running, bucket: tuple[BucketSink, str]
) -> None:
    server, _ = bucket
    agreement, pid = received(ghent, bruges, "by-page")
    page = f"/received/{quote(pid, safe='')}"
    with signed_in(bruges) as browser:
        form = browser.get(page).text
        assert "Send to a data source" in form
        assert '<option value="bucket">' in form
        assert "closed" not in form
        answer = post(browser, page, f"{page}/send", source="bucket", place="by-page/", always="1")
        assert answer.status_code == 303, answer.text
        until("it is sent", lambda: "Sent</" in browser.get(page).text)
        assert server.objects["in/by-page/by-page.csv"].body == CSV
        # The next version replaces the first, which this node has sent.
        publish(ghent, "by-page", data=table(20_000, "later"))
        with bruges.client() as client:
            assert receive(bruges, agreement)["state"] == "COMPLETED"
            known = until(
                "the new version is sent",
                lambda: [
                    shipment
                    for shipment in client.shipments.all()["shipments"]
                    if shipment["agreement"] == agreement and shipment["state"] != "queued"
                ],
            )
            assert {shipment["state"] for shipment in known} <= {"sent", "sending", "replaced"}, known
        listed = browser.get("/shipments").text
        assert "by-page/{name}" in listed
        with bruges.client() as client:
            order = next(each for each in client.shipments.all()["orders"] if each["agreement"] == agreement)
        assert post(browser, "/shipments", f"/shipments/orders/{order['id']}/stop").status_code == 303
        assert "by-page/{name}" not in browser.get("/shipments").text


def test_an_order_sends_each_version_that_arrives(ghent: Running, bruges: Running, folder: Path) -> None:
    iri = publish(ghent, "ordered")["iri"]
    agreement = str(agree(bruges, iri)["agreementId"])
    with bruges.client() as client:
        order = client.shipments.order(agreement, "files", place="ordered/{name}")
        assert client.shipments.order(agreement, "files", place="ordered/{name}") == order
        receive(bruges, agreement)
        place = folder / "ordered" / "ordered.csv"
        until("the first version is there", lambda: place.exists() and place.read_bytes() == CSV)

        def states() -> list[str]:
            shipments = client.shipments.all()["shipments"]
            return [shipment["state"] for shipment in shipments if shipment["agreement"] == agreement]

        until("it is recorded", lambda: states() == ["sent"])
        later = table(20_000, "later")
        second = str(agree(bruges, publish(ghent, "ordered", data=later)["iri"])["agreementId"])
        client.shipments.order(second, "files", place="ordered/{name}")
        receive(bruges, second)
        until("the second version is there", lambda: place.read_bytes() == later)
        until("the first is recorded as replaced", lambda: states() == ["replaced"])
        first = next(each for each in client.shipments.all()["shipments"] if each["agreement"] == agreement)
        with pytest.raises(Refusal, match="a later version"):
            client.shipments.retry(first["id"])
        client.shipments.stop(order["id"])


def test_an_earlier_version_that_waited_does_not_replace_a_later_one(
    ghent: Running, bruges: Running, bucket: tuple[BucketSink, str]
) -> None:
    server, _ = bucket
    _, first = received(ghent, bruges, "overtaken")
    later = table(20_000, "later")
    _, second = received(ghent, bruges, "overtaken", data=later)
    server.fault = 503
    with bruges.client() as client:
        earlier = client.shipments.send(first, "bucket")
        until("an attempt fails", lambda: _with_reason(client.shipments.shipment(earlier["id"]), "queued"))
        newer = client.shipments.send(second, "bucket")
        server.fault = 0
        # The later one stays, whichever comes first.
        assert ended(bruges, newer)["state"] == "sent"
        assert ended(bruges, earlier)["state"] in ("replaced", "sent")
        until("the earlier is replaced", lambda: client.shipments.shipment(earlier["id"])["state"] == "replaced")
    assert server.objects["in/overtaken.csv"].body == later


def test_what_somebody_else_put_there_stays(ghent: Running, bruges: Running, folder: Path) -> None:
    _, pid = received(ghent, bruges, "taken")
    (folder / "taken.csv").write_bytes(b"theirs")
    shipment = sent(bruges, pid, "files")
    assert (shipment["state"], shipment["copyThere"]) == ("failed", False)
    assert "something else" in shipment["reason"]
    assert shipment["remedy"]
    assert (folder / "taken.csv").read_bytes() == b"theirs"


def test_a_bucket_that_is_away_gets_it_later(ghent: Running, bruges: Running, bucket: tuple[BucketSink, str]) -> None:
    server, _ = bucket
    _, pid = received(ghent, bruges, "later")
    server.fault = 503
    with bruges.client() as client:
        shipment = client.shipments.send(pid, "bucket")
        waiting = until("an attempt fails", lambda: _with_reason(client.shipments.shipment(shipment["id"]), "queued"))
        assert "data source" in waiting["reason"]
        server.fault = 0
        assert ended(bruges, shipment)["state"] == "sent"
    assert server.objects["in/later.csv"].body == CSV


def _with_reason(shipment: dict[str, Any], state: str) -> dict[str, Any] | None:
    return shipment if shipment["reason"] and shipment["state"] == state else None


@pytest.mark.parametrize(("status", "reason"), [(403, "credentials"), (301, "redirect"), (400, "does not take")])
def test_a_bucket_that_says_no_is_not_asked_again(
    ghent: Running, bruges: Running, bucket: tuple[BucketSink, str], status: int, reason: str
) -> None:
    server, _ = bucket
    _, pid = received(ghent, bruges, f"refused-{status}")
    server.fault = status
    shipment = sent(bruges, pid, "bucket")
    assert (shipment["state"], shipment["attempts"]) == ("failed", 1)
    assert reason in shipment["reason"]
    server.fault = 0
    with bruges.client() as client:
        assert ended(bruges, client.shipments.retry(shipment["id"]))["state"] == "sent"


def test_sixty_four_callers_send_once(ghent: Running, bruges: Running, bucket: tuple[BucketSink, str]) -> None:
    server, _ = bucket
    _, pid = received(ghent, bruges, "crowd")
    server.methods.clear()
    with bruges.http(headers=bruges.person()) as http, ThreadPoolExecutor(64) as threads:
        body = {"transfer": pid, "source": "bucket", "place": "crowd/"}
        answers = list(threads.map(lambda _: http.post("/api/shipments", json=body), range(64)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert ended(bruges, answers[0].json())["state"] == "sent"
    assert server.methods.count("PUT") == 1


@pytest.mark.parametrize(
    ("source", "place", "status"),
    [
        ("closed", "", 404),
        ("nowhere", "", 404),
        ("files", "../out.csv", 400),
        ("files", "/etc/passwd", 400),
        ("files", ".hidden", 400),
        ("files", "a/{secret}", 400),
        ("files", "a" * 900, 400),
        ("files", "a\u202eb\x00", 400),
    ],
)
def test_places_that_are_none_are_refused(
    ghent: Running, bruges: Running, source: str, place: str, status: int, folder: Path
) -> None:
    pid = _any_transfer(ghent, bruges)
    with bruges.client() as client:
        before = sorted(folder.rglob("*"))
        with pytest.raises(Refusal) as refusal:
            client.shipments.send(pid, source, place=place)
        assert refusal.value.http_status == status
        assert refusal.value.remedy
        assert sorted(folder.rglob("*")) == before


_transfers: dict[int, str] = {}


def _any_transfer(ghent: Running, bruges: Running) -> str:
    if id(bruges) not in _transfers:
        _transfers[id(bruges)] = received(ghent, bruges, "any")[1]
    return _transfers[id(bruges)]


def test_only_what_was_verified_is_sent(ghent: Running, bruges: Running) -> None:
    _, pid = received(ghent, bruges, "unsigned")
    stores = bruges.node.parts.stores
    with stores.uow.begin() as tx:
        reception = stores.transfer.receptions.get(tx, pid)
        assert reception is not None
        stores.transfer.receptions.put(tx, replace(reception, facts={"verified": False}))
    with bruges.client() as client, pytest.raises(Refusal, match="nobody signed"):
        client.shipments.send(pid, "files")


def test_a_file_that_changed_here_is_not_sent(ghent: Running, bruges: Running, folder: Path) -> None:
    _, pid = received(ghent, bruges, "changed")
    stores = bruges.node.parts.stores
    with stores.uow.read() as tx:
        reception = stores.transfer.receptions.get(tx, pid)
    assert reception is not None
    (bruges.node.parts.places.inbox / str(reception.path)).write_bytes(b"x" * len(CSV))
    shipment = sent(bruges, pid, "files")
    assert "no longer what was verified" in shipment["reason"]
    assert not (folder / "changed.csv").exists()


def test_roles(ghent: Running, bruges: Running) -> None:
    accounts = bruges.node.people.users.accounts
    from datetime import timedelta

    from node.identity.model import UserRole

    accounts.add_locally("shipper", "Auditor", [UserRole.AUDITOR], "a long password for looking")
    token = accounts.issue_token("shipper", "x", timedelta(hours=1))
    with bruges.http(headers={"Authorization": f"Bearer {token}"}) as http:
        assert http.get("/api/shipments").status_code == 403
        body = {"transfer": "urn:x", "source": "files"}
        assert http.post("/api/shipments", json=body).status_code == 403


def test_a_kind_that_takes_nothing_cannot_be_allowed(bruges: Running) -> None:
    with bruges.client() as client:
        with pytest.raises(Refusal, match="takes no data"):
            client.data_sources.add("web", "features", "http://127.0.0.1:1/", options={"sink": "yes"})
        with pytest.raises(Refusal, match="sink is yes"):
            client.data_sources.add("web", "http", "http://127.0.0.1:1/", options={"sink": "maybe"})


class TestDeletion:
    """What the agreement obliges to delete, the node deletes where it sent it."""

    def confirm(self, bruges: Running, agreement: str) -> httpx2.Response:
        with bruges.http(headers=bruges.person()) as http:
            return http.post(f"/api/agreements/{quote(agreement, safe='')}/confirm-deletion")

    def test_copies_go_first(
        self,
        ghent: Running,
        bruges: Running,
        folder: Path,
        bucket: tuple[BucketSink, str],
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setenv("HANSA_NODE", str(bruges.folder))
        server, _ = bucket
        agreement, pid = received(ghent, bruges, "to-delete", conditions=DELETED)
        for source in ("files", "bucket"):
            assert sent(bruges, pid, source)["state"] == "sent"
        with bruges.client() as client:
            client.shipments.order(agreement, "files")
        with signed_in(bruges) as browser:
            page = browser.get(f"/agreements/{quote(agreement, safe='')}").text
            assert "This node sent copies" in page
            assert "to-delete.csv" in page
        assert run(["agreement", agreement]) == DONE
        assert "at bucket: to-delete.csv" in capsys.readouterr().out
        assert run(["agreement", "confirm-deletion", agreement]) == DONE
        output = capsys.readouterr().out
        assert output.count("deleted by this node") == 2
        assert not (folder / "to-delete.csv").exists()
        assert "in/to-delete.csv" not in server.objects
        with bruges.client() as client:
            states = {
                shipment["state"]
                for shipment in client.shipments.all()["shipments"]
                if shipment["agreement"] == agreement
            }
            assert states == {"removed"}
            assert agreement not in [order["agreement"] for order in client.shipments.all()["orders"]]
            with pytest.raises(Refusal, match="deleted"):
                client.shipments.send(pid, "files")

    def test_a_copy_that_cannot_be_deleted_stops_the_confirmation(
        self, ghent: Running, bruges: Running, bucket: tuple[BucketSink, str]
    ) -> None:
        server, _ = bucket
        agreement, pid = received(ghent, bruges, "stays", conditions=DELETED)
        shipment = sent(bruges, pid, "bucket")
        server.fault = 503
        answer = self.confirm(bruges, agreement)
        assert answer.status_code == 409
        assert "stays.csv at bucket is not deleted" in answer.text
        assert shipment["id"] in answer.json()["remedy"]
        with bruges.client() as client:
            assert client.agreement(agreement)["deletion"]["confirmed"] is None
            assert client.raw(f"/api/transfers/{quote(pid, safe='')}/content") == CSV
        server.fault = 0
        server.objects["in/stays.csv"].described["x-amz-meta-sha256"] = "0" * 64
        answer = self.confirm(bruges, agreement)
        assert "changed since" in answer.text
        with bruges.client() as client:
            client.shipments.state_removal(shipment["id"])
        answer = self.confirm(bruges, agreement)
        assert answer.status_code == 200, answer.text
        assert "by hand" in answer.json()["copies"][0]["result"]
        assert "in/stays.csv" in server.objects

    def test_a_copy_at_an_address_that_changed_is_named(
        self, ghent: Running, bruges: Running, bucket: tuple[BucketSink, str]
    ) -> None:
        server, address = bucket
        agreement, pid = received(ghent, bruges, "moved", conditions=DELETED)
        with bruges.client() as client:
            client.data_sources.add("moving", "s3", address, options={"sink": "yes"}, credentials=WRITER)
            assert sent(bruges, pid, "moving")["state"] == "sent"
            elsewhere = address.replace("/in/", "/out/")
            client.data_sources.add("moving", "s3", elsewhere, options={"sink": "yes"}, credentials=WRITER)
            answer = self.confirm(bruges, agreement)
            assert (answer.status_code, "another address" in answer.text) == (409, True)
            client.data_sources.add("moving", "s3", address, options={"sink": "yes"}, credentials=WRITER)
            assert self.confirm(bruges, agreement).status_code == 200
        assert "in/moved.csv" not in server.objects
