"""What search engines read of a node: ``robots.txt`` and the sitemap."""

from __future__ import annotations

import asyncio
import xml.etree.ElementTree as ET
from typing import Any
from urllib.robotparser import RobotFileParser

import httpx2
import pytest

from node.catalogue.export import sitemap
from node.catalogue.export.sitemap import Sitemap
from tests.nodes import Running, publish

NAMES = {"s": "http://www.sitemaps.org/schemas/sitemap/0.9"}


@pytest.fixture(scope="module")
def published(city: Running) -> dict[str, Any]:
    publish(city, "staff-only", audience="internal")
    publish(city, "bicycle-counts", data=None, conditions=None)
    with city.client() as client:
        client.withdraw(publish(city, "withdrawn-counts", data=None, conditions=None)["iri"])
    return publish(city, "traffic-counts", data=None, conditions=None)


def locations(body: bytes, element: str = "url") -> list[str]:
    return [place.text or "" for place in ET.fromstring(body).findall(f"s:{element}/s:loc", NAMES)]


def test_the_sitemap_has_what_a_stranger_may_see(city: Running, published: dict[str, Any]) -> None:
    base = city.node.parts.base
    with city.http() as http:
        answer = http.get("/sitemap.xml").raise_for_status()
        assert answer.headers["content-type"].startswith("application/xml")
        assert locations(answer.content) == [
            f"{base}/",
            f"{base}/datasets/bicycle-counts",
            f"{base}/datasets/traffic-counts",
        ]
        for address in locations(answer.content):
            assert http.get(address, headers={"Accept": "text/html"}).status_code == 200
        for number in ("0", "2", "9" * 30):
            assert http.get(f"/sitemap-{number}.xml").status_code == 404
    with city.client() as client:
        times = {record["iri"]: record["at"] for record in client.search("")["hits"]}
    dates = {
        entry.findtext("s:loc", "", NAMES): entry.findtext("s:lastmod", "", NAMES)
        for entry in ET.fromstring(answer.content).findall("s:url", NAMES)
    }
    assert dates[published["iri"]] == times[published["iri"]]


def test_it_is_the_same_for_the_nodes_own_people(city: Running, published: dict[str, Any]) -> None:
    with city.http() as http, city.http(headers={"Authorization": f"Bearer {city.token}"}) as own:
        assert own.get("/sitemap.xml").content == http.get("/sitemap.xml").content


def test_many_addresses_are_in_pages_that_the_index_names(city: Running, published: dict[str, Any]) -> None:
    node = city.node
    stores = node.parts.stores
    small = Sitemap(
        uow=stores.uow,
        records=stores.catalogue.records,
        ledger=stores.ledger,
        visibility=node.foundation.visibility,
        node=node.catalogue.node,
        page=1,
    )

    async def pages() -> tuple[bytes, list[bytes | None]]:
        documents = [await small.page(number) for number in (1, 2, 3)]
        return (await small.document()).body, [document and document.body for document in documents]

    index, documents = asyncio.run(pages())
    assert locations(index, "sitemap") == [f"{node.parts.base}/sitemap-{number}.xml" for number in (1, 2)]
    listed = [address for body in documents if body for address in locations(body)]
    assert [address.rpartition("/")[2] for address in listed] == ["", "bicycle-counts", "traffic-counts"]
    assert documents[2] is None


def test_the_sitemap_is_made_once_until_a_record_changes(
    city: Running, published: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(path: str = "/sitemap.xml", tag: str = "") -> httpx2.Response:
        return http.get(path, headers={"If-None-Match": tag} if tag else {})

    with city.http() as http, city.client() as client:
        first = ask().raise_for_status()
        assert first.headers["cache-control"] == "public, no-cache"
        with monkeypatch.context() as patch:
            patch.setattr(sitemap, "_to_xml", lambda *_: pytest.fail("the sitemap was made again"))
            assert ask(tag=first.headers["etag"]).status_code == 304
            assert ask().content == first.content
        for path in ("/sitemap.xml", "/sitemap-1.xml"):
            before = ask(path)
            iri = publish(city, "added-counts", data=None, conditions=None, title=path)["iri"]
            after = ask(path, before.headers["etag"])
            assert (after.status_code, iri in after.text) == (200, True)
            assert after.headers["etag"] != before.headers["etag"]
            client.withdraw(iri)
            assert iri not in ask(path, after.headers["etag"]).text


def test_a_change_by_another_process_is_in_the_sitemap(city: Running, published: dict[str, Any]) -> None:
    """A second sitemap over the same store, as a second process has it, is told nothing but what the ledger says."""
    stores = city.node.parts.stores
    other = Sitemap(
        uow=stores.uow,
        records=stores.catalogue.records,
        ledger=stores.ledger,
        visibility=city.node.foundation.visibility,
        node=city.node.catalogue.node,
    )
    before = asyncio.run(other.document())
    with city.http() as http, city.client() as client:
        assert http.get("/sitemap.xml").headers["etag"] == f'"{before.tag}"'
        iri = publish(city, "added-elsewhere", data=None, conditions=None)["iri"]
        assert iri.encode() in asyncio.run(other.document()).body
        client.withdraw(iri)
        assert asyncio.run(other.document()).tag == before.tag


def test_robots_may_read_everything_but_searches(city: Running, published: dict[str, Any]) -> None:
    with city.http() as http:
        answer = http.get("/robots.txt").raise_for_status()
    rules = RobotFileParser()
    rules.parse(answer.text.splitlines())
    base = city.node.parts.base
    assert rules.site_maps() == [f"{base}/sitemap.xml"]
    allowed = (published["iri"], f"{base}/catalog.ttl", f"{base}/feed", f"{base}/", f"{base}/api/catalogue/record")
    assert [address for address in allowed if not rules.can_fetch("crawler", address)] == []
    endless = (f"{base}/search?q=a", f"{base}/sparql?query=ASK", f"{base}/record/changes?iri=x")
    assert [address for address in endless if rules.can_fetch("crawler", address)] == []


def test_of_a_node_below_a_path_they_name_its_path() -> None:
    from node.catalogue.export.sitemap import robots

    text = robots("https://ghent.example/data/sitemap.xml", "/data").decode()
    assert "Disallow: /data/search?" in text
    assert text.endswith("Sitemap: https://ghent.example/data/sitemap.xml\n")
