"""Servers of maps and features that lie, attack or never end: a clear error, bounded memory, nothing of others."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import AsyncIterator

import psutil
import pytest
from starlette.responses import Response, StreamingResponse

from node.adapters.datasources.ogc.wfs import WfsConnection, WfsConnector
from node.adapters.datasources.ogc.wms import WmsConnector
from node.adapters.datasources.ogc.xml import parse
from node.adapters.egress import Egress
from node.base.errors import InvalidInput, TooLarge
from node.datasources.errors import DataSourceUnreachable
from node.datasources.model import Setup
from node.datasources.ports import DataConnection, Question
from node.policy.portion import Portion, RowCondition
from tests.integration.datasources.servers import standing
from tests.simulator.map_server import NAMESPACES, SCHEMA, XML, MapServer, collection, feature, wfs_capabilities

BOMB = '<!DOCTYPE c [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
FILE = '<!DOCTYPE c [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
GET = (("request", "GetFeature"),)
MAP = (("request", "GetMap"), ("crs", "EPSG:4326"), ("bbox", "1,2,3,4"), ("width", "9"), ("height", "9"))
WITH_ENTITY = wfs_capabilities().replace("city:points", "&a;")
ROWS = Portion(rows=(RowCondition("number", "gt", "1"),))


@pytest.fixture
async def egress() -> AsyncIterator[Egress]:
    async with Egress(allow_loopback=True) as client:
        yield client


async def read(connection: DataConnection, question: Question, item: str = "city:points") -> bytes:
    async with connection.read(item, question) as extract:
        return b"".join([chunk async for chunk in extract.chunks])


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("GetCapabilities", BOMB + WITH_ENTITY),
        ("GetCapabilities", FILE + WITH_ENTITY),
        ("GetCapabilities", "<!DOCTYPE c SYSTEM 'http://169.254.169.254/x.dtd'>" + wfs_capabilities()),
        ("GetCapabilities", "<a>" * 100_000),
        ("GetCapabilities", "<a>" + "<b/>" * 400_000 + "</a>"),
        ("GetCapabilities", "<a"),
        ("GetCapabilities", "<html><body>Sign in</body></html>"),
        ("GetCapabilities", "<a>" + " " * (9 << 20) + "</a>"),
        ("DescribeFeatureType", BOMB + SCHEMA),
        ("DescribeFeatureType", SCHEMA.replace('name="points"', 'name="staff"')),
        ("GetFeature", BOMB + collection(feature(1))),
        ("GetFeature", collection(feature(1, "staff"))),
        ("GetFeature", collection(f"<wfs:member>{collection(feature(1, 'staff'))}</wfs:member>")),
        ("GetFeature", collection(feature(1)).replace("https://city.example/gis", "https://other.example")),
        ("GetFeature", collection(feature(1))[:-40]),
        ("GetFeature", collection(feature(1).replace("<city:number>", "<city:number>" + "<b>" * 200))),
        ("GetFeature", f'<wfs:FeatureCollection {NAMESPACES} a="{"x" * (18 << 20)}"/>'),
    ],
)
async def test_a_poisoned_document_costs_one_request(egress: Egress, operation: str, body: str) -> None:
    server = MapServer({operation: Response(body, media_type=XML)})
    with standing(server.app()) as url:
        connection = WfsConnector(egress).connect(Setup(name="gis", address=f"{url}/ows"))
        with pytest.raises((DataSourceUnreachable, InvalidInput, TooLarge)) as caught:
            await read(connection, Question(base="https://node.example/live/1", parameters=GET))
    assert "127.0.0.1" not in caught.value.detail + caught.value.remedy
    assert "root:" not in caught.value.detail


@pytest.mark.parametrize(
    "answer",
    [
        Response(status_code=302, headers={"location": "http://169.254.169.254/latest/meta-data"}),
        Response("<html></html>", media_type="text/html"),
        Response("<svg onload='x()'/>", media_type="image/svg+xml"),
        Response("<ServiceExceptionReport/>", media_type="text/xml"),
        Response("no", status_code=500),
    ],
)
async def test_no_redirect_page_or_script_stands_for_a_map(egress: Egress, answer: Response) -> None:
    with standing(MapServer({"GetMap": answer}).app()) as url:
        connection = WmsConnector(egress).connect(Setup(name="maps", address=f"{url}/ows"))
        with pytest.raises((DataSourceUnreachable, InvalidInput)):
            await read(connection, Question(base="https://node.example/live/1", parameters=MAP))


async def test_very_many_features_pass_in_bounded_memory(egress: Egress) -> None:
    """Ten gigabytes need no more memory than thirty megabytes: each feature is forgotten when it has passed."""
    piece = "".join(map(feature, range(1, 400)))
    start, end = collection("|").split("|")

    async def many() -> AsyncIterator[str]:
        yield start
        for _ in range((30 << 20) // len(piece)):
            yield piece
        yield end

    server = MapServer({"GetFeature": StreamingResponse(many(), media_type=XML)})
    process, size = psutil.Process(os.getpid()), 0
    with standing(server.app()) as url:
        connection = WfsConnector(egress).connect(Setup(name="gis", address=f"{url}/ows"))
        question = Question(base="https://node.example/live/1", parameters=GET)
        async with connection.read("city:points", question) as extract:
            async for chunk in extract.chunks:
                size += len(chunk)
                if size < 10 << 20:
                    before = process.memory_info().rss
    assert size > 28 << 20
    assert process.memory_info().rss - before < 20 << 20


async def test_a_part_is_checked_in_each_feature_whatever_the_server_answers(egress: Egress) -> None:
    link = '<city:number xlink:href="URL/secret" xmlns:xlink="http://www.w3.org/1999/xlink">3</city:number>'
    body = collection(feature(1) + feature(2) + feature(3).replace("<city:number>3</city:number>", link))
    server = MapServer()
    with standing(server.app()) as url:
        server.answers["GetFeature"] = Response(body.replace("URL", url), media_type=XML)
        connection = WfsConnector(egress).connect(Setup(name="gis", address=f"{url}/ows"))
        assert isinstance(connection, WfsConnection)
        question = Question(base="https://node.example/live/1", parameters=GET, portion=ROWS)
        answer = await read(connection, question)
        whole = await read(connection, Question(base="https://node.example/live/1", parameters=GET))
    assert [f"points.{number}".encode() in answer for number in (1, 2, 3)] == [False, True, True]
    assert b'numberReturned="2"' in answer
    assert url.encode() not in answer + whole
    assert len(parse(answer).root) == 2
    assert len(parse(whole).root) == 3


def test_a_document_is_read_without_entities() -> None:
    tracemalloc.start()
    with pytest.raises(DataSourceUnreachable, match="document type"):
        parse((BOMB + "<c>&b;</c>").encode())
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()
