"""A reasoner checks ontologies: contradictions and empty classes are explained in API, terminal, page, checks."""

from __future__ import annotations

import html
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx2
import pytest

from node.adapters.reasoner import hermit
from node.adapters.reasoner.hermit import HermitReasoner
from node.adapters.reasoner.justification import OutOfQuestions, justify
from node.base.errors import LocalFault
from node.cage.programs import keeps_from_files, run_module
from node.catalogue.drafts.contradictions import BOUNDED
from node.cli.exits import REFUSED
from node.cli.main import run
from node.semantics.ontologies.consistency import MOST_AXIOMS, Verdict
from tests.nodes import Running
from tests.portal_browser import csrf_of, signed_in

needs_java = pytest.mark.skipif(
    shutil.which("java") is None or find_spec("owlready2") is None or not keeps_from_files(),
    reason="needs Java, owlready2 and a system with Landlock",
)

HEAD = """@prefix : <{base}/ontologies/{name}#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix dct: <http://purl.org/dc/terms/> .
@prefix dcat: <http://www.w3.org/ns/dcat#> .
@prefix vcard: <http://www.w3.org/2006/vcard/ns#> .
<{base}/ontologies/{name}> a owl:Ontology ; dct:title "{name}"@en ; dct:description "For a test."@en ;
  dcat:version "1" ; dcat:contactPoint [ a vcard:Kind ; vcard:fn "M" ; vcard:hasEmail <mailto:m@example.org> ] ;
  dct:license <http://publications.europa.eu/resource/authority/licence/CC_BY_4_0> .
:Road a owl:Class ; rdfs:label "Road"@en, "Weg"@nl .
:Path a owl:Class ; rdfs:subClassOf :Road ; rdfs:label "Path"@en .
:Water a owl:Class ; rdfs:label "Water"@en .
:Canal a owl:Class ; rdfs:subClassOf :Water ; rdfs:label "Canal"@en .
:crosses a owl:ObjectProperty ; rdfs:domain :Road ; rdfs:range :Water ; rdfs:label "crosses"@en .
"""
EMPTY = """:Road owl:disjointWith :Water .
:Ferry a owl:Class ; rdfs:subClassOf :Path, :Canal ; rdfs:label "Ferry"@en .
"""
INCONSISTENT = ":Road owl:disjointWith :Water .\n:one a :Path . :two :crosses :one .\n"
SOUND = """:Road owl:disjointWith :Water . :Lane a owl:Class ; rdfs:label "Lane"@en ;
 owl:equivalentClass [ a owl:Class ; owl:intersectionOf ( :Path [ a owl:Restriction ; owl:onProperty :crosses ;
   owl:someValuesFrom :Canal ] ) ] .
"""


def publish(http: httpx2.Client, name: str, body: str) -> httpx2.Response:
    base = str(http.base_url).rstrip("/")
    document = HEAD.format(base=base, name=name) + body
    order = {"kind": "ontology", "document": document, "mediaType": "text/turtle", "conditions": {"template": "open"}}
    return http.post("/api/records", json=order)


@pytest.fixture(scope="module")
def http(city: Running) -> Iterator[httpx2.Client]:
    headers = {"Authorization": f"Bearer {city.token}", "Accept-Language": "en"}
    with httpx2.Client(base_url=city.url, headers=headers, timeout=120, trust_env=False) as client:
        yield client


def reason(http: httpx2.Client, name: str, **headers: str) -> dict[str, Any]:
    answer = http.post("/api/ontologies/reason", params={"ontology": f"ontology/{name}"}, headers=headers)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@needs_java
def test_an_empty_class_is_explained_by_the_fewest_statements(city: Running, http: httpx2.Client) -> None:
    answer = publish(http, "ferries", EMPTY)
    assert answer.status_code == 201, answer.text
    messages = [finding["message"] for finding in answer.json()["warnings"]]
    assert any(message.startswith("The class Ferry can have no members. ") for message in messages), messages
    verdict = reason(http, "ferries")
    assert verdict["verdict"] == "empty-classes"
    (ferry,) = verdict["empty"]
    assert ferry["label"] == "Ferry"
    assert ferry["minimal"] is True
    assert sorted(ferry["because"]) == [
        "Canal is below Water.",
        "Ferry is below Canal.",
        "Ferry is below Path.",
        "Nothing is both Road and Water.",
        "Path is below Road.",
    ]


@needs_java
def test_a_contradiction_is_explained(city: Running, http: httpx2.Client, tmp_path: Path) -> None:
    answer = publish(http, "contradiction", INCONSISTENT)
    messages = [finding["message"] for finding in answer.json()["warnings"]]
    assert any(message.startswith("The ontology contradicts itself. ") for message in messages), answer.text
    assert answer.status_code == 201, "a warning: the steward decides"
    verdict = reason(http, "contradiction")
    assert (verdict["verdict"], verdict["minimal"]) == ("inconsistent", True)
    assert sorted(verdict["because"]) == [
        "Every value of crosses is Water.",
        "Nothing is both Road and Water.",
        "Path is below Road.",
        "one is a Path.",
        "two, crosses: one.",
    ]
    dutch = reason(http, "contradiction", **{"Accept-Language": "nl"})
    assert "Niets is tegelijk Weg en Water." in dutch["because"]


@needs_java
def test_what_follows_is_listed_by_each_door(
    city: Running, http: httpx2.Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, body in (("lanes", SOUND), ("ferries", EMPTY)):
        answer = publish(http, name, body)
        assert answer.status_code in (200, 201), answer.text
    verdict = reason(http, "lanes")
    assert verdict["verdict"] == "consistent"
    assert ("Lane", "Path") in {(pair["label"], pair["aboveLabel"]) for pair in verdict["below"]}
    monkeypatch.setenv("HANSA_NODE", str(city.folder))
    assert run(["reason", "ontology/lanes"]) == 0
    assert "does not contradict itself" in capsys.readouterr().out
    assert run(["--json", "reason", "ontology/ferries"]) == REFUSED
    assert json.loads(capsys.readouterr().out)["empty"][0]["label"] == "Ferry"
    iri = f"{city.url}/ontologies/ferries"
    with signed_in(city) as browser:
        assert "/ontology/reason?iri=" in browser.get("/ontologies/ferries").text
        page = browser.get("/ontology/reason", params={"iri": iri})
        outcome = browser.post("/ontology/reason", data={"csrf": csrf_of(page.text), "iri": iri})
        assert outcome.status_code == 200, outcome.text
        assert "Nothing is both Road and Water." in html.unescape(outcome.text)
        assert browser.post("/ontology/reason", data={"csrf": "x", "iri": iri}).status_code == 403
    with httpx2.Client(base_url=city.url, trust_env=False) as stranger:
        assert stranger.post("/api/ontologies/reason", params={"ontology": iri}).status_code in (401, 403)


def nquads(lines: str) -> bytes:
    return lines.encode()


def below(count: int) -> bytes:
    rows = []
    for number in range(count):
        rows += [
            f"<urn:{number}> <http://www.w3.org/2000/01/rdf-schema#subClassOf> <urn:{number + 1}> .",
        ]
    return nquads("\n".join(rows) + "\n")


def test_without_java_and_beyond_the_limits_it_says_so() -> None:
    assert HermitReasoner(java="")(below(3), "urn:o").verdict is Verdict.NO_JAVA
    if find_spec("owlready2") is not None:
        assert HermitReasoner(java="/bin/false")(below(MOST_AXIOMS + 1), "urn:o").verdict is Verdict.TOO_LARGE
        assert HermitReasoner(java="/bin/false")(below(3), "urn:o").verdict is Verdict.FAILED
    words = HermitReasoner(java="")(below(3), "urn:o").words("nl")
    assert words.startswith("Niet gecontroleerd: op deze machine ontbreekt Java")


def test_publishing_says_that_no_reasoner_was_asked(
    city: Running, http: httpx2.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(hermit, "_java", lambda: "")
    note = notes(publish(http, "unasked", EMPTY))
    assert [one["severity"] for one in note] == ["warning"]
    assert "not known whether the ontology contradicts itself" in note[0]["message"]
    assert "no Java" in note[0]["message"]
    with signed_in(city) as browser:
        page = html.unescape(browser.get("/ontologies/unasked").text)
        assert note[0]["message"] in page, "the steward reads it on the page"
        dutch = html.unescape(browser.get("/ontologies/unasked", headers={"Accept-Language": "nl"}).text)
        assert "ontbreekt Java" in dutch
    assert notes(publish(http, "harmless", "")) == [], "no statements that could clash, so nothing to check"

    path = tmp_path / "unasked.ttl"
    path.write_text(HEAD.format(base=city.url, name="unasked-too") + EMPTY, "utf-8")
    assert run(["publish", str(path), "--node", str(city.folder), "--conditions", "open"]) == 0
    said = capsys.readouterr()
    assert "no Java" in " ".join(f"{said.out} {said.err}".split()), said


def test_publishing_says_that_an_ontology_is_too_large_to_be_checked_first(http: httpx2.Client) -> None:
    many = "".join(f":C{number} a owl:Class ; rdfs:subClassOf :Road .\n" for number in range(BOUNDED))
    note = notes(publish(http, "many", EMPTY + many))
    assert [one["severity"] for one in note] == ["warning"]
    assert f"at most {BOUNDED}" in note[0]["message"]


def notes(answer: httpx2.Response) -> list[dict[str, Any]]:
    """Return what an answer to a publication says about a check that was not made."""
    assert answer.status_code == 201, answer.text
    return [one for one in answer.json()["warnings"] if one["rule"] == "ontology:not-reasoned"]


def test_without_landlock_no_program_runs_and_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that may change files is worse than none: the node's own folder would be open to it."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom tests.unit.cage.without import take_away\n"
        "from node.cage.programs import give_up, keeps_from_files\n"
        "take_away(['landlock'])\nassert not keeps_from_files()\n"
        "give_up(Path(sys.argv[1]), [], seconds=5)\nprint('confined')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode != 0
    assert "this machine has no Landlock" in ended.stderr
    if find_spec("owlready2") is not None:
        monkeypatch.setattr("node.cage.landlock.version", lambda libc: 0)
        answer = HermitReasoner(java="/bin/false")(below(3), "urn:o")
        assert answer.verdict is Verdict.NOT_CONFINED
        assert "Landlock" in answer.words("nl")


@needs_java
def test_one_that_takes_too_long_is_ended() -> None:
    assert HermitReasoner(seconds=0.2)(below(3), "urn:o").verdict is Verdict.TOO_LONG


def test_a_justification_stops_at_the_bound() -> None:
    questions = 0

    def holds(numbers: Any) -> bool:
        nonlocal questions
        questions += 1
        if questions > 30:
            raise OutOfQuestions
        return {3, 17, 40} <= set(numbers)

    assert justify(range(64), ([3], [3, 17, 20, 40]), holds) == ([3, 17, 40], True)
    questions = 25
    working, minimal = justify(range(64), (), holds)
    assert {3, 17, 40} <= set(working)
    assert not minimal


PROBE = """
import json, os, socket, subprocess, sys
from pathlib import Path
from node.cage.programs import give_up
folder = Path(sys.argv[1])
secret = (folder / "request.json").read_text()
give_up(folder, [], seconds=20)
report = {"runs": subprocess.run(["/bin/true"]).returncode == 0}
for name, attempt in {
    "dials": lambda: socket.socket(),
    "reads": lambda: Path(secret).read_bytes(),
    "writes": lambda: Path(secret).write_bytes(b"x"),
}.items():
    try:
        attempt()
        report[name] = True
    except OSError:
        report[name] = False
(folder / "report.json").write_text(json.dumps(report))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux")
def test_the_process_reaches_no_network_and_no_file_of_the_node(tmp_path: Path) -> None:
    """What it may do: run programs of the system, and write into its folder."""
    folder, secret = tmp_path / "work", tmp_path / "key"
    folder.mkdir()
    secret.write_text("secret")
    (folder / "request.json").write_text(str(secret))
    (folder / "probe.py").write_text(PROBE)
    environment = os.environ.get("PYTHONPATH", "")
    import subprocess

    root = Path(__file__).resolve().parents[3]
    path = f"{root}:{environment}"
    subprocess.run([sys.executable, "probe.py", str(folder)], cwd=folder, env={"PYTHONPATH": path}, check=True)
    report = json.loads((folder / "report.json").read_text())
    assert (report["runs"], report["dials"], report["writes"]) == (True, False, False)
    assert report["reads"] is False
    assert secret.read_text() == "secret"
    assert socket.socket().close() is None


def test_a_module_that_fails_is_reported(tmp_path: Path) -> None:
    with pytest.raises(LocalFault):
        run_module("node.adapters.reasoner.process", tmp_path, seconds=20)
