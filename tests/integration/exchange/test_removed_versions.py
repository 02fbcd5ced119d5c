"""Files of earlier versions that were removed or erased: each door says so with the day, and HTTP answers 410."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from node.base.errors import PeerUnreachable
from node.cli.exits import REFUSED
from node.client import NoDelivery, Refusal
from node.transfer.receiving import reception
from tests.integration.exchange.test_earlier_versions import FIRST, SECOND
from tests.integration.exchange.test_kept_versions import LATER, publish, remover
from tests.nodes import Running, Start, agree, if_ended, running, until
from tests.nodes import publish as publish_restricted
from tests.portal_browser import signed_in
from tests.terminal import typed

REMOVED = re.compile(rf"the files of version 1 were removed on {LATER:%Y-%m-%d}")
SQL = "SELECT count FROM data"


@pytest.fixture(scope="module")
def nodes(
    start: Start, tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path
) -> Iterator[tuple[Running, Running]]:
    home = tmp_path_factory.mktemp("removed")
    with start(home / "city") as city, running(home / "partner", template=sqlite_template) as partner:
        yield city, partner


def removed(nodes: tuple[Running, Running], slug: str) -> tuple[str, str]:
    """The address of an asset whose first version has no files any more, and an agreement about its third one."""
    city, partner = nodes
    for number in (1, 2, 3):
        iri = publish(city, slug, number, open_=False, keep_versions=0)
    agreement = str(agree(partner, iri)["agreementId"])
    remover(city)()
    return iri, agreement


def test_transfers_say_it_with_the_day(
    nodes: tuple[Running, Running], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    _, partner = nodes
    iri, agreement = removed(nodes, "transferred")
    with partner.client() as client:
        pid = client.transfer(agreement, version=1)["pid"]
        state = until("the transfer ends", lambda: if_ended(client.transfer_state(pid, wait=5)))
        assert state["code"] == "version-gone"
        assert REMOVED.match(state["reason"][0])
        with pytest.raises(NoDelivery, match=REMOVED):
            client.fetch(iri, version=1)
    with partner.http(headers=partner.person()) as http:
        answer = http.get(f"/api/transfers/{pid}/content")
    assert (answer.status_code, answer.json()["code"]) == (410, "gone")
    assert REMOVED.search(answer.json()["detail"])
    status, text = typed(partner, capsys, "get", iri, "--version", "1", "-o", str(tmp_path / "none.csv"))
    assert status == REFUSED
    assert REMOVED.search(text), text
    with signed_in(partner) as browser:
        assert REMOVED.search(browser.get(f"/processes/{pid}").text)


def test_questions_are_answered_with_410(nodes: tuple[Running, Running], capsys: pytest.CaptureFixture[str]) -> None:
    city, partner = nodes
    for number in (1, 2):
        iri = publish(city, "asked", number, open_=False, keep_versions=0)
    agreement = str(agree(partner, iri)["agreementId"])
    with partner.client() as client:
        assert client.ask(agreement, SQL, version=1)["rows"] == [[1]]
        # An open transfer keeps the files, so they are taken away as in the moment before it was opened.
        stores = city.node.parts.stores
        with stores.uow.begin() as tx:
            assert stores.catalogue.records.remove_files(tx, iri, 1, LATER)
        with pytest.raises(Refusal, match=REMOVED) as refusal:
            client.ask(agreement, SQL, version=1)
    assert refusal.value.problem["status"] == 410
    status, text = typed(partner, capsys, "query", iri, SQL, "--version", "1")
    assert status == REFUSED
    assert REMOVED.search(text), text


def never(self: Any) -> Any:
    raise PeerUnreachable("the reader waits")


def opened(partner: Running, agreement: str) -> tuple[str, dict[str, str]]:
    """The address of the bytes of version 1, with its token."""
    with partner.client() as client:
        pid = client.transfer(agreement, version=1)["pid"]
        until("it has started", lambda: client.transfer_state(pid, wait=1)["state"] == "STARTED")
    stores = partner.node.parts.stores
    with stores.uow.read() as tx:
        transfer = stores.transfer.transfers.get(tx, pid)
    assert transfer is not None
    assert transfer.data_address is not None
    properties = {entry["name"]: entry["value"] for entry in transfer.data_address["endpointProperties"]}
    return str(transfer.data_address["endpoint"]), {"Authorization": f"Bearer {properties['authorization']}"}


def test_the_data_address_answers_410(nodes: tuple[Running, Running], monkeypatch: pytest.MonkeyPatch) -> None:
    city, partner = nodes
    monkeypatch.setattr(reception._Run, "_attempt", never)
    publish_restricted(city, "addressed", data=FIRST)
    iri = publish_restricted(city, "addressed", data=SECOND)["iri"]
    agreement = str(agree(partner, iri)["agreementId"])
    address, token = opened(partner, agreement)
    with partner.http(headers=token) as http:
        assert http.get(address).content == FIRST
        stores = city.node.parts.stores
        with stores.uow.begin() as tx:
            assert stores.catalogue.records.remove_files(tx, iri, 1, LATER)
        for path in (address, f"{address}/manifest"):
            answer = http.get(path)
            assert (answer.status_code, answer.json()["code"]) == (410, "gone")
            assert REMOVED.match(answer.json()["detail"])
        # Without the token nothing is told.
        assert http.get(address, headers={"Authorization": "Bearer none"}).status_code == 404


def test_the_data_address_of_an_erased_version_answers_410(
    nodes: tuple[Running, Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    city, partner = nodes
    monkeypatch.setattr(reception._Run, "_attempt", never)
    publish_restricted(city, "wiped", data=b"hour,count\nwiped,1\n")
    iri = publish_restricted(city, "wiped", data=SECOND)["iri"]
    agreement = str(agree(partner, iri)["agreementId"])
    address, token = opened(partner, agreement)
    with city.client() as client:
        client.erase(iri, reason="It named a person.", versions=[1])
    with partner.http(headers=token) as http:
        answer = http.get(address)
    assert answer.status_code == 410
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    assert f"was erased on {day}: It named a person." in answer.json()["detail"]
    with partner.client() as client:
        pid = client.transfer(agreement, version=1, file="wiped.csv")["pid"]
        state = until("the transfer ends", lambda: if_ended(client.transfer_state(pid, wait=5)))
    assert state["code"] == "version-gone"


def test_a_reader_stops_at_410(nodes: tuple[Running, Running], monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes go between the start and the first read: the reception ends with the provider's reason."""
    city, partner = nodes
    attempt = reception._Run._attempt
    publish_restricted(city, "stopped", data=FIRST)
    iri = publish_restricted(city, "stopped", data=SECOND)["iri"]
    agreement = str(agree(partner, iri)["agreementId"])
    stores = city.node.parts.stores

    async def late(self: Any) -> None:
        # Receptions of earlier tests try again in this time too; the files go when ours begins.
        if self._transfer.agreement == agreement:
            with stores.uow.begin() as tx:
                stores.catalogue.records.remove_files(tx, iri, 1, LATER)
        await attempt(self)

    monkeypatch.setattr(reception._Run, "_attempt", late)
    with partner.client() as client:
        pid = client.transfer(agreement, version=1)["pid"]

        def failure() -> str:
            known = client.transfer_state(pid, wait=1)["reception"]
            return str(known["error"]) if known and known["state"] == "failed" else ""

        assert REMOVED.match(until("it fails", failure))
