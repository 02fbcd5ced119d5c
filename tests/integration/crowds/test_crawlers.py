"""What search engines read of a node: ``robots.txt`` and the sitemap."""

from __future__ import annotations

import asyncio
import xml.etree.ElementTree as ET
from typing import Any
from urllib.robotparser import RobotFileParser

import pytest

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
        visibility=node.foundation.visibility,
        node=node.catalogue.node,
        page=1,
    )

    async def pages() -> tuple[bytes, list[bytes | None]]:
        return await small.document(), [await small.page(number) for number in (1, 2, 3)]

    index, documents = asyncio.run(pages())
    assert locations(index, "sitemap") == [f"{node.parts.base}/sitemap-{number}.xml" for number in (1, 2)]
    listed = [address for body in documents if body for address in locations(body)]
    assert [address.rpartition("/")[2] for address in listed] == ["", "bicycle-counts", "traffic-counts"]
    assert documents[2] is None


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
