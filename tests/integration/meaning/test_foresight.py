"""The page that compares a file with the newest version of an ontology or a schema, before it is published."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.integration.meaning.test_new_versions import FLOW, LANE, STRICT, TURTLE, described
from tests.nodes import Running
from tests.portal_browser import csrf_of, signed_in


@pytest.fixture(scope="module")
def browser(city: Running) -> Iterator[httpx2.Client]:
    headers = {"Authorization": f"Bearer {city.token}"}
    with httpx2.Client(base_url=city.url, headers=headers, timeout=60, trust_env=False) as http:
        iri = f"{city.url}/ontologies/roads"
        document = {"document": TURTLE.format(iri=iri, version="1", more=LANE), "mediaType": "text/turtle"}
        for body in (
            {**document, "conditions": "open"},
            {"fields": described("schema", "flows", version="1", definition=FLOW, describes=f"{iri}#Lane")},
            {"fields": described("dataset", "october", conforms_to="schema/flows")},
        ):
            answer = http.post("/api/records", json=body)
            assert answer.status_code == 201, answer.text
    with signed_in(city) as client:
        yield client


def send(browser: httpx2.Client, iri: str, name: str, body: bytes) -> Any:
    page = browser.get("/record/foresee", params={"iri": iri})
    assert page.status_code == 200
    fields = {"csrf": csrf_of(page.text), "iri": iri}
    return browser.post("/record/foresee", data=fields, files={"file": (name, body, "text/plain")})


def test_an_ontology(city: Running, browser: httpx2.Client) -> None:
    iri = f"{city.url}/ontologies/roads"
    assert "/record/foresee?iri=" in browser.get("/ontologies/roads").text
    answer = send(browser, iri, "next.ttl", TURTLE.format(iri=iri, version="2", more="").encode())
    page = html.unescape(answer.text)
    assert answer.status_code == 200
    assert "lane</bdi> was removed" in page or "lane was removed" in page
    assert "flows" in page
    assert "Breaking: data or queries" in page
    same = send(browser, iri, "same.ttl", TURTLE.format(iri=iri, version="1", more=LANE).encode())
    assert "The meaning is the same." in html.unescape(same.text)
    assert browser.get("/api/catalogue/versions", params={"iri": iri}).json()["versions"][0]["version"] == 1


def test_a_schema(city: Running, browser: httpx2.Client) -> None:
    iri = f"{city.url}/schemas/flows"
    page = html.unescape(send(browser, iri, "next.json", json.dumps(STRICT).encode()).text)
    assert "Forward compatible" in page
    assert "intensity: maximum is stricter" in page
    assert "october" in page


@pytest.mark.parametrize(
    ("kind", "name", "body", "status"),
    [
        ("ontologies/roads", "next.docx", b"x", 400),
        ("ontologies/roads", "next.ttl", b"<a> <b", 400),
        ("ontologies/roads", "next.rdf", b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>', 400),
        ("schemas/flows", "next.json", b"[1, 2]", 400),
        ("schemas/flows", "next.json", b"\xff\xfe", 400),
        ("schemas/flows", "next.json", b'{"a":' * 5000, 400),
        ("datasets/october", "next.json", b"{}", 400),
    ],
)
def test_what_cannot_be_compared(
    city: Running, browser: httpx2.Client, kind: str, name: str, body: bytes, status: int
) -> None:
    answer = send(browser, f"{city.url}/{kind}", name, body)
    assert answer.status_code == status, answer.text
    assert 'role="alert"' in answer.text


def test_only_for_those_who_publish(city: Running, browser: httpx2.Client) -> None:
    iri = f"{city.url}/ontologies/roads"
    forged = browser.post("/record/foresee", data={"csrf": "x", "iri": iri}, files={"file": ("a.ttl", b"")})
    assert forged.status_code == 403
    with city.http(headers={"Accept": "text/html"}) as stranger:
        assert stranger.get("/record/foresee", params={"iri": iri}).status_code in (303, 401)
        assert "/record/foresee" not in stranger.get("/ontologies/roads").text
