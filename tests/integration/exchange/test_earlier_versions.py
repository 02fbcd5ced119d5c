"""Bytes of earlier versions, through each door: open files, agreements, questions, commands, pages and programs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from node.catalogue.offers import terms_of
from node.cli.exits import DONE, REFUSED
from node.client import NoDelivery, Refusal
from node.dialogue.process import Role
from node.exchange.manifest import read_kept
from node.negotiation import machine, messages
from tests.nodes import (
    Running,
    Start,
    agree,
    described,
    if_ended,
    let_provider_finish,
    offer_of,
    publish,
    running,
    until,
)
from tests.portal_browser import post, signed_in
from tests.terminal import typed

FIRST, SECOND, THIRD = (b"hour,count\n2026-01-01T0%d,%d\n" % (number, number) for number in (1, 2, 3))
NAMED = {"template": "open", "attribution": True}
"""Other conditions than those of ``open``."""

SEALED = {"permission": [{"action": "odrl:use"}], "https://w3id.org/hansa/ns#sealed": True}


@pytest.fixture(scope="module")
def nodes(
    start: Start, tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path
) -> Iterator[tuple[Running, Running]]:
    home = tmp_path_factory.mktemp("versions")
    with start(home / "city") as city, running(home / "partner", template=sqlite_template) as partner:
        yield city, partner


def publish_open(city: Running, slug: str, data: bytes) -> str:
    """Publish a file that everybody may download; the address of its dataset."""
    path = city.folder / f"{slug}.csv"
    path.write_bytes(data)
    with city.client() as client:
        file = {**client.upload(path), "name": path.name, "mediaType": "text/csv", "open": True}
        return str(client.publish({"fields": described(slug), "files": [file], "conditions": "open"})["iri"])


def received(partner: Running, agreement: str, version: int | None = None) -> tuple[dict[str, Any], bytes]:
    """The ended transfer of a version, and its bytes (empty if none came)."""
    with partner.client() as client:
        pid = client.transfer(agreement, version=version)["pid"]
        state = until("the transfer ends", lambda: if_ended(client.transfer_state(pid, wait=5)))
        if state["state"] != "COMPLETED":
            return state, b""
        state = until("the bytes are here", lambda: _done(client.transfer_state(pid)))
    with partner.http(headers=partner.person()) as http:
        return state, http.get(f"/api/transfers/{pid}/content").content


def _done(state: dict[str, Any]) -> dict[str, Any] | None:
    return state if state["reception"] and state["reception"]["state"] in ("done", "failed") else None


def test_an_agreement_gives_its_own_version_after_others_were_published(nodes: tuple[Running, Running]) -> None:
    city, partner = nodes
    iri = publish(city, "kept", data=FIRST)["iri"]
    agreement = str(agree(partner, iri)["agreementId"])
    assert received(partner, agreement, 1)[1] == FIRST
    publish(city, "kept", data=SECOND)
    publish(city, "kept", data=THIRD, conditions=NAMED)

    state, body = received(partner, agreement, 1)
    assert body == FIRST
    assert state["version"] == 1
    with partner.http(headers=partner.person()) as http:
        manifest = read_kept(http.get(f"/api/transfers/{state['pid']}/manifest").text)
    assert (manifest.version, manifest.sha256) == (1, hashlib.sha256(FIRST).hexdigest())
    # Without a number, the newest version comes, as always; one between is given too.
    assert received(partner, agreement)[1] == THIRD
    assert received(partner, agreement, 2)[1] == SECOND
    refusal, _ = received(partner, agreement, 9)
    assert (refusal["code"], refusal["state"]) == ("version-not-available", "TERMINATED")


def test_an_agreement_gives_no_earlier_version_with_other_conditions(nodes: tuple[Running, Running]) -> None:
    city, partner = nodes
    publish(city, "stricter", data=FIRST, conditions=NAMED)
    publish(city, "stricter", data=SECOND)
    iri = publish(city, "stricter", data=THIRD)["iri"]
    agreement = str(agree(partner, iri)["agreementId"])
    # Version 2 had the same conditions, version 1 had not.
    assert received(partner, agreement, 2)[1] == SECOND
    state, body = received(partner, agreement, 1)
    assert (state["code"], body) == ("version-not-available", b"")
    assert "does not give version 1" in str(state["reason"])


def test_the_id_of_a_stricter_offer_in_a_request_opens_no_earlier_version(nodes: tuple[Running, Running]) -> None:
    """A consumer counters with easier terms, within the limits of the newest offer, under the id of the old one."""
    city, partner = nodes
    iri = str(publish(city, "forged", data=FIRST, conditions=dated(2030))["iri"])
    strict_id = offer_of(city, iri)["@id"]
    publish(city, "forged", data=SECOND, conditions=dated(2040))
    publish(city, "forged", data=THIRD, conditions=dated(2040))
    with city.client() as client:
        client.set_limits(iri, dated(2060))
    agreement = counter_agreement(partner, iri, {**offer_of(city, iri), **terms(iri, 2050), "@id": strict_id})
    assert received(partner, agreement, 3)[1] == THIRD
    for number in (1, 2):
        state, body = received(partner, agreement, number)
        assert (state["code"], body) == ("version-not-available", b"")
    # Whoever has agreed to the terms of the old offer gets the old version, whatever id the terms had.
    agreement = counter_agreement(partner, iri, {**terms(iri, 2030), "@id": "urn:uuid:of-nothing"})
    assert received(partner, agreement, 1)[1] == FIRST
    assert received(partner, agreement, 2)[1] == b""


def test_conditions_in_words_beside_the_terms_count_as_well(nodes: tuple[Running, Running]) -> None:
    city, partner = nodes
    worded = {**dated(2030), "dct:rights": "Only after a talk with the department."}
    publish(city, "worded", data=FIRST, conditions=worded)
    publish(city, "worded", data=SECOND, conditions=dated(2030))
    iri = publish(city, "worded", data=THIRD, conditions=dated(2030))["iri"]
    agreement = str(agree(partner, iri)["agreementId"])
    assert received(partner, agreement, 1)[0]["code"] == "version-not-available"
    assert received(partner, agreement, 2)[1] == SECOND
    publish(city, "worded", data=THIRD, conditions=worded)
    agreement = str(agree(partner, iri)["agreementId"])
    assert received(partner, agreement, 1)[1] == FIRST


def dated(year: int) -> dict[str, Any]:
    """The permission to use until the end of a year."""
    day = {"@value": f"{year}-12-31T00:00:00Z", "@type": "xsd:dateTime"}
    until_day = {"leftOperand": "odrl:dateTime", "operator": "odrl:lteq", "rightOperand": day}
    return {"permission": [{"action": "odrl:use", "constraint": [until_day]}]}


def terms(iri: str, year: int) -> dict[str, Any]:
    offer = terms_of(dated(year), iri=iri, region=None).offer
    assert offer is not None
    return offer


def counter_agreement(partner: Running, iri: str, offer: dict[str, Any]) -> str:
    """Ask for too much, and counter the answer with exactly ``offer``; the id of the agreement."""
    parts, protocol = partner.node.parts, partner.node.protocol
    with partner.client() as client:
        pid = client.negotiate(iri, ask="open", least="open")["pid"]
        until("the provider has made its offer", lambda: client.negotiation(pid, wait=2)["state"] == "OFFERED")
        with parts.stores.uow.begin() as tx:
            ours = parts.stores.negotiation.negotiations.get(tx, pid, lock=True)
            assert ours is not None
            body = messages.request(ours, offer, None)
            conversation = protocol.negotiation.negotiations._conversation
            conversation.command(
                tx, ours, machine.REQUEST, body, offer=offer, offered_by=Role.CONSUMER, asked=offer, limits=None
            )
        partner.node.worker.wake()
        ended = until("the negotiation ends", lambda: if_ended(client.negotiation(pid, wait=5)))
    assert ended["state"] == "FINALIZED", ended
    let_provider_finish(str(ended["agreementId"]))
    return str(ended["agreementId"])


def test_a_version_that_was_hidden_stays_hidden(nodes: tuple[Running, Running]) -> None:
    city, partner = nodes
    publish(city, "hidden", data=FIRST, audience="internal")
    iri = publish(city, "hidden", data=SECOND, audience="public")["iri"]
    agreement = str(agree(partner, iri)["agreementId"])
    state, body = received(partner, agreement, 1)
    assert (state["code"], body) == ("version-not-available", b"")
    with httpx2.Client(trust_env=False) as stranger:
        assert stranger.get(f"{iri}/files/hidden.csv?version=1").status_code == 404


def test_a_version_that_needed_sealing_or_does_now_is_sealed(nodes: tuple[Running, Running]) -> None:
    city, partner = nodes
    iri = publish(city, "closed", data=FIRST)["iri"]
    agreement = str(agree(partner, iri)["agreementId"])
    publish(city, "closed", data=SECOND, conditions=SEALED)
    state, body = received(partner, agreement, 1)
    assert body == FIRST
    assert state["reception"]["sealed"]


def test_an_erased_and_a_withdrawn_version_are_refused_with_the_reason(nodes: tuple[Running, Running]) -> None:
    city, partner = nodes
    iri = publish(city, "erased", data=FIRST)["iri"]
    agreement = str(agree(partner, iri)["agreementId"])
    publish(city, "erased", data=SECOND)
    with city.client() as client:
        client.erase(iri, reason="It named a person.", versions=[1])
    state, _ = received(partner, agreement, 1)
    assert "was erased" in str(state["reason"])
    with city.client() as client:
        client.withdraw(iri)
    state, _ = received(partner, agreement, 2)
    assert state["code"] == "not-available"


def test_open_files_of_each_version_are_downloaded(nodes: tuple[Running, Running]) -> None:
    city, _ = nodes
    for data in (FIRST, SECOND):
        iri = publish_open(city, "free", data)
    publish(city, "free", data=None)
    with httpx2.Client(trust_env=False) as stranger:
        for number, data in enumerate((FIRST, SECOND), 1):
            assert stranger.get(f"{iri}/files/free.csv?version={number}").content == data
        assert stranger.get(f"{iri}/files/free.csv").status_code == 404
        with city.client() as client:
            client.withdraw(iri)
        assert stranger.get(f"{iri}/files/free.csv?version=1").content == FIRST


def test_a_table_of_an_earlier_version_is_asked(
    nodes: tuple[Running, Running], capsys: pytest.CaptureFixture[str]
) -> None:
    city, partner = nodes
    iri = publish(city, "asked", data=FIRST)["iri"]
    agreement = str(agree(partner, iri)["agreementId"])
    publish(city, "asked", data=SECOND)
    with partner.client() as client:
        assert client.ask(agreement, "SELECT count FROM data", version=1)["rows"] == [[1]]
        assert client.ask(agreement, "SELECT count FROM data")["rows"] == [[2]]
        assert client.ask_csv(agreement, "SELECT count FROM data", version=1).split() == [b"count", b"1"]
    status, text = typed(partner, capsys, "query", iri, "SELECT count FROM data", "--version", "1", "--csv")
    assert (status, text.split()) == (DONE, ["count", "1"])


def test_commands_and_programs_get_an_earlier_version(
    nodes: tuple[Running, Running], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    city, partner = nodes
    iri = publish(city, "typed", data=FIRST)["iri"]
    agree(partner, iri)
    publish(city, "typed", data=SECOND, conditions=NAMED)
    target = tmp_path / "first.csv"
    # The agreement with the conditions of version 1 is used, without asking for the new ones.
    status, text = typed(partner, capsys, "get", iri, "--version", "1", "-o", str(target))
    assert (status, target.read_bytes()) == (DONE, FIRST), text
    status, text = typed(partner, capsys, "get", iri, "--version", "7", "--yes", "-o", str(tmp_path / "none.csv"))
    assert status == REFUSED
    assert "does not give version 7" in text
    with partner.client() as client:
        assert client.fetch(iri, version=1).data == FIRST
        with pytest.raises(NoDelivery, match="does not give version 7"):
            client.fetch(iri, version=7)
        with pytest.raises(Refusal):
            client.transfer("urn:uuid:none", version=0)


def test_pages_lead_to_the_files_of_an_earlier_version(nodes: tuple[Running, Running]) -> None:
    city, partner = nodes
    iri = publish(city, "paged", data=FIRST)["iri"]
    agreement = str(agree(partner, iri)["agreementId"])
    publish(city, "paged", data=SECOND)
    with partner.client() as client:
        client.follow(city.url)
    with signed_in(partner) as browser:
        until("both versions are here", lambda: "v2" in _versions(partner, iri))
        page = f"/agreements/{quote(agreement, safe='')}"
        text = browser.get(page).text
        assert "made for version 1" in text
        text = browser.get("/record", params={"iri": iri, "version": 1}).text
        assert "You get the files of version 1." in text
        assert "--version 1" in text
        answer = post(browser, page, f"{page}/get", version="1")
        assert answer.status_code == 303, answer.text
        location = answer.headers["location"]
        until("the data are here", lambda: 'id="live"' not in browser.get(location).text)
        assert browser.get(f"{location}/file").content == FIRST
        assert post(browser, page, f"{page}/get", version="x").status_code == 400


def _versions(partner: Running, iri: str) -> set[str]:
    with partner.http(headers=partner.person()) as http:
        answer = http.get("/api/catalogue/versions", params={"iri": iri})
    return {f"v{record['version']}" for record in answer.json().get("versions", [])}


def test_64_read_version_1_while_others_are_published(nodes: tuple[Running, Running]) -> None:
    city, _ = nodes
    iri = publish_open(city, "crowd", FIRST)
    publish_open(city, "crowd", SECOND)

    def read(_: int) -> bytes:
        with httpx2.Client(trust_env=False, timeout=60) as stranger:
            return stranger.get(f"{iri}/files/crowd.csv?version=1").content

    with ThreadPoolExecutor(64) as pool:
        bodies = pool.map(read, range(64))
        publish_open(city, "crowd", THIRD)
        assert set(bodies) == {FIRST}
