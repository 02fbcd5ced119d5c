"""Servers with CSW and repositories with OAI-PMH: page by page, what vanished, and lists without an end."""

from __future__ import annotations

import json

import pytest

from node.cli.exits import REFUSED
from node.cli.main import run
from node.client import HansaClient
from node.semantics.harvest.xml.requests import entrance
from tests.integration.harvests.test_harvests import Portal, counts, harvested, portal
from tests.nodes import Running, city, client

__all__ = ["city", "client", "portal"]

OWN = 'xmlns="http://www.opengis.net/cat/csw/2.0.2" xmlns:dc="http://purl.org/dc/elements/1.1/"'
OAI = 'xmlns="http://www.openarchives.org/OAI/2.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"'


def path(portal: Portal, url: str) -> str:
    return url.removeprefix(portal.url)


def csw(portal: Portal, *pages: tuple[str, ...], matches: int | None = None) -> str:
    """A server with these pages, and its address. Each answer has another time."""
    portal.media_type, url = "application/xml", f"{portal.url}/geo/csw"
    title = "<ows:ServiceIdentification xmlns:ows='urn:o'><ows:Title>City</ows:Title></ows:ServiceIdentification>"
    portal.pages[path(portal, entrance(url))] = f'<Capabilities {OWN} version="2.0.2">{title}</Capabilities>'.encode()
    total, start = matches or sum(map(len, pages)), 1
    for names in pages:
        records = "".join(
            f"<Record><dc:identifier>{name}</dc:identifier><dc:title>Set {name}</dc:title></Record>" for name in names
        )
        following = start + len(names)
        portal.pages[
            "/geo/csw?service=CSW&version=2.0.2&request=GetRecords&typeNames=csw%3ARecord&resultType=results"
            "&elementSetName=full&outputSchema=http%3A%2F%2Fwww.opengis.net%2Fcat%2Fcsw%2F2.0.2&maxRecords=100"
            f"&startPosition={start}"
        ] = (
            f'<GetRecordsResponse {OWN}><SearchStatus timestamp="{len(portal.asked)}"/><SearchResults '
            f'numberOfRecordsMatched="{total}" nextRecord="{following if following <= total else 0}">{records}'
            "</SearchResults></GetRecordsResponse>"
        ).encode()
        start = following
    return url


def oai(portal: Portal, *pages: tuple[str, ...], last: str = "") -> str:
    """A repository with these pages, and its address.

    A name that begins with ``-`` is deleted; ``last`` is the token of the last page.
    """
    portal.media_type, url = "text/xml", f"{portal.url}/oai"
    formats = "<metadataFormat><metadataPrefix>oai_dc</metadataPrefix></metadataFormat>"
    portal.pages[path(portal, entrance(url))] = (
        f"<OAI-PMH {OAI}><ListMetadataFormats>{formats}</ListMetadataFormats></OAI-PMH>".encode()
    )
    place = "/oai?verb=ListRecords&metadataPrefix=oai_dc"
    for number, names in enumerate(pages, 1):
        token = f"t{number}" if number < len(pages) else last
        records = "".join(
            f'<record><header status="{"deleted" if name.startswith("-") else ""}"><identifier>{name.strip("-")}'
            f"</identifier></header><metadata><dc><dc:title>Set {name}</dc:title></dc></metadata></record>"
            for name in names
        )
        portal.pages[place] = (
            f"<OAI-PMH {OAI}><responseDate>{len(portal.asked)}</responseDate><ListRecords>{records}"
            f"<resumptionToken>{token}</resumptionToken></ListRecords></OAI-PMH>"
        ).encode()
        place = f"/oai?verb=ListRecords&resumptionToken={token}"
    return url


def test_records_of_csw_are_read_to_the_last_and_again_only_if_they_changed(
    city: Running, client: HansaClient, portal: Portal
) -> None:
    url = csw(portal, ("a", "b"), ("c",))
    events = harvested(city, url)
    assert counts(events) == {"new": 3}
    assert (events[0]["source"], events[0]["title"], events[0]["total"]) == (url, {"": "City"}, 3)
    assert portal.statuses() == [200, 200, 200]
    portal.asked.append(("", 0, False))
    csw(portal, ("a", "b"), ("c",))
    assert counts(harvested(city, url)) == {"unchanged": 3}
    csw(portal, ("a", "b"))
    withdrawn = [event for event in harvested(city, url) if event.get("outcome") == "withdrawn"]
    assert [event["iri"].rpartition("id=")[2] for event in withdrawn] == ["c"]
    assert client.versions(withdrawn[0]["address"])[0]["withdrawn"]


def test_an_error_of_the_server_withdraws_nothing(
    city: Running, portal: Portal, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = csw(portal, ("a", "b"), ("c",))
    harvested(city, url)
    second = next(page for page in portal.pages if page.endswith("startPosition=3"))
    portal.pages[second] = (
        b"<ExceptionReport><Exception><ExceptionText>no map</ExceptionText></Exception></ExceptionReport>"
    )
    events = harvested(city, url)
    assert (events[-1]["event"], events[-1]["withdrawn"]) == ("failed", 0)
    assert "the server reports: no map" in events[-1]["detail"]
    monkeypatch.setenv("HANSA_NODE", str(city.folder))
    portal.pages[path(portal, entrance(url))] = b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>'
    assert run(["import", url]) == REFUSED
    assert "is not an answer of a CSW server" in capsys.readouterr().err


def test_records_of_oai_that_are_deleted_are_withdrawn(city: Running, portal: Portal) -> None:
    url = oai(portal, ("a", "b"), ("c",))
    assert counts(harvested(city, url)) == {"new": 3}
    oai(portal, ("a", "-b"), ("c",))
    assert counts(harvested(city, url)) == {"unchanged": 2, "withdrawn": 1}


def test_a_list_whose_tokens_go_in_a_circle_fails(city: Running, portal: Portal) -> None:
    url = oai(portal, ("a", "b"), ("c",))
    harvested(city, url)
    oai(portal, ("a",), ("c",), last="t1")
    events = harvested(city, url)
    assert (events[-1]["event"], events[-1]["withdrawn"]) == ("failed", 0)
    assert "a second time" in events[-1]["detail"]
    assert "resumptionToken=t1" in json.dumps(events[-1])
