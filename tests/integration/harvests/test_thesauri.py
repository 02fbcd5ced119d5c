"""A large thesaurus is added to a running node, widens its searches, and is removed again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from node.catalogue.search.thesauri import FOLDER, Thesauri
from node.cli.main import run
from tests.nodes import Running, publish, running

SKOS = """@prefix skos: <http://www.w3.org/2004/02/skos/core#> . @prefix : <https://thesaurus.example/> .
@prefix dct: <http://purl.org/dc/terms/> .
<https://thesaurus.example/all> a skos:ConceptScheme ; dct:title "Everything"@en .
:swing a skos:Concept ; skos:prefLabel "boom gate"@en, "slagboompaal"@nl, "lève-barrière"@fr ;
  skos:altLabel "zwaaiarm"@nl .
"""
CROWD = "".join(f':c{n} a skos:Concept ; skos:prefLabel "term {n}"@en, "begrip {n}"@nl .\n' for n in range(15_000))


def hits(node: Running, text: str) -> dict[str, Any]:
    with node.http() as http:
        answer: dict[str, Any] = http.get("/api/catalogue/search", params={"q": text}).raise_for_status().json()
    return answer


def test_a_thesaurus_widens_the_searches_of_a_running_node(
    tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "node"
    skos = tmp_path / "thesaurus.ttl"
    skos.write_text(SKOS + CROWD, "utf-8-sig")
    (tmp_path / "none.ttl").write_text("<urn:a> <urn:b> <urn:c> .", "utf-8")
    (tmp_path / "bad.rdf").write_text("<rdf", "utf-8")
    with running(folder, template=sqlite_template) as node:
        monkeypatch.setenv("HANSA_NODE", str(folder))
        publish(node, "gates", data=None, title="The boom gate of the port")
        assert hits(node, "boom gate")["total"] == 1
        assert hits(node, "zwaaiarm")["total"] == 0
        capsys.readouterr()
        assert run(["--json", "thesaurus", "add", "everything", str(skos)]) == 0
        added = json.loads(capsys.readouterr().out)
        assert (added["title"], added["terms"], added["labels"]) == ("Everything", 15_001, 30_004)
        found = hits(node, "zwaaiarm")
        assert [hit["title"] for hit in found["hits"]] == ["The boom gate of the port"], found
        assert found["widened"][0]["ontology"] == {"iri": "https://thesaurus.example/all", "title": "Everything"}
        with node.http(headers={"Accept": "text/html"}) as http:
            page = http.get("/search", params={"q": "zwaaiarm"}).text
        assert "boom gate" in page
        assert "Everything" in page
        assert "thesaurus.example" not in page, "a thesaurus has no page to lead to"
        assert run(["thesaurus"]) == 0
        assert "30004" in capsys.readouterr().out
        for words, reason in (
            (["add", "../x", str(skos)], "cannot name a thesaurus"),
            (["add", "none", str(tmp_path / "none.ttl")], "no concepts with labels"),
            (["add", "bad", str(tmp_path / "bad.rdf")], "cannot be read"),
            (["add", "missing", str(tmp_path / "missing.rdf")], "is not a file of SKOS"),
            (["remove", "other"], "the thesauri are: everything"),
        ):
            assert run(["thesaurus", *words]) != 0, words
            assert reason in capsys.readouterr().err.replace("\n", " "), words
        (folder / FOLDER / "damaged.labels").write_text("{}", "utf-8")
        assert [*Thesauri(folder).current()] == ["https://thesaurus.example/all"]
        assert hits(node, "zwaaiarm")["total"] == 1
        assert hits(node, "slagboompalen port")["total"] == 1, "the words of a search may have another form"
        assert hits(node, "lèves-barrières")["total"] == 1
        _as_of_an_earlier_version(folder / FOLDER / "everything.labels")
        assert hits(node, "zwaaiarm")["total"] == 1
        assert hits(node, "lèves-barrières")["total"] == 0
        assert run(["--json", "thesaurus", "add", "everything", str(skos), "--languages", "en"]) == 0
        assert hits(node, "zwaaiarm")["total"] == 0
        assert run(["thesaurus", "remove", "everything"]) == 0
        assert hits(node, "term 7")["widened"] == []


def _as_of_an_earlier_version(file: Path) -> None:
    """Write a file of labels as it was before labels had stems."""
    header, rows, keys = file.read_bytes().split(b"\n", 2)
    members = json.loads(header)
    del members["languages"]
    file.write_bytes(json.dumps(members).encode() + b"\n" + rows + b"\n" + keys[: 8 * members.pop("keys")])
