"""Join a region and leave it, at two real nodes: by browser, by API, in the terminal."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest

from node.base.errors import HansaError
from node.base.jsons import read_object
from node.ledger.model import EntryKind
from tests.nodes import Company, Running, Start, admit, agree, publish, receive, rulebook, running
from tests.portal_browser import csrf_of, signed_in
from tests.unit.portal.page import Page, troubles
from tests.waits import until


@pytest.fixture
def region_and_city(tmp_path: Path, sqlite_template: Path) -> Iterator[tuple[Running, Running]]:
    """A region with a rulebook, and a city that has never heard of it."""
    with ExitStack() as stack:
        region = stack.enter_context(running(tmp_path / "flanders", template=sqlite_template, issuer=True))
        with region.client() as office:
            office.publish({"fields": rulebook(region.did)})
        yield region, stack.enter_context(running(tmp_path / "ghent", template=sqlite_template))


def hidden(page: str, name: str) -> str:
    value = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert value is not None, name
    return value[1]


def departures(node: Running) -> list[dict[str, Any]]:
    with node.node.parts.stores.uow.read() as tx:
        entries = node.node.parts.stores.ledger.since(tx, 0, limit=10_000)
    bodies = [read_object(entry.body) for entry in entries if entry.kind is EntryKind.MEMBERSHIP]
    return [body for body in bodies if body["event"] == "left"]


def test_a_stranger_joins_and_leaves_by_browser_only(region_and_city: tuple[Running, Running]) -> None:
    region, city = region_and_city
    with signed_in(city) as browser, signed_in(region) as office:
        page = browser.get("/region")
        assert "This node belongs to no region." in page.text
        assert troubles(Page(page.text)) == []

        terms = browser.post("/region/terms", data={"csrf": csrf_of(page.text), "region": region.url})
        assert terms.status_code == 200
        assert troubles(Page(terms.text)) == []
        assert "Rules of the test region" in terms.text
        assert "version 1" in terms.text
        assert 'value="MobilityPartnerCredential"' in terms.text

        form = {name: hidden(terms.text, name) for name in ("csrf", "region", "rulebook")}
        form["credential"] = "MembershipCredential"
        refused = browser.post("/region/join", data=form)
        assert refused.status_code == 422
        assert "Tick this to go on." in refused.text
        assert 'value="MembershipCredential" checked' in refused.text
        sent = browser.post("/region/join", data={**form, "accept": "yes"})
        assert sent.headers["location"] == "/region?done=applied"
        page = browser.get("/region?done=applied")
        assert "A person at the region decides" in page.text

        waiting = until("the application arrives", lambda: _waiting(office.get("/applications").text))
        decision = {"csrf": waiting[1], "from": "applications", "verdict": "approve"}
        assert office.post(waiting[0], data=decision).status_code == 303
        page = until("the credential arrives", lambda: _with(browser.get("/region"), "Valid until"))
        assert troubles(Page(page.text)) == []
        assert "Not renewed automatically." in page.text
        assert "Credential received" in page.text
        with city.client() as client:
            (credential,) = client.memberships()["credentials"]
        assert credential["claims"]["rulebookVersion"] == "1"
        assert credential["state"] == "valid"

        page = browser.get("/region/leave")
        assert troubles(Page(page.text)) == []
        form = {"csrf": csrf_of(page.text), "issuer": hidden(page.text, "issuer")}
        wrong = browser.post("/region/leave", data={**form, "reason": " "})
        assert wrong.status_code == 422
        assert "Please fill in this field." in wrong.text
        complete = {**form, "reason": "a test <b>", "sure": "yes"}
        assert browser.post("/region/leave", data=complete).headers["location"] == "/region?done=left"
        assert browser.post("/region/leave", data=complete).headers["location"] == "/region?done=left-already"
        assert browser.get("/region/leave").status_code == 404
        page = browser.get("/region?done=left")
        assert "This node has left." in page.text
    with city.client() as client:
        assert client.memberships()["credentials"] == []
    (event,) = until("the ledger numbers it", lambda: departures(city))
    assert (event["issuer"], event["reason"], event["region"]) == (region.did, "a test <b>", True)


def _waiting(page: str) -> tuple[str, str] | None:
    action = re.search(r'action="(/decisions/[^"]+)"', page)
    return (action[1], csrf_of(page)) if action else None


def _with(answer: httpx2.Response, words: str) -> httpx2.Response | None:
    return answer if words in answer.text else None


def test_the_version_that_was_read_is_the_version_that_is_accepted(region_and_city: tuple[Running, Running]) -> None:
    region, city = region_and_city
    with signed_in(city) as browser:
        page = browser.get("/region")
        terms = browser.post("/region/terms", data={"csrf": csrf_of(page.text), "region": region.url})
        form = {name: hidden(terms.text, name) for name in ("csrf", "region", "rulebook")}
        with region.client() as office:
            office.publish({"fields": {**rulebook(region.did), "version": "2.0", "text": "Members are kind."}})
        form |= {"credential": "MembershipCredential", "accept": "yes"}
        answer = browser.post("/region/join", data=form)
        assert answer.status_code == 422
        assert "another version of its rulebook in the meantime" in answer.text
        assert "Members are kind." in answer.text
        with city.client() as client:
            assert client.memberships()["requests"] == []
            assert client.region_terms(region.url)["rulebook"]["version"] == 2
            with pytest.raises(HansaError, match="in the meantime"):
                client.join(region.url, "MembershipCredential", form["rulebook"])
        form["rulebook"] = hidden(answer.text, "rulebook")
        assert browser.post("/region/join", data=form).status_code == 303


def test_the_region_sees_who_must_accept_again(region_and_city: tuple[Running, Running]) -> None:
    region, city = region_and_city
    admit(region, city)
    with region.client() as office, signed_in(region) as browser:
        status = office.rulebook_acceptances()
        assert [(row["holder"], row["version"], row["mustAccept"]) for row in status["acceptances"]] == [
            (city.did, 1, False)
        ]
        iri = office.publish({"fields": {**rulebook(region.did), "text": "Members are kind."}})["iri"]
        status = until("the new version is in force", lambda: _newer(office.rulebook_acceptances()))
        assert (status["version"], status["missing"]) == (2, 1)
        page = browser.get("/rulebook")
        assert troubles(Page(page.text)) == []
        assert "Must accept again" in page.text
        assert "1 member must accept the newest version." in page.text
        changes = browser.get("/record/changes", params={"iri": iri, "from": 1, "to": 2})
        assert "Members are kind." in changes.text
        draft = browser.post("/record/edit", data={"csrf": csrf_of(page.text), "iri": iri})
        assert draft.headers["location"].startswith("/publish/")
    with city.client() as client:
        client.join(region.url, "MembershipCredential")
    with region.client() as office:
        (waiting,) = until("the application arrives", office.decisions)
        office.decide(waiting["id"], approve=True)
        assert office.rulebook_acceptances()["missing"] == 0
    with city.client() as client, pytest.raises(HansaError, match="issues no credentials"):
        client.rulebook_acceptances()


def _newer(status: dict[str, Any]) -> dict[str, Any] | None:
    return status if status["version"] == 2 else None


def test_what_ends_is_shown_first_and_then_ends(cities: Company) -> None:
    gent, brugge = cities.cities
    others_use = agree(brugge, publish(gent, "for-members", conditions="members")["iri"])
    own_use = agree(gent, publish(brugge, "of-bruges", conditions="members")["iri"])
    open_to_all = agree(brugge, publish(gent, "for-everybody")["iri"])
    publish(gent, "only-seen-by-members", conditions="open", audience="members")
    assert receive(brugge, others_use["agreementId"])["state"] == "COMPLETED"
    with gent.client() as client:
        departure = client.foresee_leave()
        assert departure["issuer"] == cities.region.did
        assert {use["id"] for use in departure["agreements"]} == {others_use["agreementId"], own_use["agreementId"]}
        assert open_to_all["agreementId"] not in str(departure)
        slugs = {asset["iri"].rpartition("/")[2] for asset in departure["assets"]}
        assert slugs == {"for-members", "only-seen-by-members"}
        client.leave("the council decided", cities.region.did)
        assert client.memberships()["credentials"] == []
    # Of what others have agreed with it, only what needs the region ends: in both directions.
    assert receive(brugge, others_use["agreementId"])["state"] == "TERMINATED"
    assert receive(gent, own_use["agreementId"])["state"] == "TERMINATED"
    assert receive(brugge, open_to_all["agreementId"])["state"] == "COMPLETED"
    with gent.client() as client:
        assert client.agreement(own_use["agreementId"])["id"] == own_use["agreementId"]
        assert client.verify(agreement=own_use["agreementId"])["sound"]


def test_it_stays_left_after_a_restart_and_may_join_again(tmp_path: Path, sqlite_template: Path) -> None:
    with running(tmp_path / "region", template=sqlite_template, issuer=True) as region:
        with region.client() as office:
            office.publish({"fields": rulebook(region.did)})
        # The settings name the region: leaving it counts all the same.
        with running(tmp_path / "city", template=sqlite_template, region=region.did) as city:
            port = int(city.url.rpartition(":")[2])
            admit(region, city)
            with city.client() as client:
                client.leave("a test")
                assert client.node()["region"] is None
        with running(tmp_path / "city", port=port) as city:
            with city.client() as client:
                assert client.node()["region"] is None
                assert client.memberships()["credentials"] == []
            assert city.node.people.trust.issuers("MembershipCredential") == frozenset()
            admit(region, city)
            assert city.node.people.trust.issuers("MembershipCredential") == {region.did}


def test_an_application_is_withdrawn_and_its_credential_is_not_taken(
    region_and_city: tuple[Running, Running],
) -> None:
    region, city = region_and_city
    with city.client() as client, region.client() as office:
        client.join(region.url, "MembershipCredential")
        waiting = until("the application arrives", office.decisions)
        client.leave("changed our mind")
        (request,) = client.memberships()["requests"]
        assert (request["state"], request["reason"]) == ("WITHDRAWN", "changed our mind")
        office.decide(waiting[0]["id"], approve=True)
        (letter,) = until("the region learns of it", lambda: office.deliveries()["dead"])
        assert "withdrawn" in letter["error"]
        assert client.memberships()["credentials"] == []


def test_of_many_who_leave_at_once_one_does(start: Start, tmp_path: Path, sqlite_template: Path) -> None:
    with ExitStack() as stack:
        region = stack.enter_context(running(tmp_path / "region", template=sqlite_template, issuer=True))
        with region.client() as office:
            office.publish({"fields": rulebook(region.did)})
        city = stack.enter_context(start(tmp_path / "city"))
        admit(region, city)
        outcomes: list[str] = []

        def leave() -> None:
            with city.client() as client:
                try:
                    client.leave("all at once", region.did)
                    outcomes.append("left")
                except HansaError as error:
                    outcomes.append(type(error).__name__ if "no credential of" not in str(error) else "refused")

        threads = [threading.Thread(target=leave) for _ in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["left"] + ["refused"] * 63
        assert len(until("the ledger numbers it", lambda: departures(city))) == 1
