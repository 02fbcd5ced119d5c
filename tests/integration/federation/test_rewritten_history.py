"""On real nodes: a node that was put back by hand is noticed, shown at every door, and decided about by a person."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from node.cli.archive import read_backup, write_backup
from node.cli.diagnosis import examine
from node.cli.exits import DONE, REFUSED
from tests.nodes import Running, publish, running, until
from tests.terminal import typed


@pytest.fixture
def follower(tmp_path: Path, sqlite_template: Path) -> Iterator[Running]:
    with running(tmp_path / "follower", template=sqlite_template) as node:
        yield node


def member(node: Running) -> dict[str, Any]:
    with node.client() as client:
        (found,) = client.members()
    return found


def has(node: Running, number: int) -> bool:
    return bool(member(node)["assets"] == number)


def test_a_node_that_was_put_back_by_hand(
    follower: Running, tmp_path: Path, sqlite_template: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, copy = tmp_path / "origin", tmp_path / "copy"
    with running(folder, template=sqlite_template) as origin:
        port, url, did = origin.node.parts.settings.port, origin.url, origin.did
        publish(origin, "first")
    shutil.copytree(folder, copy)
    with running(folder, port=port) as origin:
        publish(origin, "second")
        with follower.client() as client:
            client.follow(url)
        until("both are followed", lambda: has(follower, 2))
        status, output = typed(follower, capsys, "members")
        assert (status, "quarantine" in output) == (DONE, False)
        status, output = typed(follower, capsys, "members", "evidence", url)
        assert (status, "Every head of its feed continued" in output) == (DONE, True)
        status, output = typed(follower, capsys, "members", "accept", url)
        assert (status, "not in quarantine" in output) == (REFUSED, True)
    shutil.rmtree(folder)
    copy.rename(folder)
    with running(folder, port=port) as origin:
        publish(origin, "another")
        until("the follower notices", lambda: member(follower)["state"] == "quarantine")
        assert has(follower, 2), "what was received stays"

        # The terminal
        status, output = typed(follower, capsys, "members")
        assert status == DONE
        assert "in quarantine: it signed two different histories" in " ".join(output.split())
        assert f"hansa members evidence {url}" in output
        evidence = tmp_path / "evidence.json"
        status, output = typed(follower, capsys, "members", "evidence", did, "--to", str(evidence))
        assert (status, output.count("2 entries, epoch 0, root ")) == (DONE, 2)
        assert f"hansa members accept {url}" in output
        assert f"hansa members leave {url}" in output
        (fork,) = json.loads(evidence.read_text())["forks"]
        assert fork["shownByHeads"] == (fork["kind"] in {"same-size", "shrunk", "epoch-back"})
        assert (fork["kind"], len(fork["keys"])) == ("same-size", 1)

        # The page, for everybody, and the command for an operator
        with follower.http() as http:
            page = http.get("/members").text
            assert "in quarantine" in page
            assert "hansa members evidence" not in page
        # The doctor
        (finding,) = [one for one in examine(follower.folder) if "in quarantine" in one.text]
        assert not finding.well
        assert f"hansa members evidence {url}" in finding.remedy
        # Others that compare
        with follower.http() as http:
            shown = {head["head"] for head in http.get("/federation/heads").json()["heads"]}
        assert shown == {fork["first"], fork["second"]}

        # A decision, in the ledger
        status, output = typed(follower, capsys, "members", "accept", url)
        assert status == DONE, output
        until("it is followed again", lambda: member(follower)["state"] == "following" and has(follower, 3))
        with follower.node.parts.stores.uow.read() as tx:
            notes = [json.loads(entry.body) for entry in follower.node.parts.stores.ledger.history(tx, did)]
        assert [note["type"] for note in notes] == ["follow", "fork", "fork-accepted"]
        assert notes[1]["first"] == fork["first"]
        status, output = typed(follower, capsys, "members", "evidence", url)
        assert "accepted by" in output
        status, output = typed(follower, capsys, "members", "leave", url)
        assert status == DONE
        with follower.client() as client:
            assert client.members() == []


def test_a_follower_that_saw_one_history_hears_of_the_other(
    follower: Running, tmp_path: Path, sqlite_template: Path
) -> None:
    """The second follower never saw the first history; the first one shows both heads."""
    folder, copy = tmp_path / "origin", tmp_path / "copy"
    with running(folder, template=sqlite_template) as origin:
        port, url = origin.node.parts.settings.port, origin.url
        publish(origin, "first")
    shutil.copytree(folder, copy)
    with running(folder, port=port) as origin, follower.client() as client:
        publish(origin, "second")
        client.follow(url)
        until("both are followed", lambda: has(follower, 2))
    shutil.rmtree(folder)
    copy.rename(folder)
    with (
        running(tmp_path / "other", template=sqlite_template) as other,
        running(folder, port=port) as origin,
        other.client() as client,
    ):
        publish(origin, "another")
        client.follow(url)
        until("the other history is followed", lambda: has(other, 2))
        client.follow(follower.url)

        def quarantined() -> dict[str, Any] | None:
            found = {one["url"]: one for one in client.members()}
            return found[url] if found[url]["state"] == "quarantine" else None

        shown = until("the other follower hears of it", quarantined)
        assert shown["assets"] == 2
        evidence = client.call("GET", "/api/members/evidence", params={"url": url})
        assert (evidence["forks"][0]["kind"], evidence["forks"][0]["witness"]) == ("same-size", follower.did)


def test_a_node_that_was_restored_says_what_it_kept(
    follower: Running, tmp_path: Path, sqlite_template: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, backup = tmp_path / "origin", tmp_path / "origin.tar"
    with running(folder, template=sqlite_template) as origin:
        port, url = origin.node.parts.settings.port, origin.url
        publish(origin, "first")
        write_backup(folder, backup)
        publish(origin, "second")
        with follower.client() as client:
            client.follow(url)
        until("both are followed", lambda: has(follower, 2))
    restored = tmp_path / "restored"
    assert read_backup(backup, restored).epoch == 1
    with running(restored, port=port) as origin:
        publish(origin, "another")
        until("it is followed on", lambda: has(follower, 3))
        assert member(follower)["state"] == "following"
        status, output = typed(follower, capsys, "members", "evidence", url)
        assert status == DONE
        assert "epoch 1 began with 1 of 2 entries" in output
        status, output = typed(follower, capsys, "members")
        assert "restored, with 1 of 2 entries kept" in " ".join(output.split())
