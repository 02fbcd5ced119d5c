"""Pushes to an address that is no connector: what it says, and what happens meanwhile, ends in a state with a reason
that both sides can read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from node.client.api import Refusal
from node.transfer import push
from tests.fakes.sink import Sink, sink
from tests.nodes import CSV, Pair, Running, agree, described, publish, table, until

ENDS = ("COMPLETED", "TERMINATED")
LARGE = table(8 << 20)
"""8 MiB: more than the buffers between the nodes take in."""


@pytest.fixture
def door() -> Iterator[Sink]:
    with sink() as told:
        yield told


def agreed(two: Pair, data: bytes = CSV, *, anew: bool = False) -> str:
    """An agreement about a file of these bytes: the same for all tests, unless one needs it for itself."""
    slug = f"sunk-{uuid4().hex}" if anew else f"sunk-{len(data)}"
    with two.consumer.client() as client:
        held = [one["id"] for one in client.agreements() if one["dataset"].endswith(f"/{slug}")]
    if held:
        return str(held[0])
    return str(agree(two.consumer, publish(two.provider, slug, data=data)["iri"])["agreementId"])


def pushed(two: Pair, door: Sink, data: bytes = CSV, *, anew: bool = False, **more: str) -> str:
    target = {"url": f"{door.url}/lake?sig=secret-sig", **more}
    with two.consumer.client() as client:
        return str(client.transfer(agreed(two, data, anew=anew), push_to=target)["pid"])


def state(node: Running, pid: str, *states: str) -> dict[str, Any]:
    with node.client() as client:
        return until(
            f"it is {states}",
            lambda: found if (found := client.transfer_state(pid, wait=1))["state"] in states else None,
        )


def both(two: Pair, pid: str, *states: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The two views, once both sides are in one of these states."""
    ours = state(two.consumer, pid, *states)
    return ours, state(two.provider, ours["peerPid"], *states)


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_the_bytes_arrive_once_and_nothing_secret_stays(pair: Pair, door: Sink, method: str) -> None:
    pid = pushed(pair, door, header="X-Api-Key", value="very-secret-key", method=method)
    ours, theirs = both(pair, pid, *ENDS)
    assert (ours["state"], theirs["state"]) == ("COMPLETED", "COMPLETED")
    assert (ours["status"]["endedBy"], theirs["status"]["endedBy"]) == ("other-side", "this-node")
    (got,) = door.got
    assert (got.method, got.path, got.body) == (method, "/lake?sig=secret-sig", CSV)
    assert got.headers["X-Api-Key"] == "very-secret-key"
    assert got.headers["Content-Type"] == "text/csv"
    assert ours["pushedTo"] == theirs["pushedTo"] == f"{door.url}/lake"
    assert ours["reception"] is None
    for node, known in ((pair.consumer, ours), (pair.provider, theirs)):
        bodies = b"".join(one.body for one in node.exchanges(known["pid"]))
        with node.node.parts.stores.uow.read() as tx:
            row = str(node.node.parts.stores.transfer.transfers.get(tx, known["pid"]))
        for secret in ("very-secret-key", "secret-sig"):
            assert secret.encode() not in bodies
            assert secret not in row


@pytest.mark.parametrize("status", [307, 401, 403, 404, 413])
def test_what_the_address_refuses_ends_the_transfer_with_the_reason(pair: Pair, door: Sink, status: int) -> None:
    door.answers = [status]
    ours, theirs = both(pair, pushed(pair, door), *ENDS)
    for one in (ours, theirs):
        assert (one["state"], one["code"]) == ("TERMINATED", "sink-refused")
        assert str(status) in one["reason"][0]
    assert len(door.got) == 1


@pytest.mark.parametrize("status", [409, 429, 500, 507])
def test_what_passes_is_tried_again_from_the_first_byte(pair: Pair, door: Sink, status: int) -> None:
    door.answers = [status, 200]
    ours, theirs = both(pair, pushed(pair, door), *ENDS)
    assert (ours["state"], theirs["state"]) == ("COMPLETED", "COMPLETED")
    assert [(one.body, one.whole) for one in door.got] == [(CSV, True), (CSV, True)]


def test_what_takes_all_and_puts_us_off_is_not_sent_it_day_and_night(
    pair: Pair, door: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push, "_FIRST_PAUSE", 0.001)
    door.answers = [503]
    ours, theirs = both(pair, pushed(pair, door, LARGE), *ENDS)
    for transfer in (ours, theirs):
        assert (transfer["state"], transfer["code"]) == ("TERMINATED", "sink-refused")
        assert "5 times" in transfer["reason"][0]
        assert "503" in transfer["reason"][0]
    assert [one.whole for one in door.got] == [True] * 5


def test_what_is_small_is_sent_as_often_as_a_message(pair: Pair, door: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(push, "MOST_IN_VAIN", 2)
    door.answers = [503, 503, 503, 201]
    ours, _ = both(pair, pushed(pair, door), *ENDS)
    assert ours["state"] == "COMPLETED"


def test_an_address_that_takes_nothing_holds_nobody(pair: Pair, door: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pair.provider.node.protocol.transfer.provision.push.plane, "_pause", 0.3)
    door.gate.clear()
    pid = pushed(pair, door, LARGE)
    until("it is tried again", lambda: len(door.got) > 1)
    assert state(pair.consumer, pid, "STARTED")["status"]["waitsFor"] == "their-push"
    door.gate.set()
    ours, _ = both(pair, pid, *ENDS)
    assert ours["state"] == "COMPLETED"
    assert [one.body for one in door.got if one.whole][-1] == LARGE


@pytest.mark.parametrize("url", ["http://10.1.2.3/lake", "http://169.254.169.254/latest", "http://[fd00::1]/lake"])
def test_an_address_in_a_network_of_the_provider_is_refused_with_the_reason(pair: Pair, url: str) -> None:
    with pair.consumer.client() as client:
        pid = client.transfer(agreed(pair), push_to={"url": url})["pid"]
    ended = state(pair.consumer, pid, *ENDS)
    assert (ended["state"], ended["code"]) == ("TERMINATED", "forbidden-address")
    assert ended["status"]["endedBy"] == "other-side"
    assert ended["reason"]


@pytest.mark.parametrize(
    "push_to",
    [
        {"url": "ftp://sink.example/x"},
        {"url": "https://sink.example/x", "header": "Host", "value": "elsewhere"},
        {"url": "https://sink.example/x", "header": "X-Key"},
        {"url": "https://sink.example/x", "header": "X-Key", "value": "two\r\nlines"},
    ],
)
def test_an_address_that_cannot_be_pushed_to_is_refused_at_home(pair: Pair, push_to: dict[str, str]) -> None:
    with pair.consumer.client() as client, pytest.raises(Refusal) as refused:
        client.transfer(agreed(pair), push_to=push_to)
    assert refused.value.http_status in (400, 422)


def begun(two: Pair, door: Sink, patch: pytest.MonkeyPatch, *, anew: bool = False) -> tuple[str, str]:
    """A push whose first bytes have arrived, and whose sender looks often whether it may go on."""
    pusher = two.provider.node.protocol.transfer.provision.push
    often, run = replace(pusher, recheck_bytes=64 * 1024), type(pusher).run
    patch.setattr(type(pusher), "run", lambda _, transfer: run(often, transfer))
    door.gate.clear()
    door.before = 1024
    pid = pushed(two, door, LARGE, anew=anew)
    until("bytes arrive", door.reading.is_set)
    return pid, str(state(two.consumer, pid, "STARTED")["peerPid"])


def test_the_agreement_ends_in_the_middle(pair: Pair, door: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    pid, _ = begun(pair, door, monkeypatch, anew=True)
    stores = pair.provider.node.parts.stores
    with stores.uow.begin() as tx:
        transfer = stores.transfer.transfers.select(tx, state="STARTED")[0]
        agreement = stores.negotiation.agreements.get(tx, transfer.agreement)
        assert agreement is not None
        stores.negotiation.agreements.save(tx, replace(agreement, ended=datetime.now(UTC), ended_why="enough"))
    door.gate.set()
    ours, theirs = both(pair, pid, *ENDS)
    for one in (ours, theirs):
        assert (one["state"], one["code"]) == ("TERMINATED", "not-allowed")
        assert "agreement has ended" in str(one["reason"])
    assert not any(one.whole for one in door.got)


def test_it_is_paused_in_the_middle_and_goes_on_from_the_first_byte(
    pair: Pair, door: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid, theirs = begun(pair, door, monkeypatch)
    with pair.provider.client() as client:
        client.steer(theirs, "suspend", reason="the press is waiting")
    ours, there = both(pair, pid, "SUSPENDED")
    assert ours["reason"] == there["reason"] == ["the press is waiting"]
    assert (ours["status"]["waitsFor"], there["status"]["waitsFor"]) == ("their-resumption", "our-resumption")
    door.gate.set()
    with pair.consumer.client() as client, pytest.raises(Refusal, match="provider has suspended"):
        client.steer(pid, "resume")
    with pair.provider.client() as client:
        client.steer(theirs, "resume")
    ours, _ = both(pair, pid, *ENDS)
    assert ours["state"] == "COMPLETED"
    assert [one.body for one in door.got if one.whole] == [LARGE]


def test_the_consumer_is_turned_away_in_the_middle(pair: Pair, door: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    pid, theirs = begun(pair, door, monkeypatch)
    with pair.provider.client() as client:
        client.block(pair.consumer.did, "the contract is in court")
    door.gate.set()
    try:
        ours, there = both(pair, pid, "SUSPENDED")
        assert "the contract is in court" in str(ours["reason"])
        assert there["state"] == ours["state"]
        assert not any(one.whole for one in door.got)
    finally:
        with pair.provider.client() as client:
            client.unblock(pair.consumer.did)
            client.steer(theirs, "terminate", reason="after all")
    ended, _ = both(pair, pid, *ENDS)
    assert ended["reason"] == ["after all"]


def test_many_files_go_their_own_ways(pair: Pair, door: Sink) -> None:
    """Eight files of one agreement at once: each arrives once, whole."""
    bodies = {f"part-{number}.csv": f"part {number}\n".encode() * 2000 for number in range(8)}
    files = []
    with pair.provider.client() as client:
        for name, body in bodies.items():
            path = pair.provider.folder / name
            path.write_bytes(body)
            client.upload(path)
            files.append(
                {"name": name, "mediaType": "text/csv", "size": len(body), "sha256": hashlib.sha256(body).hexdigest()}
            )
        submission = {"fields": described("in-parts"), "files": files, "conditions": "open"}
        agreement = str(agree(pair.consumer, client.publish(submission)["iri"])["agreementId"])
    with pair.consumer.client() as client:
        pids = [
            str(client.transfer(agreement, file=name, push_to={"url": f"{door.url}/{name}"})["pid"])
            for name in bodies
        ]
    for pid in pids:
        assert both(pair, pid, *ENDS)[0]["state"] == "COMPLETED"
    assert sorted((one.path, one.body) for one in door.got) == sorted(
        (f"/{name}", body) for name, body in bodies.items()
    )
