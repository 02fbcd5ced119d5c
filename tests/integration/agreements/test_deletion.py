"""Deletion "and confirm": who received says under its signature that it has deleted, and the provider sees it."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import text

from node.base.errors import HansaError, NotAllowed
from node.base.jsons import canonical
from node.catalogue.model import Record
from node.cli.main import run
from node.client import HansaClient
from node.identity.jose import read_jws
from node.ledger.model import EntryKind
from node.operation.agreements import DueDeletions
from node.transfer.deletion.model import deletion_rule
from tests.fakes.clock import JumpingClock
from tests.nodes import Company, Running, agree, publish, receive, until
from tests.portal_browser import signed_in
from tests.unit.portal.page import Page, troubles

WITHIN = {"@value": "P30D", "@type": "http://www.w3.org/2001/XMLSchema#duration"}
DELETED = {
    "permission": [{"action": "odrl:use"}],
    "obligation": [
        {
            "action": "odrl:delete",
            "constraint": [{"leftOperand": "odrl:elapsedTime", "operator": "lteq", "rightOperand": WITHIN}],
        }
    ],
}


def deletion(node: Running, agreement: str) -> Any:
    with node.client() as client:
        return client.agreement(agreement)["deletion"]


def confirm(client: HansaClient, agreement: str) -> None:
    client.call("POST", f"/api/agreements/{quote(agreement, safe='')}/confirm-deletion")


def received(gent: Running, plzen: Running, slug: str) -> str:
    """An agreement that asks for deletion, under which something was received."""
    iri = publish(gent, slug, conditions=DELETED)["iri"]
    agreement = str(agree(plzen, iri)["agreementId"])
    assert receive(plzen, agreement)["state"] == "COMPLETED"
    return agreement


def files(node: Running) -> int:
    return sum(path.is_file() for path in node.node.parts.places.inbox.rglob("*"))


def entries(node: Running, agreement: str) -> list[dict[str, Any]]:
    stores = node.node.parts.stores
    with stores.uow.read() as tx:
        kept = stores.ledger.history(tx, agreement, EntryKind.AGREEMENT)
    bodies = [json.loads(one.body) for one in kept]
    return [one for one in bodies if one.get("event") == "deletion-confirmed"]


def test_it_is_confirmed_and_the_provider_sees_it(region_and_cities: Company, capsys: Any) -> None:
    gent, plzen = region_and_cities.cities
    agreement = received(gent, plzen, "deleted")
    before = files(plzen)
    for city in (gent, plzen):
        now = deletion(city, agreement)
        assert (now["within"], now["confirmed"], now["overdue"]) == ("P30D", None, False)
        assert now["due"] > now["received"]
    assert run(["agreement", "confirm-deletion", agreement, "--node", str(plzen.folder)]) == 0
    assert files(plzen) < before, "the node deletes what it received"
    confirmed = until(
        "the provider takes it", lambda: deletion(plzen, agreement)["told"] and deletion(gent, agreement)
    )
    assert confirmed["confirmedBy"] == plzen.did
    assert (confirmed["due"], confirmed["overdue"]) == (None, False)
    assert confirmed["statement"] == deletion(plzen, agreement)["statement"]
    assert json.loads(read_jws(confirmed["statement"]).payload)["agreement"] == agreement
    for city in (gent, plzen):
        assert [one["statement"] for one in entries(city, agreement)] == [confirmed["statement"]]
        with city.http(headers=city.person()) as http:
            page = http.get(f"/agreements/{agreement}", headers={"Accept": "text/html", "Accept-Language": "en"})
        assert "Deletion confirmed" in page.text
        run(["agreement", "deletions", "--node", str(city.folder)])
        assert "confirmed" in capsys.readouterr().out
    assert receive(plzen, agreement)["state"] == "COMPLETED"
    again = deletion(gent, agreement)
    assert again["confirmed"], "it stays on record"
    assert again["due"], "and what came after it is to be deleted anew"


def obtain(node: Running, record: Record) -> None:
    """Have ``node`` take the file of a record for a run."""
    loop = node.node.worker._loop
    assert loop is not None
    library = node.node.scenarios.library
    asyncio.run_coroutine_threadsafe(library.obtain(record, record.files[0].name), loop).result(30)


@pytest.mark.parametrize("is_own", [False, True])
def test_what_runs_have_used_is_deleted_too_unless_it_is_the_nodes_own(
    region_and_cities: Company, is_own: bool
) -> None:
    gent, plzen = region_and_cities.cities
    data = f"street,bikes\nKerkstraat,{int(is_own)}\n".encode()
    iri = str(publish(gent, f"used-{is_own}".lower(), data=data, conditions=DELETED)["iri"])
    if is_own:
        publish(plzen, "the-same", data=data)
    agreement = str(agree(plzen, iri)["agreementId"])
    assert receive(plzen, agreement)["state"] == "COMPLETED"
    stores = gent.node.parts.stores
    with stores.uow.read() as tx:
        record = stores.catalogue.records.get(tx, iri)
    assert record is not None
    sha256 = record.files[0].sha256
    obtain(plzen, record)
    assets = plzen.node.parts.assets
    assert assets.has(sha256)
    with plzen.client() as client:
        confirm(client, agreement)
    assert assets.has(sha256) is is_own
    if not is_own:
        with pytest.raises(NotAllowed, match="has not arrived"):
            obtain(plzen, record)


def test_what_is_late_is_overdue_at_the_provider(region_and_cities: Company) -> None:
    gent, plzen = region_and_cities.cities
    agreement = received(gent, plzen, "late")
    deletions = gent.node.protocol.transfer.deletions.duties
    clock, deletions._clock = deletions._clock, JumpingClock(timedelta(days=31))
    try:
        assert deletion(gent, agreement)["overdue"]
        assert next(one for one in deletions.all()).overdue, "overdue ones come first"
        with gent.http(headers=gent.person()) as http:
            page = http.get(f"/agreements/{agreement}", headers={"Accept": "text/html", "Accept-Language": "en"})
        assert "overdue" in page.text
    finally:
        deletions._clock = clock


def test_deletions_wait_on_the_first_page_until_they_are_confirmed(
    region_and_cities: Company, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gent, plzen = region_and_cities.cities
    agreement = received(gent, plzen, "waiting")

    def waiting(city: Running, days: int) -> list[str]:
        sources = city.node.operation.agenda._waiting
        deletions = next(source for source in sources if isinstance(source, DueDeletions))
        for part in (deletions, deletions._due, deletions._duties):
            monkeypatch.setattr(part, "_clock", JumpingClock(timedelta(days=days)))
        with city.client() as client:
            items = client.agenda()["waiting"]["items"]
        return [item["code"] for item in items if item.get("agreement") == agreement]

    assert waiting(plzen, 0) == []
    assert waiting(plzen, 25) == ["deletion-due"]
    assert waiting(gent, 25) == []
    assert waiting(plzen, 31) == ["deletion-overdue"]
    assert waiting(gent, 31) == ["deletion-unconfirmed"]
    for city, words in ((plzen, "deletion is overdue"), (gent, "did not confirm the deletion in time")):
        with signed_in(city) as browser:
            page = Page(browser.get("/").text)
        assert troubles(page) == []
        assert words in page.text
        assert f"/agreements/{quote(agreement, safe='')}" in page.links()
    assert run(["status", "--node", str(plzen.folder)]) == 0
    assert f"hansa agreement confirm-deletion {agreement}" in capsys.readouterr().out
    assert run(["agreement", "confirm-deletion", agreement, "--node", str(plzen.folder)]) == 0
    assert waiting(plzen, 31) == [], "at once, not after the next reading"
    until("the provider takes it", lambda: deletion(plzen, agreement)["told"])
    assert waiting(gent, 31) == []


def test_a_confirmation_is_only_taken_from_the_consumer_about_this_agreement(region_and_cities: Company) -> None:
    gent, plzen = region_and_cities.cities
    agreement = received(gent, plzen, "guarded")
    stores = gent.node.parts.stores
    with stores.uow.read() as tx:
        record = stores.negotiation.agreements.get(tx, agreement)
    assert record is not None

    def post(sender: Running, signer: Running, **changes: str) -> int:
        claims = {"agreement": record.id, "sha256": record.sha256, "deleted": "2026-11-21T09:30:00Z", **changes}
        keyring = signer.node.parts.keyring
        jws = keyring.sign_jws({"typ": "hansa-deletion+jws"}, canonical(claims))
        with gent.http(headers=sender.as_participant(gent)) as http:
            return int(http.post("/deletions", json={"statement": jws}).status_code)

    region = region_and_cities.region
    with gent.http() as http:
        assert http.post("/deletions", json={"statement": "a.b.c"}).status_code == 401
    assert post(region, region) == 404
    assert post(plzen, region) in (400, 401, 403)
    assert post(plzen, plzen, sha256="00" * 32) == 400
    assert post(plzen, plzen, deleted="yesterday") == 400
    assert deletion(gent, agreement)["confirmed"] is None
    assert post(plzen, plzen, deleted="2999-01-01T00:00:00Z") == 204
    confirmed = deletion(gent, agreement)["confirmed"]
    assert confirmed < "2999", "nobody deletes in the future"


def test_what_does_not_ask_for_deletion_is_not_confirmed(region_and_cities: Company) -> None:
    gent, plzen = region_and_cities.cities
    agreement = str(agree(plzen, publish(gent, "kept")["iri"])["agreementId"])
    with gent.client() as client:
        # The consumer's FINALIZED comes first; the provider enters it when the consumer has acknowledged it.
        ids = until("the provider has it", lambda: {one["id"] for one in client.agreements()} & {agreement})
    assert ids
    assert deletion(gent, agreement) is None
    with plzen.client() as client, pytest.raises(HansaError, match="does not ask"):
        confirm(client, agreement)
    with gent.client() as client, pytest.raises(HansaError, match="not the consumer"):
        confirm(client, received(gent, plzen, "by-the-provider"))


@pytest.mark.parametrize(
    ("slug", "address", "reason"),
    [
        ("elsewhere", "{url}/nowhere", "does not accept confirmations"),
        ("inside", "https://10.0.0.1", "private network"),
    ],
)
def test_a_provider_without_that_door_is_told_of_nothing(
    region_and_cities: Company, slug: str, address: str, reason: str
) -> None:
    gent, plzen = region_and_cities.cities
    agreement = received(gent, plzen, slug)
    there = address.format(url=gent.url)
    stores = plzen.node.parts.stores
    with stores.uow.begin() as tx:
        record = stores.negotiation.agreements.get(tx, agreement)
        assert record is not None
        assert deletion_rule(record.body) is not None
        statement = text("UPDATE negotiations SET peer_address = :there WHERE pid = :pid")
        tx.connection.execute(statement, {"there": f"{there}/dsp/2025-1", "pid": record.negotiation})
    with plzen.client() as client:
        confirm(client, agreement)
        until("it is given up", lambda: client.agreement(agreement)["deletion"]["untold"])
        assert reason in client.agreement(agreement)["deletion"]["untold"]
    assert deletion(gent, agreement)["confirmed"] is None
