"""The catalogue and SPARQL doors over HTTP: what they answer, in which form, and what they refuse."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
import rdflib
from rdflib import RDF
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from node.base.errors import NotAcceptable
from node.catalogue.export.service import SD
from node.catalogue.model import INTERNAL
from node.catalogue.representations import HTML, acceptable, choose, language_in, negotiate
from node.identity.model import Caller
from node.semantics.documents import canonical, parse
from node.semantics.model import File
from node.semantics.sparql import GRAPH_TYPES
from node.web import catalogue, sparql
from tests.artefacts import SHARED
from tests.fakes.catalogue import MEMBER, CatalogueNode
from tests.fakes.catalogue_http import HEADER, Visitor, application, client
from tests.fakes.stores.assets import MemoryAssets

CSV = b"id,count\n1,2\n"
JSON_RESULTS = "application/sparql-results+json"
SERVICE_PROPERTIES = (
    "endpoint supportedLanguage feature defaultEntailmentRegime "
    "defaultSupportedEntailmentProfile resultFormat defaultDataset defaultGraph"
)


@dataclass
class Doors:
    node: CatalogueNode
    http: httpx2.AsyncClient
    assets: MemoryAssets
    app: Any

    def visitor(self, name: str | None = None) -> Visitor:
        return Visitor(self.http, name)


@pytest.fixture
async def gent() -> AsyncIterator[Doors]:
    node = CatalogueNode(base="https://gent.example")
    assets = MemoryAssets()
    app = application(node, {"member": MEMBER, "steward": node.steward}, assets)
    async with client(app, node.base) as http:
        yield Doors(node, http, assets, app)


async def with_file(doors: Doors, slug: str = "counts", *, open_: bool = True, **more: Any) -> File:
    stored = doors.assets.keep(CSV)
    doors.node.assets.add(stored.sha256)
    file = File(name="tellingen ä.csv", media_type="text/csv", size=stored.size, sha256=stored.sha256, open=open_)
    await doors.node.publish(slug, files=(file,), **more)
    return file


# records ------------------------------------------------------------------------------------------------


async def test_a_record_in_each_syntax(gent: Doors) -> None:
    record = await gent.node.publish("counts", notes=("Els",), conditions={"template": "open"})
    for media_type in ("text/turtle", "application/ld+json", "application/rdf+xml", "application/n-triples"):
        answer = await gent.visitor().get(record.iri, accept=media_type)
        assert answer.headers["content-type"].partition(";")[0] == media_type
        dataset = parse(answer.content, media_type, base=record.iri)
        assert canonical(dataset) == (record.nquads, record.sha256), media_type
    exact = await gent.visitor().get(record.iri, accept="application/n-quads")
    assert hashlib.sha256(exact.content).hexdigest() == record.sha256


async def test_a_record_as_json(gent: Doors) -> None:
    record = await gent.node.publish("counts", title={"nl": "Tellingen"}, conditions={"template": "members"})
    for answer in (
        await gent.visitor().get(record.iri, accept="application/json", lang="nl"),
        await gent.visitor().get("/api/catalogue/record", iri=record.iri, lang="nl"),
        await gent.visitor().get("/api/catalogue/record", iri="dataset/counts", lang="nl"),
    ):
        body = answer.json()
        assert (body["title"], body["access"], body["accessWord"]) == ("Tellingen", "members", "alleen voor leden")
        assert body["conditions"]["sentences"]
        assert body["signature"].count(".") == 2
        assert body["offer"]["@id"] == (record.offer or {})["@id"]
        assert "decision" not in body, "nobody has asked"
    stranger = (await gent.visitor("member").get("/api/catalogue/record", iri=record.iri)).json()
    assert stranger["decision"]["reasons"]


async def test_versions_and_moments(gent: Doors) -> None:
    first = await gent.node.publish("counts", description={"en": "one"})
    between = gent.node.clock.now().isoformat().replace("+00:00", "Z")
    second = await gent.node.publish("counts", description={"en": "two"})
    visitor = gent.visitor()
    for params, expected in (
        ({}, second),
        ({"version": 1}, first),
        ({"asOf": between}, first),
        ({"version": 2}, second),
    ):
        answer = await visitor.get(first.iri, accept="application/n-quads", **params)
        assert answer.content == expected.nquads, params
    listed = (await visitor.get("/api/catalogue/versions", iri=first.iri)).json()["versions"]
    assert [one["version"] for one in listed] == [2, 1]
    assert (await visitor.get(first.iri, version=3)).status_code == 404
    assert (await visitor.get(first.iri, asOf="2020-01-01")).status_code == 404
    for params in ({"asOf": "yesterday"}, {"asOf": "2026-13-01"}):
        assert (await visitor.get(first.iri, **params)).status_code == 400
    for params in ({"version": "x"}, {"version": 0}, {"version": -1}):
        assert (await visitor.get(first.iri, **params)).status_code == 422


async def test_a_withdrawn_asset_is_gone_but_its_history_is_not(gent: Doors) -> None:
    record = await gent.node.publish("counts")
    then = gent.node.clock.now().isoformat()
    await gent.node.withdraw(record.iri)
    visitor = gent.visitor()
    for accept in ("text/turtle", "application/json"):
        answer = await visitor.get(record.iri, accept=accept)
        assert (answer.status_code, answer.json()["title"]) == (410, "Withdrawn")
        assert "the publisher withdrew this asset on 20" in answer.json()["detail"]
    assert (await visitor.get(record.iri, version=2)).status_code == 410
    assert (await visitor.get(record.iri, version=1)).status_code == 200
    assert (await visitor.get(record.iri, asOf=then)).status_code == 200
    listed = (await visitor.get("/api/catalogue/versions", iri=record.iri)).json()["versions"]
    assert [one["withdrawn"] for one in listed] == [True, False]


async def test_conditional_requests_and_caches(gent: Doors) -> None:
    record = await gent.node.publish("counts")
    answer = await gent.visitor().get(record.iri, accept="text/turtle")
    again = await gent.http.get(
        record.iri, headers={"If-None-Match": answer.headers["etag"], "Accept": "text/turtle"}
    )
    assert (again.status_code, again.content) == (304, b"")
    other = await gent.http.get(
        record.iri, headers={"If-None-Match": answer.headers["etag"], "Accept": "application/ld+json"}
    )
    assert other.status_code == 200
    assert answer.headers["cache-control"] == "no-cache"
    for name in ("Accept", "Authorization", "Cookie"):
        assert name in answer.headers["vary"]
    member = await gent.visitor("member").get(record.iri)
    assert member.headers["cache-control"] == "private, no-store"
    head = await gent.http.head(record.iri, headers={"Accept": "text/turtle"})
    assert (head.status_code, head.headers["etag"]) == (200, answer.headers["etag"])


async def test_the_address_decides_not_the_host_header(gent: Doors) -> None:
    record = await gent.node.publish("counts")
    answer = await gent.http.get(
        "/datasets/counts", headers={"Host": "evil.example", "Accept": "application/n-quads"}
    )
    assert answer.content == record.nquads


async def test_browsers_get_the_page_of_the_portal(gent: Doors) -> None:
    seen: list[tuple[str, Caller]] = []

    async def page(request: Request, iri: str, caller: Caller) -> Response:
        seen.append((iri, caller))
        return HTMLResponse("<h1>page</h1>")

    async def identify(request: Request) -> Caller:
        return MEMBER

    from fastapi import FastAPI

    app = FastAPI()
    app.include_router(
        catalogue.router(gent.node.browse, identify=identify, assets=gent.assets, base=gent.node.base, html_view=page)
    )
    async with client(app, gent.node.base) as http:
        browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
        assert "page" in (await http.get("/models/x", headers={"Accept": browser})).text
    assert seen == [("https://gent.example/models/x", MEMBER)]


async def test_invalid_tokens_are_told_before_anything_else(gent: Doors) -> None:
    await gent.node.publish("counts")
    for path in ("/datasets/counts", "/datasets/absent", "/api/catalogue/search", "/sparql?query=x", "/feed"):
        assert (await gent.http.get(path, headers={HEADER: "forged"})).status_code == 401


@pytest.mark.parametrize(
    "slug", ["%2e%2e", "..%2f..%2fetc", "a%00b", "x%0d%0aSet-Cookie:a=1", "<script>", "a'b", "ä"]
)
async def test_odd_slugs_do_not_exist(gent: Doors, slug: str) -> None:
    answer = await gent.http.get(f"/datasets/{slug}")
    assert answer.status_code == 404
    assert answer.headers["content-type"].endswith("json"), "nothing that a browser would run"
    assert "set-cookie" not in answer.headers


# files --------------------------------------------------------------------------------------------------


async def test_open_files_are_served_to_be_saved(gent: Doors) -> None:
    file = await with_file(gent)
    answer = await gent.visitor().get("/datasets/counts/files/tellingen ä.csv")
    assert (answer.status_code, answer.content) == (200, CSV)
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''tellingen%20%C3%A4.csv"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["etag"] == f'"{file.sha256}"'
    cached = await gent.http.get(str(answer.url), headers={"If-None-Match": answer.headers["etag"]})
    assert cached.status_code == 304
    head = await gent.http.head(str(answer.url))
    assert (head.status_code, head.headers["content-length"], head.content) == (200, str(len(CSV)), b"")


async def test_other_files_do_not_exist(gent: Doors) -> None:
    await with_file(gent, "closed", open_=False)
    await with_file(gent, "hidden", audience=INTERNAL)
    await with_file(gent, "gone")
    await gent.node.withdraw("https://gent.example/datasets/gone")
    names = ("tellingen ä.csv", "%2e%2e", "%2e%2e%2fhansa.toml", "x.csv", "tellingen a\u0308.csv")
    for slug in ("closed", "hidden", "gone", "absent"):
        for name in names:
            answer = await gent.visitor().get(f"/datasets/{slug}/files/{name}")
            assert answer.status_code in ({404, 410} if slug == "gone" else {404}), (slug, name)
    assert (await gent.visitor("steward").get("/datasets/hidden/files/tellingen ä.csv")).status_code == 200
    assert (await gent.visitor().get("/datasets/gone/files/tellingen ä.csv", version=1)).status_code == 200


# search -------------------------------------------------------------------------------------------------


async def test_search_answers_as_agreed(gent: Doors) -> None:
    await gent.node.publish(
        "counts", title={"nl": "Tellingen", "en": "Counts"}, keywords=("verkeer",), conditions={"template": "open"}
    )
    await gent.node.publish("noise", kind="model", conditions={"template": "members"})
    page = (await gent.visitor().get("/api/catalogue/search", q="tellingen", lang="nl")).json()
    assert (page["total"], page["offset"], page["limit"]) == (1, 0, 20)
    (hit,) = page["hits"]
    assert hit["title"] == "Tellingen"
    assert {
        "iri",
        "kind",
        "publisher",
        "publisherName",
        "origin",
        "access",
        "conditions",
        "at",
        "version",
        "snippet",
    } <= set(hit)
    assert page["facets"]["kind"] == {"dataset": 1}
    both = (await gent.http.get("/api/catalogue/search?kind=model&kind=dataset&sort=newest")).json()
    assert [hit["iri"].rpartition("/")[2] for hit in both["hits"]] == ["noise", "counts"]
    for_members = (await gent.visitor().get("/api/catalogue/search", access="members")).json()
    assert [hit["access"] for hit in for_members["hits"]] == ["members"]


async def test_what_is_typed_is_completed_from_what_the_caller_may_see(gent: Doors) -> None:
    titles = {"nl": "Fietstellingen", "en": "Bicycle counts"}
    await gent.node.publish("counts", title=titles, keywords=("fietsen", "Fietspad"), conditions={"template": "open"})
    await gent.node.publish("plans", title={"nl": "Fietsplannen"}, keywords=("fietsgeheim",), audience="internal")
    path = "/api/catalogue/suggestions"
    answer = (await gent.visitor().get(path, q="fie", lang="nl")).json()["suggestions"]
    assert [(each["text"], each["type"]) for each in answer] == [
        ("fietsen", "keyword"),
        ("Fietspad", "keyword"),
        ("Fietstellingen", "title"),
    ]
    assert answer[-1]["iri"].endswith("/counts")
    assert (await gent.visitor().get(path, q="fietsg")).json() == {"suggestions": []}
    assert (await gent.visitor().get(path, q="FIÉTSP", lang="nl")).json()["suggestions"][0]["text"] == "Fietspad"
    for text in ("", "f", "x" * 200, '"^.*[(', "zz .*"):
        assert (await gent.visitor().get(path, q=text)).json() == {"suggestions": []}, text
    assert (await gent.visitor().get(path)).status_code == 422


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"limit": 0}, 422),
        ({"limit": 101}, 422),
        ({"offset": -1}, 422),
        ({"offset": 10_001}, 422),
        ({"sort": "random"}, 422),
        ({"q": "x" * 501}, 400),
        ({"keyword": "x" * 501}, 400),
        ({"bbox": "1,2,3"}, 400),
        ({"bbox": "a,b,c,d"}, 400),
        ({"bbox": "5,0,1,0"}, 400),
        ({"bbox": "nan,nan,nan,nan"}, 400),
        ({"bbox": "0,0,999,1"}, 400),
        ({"from": "soon"}, 400),
        ({"from": "2025", "to": "2024"}, 400),
        ({"boundingBox": "0,0,1,1"}, 400),
        ({"since": "2024"}, 400),
        ({"Kind": "model"}, 400),
    ],
    ids=str,
)
async def test_searches_beyond_the_limits(gent: Doors, params: dict[str, Any], status: int) -> None:
    assert (await gent.visitor().get("/api/catalogue/search", **params)).status_code == status


async def test_a_parameter_that_a_search_does_not_have_is_named(gent: Doors) -> None:
    answer = await gent.visitor().get("/api/catalogue/search", formats="CSV")
    assert answer.status_code == 400
    assert "'formats'" in answer.json()["detail"]
    assert "'format'" in answer.json()["remedy"]


async def test_formats_licences_and_periods_narrow(gent: Doors) -> None:
    eu, dcat, dct = (
        "http://publications.europa.eu/resource/authority",
        "http://www.w3.org/ns/dcat#",
        "http://purl.org/dc/terms/",
    )
    for name, year, kind, place in (("old", 2010, "CSV", "Ghent"), ("new", 2024, "JSON", "Ledeberg")):
        about = f"<https://gent.example/datasets/{name}>"
        await gent.node.publish(
            name,
            lines=(
                f"{about} <{dct}format> <{eu}/file-type/{kind}> .",
                f"{about} <{dct}license> <{eu}/licence/CC0> .",
                f'{about} <{dct}spatial> "{place}" .',
                f"{about} <{dct}temporal> <https://gent.example/periods/{year}> .",
                f'<https://gent.example/periods/{year}> <{dcat}startDate> "{year}-01-01" .',
                f'<https://gent.example/periods/{year}> <{dcat}endDate> "{year}-12-31" .',
            ),
        )
    visitor = gent.visitor()

    async def names(**params: str) -> list[str]:
        page = (await visitor.get("/api/catalogue/search", **params)).json()
        return sorted(hit["iri"].rpartition("/")[2] for hit in page["hits"])

    facets = (await visitor.get("/api/catalogue/search")).json()["facets"]
    assert facets["format"] == {"CSV": 1, "JSON": 1}
    assert facets["license"] == {"CC0-1.0": 2}
    assert facets["node"] == {"did:web:gent.example": 2}
    assert (facets["spatial"], facets["year"]) == ({"Gent": 1, "Ledeberg": 1}, {"2010": 1, "2024": 1})
    assert await names(spatial="Gent") == await names(year="2010") == ["old"]
    assert await names(format="CSV") == ["old"]
    assert await names(license="CC0-1.0", format="JSON") == ["new"]
    assert await names(**{"from": "2024-12"}) == ["new"]
    assert await names(**{"from": "2010-06", "to": "2024-01-01"}) == ["new", "old"]
    assert await names(to="2009") == []
    assert await names(node="did:web:bruges.example") == []


async def test_hostile_texts_are_only_texts(gent: Doors) -> None:
    await gent.node.publish("counts", description={"en": "<script>alert(1)</script>"})
    path = SHARED / "data/naughty/naughty-dataspace.json"
    texts = json.loads(path.read_text()) if path.exists() else {"html_from_rdf_literals": ["<script>"]}
    for text in (*texts["html_from_rdf_literals"], *texts.get("sparql_must_be_refused_or_bounded", ())[:10]):
        answer = await gent.visitor().get("/api/catalogue/search", q=text[:400], publisher=text[:400])
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("application/json")


async def test_links_between_records(gent: Doors) -> None:
    source = await gent.node.publish("counts")
    hidden = await gent.node.publish("staff", audience=INTERNAL)
    derived = "http://www.w3.org/ns/prov#wasDerivedFrom"
    await gent.node.publish(
        "hourly", links=((derived, f"{source.iri}#v1"), (derived, hidden.iri), (derived, "https://x.example/y"))
    )
    await gent.node.publish("secret", audience=INTERNAL, links=((derived, source.iri),))
    await gent.node.publish("map", links=((derived, source.iri),))
    hourly = (await gent.visitor().get("/api/catalogue/record", iri="https://gent.example/datasets/hourly")).json()
    assert [(one["iri"], one["predicate"]) for one in hourly["sources"]] == [(source.iri, derived)]
    counts = (await gent.visitor().get("/api/catalogue/record", iri=source.iri)).json()
    assert [one["iri"].rpartition("/")[2] for one in counts["users"]] == ["map"]
    inside = (await gent.visitor("steward").get("/api/catalogue/record", iri=source.iri)).json()
    assert {one["iri"].rpartition("/")[2] for one in inside["users"]} == {"map", "secret"}


# SPARQL -------------------------------------------------------------------------------------------------

QUERY = "SELECT ?t WHERE { ?s <http://purl.org/dc/terms/title> ?t }"


async def test_the_three_ways_to_ask(gent: Doors) -> None:
    await gent.node.publish("counts")
    visitor = gent.visitor()
    answers = [
        await visitor.get("/sparql", query=QUERY),
        await visitor.post("/sparql", QUERY.encode(), "application/sparql-query; charset=utf-8"),
        await gent.http.post("/sparql", data={"query": QUERY}),
    ]
    for answer in answers:
        assert answer.headers["content-type"] == JSON_RESULTS
        assert [row["t"]["value"] for row in answer.json()["results"]["bindings"]] == ["counts"]
    xml = await visitor.get("/sparql", query=QUERY, accept="application/sparql-results+xml")
    assert xml.headers["content-type"] == "application/sparql-results+xml"
    graph = await visitor.get("/sparql", query="CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }", accept="text/turtle")
    assert graph.headers["content-type"].startswith("text/turtle")


async def test_conditions_can_be_asked_for_in_words(gent: Doors) -> None:
    await gent.node.publish("counts", conditions={"template": "members"})
    query = (
        "PREFIX odrl: <http://www.w3.org/ns/odrl/2/> PREFIX dct: <http://purl.org/dc/terms/> "
        'SELECT ?words WHERE { ?s odrl:hasPolicy/dct:description ?words FILTER(lang(?words) = "nl") }'
    )
    rows = (await gent.visitor().get("/sparql", query=query)).json()["results"]["bindings"]
    assert len(rows) == 1
    assert rows[0]["words"]["value"]


async def test_sparql_as_of_a_moment(gent: Doors) -> None:
    record = await gent.node.publish("counts", title={"en": "old"})
    then = gent.node.clock.now().isoformat()
    await gent.node.publish("counts", title={"en": "new"})
    titles = []
    for as_of in (None, then):
        rows = (await gent.visitor().get("/sparql", query=QUERY, asOf=as_of)).json()["results"]["bindings"]
        titles.append([row["t"]["value"] for row in rows])
    assert titles == [["new"], ["old"]]
    await gent.node.publish("counts", audience=INTERNAL)
    rows = (await gent.visitor().get("/sparql", query=QUERY, asOf=then)).json()["results"]["bindings"]
    assert rows == [], "today's seeing policy governs yesterday's state"
    assert record.iri


@pytest.mark.parametrize(
    "params",
    [
        {"query": ""},
        {"query": "  "},
        {"query": QUERY, "default-graph-uri": "urn:hansa:audience:internal"},
        {"query": QUERY, "named-graph-uri": "urn:hansa:audience:internal"},
        {"query": QUERY, "using-graph-uri": "x"},
        {"query": QUERY, "update": "CLEAR ALL"},
        {"query": QUERY, "format": "json"},
        {"query": QUERY, "asOf": "soon"},
        {"query": "INSERT DATA { <urn:a> <urn:b> <urn:c> }"},
        {"query": "SELECT * WHERE { SERVICE <http://127.0.0.1/> { ?s ?p ?o } }"},
        {"query": "SELECT * WHERE {"},
    ],
    ids=str,
)
async def test_what_the_sparql_door_refuses(gent: Doors, params: dict[str, str]) -> None:
    await gent.node.publish("counts")
    answer = await gent.visitor().get("/sparql", **params)
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]


@pytest.mark.parametrize(("accept", "ending"), [("text/csv", "csv"), ("text/tab-separated-values", "tsv")])
async def test_tables_of_results_are_exact_and_saved(gent: Doors, accept: str, ending: str) -> None:
    formula = '=HYPERLINK("https://evil.example";"x")'
    await gent.node.publish("counts", title={"en": formula})
    answer = await gent.http.get("/sparql", params={"query": QUERY}, headers={"Accept": accept})
    assert answer.headers["content-disposition"] == f'attachment; filename="results.{ending}"'
    written = formula.replace('"', '""') if ending == "csv" else formula.replace('"', '\\"')
    assert f'"{written}"' in answer.text
    plain = await gent.http.get("/sparql", params={"query": QUERY}, headers={"Accept": "application/json"})
    assert "content-disposition" not in plain.headers


async def test_bodies_of_the_sparql_door(gent: Doors) -> None:
    visitor = gent.visitor()
    assert (await visitor.post("/sparql", b"x", "text/plain")).status_code == 415
    assert (await visitor.post("/sparql", b"\xff\xfe", "application/sparql-query")).status_code == 400
    assert (await visitor.post("/sparql", b"x" * 70_000, "application/sparql-query")).status_code == 413
    assert (
        await visitor.post("/sparql", (QUERY + " " * 20_000).encode(), "application/sparql-query")
    ).status_code == 413
    form = "application/x-www-form-urlencoded"
    assert (await visitor.post("/sparql", b"update=CLEAR+ALL", form)).status_code == 400
    assert (await visitor.post("/sparql", b"&".join(b"a%d=1" % n for n in range(50)), form)).status_code == 400
    both = await gent.http.post(f"/sparql?query={QUERY}", data={"query": QUERY})
    assert both.status_code == 400
    assert (await gent.http.put("/sparql", content=b"")).status_code == 405


async def test_everybody_gets_only_so_many_queries_at_once(gent: Doors) -> None:
    release = asyncio.Event()

    async def slow(*_: Any, **__: Any) -> tuple[bytes, str]:
        await release.wait()
        return b"{}", JSON_RESULTS

    gent.node.graph.query = slow  # type: ignore[method-assign]
    visitor = gent.visitor("member")
    running = [asyncio.create_task(visitor.get("/sparql", query=QUERY)) for _ in range(4)]
    while sum(gent.node.ask._running.values()) < 4:
        await asyncio.sleep(0.005)
    assert (await visitor.get("/sparql", query=QUERY)).status_code == 429
    other = asyncio.create_task(gent.visitor("steward").get("/sparql", query=QUERY))
    release.set()
    assert [answer.status_code for answer in await asyncio.gather(*running, other)] == [200] * 5
    assert not gent.node.ask._running


async def test_the_form_of_the_portal(gent: Doors) -> None:
    async def form(request: Request, caller: Caller) -> Response:
        return HTMLResponse("<form>")

    async def identify(request: Request) -> Caller:
        return MEMBER

    from fastapi import FastAPI

    app = FastAPI()
    app.include_router(sparql.router(gent.node.ask, base=gent.node.base, identify=identify, html_form=form))
    async with client(app, gent.node.base) as http:
        assert (await http.get("/sparql", headers={"Accept": "text/html"})).text == "<form>"
        data = await http.get("/sparql", params={"query": QUERY}, headers={"Accept": JSON_RESULTS})
        assert data.headers["content-type"] == JSON_RESULTS


@pytest.mark.filterwarnings("ignore::DeprecationWarning:rdflib")
@pytest.mark.parametrize(("accept", "media_type"), [(None, "text/turtle"), *((name, name) for name in GRAPH_TYPES)])
async def test_the_end_point_describes_itself(gent: Doors, accept: str | None, media_type: str) -> None:
    """The three tests of the W3C's suite: RDF is returned, it names the end point, and it keeps to the schema."""
    async with client(gent.app, gent.node.base) as http:
        answer = await http.get("/sparql", headers={"Accept": accept} if accept else {})
    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] == media_type
    graph = rdflib.Graph().parse(data=answer.content, format=media_type)
    sd = rdflib.Namespace(SD)
    end_points = {str(graph.value(service, sd.endpoint)): service for service in graph.subjects(RDF.type, sd.Service)}
    assert set(end_points) == {f"{gent.node.base}/sparql", f"{gent.node.base}/sparql?entailment=rl"}
    service, reasoner = (end_points[address] for address in sorted(end_points))
    profile = rdflib.URIRef("http://www.w3.org/ns/owl-profile/RL")
    assert list(graph.subjects(sd.defaultSupportedEntailmentProfile, profile)) == [reasoner]
    assert len(set(graph.objects(service, sd.resultFormat))) == 8
    ranges = {sd.defaultDataset: sd.Dataset, sd.defaultGraph: sd.Graph}
    for predicate, expected in ranges.items():
        (value,) = set(graph.objects(None, predicate))
        assert (value, RDF.type, expected) in graph
    assert {name for name in graph.predicates() if name.startswith(SD)} == {
        sd[name] for name in SERVICE_PROPERTIES.split()
    }


async def test_a_query_that_was_forgotten_is_named(gent: Doors) -> None:
    async with client(gent.app, gent.node.base) as http:
        answer = await http.get("/sparql", headers={"Accept": JSON_RESULTS})
        empty = await http.get("/sparql", params={"query": ""})
    assert (answer.status_code, empty.status_code) == (400, 400)
    assert answer.json()["detail"] == "there is no query"


async def test_the_api_is_documented(gent: Doors) -> None:
    document = gent.app.openapi()
    for path in ("/api/catalogue/search", "/api/catalogue/record", "/api/catalogue/versions", "/sparql", "/feed"):
        operation = next(iter(document["paths"][path].values()))
        assert operation.get("description"), path


# negotiation of content ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, "text/turtle"),
        ("", "text/turtle"),
        ("*/*", "text/turtle"),
        ("text/html", HTML),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", HTML),
        ("application/ld+json", "application/ld+json"),
        ("application/ld+json;q=0.5, text/turtle;q=0.4", "application/ld+json"),
        ("application/json, */*;q=0.1", "application/json"),
        ("application/*", "application/ld+json"),
        ("text/*;q=0.3, application/rdf+xml;q=0.2", "text/turtle"),
        ("image/png, text/*;q=0.1", "text/turtle"),
        ("text/turtle;q=0, */*", "application/ld+json"),
        ("garbage;;;,,,/;q=x", "text/turtle"),
        ("a" * 100_000, "text/turtle"),
        ("text/html;q=0.9999999", HTML),
    ],
)
def test_the_representation_that_is_wanted(accept: str | None, expected: str) -> None:
    assert negotiate(accept) == expected


def test_choosing_without_a_fitting_type() -> None:
    assert choose("image/png", ("a/b", "c/d")) == "a/b"
    with pytest.raises(NotAcceptable, match="none of the formats"):
        acceptable("image/png", ("a/b", "c/d"))
    with pytest.raises(NotAcceptable):
        negotiate("*/*;q=0")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, "en"),
        ("nl-BE,nl;q=0.9,en;q=0.8", "nl"),
        ("en;q=0.5,cs", "cs"),
        ("*", "en"),
        ("x" * 9000, "en"),
        ("fr;q=0", "en"),
    ],
)
def test_the_language_that_is_wanted(header: str | None, expected: str) -> None:
    assert language_in(header) == expected
