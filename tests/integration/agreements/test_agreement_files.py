"""The file of an agreement: both sides write it, anybody checks it, and nothing in it can be changed unseen."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.base.errors import HansaError
from node.base.jsons import canonical
from node.cli.exits import DONE, REFUSED
from node.cli.main import run
from node.evidence import archive
from node.evidence.findings import Outcome, Report
from node.evidence.verification import check, compare_published
from node.identity.jose import b64url
from node.identity.model import DidDocument
from tests.nodes import Company, Pair, agree, publish, running

PARTS = {
    "README.txt",
    "SHA256SUMS",
    "SHA256SUMS.sig",
    "about.json",
    "agreement.html",
    "agreement.json",
    "documents/en.html",
    "keys/consumer.did.json",
    "keys/consumer.ledger.pem",
    "keys/consumer.signing.pem",
    "keys/provider.did.json",
    "keys/provider.ledger.pem",
    "keys/provider.signing.pem",
    "messages/01-sent-ContractRequestMessage.json",
    "messages/02-received-ContractAgreementMessage.json",
    "messages/03-sent-ContractAgreementVerificationMessage.json",
    "messages/04-received-ContractNegotiationEventMessage-FINALIZED.json",
    "messages/index.json",
    "offer.json",
    "signatures/consumer.jws",
    "signatures/consumer.sig",
    "signatures/consumer.signed",
    "signatures/provider.jws",
}


@pytest.fixture(scope="module")
def agreed(pair: Pair) -> str:
    ended = agree(pair.consumer, publish(pair.provider, "evidence")["iri"])
    assert ended["state"] == "FINALIZED"
    return str(ended["agreementId"])


@pytest.fixture(scope="module")
def file(pair: Pair, agreed: str) -> bytes:
    with pair.consumer.client() as client:
        return client.agreement_file(agreed)


def failures(report: Report) -> list[str]:
    return [f"{one.what}: {one.detail}" for one in report.findings if one.outcome is Outcome.FAILS]


def judge(raw: bytes) -> tuple[bool, list[str]]:
    """Whether a file passes without a word, and what was said."""
    try:
        report = check(raw)
    except HansaError as error:
        return False, [error.detail]
    said = [f"{one.what}: {one.detail}" for one in report.findings if one.outcome is not Outcome.HOLDS]
    return not said, said


def test_both_sides_write_a_file_that_holds(pair: Pair, agreed: str, file: bytes) -> None:
    with pair.provider.client() as client:
        theirs = client.agreement_file(agreed)
    for archive_file, writer in ((file, pair.consumer), (theirs, pair.provider)):
        passes, said = judge(archive_file)
        assert passes, said
        report = check(archive_file)
        assert report.agreement == agreed
        assert {(key.side, key.purpose) for key in report.keys} == {
            (side, purpose) for side in ("provider", "consumer") for purpose in ("agreements", "ledger")
        }
        assert archive.read_listing(archive.unpack(archive_file)["SHA256SUMS"]).writer == writer.did
    assert set(archive.unpack(file)) >= PARTS
    assert archive.unpack(file)["agreement.json"] == archive.unpack(theirs)["agreement.json"]


def test_the_same_agreement_gives_the_same_bytes(pair: Pair, agreed: str, file: bytes) -> None:
    publish(pair.consumer, "another")  # The ledger goes on.
    with pair.consumer.client() as client:
        assert client.agreement_file(agreed) == file


def test_messages_are_the_bytes_that_went_over_the_wire(pair: Pair, agreed: str, file: bytes) -> None:
    parts = archive.unpack(file)
    with pair.consumer.client() as client:
        exchanges = pair.consumer.exchanges(client.agreement(agreed)["negotiation"])
    index = json.loads(parts["messages/index.json"])
    assert [one["sha256"] for one in index] == [one.body_sha256 for one in exchanges]
    assert [parts[one["file"]] for one in index] == [one.body for one in exchanges]


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_changed_byte_in_any_part_is_found(file: bytes, data: st.DataObject) -> None:
    parts = archive.unpack(file)
    name = data.draw(st.sampled_from(sorted(parts)))
    at = data.draw(st.integers(0, len(parts[name]) - 1))
    bit = data.draw(st.integers(0, 7))
    changed = bytearray(parts[name])
    changed[at] ^= 1 << bit
    passes, _ = judge(archive.pack({**parts, name: bytes(changed)}))
    assert not passes


@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_a_changed_byte_in_each_part_is_found(file: bytes, place: str) -> None:
    parts = archive.unpack(file)
    for name, content in parts.items():
        at = {"first": 0, "middle": len(content) // 2, "last": len(content) - 1}[place]
        changed = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
        passes, _ = judge(archive.pack({**parts, name: changed}))
        assert not passes, name


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_changed_byte_in_the_archive_is_found(file: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(file) - 1))
    changed = file[:at] + bytes([file[at] ^ data.draw(st.integers(1, 255))]) + file[at + 1 :]
    passes, _ = judge(changed)
    assert not passes


def test_a_part_added_or_left_out_is_found(file: bytes) -> None:
    parts = archive.unpack(file)
    for name in parts:
        assert not judge(archive.pack({other: content for other, content in parts.items() if other != name}))[0], name
    assert not judge(archive.pack({**parts, "documents/nl.html": b"<p>Anders</p>"}))[0]


# ---- whoever wrote the file may lie about what the other has signed, and cannot ---------------------------------


def rewritten(pair: Pair, file: bytes, change: Callable[[dict[str, bytes]], None]) -> list[str]:
    """The file as its own writer could forge it: changed, listed and signed anew. What fails then."""
    parts = archive.unpack(file)
    change(parts)
    listed = {name: content for name, content in parts.items() if name not in (archive.SUMS, archive.SUMS_SIGNATURE)}
    parts[archive.SUMS] = archive.listing(listed, writer=pair.consumer.did)
    parts[archive.SUMS_SIGNATURE] = pair.consumer.node.parts.keyring.sign_log(parts[archive.SUMS])
    return failures(check(archive.pack(parts)))


def other_terms(parts: dict[str, bytes]) -> None:
    body = json.loads(parts["agreement.json"])
    body["permission"] = [{"action": "odrl:use"}]
    body["prohibition"] = [{"action": "odrl:sell"}]
    parts["agreement.json"] = canonical(body)
    about = json.loads(parts["about.json"])
    about["sha256"] = hashlib.sha256(parts["agreement.json"]).hexdigest()
    parts["about.json"] = json.dumps(about).encode()


def other_text(parts: dict[str, bytes]) -> None:
    parts["documents/en.html"] = parts["documents/en.html"].replace(b"<h2>", b"<h2>All rights! ", 1)


def other_key(parts: dict[str, bytes]) -> None:
    raw = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    document = json.loads(parts["keys/provider.did.json"])
    document["verificationMethod"][1]["publicKeyJwk"]["x"] = b64url(raw)
    parts["keys/provider.did.json"] = json.dumps(document).encode()


def other_order(parts: dict[str, bytes]) -> None:
    index = json.loads(parts["messages/index.json"])
    index[1], index[2] = index[2], index[1]
    parts["messages/index.json"] = json.dumps(index).encode()


def fewer_messages(parts: dict[str, bytes]) -> None:
    index = json.loads(parts["messages/index.json"])
    last = index.pop()
    del parts[last["file"]]
    parts.pop(last["answer"] or "", None)
    parts["messages/index.json"] = json.dumps(index).encode()


def other_offer(parts: dict[str, bytes]) -> None:
    offer = json.loads(parts["offer.json"])
    offer["permission"][0]["action"] = "odrl:distribute"
    parts["offer.json"] = json.dumps(offer).encode()


def other_entry(parts: dict[str, bytes]) -> None:
    name = "ledger/provider/01-agreement.leaf.json"
    leaf = json.loads(parts[name])
    leaf["at"] = "2020-01-01T00:00:00.000000Z"
    parts[name] = canonical(leaf)


def other_message(parts: dict[str, bytes]) -> None:
    index = json.loads(parts["messages/index.json"])
    name = index[0]["file"]
    message = json.loads(parts[name])
    message["offer"]["permission"][0]["action"] = "odrl:distribute"
    parts[name] = json.dumps(message).encode()
    index[0]["sha256"] = hashlib.sha256(parts[name]).hexdigest()
    parts["messages/index.json"] = json.dumps(index).encode()


def other_signature(parts: dict[str, bytes]) -> None:
    parts["signatures/provider.jws"] = parts["signatures/consumer.jws"]


@pytest.mark.parametrize(
    ("change", "failure"),
    [
        (other_terms, "the provider has signed the agreement"),
        (other_text, "the readable texts"),
        (other_key, "the provider has signed the state of its ledger"),
        (other_order, "the protocol allows their order"),
        (fewer_messages, "the protocol allows their order"),
        (other_offer, "the policy that was agreed"),
        (other_message, "the offer on the table"),
        (other_entry, "the agreement is in the ledger of the provider"),
        (other_signature, "the provider has signed the agreement"),
    ],
)
def test_what_the_writer_forges_is_found(
    pair: Pair, file: bytes, change: Callable[[dict[str, bytes]], None], failure: str
) -> None:
    assert rewritten(pair, file, lambda _: None) == []
    failed = rewritten(pair, file, change)
    assert any(one.startswith(failure) for one in failed), failed


def test_keys_are_compared_with_those_that_are_published(pair: Pair, file: bytes) -> None:
    documents: dict[str, DidDocument | str] = {
        node.did: node.node.people.document for node in (pair.provider, pair.consumer)
    }
    report = check(file)
    compare_published(report, documents)
    assert failures(report) == []
    report = check(file)
    raw: dict[str, Any] = pair.consumer.node.people.document.raw
    methods = json.loads(json.dumps(raw["verificationMethod"]).replace(pair.consumer.did, pair.provider.did))
    document = pair.provider.node.people.document.raw
    changed = DidDocument(id=pair.provider.did, raw={**document, "verificationMethod": methods})
    compare_published(report, {**documents, pair.provider.did: changed})
    assert [one for one in failures(report) if "publishes another key" in one]
    report = check(file)
    compare_published(report, {pair.provider.did: "it does not answer"})
    assert len(failures(report)) == 4


# ---- as people do it -------------------------------------------------------------------------------------------


def test_the_command_line_and_the_portal(
    pair: Pair, agreed: str, file: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "evidence.zip"
    assert run(["agreement", "export", agreed, "-o", str(target), "--node", str(pair.consumer.folder)]) == DONE
    assert target.read_bytes() == file
    assert run(["agreement", "verify", str(target)]) == DONE
    said = capfd.readouterr().out
    assert "the provider has signed the agreement" in said
    assert "if its keys are those of the parties" in said
    assert run(["agreement", "verify", str(target), "--online"]) == DONE
    assert "is published by the provider" in capfd.readouterr().out
    target.write_bytes(file.replace(b"ContractRequestMessage", b"ContractRequestMassage"))
    assert run(["agreement", "verify", str(target)]) == REFUSED
    assert run(["agreement", "verify", str(tmp_path / "nothing.zip")]) == REFUSED
    for words in (["agreement"], ["agreement", agreed], ["agreement", "show", agreed], ["agreement", "list"]):
        capfd.readouterr()
        assert run([*words, "--node", str(pair.consumer.folder)]) == DONE
        assert agreed in capfd.readouterr().out
    with pair.consumer.http() as http:
        assert http.get(f"/api/agreements/{agreed}/export").status_code == 401
        answer = http.get(f"/api/agreements/{agreed}/export", headers=pair.consumer.person())
        assert answer.headers["content-type"] == "application/zip"
        assert answer.headers["content-disposition"].endswith('.zip"')
        assert http.get("/api/agreements/urn:none/export", headers=pair.consumer.person()).status_code == 404
        page = http.get(f"/agreements/{agreed}/evidence.zip", headers=pair.consumer.person())
        assert page.content == file


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not there")
def test_by_hand_as_the_readme_says(file: bytes, tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(file)) as packed:
        packed.extractall(tmp_path)
    readme = (tmp_path / "README.txt").read_text("utf-8")
    commands = [line.strip() for line in readme.splitlines() if line.strip().startswith("openssl ")]
    assert len([one for one in commands if "verify" in one]) == 5
    for command in [*commands, "sha256sum -c SHA256SUMS"]:
        done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
    script = "   python3 -" + readme.split("   python3 -", 1)[1].split("\n   END\n", 1)[0] + "\n   END\n"
    lines = "\n".join(line.removeprefix("   ") for line in script.splitlines()) + "\n"
    for side in ("provider", "consumer"):
        command = lines.replace("ledger/provider", f"ledger/{side}")
        done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        _, size, root = (tmp_path / "ledger" / side / "checkpoint.txt").read_text("utf-8").splitlines()[:3]
        assert done.stdout.split() == [size, root]


def test_a_party_that_is_away_is_left_out_and_said(tmp_path: Path, sqlite_template: Path) -> None:
    with running(tmp_path / "consumer", template=sqlite_template) as consumer:
        with running(tmp_path / "provider", template=sqlite_template) as provider:
            agreed = agree(consumer, publish(provider, "gone")["iri"])["agreementId"]
        with consumer.client() as client:
            raw = client.agreement_file(agreed)
    passes, said = judge(raw)
    assert not passes
    assert said == ["the agreement is in the ledger of the provider: the file has no part of this party's ledger"]
    assert check(raw).sound, "the key was kept when it was signed"


def test_the_rulebook_goes_along_where_it_is_held(region_and_cities: Company) -> None:
    region, (city, _) = region_and_cities.region, region_and_cities.cities
    agreed = agree(city, publish(region, "regional")["iri"])["agreementId"]
    with region.client() as client:
        raw = client.agreement_file(agreed)
    assert "rulebook.nq" in archive.unpack(raw)
    passes, said = judge(raw)
    assert passes, said
