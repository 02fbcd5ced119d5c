"""Two nodes that replace their keys in the middle of their business: nothing that was signed is lost."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from node.adapters.keys import FileKeyRing
from node.base.clock import stamp
from node.base.errors import HansaError, LocalFault
from node.base.jsons import canonical
from node.bootstrap.build import build
from node.cli.exits import DONE
from node.cli.main import run
from node.cli.output import Mode
from node.cli.proof import verify_file, verify_folder
from node.evidence.findings import Outcome, Report
from node.evidence.verification import check, compare_published
from node.identity.documents import key_for
from node.identity.tokens import read_token, verify_token
from node.ledger.model import EntryKind
from node.settings import load
from tests.nodes import Pair, Running, Start, agree, publish, receive, until

SEALED = {"permission": [{"action": "odrl:use"}], "https://w3id.org/hansa/ns#sealed": True}


@pytest.fixture
def running_node(tmp_path: Path, start: Start) -> Iterator[Running]:
    """One node of this test's own, on each store."""
    with start(tmp_path / "node") as node:
        yield node


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, start: Start) -> Iterator[Pair]:
    """A provider and a consumer that both have their data on the same kind of store."""
    home = tmp_path_factory.mktemp("pair")
    with start(home / "provider") as provider, start(home / "consumer") as consumer:
        yield Pair(provider, consumer)


def failures(report: Report) -> list[str]:
    return [f"{one.what}: {one.detail}" for one in report.findings if one.outcome is not Outcome.HOLDS]


def rotate(node: Running, *kinds: str) -> None:
    with node.client() as client:
        client.rotate_keys(list(kinds or ("signing", "log", "sealing")))


def proved(node: Running, agreement: str) -> list[dict[str, Any]]:
    with node.client() as client:
        return [one for one in client.verify(agreement=agreement)["checks"] if not one["sound"]]


def key_entries(node: Running) -> list[dict[str, Any]]:
    stores = node.node.parts.stores
    with stores.uow.read() as tx:
        found = [entry for entry in stores.ledger.since(tx, 0, limit=10_000) if entry.kind is EntryKind.NODE]
    return [body for body in (json.loads(entry.body) for entry in found) if body.get("event") == "key"]


def test_business_goes_on_across_a_change_at_both_sides(pair: Pair) -> None:
    provider, consumer = pair.provider, pair.consumer
    with consumer.client() as client:
        client.follow(provider.url)
    first = publish(provider, "before", conditions=SEALED)
    agreed = agree(consumer, first["iri"])
    with consumer.client() as client:
        file_before = client.agreement_file(agreed["agreementId"])
    assert proved(consumer, agreed["agreementId"]) == []
    for node in (provider, consumer):
        rotate(node)
    with provider.http() as http:
        document = http.get("/.well-known/did.json").json()
    assert [key["id"] for key in document["verificationMethod"]] == [
        f"{provider.did}#{name}" for name in ("key-2", "log-2", "seal-2", "key-1", "log-1", "seal-1")
    ]
    # What was signed before: the agreement and its evidence, offline and on line, and the ledgers.
    documents = {node.did: node.node.people.document for node in (provider, consumer)}
    with consumer.client() as client:
        file_after = client.agreement_file(agreed["agreementId"])
    with provider.client() as client:
        file_theirs = client.agreement_file(agreed["agreementId"])
    for raw in (file_before, file_after, file_theirs):
        report = check(raw)
        assert failures(report) == []
        compare_published(report, documents)
        assert failures(report) == []
    for node in (provider, consumer):
        assert proved(node, agreed["agreementId"]) == []
        assert all(check["sound"] for check in verify_folder(node.folder))
    # What is new: a negotiation, a record that is followed, and a transfer under the agreement of before.
    second = publish(provider, "after", conditions=SEALED)
    again = agree(consumer, second["iri"])
    assert again["state"] == "FINALIZED"
    for one in (agreed, again):
        assert receive(consumer, one["agreementId"])["state"] == "COMPLETED"
    assert proved(consumer, again["agreementId"]) == []

    def followed() -> bool:
        with consumer.node.parts.stores.uow.read() as tx:
            records = consumer.node.parts.stores.catalogue.records
            return all(records.get(tx, one["iri"]) is not None for one in (first, second))

    until("both records are followed", followed)
    # Once more in the other order of kinds, so that three keys of each are known.
    rotate(consumer, "signing")
    rotate(provider, "log")
    third = publish(provider, "later")["iri"]

    def agreed_again() -> bool:
        # Peers look for a new key at once, and where they just looked in vain a second later.
        try:
            return agree(consumer, third)["state"] == "FINALIZED"  # type: ignore[no-any-return]
        except HansaError:
            return False

    until("the peer has looked again", agreed_again)
    assert proved(provider, again["agreementId"]) == []
    until("the ledger has it", lambda: [key["id"] for key in key_entries(provider)][-2:] == ["#log-2", "#log-3"])


def test_the_ledger_tells_of_each_change_with_its_handover(running_node: Running) -> None:
    rotate(running_node, "log")
    entries = until("the ledger has it", lambda: key_entries(running_node))
    assert [(key["id"], key["state"]) for key in entries] == [("#log-1", "retired"), ("#log-2", "in use")]
    assert entries[1]["handover"].count("— ") == 2
    running_node.stop()
    assert all(check["sound"] for check in verify_folder(running_node.folder))


def test_operators_alone_change_keys(running_node: Running) -> None:
    with running_node.http() as http:
        for path, body in (
            ("/api/keys", None),
            ("/api/keys/rotate", {}),
            ("/api/keys/revoke", {"key": "#key-1", "as_of": "2026-11-20T12:00:00Z", "reason": "x"}),
        ):
            answer = http.get(path) if body is None else http.post(path, json=body)
            assert answer.status_code == 401, path


def test_peers_refuse_what_a_revoked_key_signs(pair: Pair) -> None:
    provider, consumer = pair.provider, pair.consumer
    iri = publish(provider, "revoked")["iri"]
    agreed = agree(consumer, iri)["agreementId"]
    ring = consumer.node.parts.keyring
    stolen = {path.name: path.read_bytes() for path in ring.folder.iterdir() if path.is_file()}
    thief = consumer.folder.parent / "thief"
    thief.mkdir(mode=0o700)
    for name, data in stolen.items():
        (thief / name).write_bytes(data)
        (thief / name).chmod(0o600)
    theirs = FileKeyRing.open(thief)
    used = next(key["id"] for key in _keys(consumer) if key["kind"] == "signing" and key["state"] == "in use")
    with consumer.client() as client:
        client.revoke_key(used, stamp(datetime.now(UTC)), "the folder was copied")
    assert proved(provider, agreed) == []  # Witnessed by the provider's own ledger before.
    assert agree(consumer, publish(provider, "goes-on")["iri"])["state"] == "FINALIZED"
    now = datetime.now(UTC)
    claims = {
        "iss": consumer.did,
        "sub": consumer.did,
        "aud": provider.did,
        "iat": int((now - timedelta(minutes=2)).timestamp()),
        "exp": int((now + timedelta(minutes=2)).timestamp()),
        "jti": "stolen",
    }
    token = read_token(theirs.sign_jws({"typ": "JWT"}, canonical(claims)), audience=provider.did, now=now)
    with pytest.raises(HansaError, match="was revoked as of"):
        verify_token(token, consumer.node.people.document)
    with pytest.raises(HansaError, match="was revoked as of"):
        key_for(consumer.node.people.document, consumer.did + used, "assertionMethod")


def _keys(node: Running) -> list[dict[str, Any]]:
    with node.client() as client:
        return client.keys()


def test_with_the_node_stopped_and_killed_at_each_step(tmp_path: Path, start: Start) -> None:
    folder = tmp_path / "node"
    with start(folder) as node:
        publish(node, "one")
        port = int(node.url.rpartition(":")[2])
    for step in ("K1", "K3", "K4", "K6"):
        killed = subprocess.run(
            [str(Path(sys.executable).with_name("hansa")), "keys", "rotate", "--node", str(folder)],
            env={**os.environ, "HANSA_CRASHPOINT": f"keys {step}"},
            check=False,
            capture_output=True,
        )
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        with start(folder, port=port) as node:
            publish(node, f"after-{step.lower()}")
            with node.client() as client:
                assert client.verify()["sound"]
            wanted = {key["id"]: key["state"] for key in _keys(node) if key["since"] or key["until"]}

            def is_recorded(node: Running = node, expected: dict[str, str] = wanted) -> bool:
                return {key["id"]: key["state"] for key in key_entries(node)} == expected

            until("the ledger was told", is_recorded)


def test_by_the_terminal_with_the_node_stopped(
    tmp_path: Path, start: Start, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Mode, "json", False)  # Put back afterwards.
    folder = tmp_path / "node"
    with start(folder):
        pass
    assert run(["keys", "rotate", "--signing", "--node", str(folder)]) == DONE
    assert "#key-2" in capsys.readouterr().out
    assert run(["--json", "keys", "--node", str(folder)]) == DONE
    found = {key["id"]: key["state"] for key in json.loads(capsys.readouterr().out)}
    assert found == {"#key-2": "in use", "#log-1": "in use", "#seal-1": "in use", "#key-1": "retired"}


def test_a_server_with_older_keys_says_so_and_does_not_start(tmp_path: Path, start: Start) -> None:
    folder = tmp_path / "node"
    with start(folder) as node:
        shutil.copytree(folder / "keys", tmp_path / "copy")
        rotate(node)
    shutil.rmtree(folder / "keys")
    shutil.copytree(tmp_path / "copy", folder / "keys")
    for _ in range(2):  # It closes what it has opened, so that the second attempt meets no lock.
        with pytest.raises(LocalFault, match="older than those that this node uses"):
            build(load(folder))


def test_a_manifest_of_a_former_key_verifies(tmp_path: Path, pair: Pair) -> None:
    iri = publish(pair.provider, "manifest")["iri"]
    agree(pair.consumer, iri)
    assert run(["get", iri, "-y", "--node", str(pair.consumer.folder), "-o", str(tmp_path / "got.csv")]) == DONE
    rotate(pair.provider)
    checks = verify_file(tmp_path / "got.csv")
    assert all(check["sound"] for check in checks), checks
