"""Versions erased through the terminal, the API and the page of a real node, and what is left on its disk."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import httpx2
import pytest

from node.cli.exits import REFUSED
from node.cli.main import run
from node.client import HansaClient
from node.client.api import Refusal
from tests.nodes import Running, described, running_node
from tests.portal_browser import csrf_of, signed_in

__all__ = ["running_node"]

NAME = "Xantippe Ypsilanti"
SLUG = "xantippe"
DESCRIPTION = """\
kind: dataset
id: counts
title: {title}
description: Counts of bicycles by the hour, made up for a test.
contact: {{name: Mobility department, email: mobility@example.org}}
theme: TRAN
license: CC-BY-4.0
conditions: open
files: [{file}]
"""


@pytest.fixture
def client(running_node: Running) -> Iterator[HansaClient]:
    with running_node.client() as client:
        yield client


def publish(node: Running, folder: Path, title: str, file: str, content: str) -> None:
    (folder / file).write_text(content, "utf-8")
    (folder / "counts.yaml").write_text(DESCRIPTION.format(title=title, file=file), "utf-8")
    assert run(["publish", str(folder / "counts.yaml"), "--as-found", "--node", str(node.folder)]) == 0


def stored(folder: Path, text: str) -> list[str]:
    """The stored files of the node with these bytes; compressed text in a database is not seen."""
    blobs = [path for path in (folder / "blobs").rglob("*") if path.is_file()]
    return [path.name for path in blobs if text.encode() in path.read_bytes()]


def test_from_the_terminal(
    running_node: Running,
    client: HansaClient,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    iri = f"{running_node.url}/datasets/counts"
    publish(running_node, tmp_path, NAME, "a.csv", f"who,n\n{NAME},1\n")
    publish(running_node, tmp_path, "Counts", "b.csv", "who,n\nsomebody,1\n")
    assert stored(running_node.folder, NAME)
    node = ["--node", str(running_node.folder)]
    assert run(["erase", iri, "--version", "1", "--reason", "It names a person.", "--yes", *node]) == 0
    said = capsys.readouterr().out
    assert "version 1, and 1 stored file; version 3 says so" in said
    assert stored(running_node.folder, NAME) == []
    assert client.record(iri)["title"] == "Counts"
    with pytest.raises(Refusal) as refusal:
        client.record(iri, version=1)
    assert (refusal.value.http_status, "It names a person." in str(refusal.value)) == (410, True)
    with httpx2.Client() as anyone:
        page = anyone.get(f"{iri}?version=1", headers={"Accept": "text/html", "Accept-Language": "nl"})
        assert (page.status_code, "De inhoud van versie 1 is gewist:" in page.text) == (410, True)
        assert anyone.get(f"{iri}?version=1", headers={"Accept": "text/turtle"}).status_code == 410
        history = anyone.get(iri, headers={"Accept": "text/html"}).text
        assert "It names a person." in history
        assert "version=1" not in anyone.get(f"{iri}/timemap").text
    assert run(["show", iri, *node]) == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("1 "))
    assert row.split()[-1] == "erased", "no hash of nothing, as if it were one of the description"
    assert [(each["version"], each["sha256"]) for each in client.versions(iri) if each.get("erased")] == [(1, "")]
    assert run(["erase", iri, "--version", "1", "--reason", "again", "--yes", *node]) == 0
    assert "nothing to erase" in capsys.readouterr().out
    assert run(["erase", iri, "--version", "3", "--reason", "x", "--yes", *node]) == REFUSED
    assert "publish a corrected version first" in capsys.readouterr().err
    monkeypatch.setattr(sys, "stdin", StringIO("n\n"))
    assert run(["erase", iri, "--reason", "x", *node]) == REFUSED
    assert client.record(iri)["version"] == 3


def test_everything_through_the_api(running_node: Running, client: HansaClient) -> None:
    iri = f"{running_node.url}/datasets/{SLUG}"
    client.publish({"fields": described(SLUG, conditions="open")})
    with pytest.raises(Refusal, match="say why"):
        client.erase(iri, reason=" ")
    with pytest.raises(Refusal, match="no version 9"):
        client.erase(iri, reason="x", versions=[9])
    erasure = client.erase(iri, reason="It names a person.")
    assert (erasure["erased"], erasure["version"]) == ([1], 2)
    assert client.search("Xantippe")["total"] == 0
    with pytest.raises(Refusal) as refusal:
        client.record(iri)
    assert (refusal.value.http_status, refusal.value.remedy) == (410, ""), "there is no version to read"
    with httpx2.Client() as anyone:
        answer = anyone.post(f"{running_node.url}/api/erasures", json={"iri": iri, "reason": "x"})
        assert answer.status_code == 401


def test_by_the_page(running_node: Running, client: HansaClient) -> None:
    iri = f"{running_node.url}/datasets/counts"
    for title in (NAME, "Corrected", "Corrected again"):
        client.publish({"fields": {**described("counts", conditions="open"), "title": title}})
    with signed_in(running_node) as browser:
        page = browser.get("/datasets/counts").text
        address = re.search(r'href="(/record/erase\?[^"]+)"', page)
        assert address is not None
        form = browser.get(address[1].replace("&amp;", "&")).text
        assert NAME in form
        fields = {"iri": iri, "which": "some"}
        wrong = browser.post("/record/erase", data={"csrf": csrf_of(form), **fields})
        assert (wrong.status_code, wrong.text.count('class="field-error"')) == (422, 3)
        fields |= {"version-1": "yes", "reason": "It names a person.", "sure": "yes"}
        done = browser.post("/record/erase", data={"csrf": csrf_of(form), **fields})
        assert done.headers["location"] == "/datasets/counts?done=erased"
        page = browser.get(done.headers["location"]).text
        assert NAME not in page
        assert page.count("content erased") == 1
        fields |= {"which": "all", "reason": "All of it."}
        done = browser.post("/record/erase", data={"csrf": csrf_of(form), **fields})
        assert done.headers["location"] == "/search?done=erased"
        form = browser.get(f"/record/erase?iri={iri}").text
        assert "No version has content any more." in form
        assert NAME not in form
