"""Files of earlier versions stay as long as the publisher declares and agreements need them, and go then, once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from node.catalogue.publication.trial_files import ForgetTrialFiles
from node.client import Refusal
from node.ledger.model import EntryKind
from node.transfer.deletion.old_versions import EVENT, RemoveOldFiles
from tests.fakes.clock import FixedClock
from tests.integration.exchange.test_earlier_versions import received
from tests.nodes import Running, Start, agree, described, is_sound, running
from tests.portal_browser import signed_in
from tests.terminal import typed

LATER = datetime.now(UTC) + timedelta(days=40)


@pytest.fixture(scope="module")
def nodes(
    start: Start, tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path
) -> Iterator[tuple[Running, Running]]:
    home = tmp_path_factory.mktemp("kept")
    with start(home / "city") as city, running(home / "partner", template=sqlite_template) as partner:
        yield city, partner


def body(number: int, slug: str) -> bytes:
    return f"hour,count\n{slug},{number}\n".encode()


def publish(city: Running, slug: str, number: int, *, open_: bool = True, **fields: Any) -> str:
    """Publish a version with a file of its own."""
    path = city.folder / f"{slug}.csv"
    path.write_bytes(body(number, slug))
    with city.client() as client:
        file = {**client.upload(path), "name": path.name, "mediaType": "text/csv", "open": open_}
        submission = {"fields": described(slug, **fields), "files": [file], "conditions": "open"}
        return str(client.publish(submission)["iri"])


def remover(city: Running, at: datetime = LATER) -> RemoveOldFiles:
    """The worker's removal, at another time than now."""
    stores = city.node.parts.stores
    return RemoveOldFiles(
        stores.uow,
        records=stores.catalogue.records,
        agreements=stores.negotiation.agreements,
        grants=stores.transfer.grants,
        assets=city.node.parts.assets,
        append=city.node.foundation.append,
        clock=FixedClock(at),
        me=city.did,
    )


def forget(city: Running) -> None:
    """What the worker deletes a day after."""
    parts = city.node.parts
    clock = FixedClock(datetime.now(UTC) + timedelta(days=2))
    ForgetTrialFiles(parts.stores.uow, records=parts.stores.catalogue.records, assets=parts.assets, clock=clock)()


def has(city: Running, slug: str, number: int) -> bool:
    return city.node.parts.assets.has(hashlib.sha256(body(number, slug)).hexdigest())


def states(city: Running, iri: str) -> dict[int, str]:
    with city.client() as client:
        return {version["version"]: version["files"]["state"] for version in client.versions(iri)}


def test_without_a_declaration_all_stay_for_ever(nodes: tuple[Running, Running]) -> None:
    city, _ = nodes
    for number in (1, 2, 3):
        iri = publish(city, "always", number)
    remover(city)()
    forget(city)
    assert states(city, iri) == {3: "current", 2: "always", 1: "always"}
    assert all(has(city, "always", number) for number in (1, 2, 3))


def test_as_many_versions_stay_as_declared(
    nodes: tuple[Running, Running], capsys: pytest.CaptureFixture[str]
) -> None:
    city, _ = nodes
    for number in (1, 2, 3):
        iri = publish(city, "counted", number, keep_versions=1)
    assert states(city, iri) == {3: "current", 2: "counted", 1: "until"}
    # A moment for those who had begun with the version before.
    remover(city, datetime.now(UTC))()
    assert states(city, iri)[1] == "until"
    assert remover(city)() == 1
    assert remover(city)() == 0
    assert states(city, iri) == {3: "current", 2: "counted", 1: "removed"}
    with httpx2.Client(trust_env=False) as stranger:
        answer = stranger.get(f"{iri}/files/counted.csv?version=1", headers={"Accept": "application/json"})
        assert answer.status_code == 410
        assert "the files of version 1 were removed on" in answer.json()["detail"]
        assert stranger.get(f"{iri}/files/counted.csv?version=2").content == body(2, "counted")
        assert stranger.get(f"{iri}?version=1", headers={"Accept": "text/turtle"}).status_code == 200
        page = stranger.get(f"{iri}?version=1", headers={"Accept": "text/html"}).text
        assert "Files removed on" in page
        assert "files/counted.csv?version=1" not in page
    assert has(city, "counted", 1)
    forget(city)
    assert [has(city, "counted", number) for number in (1, 2, 3)] == [False, True, True]
    assert "removed on" in typed(city, capsys, "show", iri)[1]
    with city.client() as client:
        room = next(asset for asset in client.storage()["assets"] if asset["iri"] == iri)
    assert (room["bytes"], room["earlierBytes"]) == (len(body(3, "counted")), len(body(2, "counted")))
    with city.node.parts.stores.uow.read() as tx:
        notes = city.node.parts.stores.ledger.history(tx, iri, EntryKind.NODE)
    assert [EVENT.encode() in note.body for note in notes] == [True]
    assert is_sound(city)


def test_a_period_counts_from_the_newer_version_and_is_shown(nodes: tuple[Running, Running]) -> None:
    city, _ = nodes
    for number in (1, 2):
        iri = publish(city, "period", number, keep_for="P30D")
    with city.client() as client:
        times = {version["version"]: version["files"] for version in client.versions(iri)}
        turtle = client.record(iri)
    assert turtle["version"] == 2
    assert times[1]["state"] == "until"
    day = times[1]["at"][:10]
    assert day == f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}"
    with signed_in(city) as browser:
        page = browser.get(f"{iri}?version=1", headers={"Accept": "text/html"}).text
    assert "Files kept until" in page
    with httpx2.Client(trust_env=False) as stranger:
        text = stranger.get(iri, headers={"Accept": "text/turtle"}).text
    assert "keptFor" in text
    remover(city, datetime.now(UTC) + timedelta(days=29))()
    assert has(city, "period", 1)
    assert states(city, iri)[1] == "until"
    remover(city)()
    assert states(city, iri)[1] == "removed"


def test_an_agreement_in_force_keeps_its_version(nodes: tuple[Running, Running]) -> None:
    city, partner = nodes
    iri = publish(city, "agreed", 1, open_=False, keep_versions=0)
    agreement = str(agree(partner, iri)["agreementId"])
    for number in (2, 3):
        publish(city, "agreed", number, open_=False, keep_versions=0)
    assert remover(city)() == 1
    forget(city)
    assert received(partner, agreement, 1)[1] == body(1, "agreed")
    state, _ = received(partner, agreement, 2)
    assert "were removed on" in str(state["reason"])
    stores = city.node.parts.stores
    with stores.uow.begin() as tx:
        signed = stores.negotiation.agreements.get(tx, agreement)
        assert signed is not None
        stores.negotiation.agreements.save(tx, replace(signed, ended=signed.at, ended_why="over"))
    assert remover(city)() == 1
    forget(city)
    assert not has(city, "agreed", 1)


def test_bytes_that_another_version_or_asset_has_stay(nodes: tuple[Running, Running]) -> None:
    city, _ = nodes
    publish(city, "same", 1, keep_versions=0)
    iri = publish(city, "same", 2, keep_versions=0)
    path = city.folder / "same.csv"
    path.write_bytes(body(1, "same"))
    with city.client() as client:
        file = {**client.upload(path), "name": "copy.csv", "mediaType": "text/csv"}
        client.publish({"fields": described("copy-of-same"), "files": [file], "conditions": "open"})
    remover(city)()
    forget(city)
    assert states(city, iri)[1] == "removed"
    assert has(city, "same", 1)


def test_bytes_that_are_published_again_within_a_day_stay(nodes: tuple[Running, Running]) -> None:
    city, _ = nodes
    publish(city, "again", 1, keep_versions=0)
    publish(city, "again", 2, keep_versions=0)
    remover(city)()
    iri = publish(city, "again", 1, keep_versions=0)
    forget(city)
    assert has(city, "again", 1)
    with httpx2.Client(trust_env=False) as stranger:
        assert stranger.get(f"{iri}/files/again.csv").content == body(1, "again")
        assert stranger.get(f"{iri}/files/again.csv?version=1").status_code == 410


def test_a_crash_before_the_bytes_are_marked_is_made_good(nodes: tuple[Running, Running]) -> None:
    city, _ = nodes
    publish(city, "crashed", 1, keep_versions=0)
    iri = publish(city, "crashed", 2, keep_versions=0)
    stores = city.node.parts.stores
    with stores.uow.begin() as tx:
        assert stores.catalogue.records.remove_files(tx, iri, 1, LATER)
    remover(city)()
    forget(city)
    assert not has(city, "crashed", 1)


def test_two_workers_and_64_readers_at_once(nodes: tuple[Running, Running]) -> None:
    city, _ = nodes
    for number in (1, 2):
        iri = publish(city, "crowd", number, keep_versions=0)

    def read(_: int) -> tuple[int, bytes]:
        with httpx2.Client(trust_env=False, timeout=60) as stranger:
            answer = stranger.get(f"{iri}/files/crowd.csv?version=1")
        return answer.status_code, answer.content

    with ThreadPoolExecutor(66) as pool:
        removals = [pool.submit(remover(city)) for _ in range(2)]
        answers = list(pool.map(read, range(64)))
        publish(city, "crowd", 3, keep_versions=0)
    assert {status for status, _ in answers} <= {200, 410}
    assert all(content == body(1, "crowd") for status, content in answers if status == 200)
    assert sum(removal.result() for removal in removals) == 1
    with city.node.parts.stores.uow.read() as tx:
        assert len(city.node.parts.stores.ledger.history(tx, iri, EntryKind.NODE)) == 1


@pytest.mark.parametrize("fields", [{"keep_versions": -1}, {"keep_versions": "many"}, {"keep_for": "soon"}])
def test_a_declaration_that_cannot_be_kept_is_refused(nodes: tuple[Running, Running], fields: dict[str, Any]) -> None:
    city, _ = nodes
    with pytest.raises(Refusal) as refusal:
        publish(city, "wrong", 1, **fields)
    assert next(iter(fields)) in str(refusal.value.detail) + str(refusal.value.problem)
