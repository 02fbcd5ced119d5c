"""The catalogue as data portals harvest it, at a real node: syntaxes, what is shown, the official shapes."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyshacl
import pytest
import rdflib
import rdflib.compare
from rdflib.namespace import DCAT, FOAF, RDF

from node.catalogue.export.catalog import AT_ONCE, CatalogExport, CatalogPage
from tests.artefacts import data
from tests.integration.harvests.test_imports import HEAD, imported
from tests.integration.protocol.test_dsp_wire import violations
from tests.nodes import Running, described, publish

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:rdflib")

TREES = rdflib.URIRef("https://brugge.example/set/trees")
SYNTAXES = [
    ("text/turtle", "ttl", "turtle"),
    ("application/ld+json", "jsonld", "json-ld"),
    ("application/rdf+xml", "rdf", "xml"),
    ("application/n-triples", "nt", "nt"),
]


@pytest.fixture(scope="module")
def published(city: Running) -> dict[str, Any]:
    publish(city, "staff-only", audience="internal")
    counted = publish(city, "traffic-counts", conditions=None, data=None)
    text = (
        f'{HEAD}<{TREES}> a dcat:Dataset ; dct:title "Bomen"@nl ; dct:description "Alle bomen"@nl ;'
        " dct:publisher <https://brugge.example/> ."
    )
    assert imported(city, text, source="Brugge")[-1]["new"] == 1
    return counted


def graph(city: Running, path: str, form: str, **headers: str) -> rdflib.Graph:
    with city.http(headers=headers) as http:
        return rdflib.Graph().parse(data=http.get(path).raise_for_status().text, format=form)


def test_pages_for_many_portals_take_turns(
    city: Running, published: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each page takes memory from the records that are read to the text that is written."""
    at_work, most = set[int](), 0
    read, write = CatalogExport.page, CatalogExport.document

    async def page(self: CatalogExport, *args: Any, **options: Any) -> CatalogPage:
        nonlocal most
        answer = await read(self, *args, **options)
        at_work.add(id(answer))
        most = max(most, len(at_work))
        return answer

    async def document(self: CatalogExport, catalog: CatalogPage, media_type: str) -> bytes:
        body = await write(self, catalog, media_type)
        at_work.discard(id(catalog))
        return body

    monkeypatch.setattr(CatalogExport, "page", page)
    monkeypatch.setattr(CatalogExport, "document", document)

    def ask(_: int) -> int:
        with city.http(timeout=120) as http:
            return int(http.get("/catalog.ttl").status_code)

    with ThreadPoolExecutor(24) as portals:
        assert set(portals.map(ask, range(48))) == {200}
    assert 1 <= most <= AT_ONCE


def test_every_syntax_says_the_same_by_header_and_by_ending(city: Running, published: dict[str, Any]) -> None:
    whole = rdflib.compare.to_isomorphic(graph(city, "/catalog", "turtle"))
    for media_type, ending, form in SYNTAXES:
        for path, accept in (("/catalog", media_type), (f"/catalog.{ending}", "text/html")):
            with city.http(headers={"Accept": accept}) as http:
                answer = http.get(path).raise_for_status()
            assert answer.headers["content-type"].partition(";")[0] == media_type
            # The addresses of the other pages have the same ending, for harvesters that send no Accept header.
            text = answer.text.replace(f"/catalog.{ending}?after=", "/catalog?after=")
            assert (text != answer.text) == (path != "/catalog")
            found = rdflib.Graph().parse(data=text, format=form)
            assert rdflib.compare.to_isomorphic(found) == whole, (path, media_type)


def test_it_has_what_is_published_and_what_was_imported(city: Running, published: dict[str, Any]) -> None:
    statements = graph(city, "/catalog", "turtle")
    catalog = rdflib.URIRef(f"{city.node.parts.base}/catalog")
    assert set(statements.objects(catalog, DCAT.dataset)) == {rdflib.URIRef(published["iri"]), TREES}
    (record,) = statements.objects(catalog, DCAT.record)
    assert (record, FOAF.primaryTopic, TREES) in statements
    assert (TREES, RDF.type, DCAT.Dataset) in statements
    assert "staff-only" not in statements.serialize(format="nt")


def test_a_page_is_sent_again_only_when_it_has_changed(city: Running, published: dict[str, Any]) -> None:
    with city.http() as http:
        first = http.get("/catalog")
        again = http.get("/catalog", headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        other = http.get(
            "/catalog", headers={"If-None-Match": first.headers["etag"], "Accept": "application/ld+json"}
        )
        assert other.status_code == 200
        head = http.head("/catalog")
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["etag"] == first.headers["etag"]


def test_browsers_get_the_search_page_and_strange_wishes_a_reason(city: Running, published: dict[str, Any]) -> None:
    with city.http(follow_redirects=False) as http:
        page = http.get("/catalog", headers={"Accept": "text/html"})
        assert page.status_code == 303
        assert http.get(page.headers["location"], headers={"Accept": "text/html"}).status_code == 200
        assert "/catalog.ttl" in http.get("/about", headers={"Accept": "text/html"}).text
        refused = http.get("/catalog", headers={"Accept": "image/png"})
        assert refused.status_code == 406
        assert refused.json()["type"].endswith("not-acceptable")
        assert "text/turtle" in refused.json()["remedy"]
        assert http.get(published["iri"], headers={"Accept": "image/png"}).status_code == 406
        assert http.get("/feed/pages/0", headers={"Accept": "image/png"}).status_code == 406
        assert http.get("/catalog", params={"after": "x" * 3000}).status_code == 400


def test_it_conforms_to_dcat_ap(city: Running, published: dict[str, Any]) -> None:
    """By the official shapes, what this node says itself: an imported record keeps the faults of its source."""
    found = graph(city, "/catalog", "turtle")
    shapes = rdflib.Graph().parse(data("shapes/dcat-ap/3.0.1/html/shacl/shapes.ttl"))
    _, report, text = pyshacl.validate(found, shacl_graph=shapes, advanced=True)
    assert not set(violations(report)), text


def test_a_page_tells_machines_what_it_is_about(city: Running) -> None:
    """schema.org for search engines, and FAIR Signposting: every link leads to what it says."""
    data_file = b"hour,count\n1,12\n"
    with city.client() as client:
        path = city.folder / "open-counts.csv"
        path.write_bytes(data_file)
        file = {**client.upload(path), "mediaType": "text/csv", "open": True}
        submission = {
            "fields": described(
                "open-counts", keywords=["traffic"], temporal={"from": "2026-01-01", "to": "2026-03-31"}
            ),
            "files": [file],
            "conditions": "open",
        }
        iri = client.publish(submission)["iri"]
    with city.http() as http:
        page = http.get(iri, headers={"Accept": "text/html"}).raise_for_status()
        (block,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page.text, re.DOTALL)
        description = json.loads(block)
        assert (description["@type"], description["@id"], description["url"], description["name"]) == (
            "Dataset",
            iri,
            iri,
            "Open counts",
        )
        assert description["license"] == "http://publications.europa.eu/resource/authority/licence/CC_BY_4_0"
        assert description["temporalCoverage"] == "2026-01-01/2026-03-31"
        assert description["publisher"]["@id"] == city.node.parts.me
        assert description["isAccessibleForFree"] is True
        (download,) = description["distribution"]
        assert http.get(download["contentUrl"]).content == data_file
        assert download["encodingFormat"] == "text/csv"
        links = re.findall(r'<([^>]*)>; rel="([a-z-]+)"(?:; type="([^"]*)")?', page.headers["link"])
        by_relation: dict[str, list[tuple[str, str]]] = {}
        for target, relation, media_type in links:
            by_relation.setdefault(relation, []).append((target, media_type))
        assert by_relation["cite-as"] == [(iri, "")]
        assert by_relation["item"] == [(download["contentUrl"], "text/csv")]
        assert len(by_relation["describedby"]) == 5
        for target, media_type in by_relation["describedby"]:
            assert http.get(target).headers["content-type"].partition(";")[0] == media_type
        ((collection, _),) = by_relation["collection"]
        assert iri in http.get(collection).text
        staff = f"{city.node.parts.base}/datasets/staff-only"
        hidden = http.get(staff, headers={"Accept": "text/html"})
        assert hidden.status_code == 404
        assert "link" not in hidden.headers
