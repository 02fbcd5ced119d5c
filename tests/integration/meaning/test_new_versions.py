"""New versions of ontologies and schemas: what they break, said before publishing and afterwards, in the API, at the
terminal and on pages."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

import httpx2
import pytest

from node.cli.exits import REFUSED
from node.cli.main import run
from tests.nodes import Running
from tests.portal_browser import signed_in

FLOW = {
    "type": "object",
    "required": ["segment", "intensity"],
    "properties": {"segment": {"type": "string"}, "intensity": {"type": "integer"}},
}
STRICT = {**FLOW, "properties": {**FLOW["properties"], "intensity": {"type": "integer", "maximum": 9}}}  # type: ignore[dict-item]

TURTLE = """
@prefix dcat: <http://www.w3.org/ns/dcat#> . @prefix dct: <http://purl.org/dc/terms/> .
@prefix owl: <http://www.w3.org/2002/07/owl#> . @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix vcard: <http://www.w3.org/2006/vcard/ns#> . @prefix : <{iri}#> .
<{iri}> a owl:Ontology ; dct:title "Roads"@en ; dct:description "The terms of roads."@en ;
  dcat:version "{version}" ; dct:license <http://publications.europa.eu/resource/authority/licence/CC_BY_4_0> ;
  dcat:contactPoint [ a vcard:Kind ; vcard:fn "Roads"@en ; vcard:hasEmail <mailto:r@example.org> ] .
:Road a owl:Class ; rdfs:label "road"@en ; rdfs:comment "A way for vehicles."@en .
:speed a owl:DatatypeProperty ; rdfs:label "speed"@en ; rdfs:comment "How fast vehicles may go."@en ;
  rdfs:domain :Road .
{more}
"""
LANE = ':Lane a owl:Class ; rdfs:label "lane"@en ; rdfs:comment "A part of a road for one row of vehicles."@en .'


def described(kind: str, name: str, **more: Any) -> dict[str, Any]:
    fields = {"kind": kind, "id": name, "title": name, "description": "For a test.", "license": "CC-BY-4.0"}
    return {**fields, "contact": {"name": "Mobility", "email": "m@example.org"}, "conditions": "open", **more}


@pytest.fixture
def http(city: Running) -> Any:
    with httpx2.Client(
        base_url=city.url, headers={"Authorization": f"Bearer {city.token}"}, timeout=60, trust_env=False
    ) as client:
        yield client


def publish(http: httpx2.Client, fields: dict[str, Any], **more: Any) -> httpx2.Response:
    return http.post("/api/records", json={"fields": fields, **more})


def roads(city: Running, name: str, version: str, more: str) -> tuple[str, dict[str, Any]]:
    iri = f"{city.url}/ontologies/{name}"
    document = TURTLE.format(iri=iri, version=version, more=more)
    return iri, {"document": document, "mediaType": "text/turtle", "conditions": "open"}


def test_a_schema_warns_or_refuses_as_it_says(http: httpx2.Client) -> None:
    for name, policy in (("lenient", {}), ("firm", {"breaking_changes": "refuse"})):
        first = publish(http, described("schema", name, version="1.0.0", definition=FLOW, **policy))
        assert first.status_code == 201, first.text
        assert "impact" not in first.json()
        user = publish(http, described("dataset", f"{name}-data", conforms_to=f"schema/{name}"))
        assert user.status_code == 201, user.text
    second = described("schema", "lenient", version="2.0.0", definition=STRICT)
    checked = publish(http, second, dryRun=True)
    assert checked.status_code == 201, checked.text
    impact = checked.json()["impact"]
    assert (impact["since"], impact["verdict"], impact["breaking"], impact["more"]) == (1, "forward", True, 0)
    (change,) = impact["changes"]
    assert (change["subject"], change["what"]) == ("intensity", "tightened")
    assert [user["iri"].rpartition("/")[2] for user in impact["users"]] == ["lenient-data"]
    assert publish(http, second).json()["version"] == 2

    firm = described("schema", "firm", version="2.0.0", definition=STRICT)
    refused = publish(http, firm)
    assert refused.status_code == 422
    assert [finding["rule"] for finding in refused.json()["findings"] if finding["severity"] == "violation"] == [
        "schema:breaking"
    ]
    assert refused.json()["impact"]["verdict"] == "forward"
    allowed = publish(http, firm, allowBreaking=True)
    assert allowed.json()["version"] == 2
    (warning,) = [one for one in allowed.json()["warnings"] if one["rule"] == "schema:breaking"]
    assert "allowBreaking" not in json.dumps(warning)
    # The policy of the version that others rely on counts, not that of the new one.
    loose = publish(http, described("schema", "firm", version="3.0.0", definition=FLOW, breaking_changes="warn"))
    assert loose.json()["version"] == 3


def test_the_page_of_a_schema_says_what_its_version_changed(http: httpx2.Client) -> None:
    for version, definition in (("1.0.0", FLOW), ("2.0.0", STRICT)):
        answer = publish(http, described("schema", "seen", version=version, definition=definition))
        assert answer.status_code == 201, answer.text
    page = http.get("/schemas/seen", headers={"Accept": "text/html", "Accept-Language": "en"}).text
    versions = page.partition('<ol class="timeline">')[2].partition("</ol>")[0]
    assert "Forward compatible: old programs can read new data; old data may be invalid." in versions
    assert "intensity" in versions
    assert "csvw:" not in versions, "the fields are not listed as statements"
    assert len(re.findall(r"<h3[^>]*>\s*Fields\b", page)) == 1, "one table of fields"


def test_a_word_that_is_no_policy_is_refused(http: httpx2.Client) -> None:
    answer = publish(http, described("schema", "odd", version="1", definition=FLOW, breaking_changes="perhaps"))
    assert answer.status_code == 422
    assert any("warn" in one["message"] + one["remedy"] for one in answer.json()["findings"])


def test_an_ontology_asks_for_a_yes_before_it_breaks_others(
    city: Running, http: httpx2.Client, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    iri, first = roads(city, "roads", "1.0", LANE)
    assert http.post("/api/records", json=first).status_code == 201
    open_user = described("schema", "lanes", version="1", definition=FLOW, describes=f"{iri}#Lane")
    hidden_user = described("schema", "secret", version="1", definition=FLOW, describes=f"{iri}#Lane")
    assert publish(http, open_user).status_code == 201
    assert publish(http, {**hidden_user, "audience": "internal"}).status_code == 201
    _, second = roads(city, "roads", "2.0", "")

    refused = http.post("/api/records", json=second)
    assert refused.status_code == 422
    (change,) = refused.json()["impact"]["changes"]
    assert (change["subject"], change["what"], change["breaking"]) == (f"{iri}#Lane", "removed", True)
    assert {user["iri"].rpartition("/")[2] for user in change["users"]} == {"lanes", "secret"}

    path = tmp_path / "roads.ttl"
    path.write_text(second["document"], "utf-8")
    monkeypatch.setenv("HANSA_NODE", str(city.folder))
    assert run(["publish", str(path), "--check", "--conditions", "open"]) == REFUSED
    output = capsys.readouterr()
    assert "lane was removed" in output.out
    assert "used by schema lanes" in output.out
    assert "--breaking" in output.out + output.err
    assert run(["publish", str(path), "--breaking", "--conditions", "open"]) == 0
    capsys.readouterr()
    assert run(["diff", "ontology/roads"]) == 0
    assert "lane was removed" in capsys.readouterr().out

    kept = http.get("/api/catalogue/changes", params={"iri": "ontology/roads"}).json()["impact"]
    assert kept["verdict"] == "breaking"
    assert "secret" in json.dumps(kept)
    with city.http() as stranger:
        seen = stranger.get("/api/catalogue/changes", params={"iri": "ontology/roads"}).json()["impact"]
        page = stranger.get("/record/changes", params={"iri": iri}, headers={"Accept": "text/html"}).text
    assert [user["iri"].rpartition("/")[2] for user in seen["users"]] == ["lanes"]
    assert "secret" not in json.dumps(seen)
    assert "secret" not in page
    assert "lane was removed" in html.unescape(page)
    with signed_in(city) as browser:
        own = html.unescape(browser.get("/record/changes", params={"iri": iri}).text)
        history = html.unescape(browser.get("/ontologies/roads", headers={"Accept": "text/html"}).text)
    assert "Breaking: data or queries that use these terms may no longer be right." in own
    assert "secret" in own
    assert re.search(r"lane</bdi>? was removed|lane was removed", history)
    assert "Particulars" not in history


def test_a_compatible_version_of_an_ontology_is_published_at_once(city: Running, http: httpx2.Client) -> None:
    _, first = roads(city, "paths", "1.0", "")
    assert http.post("/api/records", json=first).status_code == 201
    _, second = roads(city, "paths", "1.1", LANE)
    answer = http.post("/api/records", json=second)
    assert answer.status_code == 201, answer.text
    assert answer.json()["impact"]["verdict"] == "compatible"
    assert [change["what"] for change in answer.json()["impact"]["changes"]] == ["added"]


def test_a_batch_names_breaking_changes_too(city: Running, http: httpx2.Client) -> None:
    _, first = roads(city, "ways", "1.0", LANE)
    _, second = roads(city, "ways", "2.0", "")
    answer = http.post("/api/records/batch", json={"records": [first, second]}).json()["results"]
    assert "published" in answer[0]
    assert any(finding["rule"] == "ontology:breaking" for finding in answer[1]["problem"]["findings"])
    answer = http.post("/api/records/batch", json={"records": [{**second, "allowBreaking": True}]}).json()["results"]
    assert answer[0]["published"]["version"] == 2


def test_a_term_address_cannot_become_a_part_of_a_query(city: Running, http: httpx2.Client) -> None:
    """The looked-up addresses come from documents of others: one with every character that an IRI may have."""
    odd = f"<{city.url}/ontologies/odd#a'()!$&*+,;=:@~->"
    term = f'{odd} a owl:Class ; rdfs:label "odd"@en ; rdfs:comment "Odd."@en .'
    _, first = roads(city, "odd", "1.0", term)
    assert http.post("/api/records", json=first).status_code == 201
    _, second = roads(city, "odd", "2.0", "")
    answer = http.post("/api/records", json=second)
    assert answer.status_code == 422
    assert [change["what"] for change in answer.json()["impact"]["changes"]] == ["removed"]


def test_users_of_earlier_versions_of_a_schema_are_told_apart(
    city: Running, http: httpx2.Client, capsys: pytest.CaptureFixture[str], monkeypatch: Any, tmp_path: Path
) -> None:
    """The third version breaks nothing of the second one, and what was published under the first one."""

    def version(number: str, definition: Any, **more: Any) -> httpx2.Response:
        return publish(http, described("schema", "bound", version=number, definition=definition), **more)

    assert version("1", FLOW).status_code == 201
    assert publish(http, described("dataset", "early", conforms_to="schema/bound")).status_code == 201
    hidden = described("dataset", "unseen", conforms_to="schema/bound", audience="internal", conditions="internal")
    assert publish(http, hidden).status_code == 201
    assert version("2", STRICT, allowBreaking=True).status_code == 201
    assert publish(http, described("dataset", "late", conforms_to="schema/bound")).status_code == 201
    wider = {**STRICT, "properties": {**STRICT["properties"], "lane": {"type": "string"}}}  # type: ignore[dict-item]
    impact = version("3", wider, dryRun=True).json()["impact"]
    assert not impact["breaking"]
    (bound,) = impact["bound"]
    assert (bound["version"], bound["breaking"]) == (1, True)
    assert {user["iri"].rpartition("/")[2] for user in bound["users"]} == {"early", "unseen"}
    assert [change["subject"] for change in bound["changes"]] == ["intensity"]

    path = tmp_path / "bound.yaml"
    path.write_text(json.dumps(described("schema", "bound", version="3", definition=wider)), "utf-8")
    monkeypatch.setenv("HANSA_NODE", str(city.folder))
    assert run(["publish", str(path), "--check"]) == 0
    shown = capsys.readouterr().out
    assert "since 1" in shown
    assert "dataset early" in shown
    assert version("3", wider).status_code == 201
    with signed_in(city) as browser:
        own = html.unescape(browser.get("/record/changes", params={"iri": f"{city.url}/schemas/bound"}).text)
    assert "Assets published under version 1" in own
    assert "/datasets/unseen" in own
    with city.http() as stranger:
        page = stranger.get(
            "/record/changes", params={"iri": f"{city.url}/schemas/bound"}, headers={"Accept": "text/html"}
        ).text
    assert "Assets published under version 1" in html.unescape(page)
    assert "unseen" not in page
