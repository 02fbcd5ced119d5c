"""Data folders that an earlier commit wrote open with the code of today, and hold what they held.

The nodes are kept in ``tests/data/earlier_nodes.tar.xz``; ``tests/data/make_earlier_nodes.py`` says what happened to
them, and how to keep those of another commit.
"""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from demo.nodes import Member
from tests.waits import until

KEPT = Path(__file__).resolve().parents[1] / "data" / "earlier_nodes.tar.xz"
MOST_BYTES = 300_000
LASTING = (
    "iri",
    "version",
    "versionIri",
    "kind",
    "audience",
    "titles",
    "publisher",
    "at",
    "sha256",
    "signature",
    "files",
)
"""What a record says of itself that no later version of the code may say otherwise."""


@dataclass(frozen=True)
class Earlier:
    """Both nodes, running with the code of today; ``seen`` is what they told when they were made."""

    home: Path
    ghent: Member
    plzen: Member
    seen: dict[str, Any]


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Earlier]:
    home = tmp_path_factory.mktemp("earlier")
    with tarfile.open(KEPT) as archive:
        archive.extractall(home, filter="tar")  # folders keep their modes: keys are nobody else's
    seen = json.loads((home / "seen.json").read_text("utf-8"))
    ghent, plzen = (
        Member(name, name.capitalize(), home, int(seen["nodes"][name]["url"].rpartition(":")[2]))
        for name in ("ghent", "plzen")
    )
    sound = {node.key: node.hansa("verify", str(node.folder)).returncode for node in (ghent, plzen)}
    assert sound == {"ghent": 0, "plzen": 0}, "before it is served"
    try:
        for node in (ghent, plzen):
            node.serve()
        for node in (ghent, plzen):
            with node.client() as client:
                until(f"{node.name} is ready", lambda client=client: not client.hindrance(), 120)
        yield Earlier(home, ghent, plzen, seen)
    finally:
        for node in (ghent, plzen):
            node.stop()


def test_the_archive_stays_small() -> None:
    assert KEPT.stat().st_size < MOST_BYTES


def test_records_are_as_before(earlier: Earlier) -> None:
    with earlier.ghent.client() as client:
        for before in earlier.seen["records"]:
            now = client.record(before["iri"])
            assert {name: now[name] for name in LASTING} == {name: before[name] for name in LASTING}
        bridge = client.record(earlier.seen["records"][0]["iri"], version=1)
    assert (bridge["version"], bridge["titles"]["en"]) == (1, "Counts on the bridge")
    found = json.loads(earlier.ghent.hansa("find", "bridge").stdout)
    assert [hit["iri"] for hit in found["hits"]] == [earlier.seen["records"][0]["iri"]]
    answer = earlier.ghent.hansa("sparql", "SELECT ?d WHERE { ?d a <http://www.w3.org/ns/dcat#Dataset> }")
    assert {one["iri"] for one in earlier.seen["records"]} <= set(re.findall(r'http://[^"]+', answer.stdout))


def test_ledgers_are_as_they_were_signed_and_grow(earlier: Earlier) -> None:
    for node in (earlier.ghent, earlier.plzen):
        with node.client() as client:
            assert client.node()["ledger"] >= earlier.seen["nodes"][node.key]["ledger"]
        assert node.hansa("verify", str(node.folder)).returncode == 0
        saved = node.hansa("backup", str(node.folder))
        assert saved.returncode == 0, saved.stderr
        doctor = node.hansa("doctor", str(node.folder), json=False)
        assert doctor.returncode == 0, doctor.stdout


def test_the_agreement_is_as_before_on_both_sides(earlier: Earlier) -> None:
    before = earlier.seen["agreement"]
    for node in (earlier.ghent, earlier.plzen):
        with node.client() as client:
            (now,) = [one for one in client.agreements() if one["id"] == before["id"]]
            assert (now["sha256"], now["signatures"]) == (before["sha256"], before["signatures"])
            assert "Counts on the new bridge" in client.agreement_document(before["id"], "nl")
    with earlier.plzen.client() as client:
        proved = client.verify(agreement=before["id"])
    assert proved["sound"], proved


def test_evidence_from_then_is_verified_and_made_again(earlier: Earlier) -> None:
    """The file needs no node; what was signed before two changes of keys counts."""
    again = earlier.home / "again.zip"
    made = earlier.plzen.hansa("agreement", "export", earlier.seen["agreement"]["id"], "--output", str(again))
    assert made.returncode == 0, made.stderr
    for file in (earlier.home / "agreement.zip", again):
        checked = earlier.plzen.hansa("agreement", "verify", str(file))
        assert checked.returncode == 0, checked.stdout + checked.stderr
    received = earlier.plzen.hansa("verify", str(earlier.home / "received.csv"))
    assert received.returncode == 0, received.stdout + received.stderr


def test_keys_are_as_before(earlier: Earlier) -> None:
    with earlier.plzen.client() as client:
        now = client.keys()
    lasting = ("id", "kind", "state", "publicKeyJwk", "since", "until")
    assert [[key[name] for name in lasting] for key in now] == [
        [key[name] for name in lasting] for key in earlier.seen["keys"]
    ]


@pytest.mark.parametrize("who", ["plzen", "steward"])
def test_people_sign_in_as_before(earlier: Earlier, who: str) -> None:
    login, password = earlier.seen["passwords"][who]
    with httpx2.Client(base_url=earlier.plzen.url, timeout=30, trust_env=False) as http:
        csrf = re.findall('name="csrf" value="([^"]+)"', http.get("/sign-in").text)[0]
        form = {"csrf": csrf, "login": login}
        assert http.post("/sign-in", data={**form, "password": f"{password}?"}).status_code >= 400
        assert http.post("/sign-in", data={**form, "password": password}).status_code == 303
    with earlier.plzen.client() as client:
        roles = {one["login"]: one["roles"] for one in client.accounts()}
    assert roles == {one["login"]: one["roles"] for one in earlier.seen["accounts"]}


def test_both_go_on(earlier: Earlier) -> None:
    """Another file under the agreement from then, and another agreement."""
    agreement = earlier.seen["agreement"]
    options = {agreement["dataset"]: ("--agreement", agreement["id"]), earlier.seen["records"][2]["iri"]: ()}
    for number, (iri, words) in enumerate(options.items()):
        target = earlier.home / f"later-{number}.csv"
        got = earlier.plzen.hansa("get", iri, "--yes", "--output", str(target), *words)
        assert got.returncode == 0, got.stdout + got.stderr
        assert target.read_bytes() == (earlier.home / "counts.csv").read_bytes()
