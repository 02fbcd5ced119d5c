"""A participant that people have blocked is turned away at every door, with their reason."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest

from node.base.errors import ForbiddenAddress, LocalFault, NotAllowed
from node.base.jsons import read_object
from node.base.work import Transaction
from node.ledger.model import EntryKind
from node.portal.views.region import Member
from tests.fakes.people import person
from tests.nodes import Pair, Running, admit, agree, company, publish, running, until
from tests.portal_browser import signed_in

REASON = "it passed our data on"
BIG = b"hour,count\n" + b"2026-01-01T00,12\n" * 60_000


@pytest.fixture
def two(tmp_path: Path, sqlite_template: Path) -> Iterator[Pair]:
    with ExitStack() as stack:
        provider = stack.enter_context(
            running(tmp_path / "provider", template=sqlite_template, send_bytes_per_second=128 << 10)
        )
        consumer = stack.enter_context(running(tmp_path / "consumer", template=sqlite_template))
        yield Pair(provider, consumer)


def state(node: Running, pid: str) -> str:
    with node.http(headers=node.person()) as http:
        return str(http.get(f"/api/transfers/{pid}").json()["state"])


def ask(two: Pair, method: str, url: str, **options: Any) -> httpx2.Response:
    """The consumer's node asks the provider's."""
    with two.provider.http() as http:
        return http.request(method, url, headers=two.consumer.as_participant(two.provider), **options)


def events(node: Running, did: str) -> list[str]:
    with node.node.parts.stores.uow.read() as tx:
        found = node.node.parts.stores.ledger.history(tx, did, EntryKind.MEMBERSHIP)
    return [str(read_object(one.body)["event"]) for one in found]


def test_a_blocked_participant_is_turned_away_until_it_is_not(two: Pair) -> None:
    iri = publish(two.provider, "watched", data=BIG)["iri"]
    agreement = agree(two.consumer, iri)["agreementId"]
    with two.consumer.client() as theirs:
        pid = theirs.transfer(agreement)["pid"]
    until("it runs", lambda: state(two.consumer, pid) == "STARTED")
    with two.provider.client() as client:
        made = client.block(two.consumer.did, REASON)
        assert (made["did"], made["reason"], made["suspended"]) == (two.consumer.did, REASON, 1)
        assert [one["did"] for one in client.blocks()] == [two.consumer.did]
    until("it is paused", lambda: state(two.consumer, pid) == "SUSPENDED")
    doors = [
        ("POST", f"{two.provider.dsp}/catalog/request"),
        ("GET", f"{two.provider.dsp}/catalog/datasets/{iri}"),
        ("POST", f"{two.provider.dsp}/negotiations/request"),
        ("POST", f"{two.provider.dsp}/transfers/urn:x/start"),
        ("GET", iri),
        ("GET", f"{two.provider.url}/feed"),
        ("GET", f"{two.provider.url}/search?q=x"),
    ]
    for method, url in doors:
        answer = ask(two, method, url, **({"json": {}} if method == "POST" else {}))
        assert answer.status_code == 403, (url, answer.text)
        assert REASON in answer.text, url
    with two.provider.client() as client:
        client.unblock(two.consumer.did)
    assert ask(two, "GET", iri).status_code == 200
    assert events(two.provider, two.consumer.did)[-2:] == ["blocked", "unblocked"]
    assert state(two.consumer, pid) == "SUSPENDED"


@pytest.fixture
def members(tmp_path: Path, sqlite_template: Path) -> Iterator[Pair]:
    """Members of a region. The consumer asks for the credentials of others at every message, as it does after a
    minute without one."""
    with ExitStack() as stack:
        region = stack.enter_context(company(tmp_path, sqlite_template, cities=0)).region
        settings: tuple[dict[str, Any], ...] = ({"send_bytes_per_second": 128 << 10}, {"presentation_max_age": 0})
        pair = Pair(
            *(
                stack.enter_context(running(tmp_path / name, template=sqlite_template, region=region.did, **more))
                for name, more in zip(("provider", "consumer"), settings, strict=True)
            )
        )
        for member in (pair.provider, pair.consumer):
            admit(region, member)
        yield pair


def test_a_blocked_member_learns_of_it_though_it_has_to_ask_who_we_are(members: Pair) -> None:
    """The suspension is a message of ours: the member queries our credentials before it believes it."""
    iri = publish(members.provider, "watched", data=BIG)["iri"]
    agreement = agree(members.consumer, iri)["agreementId"]
    with members.consumer.client() as theirs:
        pid = theirs.transfer(agreement)["pid"]
    until("it runs", lambda: state(members.consumer, pid) == "STARTED")
    with members.provider.client() as client:
        assert client.block(members.consumer.did, REASON)["suspended"] == 1
        until("the consumer knows", lambda: state(members.consumer, pid) == "SUSPENDED")
        until("so does the provider", lambda: client.transfers(state="SUSPENDED"))
    answer = ask(members, "POST", f"{members.provider.url}/dcp/presentations/query", json={})
    assert answer.status_code != 200, "without an access token of the provider it is shown nothing"


def test_the_bytes_of_a_blocked_recipient_stop(two: Pair) -> None:
    """Also where the transfer could not be suspended: each read asks again."""
    iri = publish(two.provider, "read", data=BIG)["iri"]
    agreement = agree(two.consumer, iri)["agreementId"]
    with two.consumer.client() as theirs:
        pid = theirs.transfer(agreement)["pid"]
    until("it runs", lambda: state(two.consumer, pid) == "STARTED")
    two.provider.node.people.blocks.block(two.consumer.did, REASON, person("test"))
    with two.consumer.node.parts.stores.uow.read() as tx:
        transfer = two.consumer.node.parts.stores.transfer.transfers.get(tx, pid)
    assert transfer is not None
    assert transfer.data_address is not None
    token = next(
        one["value"] for one in transfer.data_address["endpointProperties"] if one["name"] == "authorization"
    )
    with two.provider.http() as http:
        answer = http.get(transfer.data_address["endpoint"], headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 403
    assert REASON in answer.text


def test_a_block_suspends_what_runs_or_nothing_happens(two: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal between a block and its suspensions would end a reception that could have gone on."""
    iri = publish(two.provider, "atomic", data=BIG)["iri"]
    agreement = agree(two.consumer, iri)["agreementId"]
    with two.consumer.client() as theirs:
        pid = theirs.transfer(agreement)["pid"]
    until("it runs", lambda: state(two.consumer, pid) == "STARTED")
    transfers = two.provider.node.protocol.transfer.transfers

    def fail(tx: Transaction, did: str, reason: str) -> int:
        transfers.suspend_all(tx, did, reason)
        raise LocalFault("the disk is full")

    blocks = two.provider.node.people.blocks
    with pytest.raises(LocalFault):
        blocks.block(two.consumer.did, REASON, person("test"), fail)
    assert blocks.all() == []
    assert state(two.consumer, pid) != "SUSPENDED"
    assert blocks.block(two.consumer.did, REASON, person("test"), transfers.suspend_all)[1] == 1
    until("it is paused", lambda: state(two.consumer, pid) == "SUSPENDED")


async def test_whatever_asks_how_a_participant_stands_hears_that_it_is_blocked(two: Pair) -> None:
    """Jobs that were taken before, and decisions that were waiting, ask this way: there is no token to turn away."""
    participants = two.provider.node.people.participants
    assert (await participants.recheck(two.consumer.did)).did == two.consumer.did
    two.provider.node.people.blocks.block(two.consumer.did, REASON, person("test"))
    with pytest.raises(NotAllowed, match=REASON):
        await participants.recheck(two.consumer.did)


def test_who_may_block_whom(two: Pair) -> None:
    accounts = two.provider.node.people.users.accounts
    from datetime import timedelta

    from node.identity.model import UserRole

    accounts.add_locally("els", "Els", [UserRole.PUBLISHER], "a long password")
    token = accounts.issue_token("els", "test", timedelta(days=1))
    body = {"did": two.consumer.did, "reason": REASON}
    with two.provider.http() as http:
        assert http.post("/api/blocks", json=body).status_code == 401
        assert http.post("/api/blocks", json=body, headers={"Authorization": f"Bearer {token}"}).status_code == 403
        mine = two.provider.person()
        assert http.post("/api/blocks", json={**body, "did": two.provider.did}, headers=mine).status_code == 400
        assert http.post("/api/blocks", json={**body, "reason": " "}, headers=mine).status_code == 400
        assert http.post("/api/blocks", json=body, headers=mine).status_code == 201
        assert http.post("/api/blocks", json=body, headers=mine).status_code == 409
        assert http.delete("/api/blocks/did:web:nobody.example", headers=mine).status_code == 404


def test_the_members_page_shows_it(two: Pair) -> None:
    with two.provider.client() as client:
        client.follow(two.consumer.url)
        client.block(two.consumer.did, REASON)
    with signed_in(two.provider) as browser:
        page = browser.get("/members", headers={"Accept-Language": "en"})
    assert "blocked by this node" in page.text
    assert REASON in page.text
    assert Member(id="x", name="x", url="x").block == ""


def test_nothing_is_begun_with_a_participant_that_is_blocked(two: Pair) -> None:
    iri = publish(two.provider, "wanted")["iri"]
    with two.consumer.client() as client:
        client.block(two.provider.did, REASON)
    with two.consumer.http(headers=two.consumer.person()) as http:
        for answer in (
            http.post("/api/negotiations", json={"dataset": iri}),
            http.get("/api/conditions", params={"iri": iri}),
        ):
            assert answer.status_code == 409
            assert REASON in answer.json()["detail"]
            assert "hansa member unblock" in answer.json()["remedy"]
        assert http.get("/api/negotiations").json() == []
    with two.consumer.client() as client:
        client.unblock(two.provider.did)
    assert agree(two.consumer, iri)["state"] == "FINALIZED"


def test_a_start_that_nobody_took_goes_with_its_transfer(two: Pair) -> None:
    """The token of the bytes is in it for as long as it may be sent, and not as a dead letter."""
    iri = publish(two.provider, "unheard")["iri"]
    agreement = agree(two.consumer, iri)["agreementId"]
    stores = two.provider.node.parts.stores
    outgoing, egress = two.provider.node.parts.egress.request, two.provider.node.parts.egress

    async def deaf(method: str, url: str, **options: Any) -> Any:
        if url.endswith("/start"):
            raise ForbiddenAddress("not there")
        return await outgoing(method, url, **options)

    egress.request = deaf  # type: ignore[method-assign]
    with two.consumer.client() as client:
        pid = client.transfer(agreement)["pid"]

    def dead() -> list[Any]:
        with stores.uow.read() as tx:
            return list(stores.outbox.dead(tx))

    [letter] = until("it is a dead letter", dead)
    assert b"authorization" not in letter.body
    with two.consumer.http(headers=two.consumer.person()) as http:
        assert http.post(f"/api/transfers/{pid}/terminate", json={}).status_code == 200
    until("the provider knows", lambda: state(two.consumer, pid) == "TERMINATED")
    assert dead() == []
    with stores.uow.read() as tx:
        [transfer] = stores.transfer.transfers.select(tx)
        kept = [one.body + one.answer for one in stores.transfer.transfers.exchanges(tx, transfer.pid)]
    assert transfer.state == "TERMINATED"
    assert not [one for one in kept if b"authorization" in one]
