"""Received data are compared with the schemas that their description names, and marked: page, API and terminal."""

from __future__ import annotations

import html
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from node.cli.exits import DONE
from node.semantics.schemas import file_check
from node.transfer.receiving import data_checks
from node.vocab.dsp import PULL, PUSH
from tests.integration.meaning.test_data_checks import BAD, FLOW, GOOD, described
from tests.integration.meaning.test_data_checks import publish as publish_fields
from tests.nodes import Running, agree, running, until
from tests.portal_browser import signed_in
from tests.terminal import typed

City = tuple[Running, Running]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[City]:
    home = tmp_path_factory.mktemp("arrival")
    with (
        running(home / "city", template=sqlite_template) as city,
        running(home / "partner", template=sqlite_template) as partner,
        city.http(headers={"Authorization": f"Bearer {city.token}"}) as http,
    ):
        assert publish_fields(http, described("schema", "flow", version="3", definition=FLOW)).status_code == 201
        with partner.client() as client:
            client.follow(city.url)
        yield city, partner


def offered(nodes: City, name: str, data: bytes, media_type: str = "text/csv") -> str:
    """The address of a dataset that conforms to the schema by its own statement, once the partner knows it."""
    city, partner = nodes
    with city.http(headers={"Authorization": f"Bearer {city.token}"}) as http, partner.client() as client:
        headers = {"X-File-Name": f"{name}.csv", "Content-Type": media_type}
        file = http.post("/api/files", content=data, headers=headers).json()
        answer = publish_fields(http, described("dataset", name, conforms_to="schema/flow"), file)
        assert answer.status_code == 201, answer.text
        iri = str(answer.json()["iri"])
        until("the partner knows it", lambda: client.search(name)["total"])
    return iri


def received(partner: Running, iri: str, *, way: str = PULL) -> tuple[str, dict[str, Any]]:
    with partner.client() as client:
        wish = {"agreementId": str(agree(partner, iri)["agreementId"]), "format": way}
        pid = str(client.call("POST", "/api/transfers", json=wish)["pid"])

        def done() -> dict[str, Any] | None:
            reception = client.transfer_state(pid, wait=1)["reception"]
            return dict(reception["facts"]) if reception and reception["state"] == "done" else None

        return pid, until("it is received", done)


def test_faults_are_marked_and_nothing_of_the_cells_is_kept(
    nodes: City, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    city, partner = nodes
    iri = offered(nodes, "faulty", BAD)
    pid, facts = received(partner, iri)
    (check,) = facts["schemaChecks"]
    assert check["schema"] == f"{city.url}/schemas/flow"
    assert (check["version"], check["rows"], check["count"], check["obstacle"]) == (1, 3, 3, "")
    assert [(one["row"], one["column"], one["what"]) for one in check["breaches"]] == [
        (2, "segment", "pattern"),
        (2, "intensity", "more"),
        (3, "intensity", "number"),
    ]
    assert not any(cell in str(check["breaches"]) for cell in ("x2", "901", "many"))
    with signed_in(partner) as browser:
        page = html.unescape(browser.get(f"/received/{pid}").text)
        assert "3 faults in 3 rows" in page
        assert "row 2, intensity: the value is more than is allowed (900)" in page
        dutch = html.unescape(browser.get(f"/received/{pid}?lang=nl").text)
        assert "de waarde" in dutch
    status, text = typed(partner, capsys, "get", iri, "-o", str(tmp_path / "faulty.csv"))
    assert status == DONE, "it marks, and refuses nothing"
    assert "3 faults in 3 rows" in text
    assert (tmp_path / "faulty.csv").read_bytes() == BAD


def test_data_that_fit_are_said_to_fit(nodes: City, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    _, partner = nodes
    iri = offered(nodes, "fitting", GOOD)
    pid, facts = received(partner, iri)
    assert [check["count"] for check in facts["schemaChecks"]] == [0]
    with signed_in(partner) as browser:
        assert "No breach was found: 2 rows checked." in browser.get(f"/received/{pid}").text
    assert (
        "2 rows checked against flow, version 1"
        in typed(partner, capsys, "get", iri, "-o", str(tmp_path / "fitting.csv"))[1]
    )


def test_what_cannot_be_checked_is_said(nodes: City) -> None:
    _, partner = nodes
    pid, facts = received(partner, offered(nodes, "broken", b'[{"segment": "s1"', "application/json"))
    (check,) = facts["schemaChecks"]
    with signed_in(partner) as browser:
        shown = browser.get(f"/received/{pid}").text
    assert check["obstacle"] == "unreadable"
    assert "cannot be read as rows" in shown


def facts_later(partner: Running, pid: str) -> dict[str, Any]:
    """The facts of a reception once its data are checked."""

    def done() -> dict[str, Any] | None:
        with partner.client() as client:
            facts = dict(client.transfer_state(pid)["reception"]["facts"])
        return None if facts["schemaChecks"][0]["obstacle"] == "later" else facts

    return until("its data are checked", done)


def test_a_large_file_is_checked_in_the_background(
    nodes: City, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    _, partner = nodes
    checks = partner.node.protocol.transfer.receive.checks.data
    assert isinstance(checks, data_checks.CheckReceivedData)
    monkeypatch.setattr(checks, "_largest", 10)
    # Publishing compares the file too, in the same process.
    iri = offered(nodes, "large", BAD)
    goes_on, check_data = threading.Event(), file_check.FileCheck.__call__

    def wait(self: file_check.FileCheck, *words: Any, **more: Any) -> Any:
        assert goes_on.wait(60)
        return check_data(self, *words, **more)

    monkeypatch.setattr(file_check.FileCheck, "__call__", wait)
    pid, facts = received(partner, iri)
    assert [check["obstacle"] for check in facts["schemaChecks"]] == ["later"], "nobody waits for the check"
    with signed_in(partner) as browser:
        assert "checked in the background" in browser.get(f"/received/{pid}").text
    status, text = typed(partner, capsys, "get", iri, "-o", str(tmp_path / "large.csv"))
    assert (status, "the check goes on in the background" in text) == (DONE, True), text
    goes_on.set()
    (check,) = facts_later(partner, pid)["schemaChecks"]
    assert (check["rows"], check["count"], check["obstacle"], check["is_whole"]) == (3, 3, "", True)
    with signed_in(partner) as browser:
        assert "3 faults in 3 rows" in html.unescape(browser.get(f"/received/{pid}").text)


def test_what_is_pushed_is_checked_too(nodes: City, monkeypatch: pytest.MonkeyPatch) -> None:
    _, partner = nodes
    pid, facts = received(partner, offered(nodes, "pushed-faulty", BAD), way=PUSH)
    (check,) = facts["schemaChecks"]
    assert (check["rows"], check["count"], check["obstacle"]) == (3, 3, "")
    assert (facts["verified"], facts["pushed"]) == (True, True)
    with signed_in(partner) as browser:
        assert "3 faults in 3 rows" in html.unescape(browser.get(f"/received/{pid}").text)
    assert received(partner, offered(nodes, "pushed-fitting", GOOD), way=PUSH)[1]["schemaChecks"][0]["count"] == 0

    checks = partner.node.protocol.transfer.inbox._checks.data
    assert isinstance(checks, data_checks.CheckReceivedData)
    assert checks._largest == data_checks.LARGEST_PUSH
    monkeypatch.setattr(checks, "_largest", 10)
    pid_of_large, _ = received(partner, offered(nodes, "pushed-large", GOOD), way=PUSH)
    (check,) = facts_later(partner, pid_of_large)["schemaChecks"]
    assert (check["rows"], check["count"], check["obstacle"]) == (2, 0, "")


def test_data_without_a_schema_have_no_check(nodes: City) -> None:
    city, partner = nodes
    with city.http(headers={"Authorization": f"Bearer {city.token}"}) as http, partner.client() as client:
        file = http.post(
            "/api/files", content=GOOD, headers={"X-File-Name": "p.csv", "Content-Type": "text/csv"}
        ).json()
        iri = str(publish_fields(http, described("dataset", "plain-rows"), file).json()["iri"])
        until("the partner knows it", lambda: client.search("plain-rows")["total"])
    assert "schemaChecks" not in received(partner, iri)[1]
