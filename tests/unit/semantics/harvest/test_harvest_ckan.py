"""Packages of CKAN as statements of DCAT."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pyoxigraph import BlankNode, Dataset, Literal, NamedNode

from node.semantics.description.summary import bbox
from node.semantics.harvest.ckan import is_public, packages_of, statements
from node.semantics.triples import objects
from node.vocab.namespaces import DCAT, DCT, FOAF, LOCN, RDFS, SKOS, SPDX, VCARD, XSD

SITE = "https://data.city.example"
PAGE = NamedNode(f"{SITE}/dataset/1")


def stated(**members: Any) -> Dataset:
    return Dataset(statements({"id": "1", "name": "trees", "title": "Trees", **members}, SITE))


def values(dataset: Dataset, node: Any, property_: str) -> list[str]:
    return sorted(term.value for term in objects(dataset, node, property_))


def test_a_package_is_a_dataset_and_a_resource_a_distribution() -> None:
    files = [
        {
            "id": "r",
            "name": "CSV",
            "url": "https://city.example/1.csv",
            "size": "12",
            "created": "2020-01-02T10:00:00",
        },
        {"name": "map", "url": "see the shop", "license": "https://l.example/own", "mimetype": "text/html"},
    ]
    dataset = stated(resources=files, license_title="CC BY", metadata_modified="2021-03-04T05:06:07.1", notes="All.")
    assert values(dataset, PAGE, f"{DCT}title") == ["Trees"]
    assert values(dataset, PAGE, f"{DCAT}landingPage") == [f"{SITE}/dataset/trees"]
    moment = objects(dataset, PAGE, f"{DCT}modified")[0]
    assert moment == Literal("2021-03-04T05:06:07.1", datatype=NamedNode(f"{XSD}dateTime"))
    first, second = sorted(
        objects(dataset, PAGE, f"{DCAT}distribution"), key=lambda node: isinstance(node, BlankNode)
    )
    assert first == NamedNode(f"{SITE}/dataset/1/resource/r")
    assert values(dataset, first, f"{DCT}license") == ["CC BY"]
    assert objects(dataset, first, f"{DCAT}accessURL") == [NamedNode("https://city.example/1.csv")]
    assert objects(dataset, second, f"{DCAT}accessURL") == [Literal("see the shop")]
    assert values(dataset, second, f"{DCT}license") == ["https://l.example/own"]


def test_organisation_groups_contact_and_extras_have_their_places() -> None:
    extras = {
        "language": '["en", "nl"]',
        "spatial": '{"type": "Point", "coordinates": [3.7, 51.0]}',
        "temporal_start": "2020-01-01",
        "frequency": "annual",
        "unknown": "x",
    }
    dataset = stated(
        organization={"id": "o", "title": "Parks"},
        groups=[{"name": "mobility", "title": "Mobility"}, "broken"],
        maintainer="Ann",
        maintainer_email="ann@city.example",
        extras=[{"key": key, "value": value} for key, value in extras.items()],
    )
    publisher = NamedNode(f"{SITE}/organization/o")
    assert values(dataset, publisher, f"{FOAF}name") == ["Parks"]
    assert values(dataset, NamedNode(f"{SITE}/group/mobility"), f"{SKOS}prefLabel") == ["Mobility"]
    contact = objects(dataset, PAGE, f"{DCAT}contactPoint")[0]
    assert values(dataset, contact, f"{VCARD}hasEmail") == ["mailto:ann@city.example"]
    assert values(dataset, PAGE, f"{DCT}language") == ["en", "nl"]
    place, period = objects(dataset, PAGE, f"{DCT}spatial")[0], objects(dataset, PAGE, f"{DCT}temporal")[0]
    assert values(dataset, place, f"{LOCN}geometry") == [extras["spatial"]]
    assert objects(dataset, period, f"{DCAT}startDate") == [Literal("2020-01-01", datatype=NamedNode(f"{XSD}date"))]


def test_texts_in_several_languages_and_an_own_iri_are_kept() -> None:
    titles = {"en": "Trees", "nl": "Bomen", "no tag": "?", "fr": ""}
    own = {"extras": [{"key": "uri", "value": "https://own.example/1"}], "title_translated": titles}
    dataset = stated(**own)
    terms = objects(dataset, NamedNode("https://own.example/1"), f"{DCT}title")
    assert {(term.value, term.language) for term in terms if isinstance(term, Literal)} == {
        ("Trees", "en"),
        ("Bomen", "nl"),
    }


def test_extras_of_a_harvested_package_become_the_things_that_they_describe() -> None:
    box = '{"type": "Polygon", "coordinates": [[[3.5, 50.9], [3.8, 50.9], [3.8, 51.2], [3.5, 50.9]]]}'
    extras = {
        "uri": "did:web:city.example:trees",
        "publisher_uri": "did:web:city.example",
        "publisher_name": "City",
        "publisher_identifier": "did:web:city.example",
        "contact_uri": "https://city.example/#parks",
        "contact_email": "parks@city.example",
        "provenance": "Counted by hand.",
        "spatial_uri": "https://city.example/#place",
        "spatial_text": "City",
        "spatial_bbox": box,
        "hvd_category": '["http://data.europa.eu/bna/c_a9135398"]',
    }
    file = {
        "id": "r",
        "url": "https://city.example/1",
        "hash": "9f86",
        "hash_algorithm": f"{SPDX}md5",
    }
    dataset = stated(resources=[file], extras=[{"key": key, "value": value} for key, value in extras.items()])
    node = NamedNode(extras["uri"])
    (publisher,) = objects(dataset, node, f"{DCT}publisher")
    assert (publisher, values(dataset, publisher, f"{DCT}identifier")) == (
        NamedNode("did:web:city.example"), ["did:web:city.example"]
    )  # fmt: skip
    assert objects(dataset, node, f"{DCAT}contactPoint") == [NamedNode("https://city.example/#parks")]
    (provenance,) = objects(dataset, node, f"{DCT}provenance")
    assert values(dataset, provenance, f"{RDFS}label") == ["Counted by hand."]
    (place,) = objects(dataset, node, f"{DCT}spatial")
    assert place == NamedNode("https://city.example/#place")
    assert values(dataset, place, f"{DCAT}bbox") == [box]
    assert values(dataset, place, f"{SKOS}prefLabel") == ["City"]
    assert bbox(dataset, node) == (3.5, 50.9, 3.8, 51.2)
    (distribution,) = objects(dataset, node, f"{DCAT}distribution")
    (checksum,) = objects(dataset, distribution, f"{SPDX}checksum")
    assert values(dataset, checksum, f"{SPDX}checksumValue") == ["9f86"]
    assert values(dataset, checksum, f"{SPDX}algorithm") == [f"{SPDX}md5"]
    assert values(dataset, node, "http://data.europa.eu/r5r/hvdCategory") == ["http://data.europa.eu/bna/c_a9135398"]


@pytest.mark.parametrize(
    "members",
    [
        {"extras": [{"key": "publisher_uri", "value": "no iri"}, {"key": "publisher_name", "value": "P"}]},
        {"resources": [{"id": "a b", "url": "http://["}], "url": "http://%%%"},
        {"extras": [{"key": "uri", "value": "https://a b"}], "tags": "x", "groups": {"a": 1}},
        {"organization": "parks", "title": {"en": 1}, "notes": 7, "resources": "none"},
        {"extras": [{"key": "language", "value": "[broken"}, {"key": "theme", "value": [{"a": 1}]}, {}]},
        {"id": "a b/\n", "version": 1.5, "maintainer_email": "nobody"},
    ],
)
def test_odd_packages_lose_nothing_but_what_is_odd(members: dict[str, Any]) -> None:
    package = {"id": "1", "name": "trees", "title": "Trees", **members}
    assert len(list(statements(package, SITE))) >= 2


def test_what_an_answer_of_ckan_is() -> None:
    listed = [{"id": "1"}, {"id": ""}, "x"]
    assert packages_of({"success": True, "result": {"count": 3, "results": listed}}) == [{"id": "1"}]
    assert packages_of({"success": True, "result": {"id": "1", "resources": []}}) == [{"id": "1", "resources": []}]
    for other in ({"success": False, "result": {"results": []}}, {"@graph": []}, [], {"success": True, "result": []}):
        assert packages_of(other) is None
    assert is_public({"id": "1"})
    assert not is_public({"id": "1", "state": "deleted"})
    assert not is_public({"id": "1", "type": "harvest"})


@pytest.mark.parametrize("as_text", [False, True])
def test_access_services_of_a_resource_are_kept(as_text: bool) -> None:
    services = [
        {
            "uri": "https://city.example/wfs",
            "title": "WFS",
            "endpoint_url": ["https://city.example/wfs?"],
            "endpoint_description": "https://city.example/wfs?request=GetCapabilities",
            "serves_dataset": '["https://data.city.example/dataset/1"]',
        },
        {"title": "Tiles", "endpoint_url": []},
    ]
    value: Any = json.dumps(services) if as_text else services
    dataset = stated(resources=[{"id": "r", "url": "https://city.example/1.csv", "access_services": value}])
    file = NamedNode(f"{SITE}/dataset/1/resource/r")
    wfs = NamedNode("https://city.example/wfs")
    nodes = objects(dataset, file, f"{DCAT}accessService")
    assert wfs in nodes
    assert len(nodes) == 2
    assert values(dataset, wfs, f"{DCT}title") == ["WFS"]
    assert objects(dataset, wfs, f"{DCAT}endpointURL") == [NamedNode("https://city.example/wfs?")]
    assert objects(dataset, wfs, f"{DCAT}servesDataset") == [PAGE]
    assert len(stated(resources=[{"url": "x", "access_services": "[not JSON"}])) > 0
