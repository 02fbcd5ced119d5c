"""A region's DSP catalogue leads to those of its members."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote

from tests.nodes import Company, Running, company, publish, until
from tests.portal_browser import csrf_of, post, signed_in

CONTEXT = "https://w3id.org/dspace/2025/1/context.jsonld"


def catalogue(of: str, asked: Running, caller: Running) -> dict[str, Any]:
    with asked.http() as http:
        answer = http.post(
            f"{of}/catalog/request",
            json={"@context": [CONTEXT], "@type": "CatalogRequestMessage"},
            headers=caller.as_participant(asked),
        )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_members_are_nested_and_can_be_asked(region_and_cities: Company) -> None:
    region, (city, other) = region_and_cities.region, region_and_cities.cities
    iri = publish(other, "far-away")["iri"]

    def nested() -> dict[str, Any] | None:
        found = {each["participantId"]: each for each in catalogue(region.dsp, region, city).get("catalog", [])}
        return found if {city.did, other.did} <= set(found) else None

    members = until("the region lists both", nested)
    endpoint = members[other.did]["service"][0]["endpointURL"]
    assert endpoint == other.dsp
    theirs = catalogue(endpoint, other, city)
    assert theirs["@id"] == members[other.did]["@id"]
    assert iri in [dataset["@id"] for dataset in theirs["dataset"]]
    assert "catalog" not in theirs
    with region.client() as client:
        client.block(other.did, "for a test")
    assert other.did not in [each["participantId"] for each in catalogue(region.dsp, region, city)["catalog"]]
    with region.client() as client:
        client.unblock(other.did)


def test_the_page_of_members_says_how_fresh_they_are(region_and_cities: Company) -> None:
    region, cities = region_and_cities.region, region_and_cities.cities

    def fresh() -> str | None:
        with region.http() as http:
            page = http.get("/members", headers={"Accept": "text/html"}).text
        # The words of the page's introduction count too.
        told = "not available yet" not in page and page.count("up to date") > len(cities)
        return page if told else None

    page = until("every member was read to its end", fresh)
    assert "seconds ago" in page.replace("\u00a0", " ") or "now" in page


def test_a_person_searches_the_region_and_asks_from_a_hit(region_and_cities: Company) -> None:
    city, other = region_and_cities.cities
    iri = publish(other, "quiet-streets", title="Quiet streets", conditions="members")["iri"]
    own = publish(city, "own-streets", title="Quiet streets of our own", conditions="members")["iri"]
    with city.client() as client:
        until("the region has both", lambda: {iri, own} <= _iris(client.search("quiet streets", region=True)))
    with signed_in(city) as browser:
        assert "/search/region?q=quiet" in browser.get("/search", params={"q": "quiet"}).text
        page = browser.get("/search/region", params={"q": "quiet streets", "kind": "dataset"}).text
        assert f'href="{iri}"' in page, "what is not known here is at its publisher"
        assert 'href="/datasets/own-streets"' in page
        assert page.count('action="/search/region/ask"') == 1, "nobody asks for what is their own"
        assert "members only" in page
        answer = post(browser, "/search/region?q=quiet+streets", "/search/region/ask", iri=iri)
        assert answer.status_code == 303, answer.text
        pid = answer.headers["location"].partition("?")[0].rpartition("/")[2]
        assert browser.get(answer.headers["location"]).status_code == 200
        with city.client() as client:
            until("it is final", lambda: client.negotiation(unquote(pid), wait=5)["state"] == "FINALIZED")
            assert iri in str(client.agreements())
        nothing = browser.get("/search/region", params={"q": "quiet streets", "kind": "model"})
        assert "No results" in nothing.text
        for number in ("2", "0", "x", "9" * 30):
            assert browser.get("/search/region", params={"q": "quiet", "page": number}).status_code == 200
        forged = browser.post(
            "/search/region/ask", data={"csrf": csrf_of(page), "iri": "http://127.0.0.1:1/datasets/x"}
        )
        assert forged.status_code in (400, 404, 502)
    with city.http(headers={"Accept": "text/html"}) as stranger:
        assert "/sign-in" in stranger.get("/search/region").headers["location"]
        assert "/search/region" not in stranger.get("/search").text


def test_a_search_of_the_region_is_narrowed_by_its_facets(region_and_cities: Company) -> None:
    city, other = region_and_cities.cities
    rows = publish(other, "park-visits", title="Visits of parks", license="CC0-1.0", spatial="Gent")["iri"]
    texts = publish(other, "park-rules", title="Rules of parks", data=None, license="CC-BY-4.0")["iri"]
    with city.client() as client:
        until("the region has both", lambda: {rows, texts} <= _iris(client.search("parks", region=True)))
    with signed_in(city) as browser:
        page = browser.get("/search/region", params={"q": "parks"}).text
        assert rows in page
        assert texts in page
        for facet, value in (("format", "CSV"), ("license", "CC0-1.0"), ("spatial", "Gent")):
            assert f'href="/search/region?q=parks&amp;{facet}={value}"' in page, facet
            narrowed = browser.get("/search/region", params={"q": "parks", facet: value}).text
            assert (rows in narrowed, texts in narrowed) == (True, False), facet
        elsewhere = browser.get("/search/region", params={"q": "parks", "place": "Plzeň"}).text
        assert "No results" in elsewhere
        assert 'href="/search/region?q=parks"' in elsewhere, "the place is taken away again"
        long_ago = browser.get("/search/region", params={"q": "parks", "from": "1990", "to": "1991"}).text
        assert "No results" in long_ago
        assert browser.get("/search/region", params={"bbox": "somewhere"}).status_code == 400


def test_a_region_that_does_not_answer_is_said_to(tmp_path: Path, sqlite_template: Path) -> None:
    with company(tmp_path, sqlite_template, cities=1) as nodes:
        (city,) = nodes.cities
        nodes.region.server.should_exit = True
        nodes.region.thread.join(20)
        with signed_in(city) as browser:
            answer = browser.get("/search/region", params={"q": "streets"})
    assert answer.status_code == 502
    assert 'value="streets"' in answer.text


def _iris(answer: dict[str, Any]) -> set[str]:
    return {hit["iri"] for hit in answer["hits"]}
