"""What could not be delivered: kept with its reason, seen everywhere, tried again or given up for good."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from node.base.work import Task
from node.bootstrap.node import HansaNode
from tests.network import Link, Proxy, Switch, apart, refused
from tests.nodes import CSV, Pair, Running, agree, if_ended, publish, running, until

ENDS = ("FINALIZED", "COMPLETED", "TERMINATED")


def _impatient(node: HansaNode) -> None:
    """Gives up at the second attempt, where others try for three days."""
    node.worker._pace = replace(node.worker._pace, give_up_after=timedelta(), first_delay=0.05)


@pytest.fixture
def impatient(tmp_path: Path, sqlite_template: Path) -> Iterator[tuple[Pair, Switch]]:
    """A pair that does not try for long, and what is cut between them, both ways: nothing yet."""
    cut = Switch(refused, ())
    with apart(tmp_path, sqlite_template, Proxy(cut), Proxy(cut), prepare=_impatient) as two:
        yield two, cut


def dead_letter(node: Running) -> dict[str, Any]:
    """The one dead letter of ``node``, as the API tells it."""
    with node.client() as client:
        [letter] = until("it is given up", lambda: client.deliveries()["dead"])
    return dict(letter)


def stored_task(node: Running, letter: str) -> Task:
    with node.node.parts.stores.uow.read() as tx:
        found = node.node.parts.stores.outbox.find(tx, letter)
    assert found is not None
    return found


def negotiation_ends(node: Running, pid: str) -> dict[str, Any]:
    with node.client() as client:
        return until("it ends", lambda: if_ended(client.negotiation(pid, wait=2)), 60)


def transfer_ends(node: Running, pid: str) -> dict[str, Any]:
    with node.client() as client:
        return until("it ends", lambda: if_ended(client.transfer_state(pid, wait=2)), 60)


def test_a_dead_letter_is_seen_with_its_reason_and_tried_again(impatient: tuple[Pair, Switch]) -> None:
    two, cut = impatient
    iri = publish(two.provider)["iri"]
    cut.paths = ("/negotiations",)
    with two.consumer.client() as client:
        pid = client.negotiate(iri)["pid"]
    letter = dead_letter(two.consumer)
    assert (letter["about"], letter["message"]) == (pid, "ContractRequestMessage")
    assert "given up" in letter["error"]
    with signed_in(two.consumer) as person:
        for page in ("/deliveries", f"/processes/{pid}"):
            shown = person.get(page).text
            assert f'action="/deliveries/{quote(letter["id"], safe="")}/retry"' in shown
            assert "given up" in shown
            assert "Try again" in shown
            assert "Cancel delivery" in shown
    with two.consumer.client() as client:
        standing = client.negotiation(pid)["status"]
    assert (standing["waitsFor"], "was not delivered" in standing["text"]) == ("delivery", True)
    status, listed = hansa(two.consumer, "deliveries")
    assert (status, listed["dead"][0]["id"]) == (1, letter["id"])
    cut.paths = ()
    again = hansa(two.consumer, "deliveries", "retry", "--all")
    assert again == (0, [{"id": letter["id"], "state": "waiting"}])
    assert negotiation_ends(two.consumer, pid)["state"] == "FINALIZED"


@contextmanager
def signed_in(node: Running) -> Iterator[Any]:
    """A browser of the node's administrator."""
    with node.http(follow_redirects=True, headers={"Accept": "text/html"}) as http:
        page = http.get("/sign-in").text
        token = page.partition('name="csrf" value="')[2].partition('"')[0]
        form = {"login": "admin", "password": node.password, "csrf": token}
        assert http.post("/sign-in", data=form, headers={"Origin": node.url}).status_code == 200
        yield http


def hansa(node: Running, *words: str) -> tuple[int, Any]:
    """The command line, as a script uses it: its exit status, and what it says."""
    command = [sys.executable, "-m", "node.cli", "--json", *words, "--node", str(node.folder)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return ran.returncode, json.loads(ran.stdout)


def test_what_is_given_up_for_good_ends_what_waits_for_it(impatient: tuple[Pair, Switch]) -> None:
    two, cut = impatient
    iri = publish(two.provider)["iri"]
    cut.paths = ("/negotiations",)
    with two.consumer.client() as client:
        pid = client.negotiate(iri)["pid"]
        letter = dead_letter(two.consumer)
        assert client.give_up(letter["id"])["state"] == "given up"
        ended = client.negotiation(pid)
        assert client.deliveries() == {"waiting": 0, "dead": []}
    assert (ended["state"], ended["code"]) == ("TERMINATED", "not-delivered")
    [sent] = two.consumer.exchanges(pid)
    assert not sent.is_accepted


@pytest.mark.parametrize("format_", ["HttpData-PULL", "HttpData-PUSH"])
def test_a_token_is_not_kept_with_what_was_given_up(impatient: tuple[Pair, Switch], format_: str) -> None:
    """The provider's start of a pull, and the consumer's request for a push, bear one. Sent again, it is new."""
    two, cut = impatient
    iri = publish(two.provider)["iri"]
    agreement = agree(two.consumer, iri)["agreementId"]
    pulled = format_ == "HttpData-PULL"
    cut.paths = ("/start",) if pulled else ("/transfers/request",)
    with two.consumer.client() as client:
        asked = {"agreementId": agreement, "format": format_}
        pid = client.call("POST", "/api/transfers", json=asked)["pid"]
    sender = two.provider if pulled else two.consumer
    letter = dead_letter(sender)
    body = stored_task(sender, letter["id"]).body
    assert b"dataAddress" in body
    assert b"authorization" not in body.replace(b'"name":"authType"', b"")
    cut.paths = ()
    with sender.client() as client:
        client.retry(letter["id"])
    assert transfer_ends(two.consumer, pid)["state"] == "COMPLETED"
    with two.consumer.client() as client:
        assert client.raw(f"/api/transfers/{pid}/content") == CSV


async def too_late(link: Link) -> None:
    """A door before the node answers in its place."""
    await link.answer(b"HTTP/1.1 504 Gateway Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def test_what_is_given_up_is_known_by_what_was_sent(impatient: tuple[Pair, Switch]) -> None:
    """What is kept of a start is less than what was sent: its refusal stands in the time line already."""
    two, cut = impatient
    iri = publish(two.provider)["iri"]
    agreement = agree(two.consumer, iri)["agreementId"]
    cut.paths, cut.fault = ("/start",), too_late
    with two.consumer.client() as client:
        client.transfer(agreement)
    letter = dead_letter(two.provider)
    task = stored_task(two.provider, letter["id"])
    with two.provider.client() as client:
        client.give_up(letter["id"])
    refusals = [one for one in two.provider.exchanges(task.subject) if one.message_id == task.id and one.outgoing]
    assert [one.answer_status for one in refusals] == [504]
    assert refusals[0].body_sha256 != hashlib.sha256(task.body).hexdigest()


def test_a_start_that_cannot_be_any_more_can_only_be_given_up(impatient: tuple[Pair, Switch]) -> None:
    """The asset was withdrawn meanwhile: trying again is refused with the reason, and giving up ends the transfer."""
    two, cut = impatient
    iri = publish(two.provider)["iri"]
    agreement = agree(two.consumer, iri)["agreementId"]
    cut.paths = ("/start",)
    with two.consumer.client() as client:
        pid = client.transfer(agreement)["pid"]
    letter = dead_letter(two.provider)
    with two.provider.client() as client:
        client.withdraw(iri)
        cut.paths = ()
        with two.provider.http() as http:
            path = f"/api/deliveries/{letter['id']}/retry"
            answer = http.post(path, headers=two.provider.person())
        assert answer.status_code == 409, answer.text
        client.give_up(letter["id"])
    assert transfer_ends(two.consumer, pid)["state"] == "TERMINATED"


def test_bytes_that_never_come_can_be_given_up(
    impatient: tuple[Pair, Switch], monkeypatch: pytest.MonkeyPatch
) -> None:
    two, cut = impatient
    iri = publish(two.provider)["iri"]
    agreement = agree(two.consumer, iri)["agreementId"]
    receive = two.consumer.node.protocol.transfer.receive
    monkeypatch.setattr(receive, "habits", replace(receive.habits, patience=0.1))
    cut.paths = ("/data/",)
    with two.consumer.client() as client:
        pid = client.transfer(agreement)["pid"]
        letter = dead_letter(two.consumer)
        assert (letter["topic"], letter["about"]) == ("receive", pid)
        client.give_up(letter["id"])
    assert transfer_ends(two.consumer, pid)["state"] == "TERMINATED"
    with two.provider.client() as client:
        until("the provider knows", lambda: client.deliveries()["waiting"] == 0)


def test_only_operators_try_again_and_give_up(tmp_path: Path, sqlite_template: Path) -> None:
    with running(tmp_path / "node", template=sqlite_template) as node, node.http() as http:
        for verb in ("retry", "give-up"):
            assert http.post(f"/api/deliveries/urn:x/{verb}").status_code == 401
            answer = http.post(f"/api/deliveries/urn:x/{verb}", headers=node.person())
            assert answer.status_code == 404
