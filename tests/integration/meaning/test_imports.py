"""The imports of ontologies: closed over the catalogue, pinned, and read by API, terminal, page and reasoner."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.integration.meaning.test_reasoning import needs_java
from tests.nodes import Running, Start, running, until
from tests.portal_browser import csrf_of, signed_in
from tests.terminal import asked, typed

HEAD = """
@prefix adms: <http://www.w3.org/ns/adms#> .
@prefix dcat: <http://www.w3.org/ns/dcat#> . @prefix dct: <http://purl.org/dc/terms/> .
@prefix owl: <http://www.w3.org/2002/07/owl#> . @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> . @prefix vann: <http://purl.org/vocab/vann/> .
@prefix vcard: <http://www.w3.org/2006/vcard/ns#> . @prefix : <{iri}#> .
<{iri}> a owl:Ontology ; dct:title "{title}"@en ; dct:description "The terms of {title}."@en ;
  dcat:version "1" ; dct:license <http://publications.europa.eu/resource/authority/licence/CC_BY_4_0> ;
  dcat:contactPoint [ a vcard:Kind ; vcard:fn "Roads"@en ; vcard:hasEmail <mailto:r@example.org> ] .
"""
TERM = ':{name} a owl:Class ; rdfs:label "{name}"@en ; rdfs:comment "A {name}."@en .\n'
ELSEWHERE = "https://vocabularies.example/ns/water"


@pytest.fixture(scope="module")
def node(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with start(tmp_path_factory.mktemp("imports") / "city") as city:
        yield city


def client(node: Running, *, stranger: bool = False, timeout: float = 60) -> httpx2.Client:
    headers = {} if stranger else {"Authorization": f"Bearer {node.token}"}
    return httpx2.Client(base_url=node.url, headers=headers, timeout=timeout, trust_env=False)


def publish(node: Running, name: str, *imports: str, terms: str = "", iri: str = "", **more: Any) -> dict[str, Any]:
    """Publish an ontology; return the answer."""
    address = iri or f"{node.url}/ontologies/{name}"
    body = HEAD.format(iri=address, title=name) + TERM.format(name=f"Term{name.replace('-', '')}") + terms
    body += "".join(f"<{address}> owl:imports <{imported}> .\n" for imported in imports)
    order = {"document": body, "mediaType": "text/turtle", "conditions": "open", "allowBreaking": True, **more}
    with client(node) as http:
        answer = http.post("/api/records", json=order)
    assert answer.status_code in (200, 201), answer.text
    return dict(answer.json())


def imports_of(node: Running, name: str, *, stranger: bool = False, **params: Any) -> dict[str, dict[str, Any]]:
    """Return address that is imported → the import."""
    with client(node, stranger=stranger) as http:
        answer = http.get("/api/catalogue/imports", params={"iri": f"ontology/{name}", **params})
    assert answer.status_code == 200, answer.text
    return {entry["name"]: entry for entry in answer.json()["imports"]}


def rules(answer: dict[str, Any]) -> set[str]:
    return {finding["rule"] for finding in answer["warnings"] if "import" in finding["rule"]}


def test_imports_are_followed_and_what_is_missing_is_named(node: Running, capsys: pytest.CaptureFixture[str]) -> None:
    base = f"{node.url}/ontologies"
    publish(node, "ground")
    publish(node, "streets", f"{base}/ground", f"{base}/traffic")
    answer = publish(node, "traffic", f"{base}/streets#", "https://nowhere.example/ns")
    assert rules(answer) == {"ontology:import-missing"}
    imports = imports_of(node, "traffic")
    assert {name: entry["state"] for name, entry in imports.items()} == {
        f"{base}/streets#": "found",
        "https://nowhere.example/ns": "missing",
        f"{base}/ground": "found",
    }, "an ontology that imports the first one again is no import of its own"
    assert imports[f"{base}/ground"]["importedBy"] == [f"{base}/streets"]
    with client(node) as http:
        turtle = http.get("/api/catalogue/imports", params={"iri": "ontology/traffic", "format": "ttl"}).text
        assert "Termground" in turtle
        assert f"<{base}/ground#v1>" in turtle, "the versions are named in RDF too"
        assert (
            http.get("/api/catalogue/imports", params={"iri": "ontology/traffic", "format": "xls"}).status_code == 400
        )
        assert http.get("/api/catalogue/imports", params={"iri": "ontology/absent"}).status_code == 404
        for number in (10**30, 0):
            absurd = http.get("/api/catalogue/imports", params={"iri": "ontology/traffic", "version": number})
            assert 400 <= absurd.status_code < 500
    status, shown = typed(node, capsys, "show", "ontology/traffic")
    assert status == 0
    assert f"{base}/ground" in shown
    assert "https://nowhere.example/ns  (not in this catalogue)" in shown
    assert len(asked(node, capsys, "show", "ontology/traffic")["imports"]) == 3
    with signed_in(node) as browser:
        page = browser.get("/terms", params={"ontology": f"{base}/traffic"}).text
    assert 'id="imports"' in page
    assert "https://nowhere.example/ns" in page


def test_a_version_keeps_the_imports_it_was_published_with(node: Running) -> None:
    address = f"{node.url}/ontologies/colours"
    publish(node, "colours", terms=TERM.format(name="Red"))
    publish(node, "paint", address, f"{address}#v1")
    publish(node, "colours", terms=TERM.format(name="Blue"))
    entry = imports_of(node, "paint")[address]
    assert (entry["ontology"]["version"], entry["ontology"]["newest"], entry["pinned"]) == (1, 2, True)
    with client(node) as http:
        body = http.get("/api/catalogue/imports", params={"iri": "ontology/paint", "format": "nt"}).text
    assert ("#Red>" in body, "#Blue>" in body) == (True, False)
    publish(node, "paint", address, f"{address}#v1", terms=TERM.format(name="Brush"))
    entries = imports_of(node, "paint")
    assert entries[address]["ontology"]["version"] == 2
    assert entries[f"{address}#v1"]["ontology"]["version"] == 1, "a version that is named stays"
    assert imports_of(node, "paint", version=1)[address]["ontology"]["version"] == 1


def test_an_import_that_came_later_counts_and_is_marked(node: Running) -> None:
    address = f"{node.url}/ontologies/later"
    publish(node, "early", address)
    assert imports_of(node, "early")[address]["state"] == "missing"
    publish(node, "later")
    entry = imports_of(node, "early")[address]
    assert (entry["state"], entry["pinned"]) == ("found", False)


def test_an_ontology_from_elsewhere_is_found_by_its_own_address(node: Running) -> None:
    iri = publish(node, "water", iri=ELSEWHERE)["iri"]
    publish(node, "rivers", ELSEWHERE, f"{ELSEWHERE}#")
    assert {entry["ontology"]["iri"] for entry in imports_of(node, "rivers").values()} == {iri}
    claim = f"<{node.url}/ontologies/claim> vann:preferredNamespaceUri <{{}}> ."
    publish(node, "claim", terms=claim.format(f"{ELSEWHERE}#"))
    assert imports_of(node, "rivers")[ELSEWHERE]["ontology"]["iri"] == iri, "who claims an address later has it not"


def test_nobody_takes_over_the_address_of_a_record(node: Running) -> None:
    address = f"{node.url}/ontologies/tunnels"
    thief = f"{node.url}/ontologies/a-thief"
    publish(node, "a-thief", terms=f"<{thief}> vann:preferredNamespaceUri <{address}#> .")
    publish(node, "tunnels")
    publish(node, "depths", address)
    assert imports_of(node, "depths")[address]["ontology"]["iri"] == address


def test_an_own_ontology_comes_before_that_of_a_partner(node: Running, tmp_path: Path, sqlite_template: Path) -> None:
    name = "https://vocabularies.example/ns/bridges"
    with running(tmp_path / "partner", template=sqlite_template) as partner:
        theirs = publish(partner, "a-bridge", iri=name)["iri"]
        with client(node) as http:
            assert http.post("/api/members", json={"url": partner.url}).status_code in (200, 201, 202)
            until(
                "the partner's ontology", lambda: http.get("/api/catalogue/record", params={"iri": theirs}).is_success
            )
        publish(node, "spans", name)
        assert imports_of(node, "spans")[name]["ontology"]["iri"] == theirs
        ours = publish(node, "z-bridge", iri=name)["iri"]
        publish(node, "spans", name, terms=TERM.format(name="Arch"))
        assert imports_of(node, "spans")[name]["ontology"]["iri"] == ours


def test_hidden_ontologies_are_as_if_absent(node: Running) -> None:
    address = f"{node.url}/ontologies/hidden-plan"
    publish(node, "hidden-plan", f"{node.url}/ontologies/deep-plan", audience="internal")
    answer = publish(node, "open-plan", address)
    assert rules(answer) == {"ontology:import-missing"}
    assert [finding["value"] for finding in answer["warnings"] if "import" in finding["rule"]] == [address], (
        "what a hidden ontology imports is not named: readers of the record see its warnings"
    )
    assert imports_of(node, "open-plan")[address]["state"] == "found"
    theirs = imports_of(node, "open-plan", stranger=True)
    absent = f"{node.url}/ontologies/never-was"
    publish(node, "other-plan", absent)
    expected = imports_of(node, "other-plan", stranger=True)[absent]
    assert theirs == {address: {**expected, "name": address, "importedBy": [f"{node.url}/ontologies/open-plan"]}}
    with client(node, stranger=True) as http:
        body = http.get("/api/catalogue/imports", params={"iri": "ontology/open-plan", "format": "nq"}).text
        assert "Termhiddenplan" not in body
        assert http.get("/api/catalogue/imports", params={"iri": "ontology/hidden-plan"}).status_code == 404
    # The newest version is hidden: the public one before it is as well.
    publish(node, "open-then-hidden")
    publish(node, "user-of-it", f"{node.url}/ontologies/open-then-hidden")
    publish(node, "open-then-hidden", terms=TERM.format(name="More"), audience="internal")
    one = imports_of(node, "user-of-it", stranger=True)[f"{node.url}/ontologies/open-then-hidden"]
    assert one["state"] == "missing"


def test_more_imports_than_are_followed_are_named(node: Running) -> None:
    base = f"{node.url}/ontologies"
    for number in range(52):
        publish(node, f"part-{number:02}", f"{base}/part-{number + 1:02}")
    answer = publish(node, "whole", f"{base}/part-00")
    states = [entry["state"] for entry in imports_of(node, "whole").values()]
    assert (states.count("found"), states.count("too-many")) == (50, 1)
    assert "ontology:import-too-many" in rules(answer)
    many = [f"https://nowhere.example/{number}" for number in range(500)]
    answer = publish(node, "greedy", *many)
    states = [entry["state"] for entry in imports_of(node, "greedy").values()]
    assert (states.count("missing"), states.count("too-many")) == (200, 300)
    assert len([f for f in answer["warnings"] if f["rule"] == "ontology:import-missing"]) == 10


def test_thousands_of_claims_cost_little_and_gain_nothing(node: Running) -> None:
    own = f"{node.url}/ontologies/boaster"
    claims = "".join(
        f'<{own}> adms:identifier <{own}/i{n}> . <{own}/i{n}> skos:notation "https://claims.example/{n:05}" .\n'
        for n in range(3000)
    )
    publish(node, "boaster", terms=claims)
    publish(node, "dupe", *(f"https://claims.example/{n:05}" for n in (0, 2999)))
    states = {name: entry["state"] for name, entry in imports_of(node, "dupe").items()}
    assert states["https://claims.example/02999"] == "missing"


def test_64_readers_at_once(node: Running) -> None:
    publish(node, "crowded", *(f"{node.url}/ontologies/part-{number:02}" for number in range(40)), ELSEWHERE)
    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda _: len(imports_of(node, "crowded", stranger=True)), range(64)))
    assert len(set(answers)) == 1


@needs_java
def test_the_reasoner_reads_the_imports(node: Running, capsys: pytest.CaptureFixture[str]) -> None:
    ground = f"{node.url}/ontologies/apart"
    publish(node, "apart", terms=":Dry a owl:Class . :Wet a owl:Class ; owl:disjointWith :Dry .\n")
    terms = f":Marsh a owl:Class ; rdfs:label 'Marsh'@en ; rdfs:subClassOf <{ground}#Dry>, <{ground}#Wet> .\n"
    answer = publish(node, "marshes", ground, terms=terms)
    assert any("Marsh" in finding["message"] for finding in answer["warnings"]), answer["warnings"]
    status, shown = typed(node, capsys, "reason", "ontology/marshes")
    assert status != 0
    assert "Marsh" in shown
    assert ground in shown
    status, shown = typed(node, capsys, "reason", "ontology/marshes", "--no-imports")
    assert status == 0, shown
    assert ground not in shown
    with signed_in(node) as browser:
        address = f"/ontology/reason?iri={node.url}/ontologies/marshes"
        form = browser.get(address).text
        assert 'name="imports" value="yes" checked' in form
        fields = {"csrf": csrf_of(form), "iri": f"{node.url}/ontologies/marshes"}
        assert "Marsh</a>" in browser.post("/ontology/reason", data={**fields, "imports": "yes"}).text
        without = browser.post("/ontology/reason", data=fields).text
        assert "Marsh</a>" not in without
        assert 'value="yes" checked' not in without
