"""A record whose IRI changed at its source keeps its address and its versions, through terminal and API."""

from __future__ import annotations

import json

import pytest

from node.cli.main import run
from tests.integration.harvests.test_harvests import HEAD, Portal, counts, harvested, outcomes, portal
from tests.nodes import Running

__all__ = ["portal"]


def sets(portal: Portal, path: str, **identifiers: str) -> str:
    """A page with datasets of these names and identifiers; the address of the page."""
    lines = [
        f'<{portal.url}/set/{name}> a dcat:Dataset ; dct:title "Set {text}" ; dct:identifier "{text}" .'
        for name, text in identifiers.items()
    ]
    portal.pages[path] = (HEAD + "\n".join(lines)).encode()
    return f"{portal.url}{path}"


def test_a_renamed_record_keeps_its_address_and_says_so(
    city: Running, portal: Portal, capsys: pytest.CaptureFixture[str]
) -> None:
    url = sets(portal, "/a.ttl", one="1", two="2")
    address = next(event["address"] for event in harvested(city, url)[1:-1] if event["iri"].endswith("/one"))
    sets(portal, "/a.ttl", new="1", two="2")
    assert counts(harvested(city, url, check=True)) == {"unchanged": 1}
    events = harvested(city, url)
    line = next(event for event in events[1:-1] if event["outcome"] == "renamed")
    assert (line["address"], line["version"], line["iri"]) == (address, 2, f"{portal.url}/set/new")
    assert line["former"] == f"{portal.url}/set/one"
    assert events[-1]["renamed"] == 1
    assert counts(events) == {"unchanged": 1}
    again = harvested(city, url)
    assert (counts(again), again[-1]["renamed"]) == ({"unchanged": 2}, 0)
    portal.pages["/a.ttl"] = portal.pages["/a.ttl"].replace(b"Set 1", b"Set one")
    changed = harvested(city, url)
    assert (counts(changed), outcomes(changed)["new"]) == ({"changed": 1, "unchanged": 1}, "changed")
    assert next(event["address"] for event in changed[1:-1] if event["outcome"] == "changed") == address
    assert run(["diff", address, "--from", "1", "--to", "2", "--node", str(city.folder)]) == 0
    text = capsys.readouterr().out
    assert f"from {portal.url}/set/one to {portal.url}/set/new" in text
    assert "identifier" not in text
    with city.http() as http:
        page = http.get(address, headers={"Accept": "text/html", "Accept-Language": "en"}).text
        assert "Renamed from" in page
    sets(portal, "/a.ttl", one="1", two="2")
    back = harvested(city, url)
    assert (outcomes(back)["one"], back[-1]["renamed"]) == ("renamed", 1)
    assert next(event["address"] for event in back[1:-1] if event["outcome"] == "renamed") == address


def test_a_publisher_that_is_only_a_name_stays_the_same_under_a_new_iri(city: Running, portal: Portal) -> None:
    """Its IRI is below that of the dataset, as Hansa writes it, and changes with it."""

    def at(name: str) -> None:
        iri = f"{portal.url}/set/{name}"
        portal.pages["/named.ttl"] = (
            HEAD
            + f'<{iri}> a dcat:Dataset ; dct:title "Named" ; dct:identifier "n-1" ; '
            + f"dct:publisher <{iri}#publisher-1> .\n"
            + f'<{iri}#publisher-1> a <http://xmlns.com/foaf/0.1/Agent> ; <http://xmlns.com/foaf/0.1/name> "Parks" .'
        ).encode()

    url = f"{portal.url}/named.ttl"
    at("before")
    harvested(city, url)
    at("after")
    assert harvested(city, url)[-1]["renamed"] == 1


def test_swapped_identifiers_are_changes(city: Running, portal: Portal) -> None:
    url = sets(portal, "/b.ttl", b1="1", b2="2")
    harvested(city, url)
    sets(portal, "/b.ttl", b1="2", b2="1")
    assert counts(harvested(city, url)) == {"changed": 2}


@pytest.mark.parametrize("identifier", ["", "   "])
def test_without_an_identifier_nothing_is_renamed(city: Running, portal: Portal, identifier: str) -> None:
    path = f"/c{len(identifier)}.ttl"
    name = f"c{len(identifier)}"
    url = sets(portal, path, **{name: identifier, f"{name}x": "stays", f"{name}y": "too"})
    harvested(city, url)
    sets(portal, path, **{f"{name}new": identifier, f"{name}x": "stays", f"{name}y": "too"})
    assert counts(harvested(city, url)) == {"new": 1, "unchanged": 2, "withdrawn": 1}


def test_doubtful_ones_are_new_and_the_report_says_why(city: Running, portal: Portal) -> None:
    url = sets(portal, "/d.ttl", d1="1", d2="2", d3="3")
    harvested(city, url)
    sets(portal, "/d.ttl", d4="1", d5="1", d2="2", d3="3")
    events = harvested(city, url)
    assert counts(events) == {"new": 2, "unchanged": 2, "withdrawn": 1}
    notes = [event["note"] for event in events[1:-1] if event["outcome"] == "new"]
    assert len(notes) == 2
    assert all("not treated as a renamed record" in note for note in notes)


def test_a_whole_catalogue_that_moved_is_renamed(city: Running, portal: Portal) -> None:
    url = sets(portal, "/e.ttl", **{f"e{number}": str(number) for number in range(30)})
    harvested(city, url)
    sets(portal, "/e.ttl", **{f"moved{number}": str(number) for number in range(30)})
    events = harvested(city, url)
    assert (events[-1]["renamed"], counts(events)) == (30, {}), json.dumps(events[-1])
