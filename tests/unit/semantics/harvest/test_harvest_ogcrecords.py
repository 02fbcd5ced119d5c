"""Records of OGC API Records as statements of DCAT."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pyoxigraph import Dataset, Literal, NamedNode

from node.semantics.harvest.ogcrecords import next_page, records_of, statements
from node.semantics.triples import TYPE, objects
from node.vocab.namespaces import DCAT, DCT, FOAF, SKOS, VCARD, XSD
from tests.artefacts import data

ITEMS = "https://geo.city.example/collections/metadata/items"
TREES = NamedNode(f"{ITEMS}/trees")


def record(*links: dict[str, str], **properties: Any) -> dict[str, Any]:
    stated = {"type": "dataset", "title": "Trees", **properties}
    return {"type": "Feature", "id": "trees", "properties": stated, "links": list(links)}


def stated(document: dict[str, Any]) -> Dataset:
    return Dataset(statements(document, ITEMS))


def values(dataset: Dataset, node: Any, property_: str) -> list[str]:
    return sorted(term.value for term in objects(dataset, node, property_))


def test_links_to_the_data_become_files_with_the_licence() -> None:
    dataset = stated(
        record(
            {"rel": "enclosure", "href": "https://city.example/trees.zip", "type": "application/zip", "title": "ZIP"},
            {"rel": "item", "href": "https://city.example/trees.geojson"},
            {"rel": "about", "href": "https://city.example/trees"},
            {"rel": "self", "href": f"{ITEMS}/trees?f=json"},
            license="CC-BY-4.0",
        )
    )
    files = {
        values(dataset, file, f"{DCAT}accessURL")[0]: file for file in objects(dataset, TREES, f"{DCAT}distribution")
    }
    assert sorted(files) == ["https://city.example/trees.geojson", "https://city.example/trees.zip"]
    download = files["https://city.example/trees.zip"]
    assert values(dataset, download, f"{DCAT}downloadURL") == ["https://city.example/trees.zip"]
    assert values(dataset, download, f"{DCAT}mediaType") == ["application/zip"]
    assert [values(dataset, file, f"{DCT}license") for file in files.values()] == [["CC-BY-4.0"]] * 2
    assert values(dataset, TREES, f"{FOAF}page") == ["https://city.example/trees"]
    assert values(dataset, TREES, f"{DCT}license") == []


def test_contacts_themes_time_and_language_have_their_places() -> None:
    document = record(
        language={"code": "nl-BE"},
        contacts=[
            {"name": "An", "roles": ["pointOfContact"], "emails": [{"value": "an@city.example"}]},
            {"organization": "City", "name": "Geo", "roles": ["publisher"], "links": []},
        ],
        themes=[{"concepts": [{"id": "green"}, {"id": "trees", "url": "https://city.example/c/trees"}]}],
        keywords=["oak"],
    )
    document["time"] = {"interval": ["2020-01-01", ".."], "resolution": "P1Y"}
    document["geometry"] = {"type": "Point", "coordinates": [3.7, 51.0]}
    dataset = stated(document)
    assert objects(dataset, TREES, f"{DCT}title") == [Literal("Trees", language="nl-be")]
    (agent,) = objects(dataset, TREES, f"{DCT}publisher")
    assert values(dataset, agent, f"{FOAF}name") == ["City"]
    (card,) = objects(dataset, TREES, f"{DCAT}contactPoint")
    assert objects(dataset, card, f"{VCARD}hasEmail") == [NamedNode("mailto:an@city.example")]
    assert values(dataset, TREES, f"{DCAT}keyword") == ["green", "oak"]
    (theme,) = objects(dataset, TREES, f"{DCAT}theme")
    assert values(dataset, theme, f"{SKOS}prefLabel") == ["trees"]
    (period,) = objects(dataset, TREES, f"{DCT}temporal")
    assert objects(dataset, period, f"{DCAT}startDate") == [Literal("2020-01-01", datatype=NamedNode(f"{XSD}date"))]
    assert objects(dataset, period, f"{DCAT}endDate") == []
    assert values(dataset, TREES, f"{DCAT}temporalResolution") == ["P1Y"]
    assert len(objects(dataset, TREES, f"{DCT}spatial")) == 1


def test_a_service_is_a_data_service_with_its_addresses() -> None:
    link = {"rel": "service", "href": "https://city.example/wfs"}
    dataset = stated(record(link, type="service"))
    assert objects(dataset, TREES, str(TYPE.value)) == [NamedNode(f"{DCAT}DataService")]
    assert objects(dataset, TREES, f"{DCAT}endpointURL") == [NamedNode("https://city.example/wfs")]


@pytest.mark.parametrize(
    "document",
    [
        {"type": "FeatureCollection", "features": [{"type": "Feature", "id": "1", "properties": {"height": 3}}]},
        {"type": "FeatureCollection", "features": []},
        {"type": "FeatureCollection", "features": "none"},
        {"type": "Feature", "properties": {"type": "dataset", "title": "No id"}},
        {"@context": {}, "@graph": []},
        [],
    ],
)
def test_other_documents_are_no_records(document: Any) -> None:
    assert records_of(document) is None


def test_a_page_of_no_records_is_the_end() -> None:
    assert records_of({"type": "FeatureCollection", "numberMatched": 0, "features": []}) == []
    assert next_page({"links": [{"rel": "self", "href": "a"}]}) == ""


def test_values_of_other_types_lose_no_record() -> None:
    dataset = stated(
        {
            **record(contacts="An", themes=[3], keywords="oak", externalIds={}, language=7, license=["x", None]),
            "time": [],
            "links": [{"rel": "enclosure"}, "x"],
        }
    )
    assert values(dataset, TREES, f"{DCAT}keyword") == ["oak"]


def test_the_example_of_the_standard_is_read() -> None:
    path = data("models/ogcapi-records-examples/core/examples/json/record.json")
    (example,) = records_of(json.loads(path.read_text("utf-8"))) or ()
    dataset = stated(dict(example))
    node = NamedNode(str(example["id"]))
    assert values(dataset, node, f"{DCT}title") == ["Total Ozone - daily observations"]
    assert len(objects(dataset, node, f"{DCAT}distribution")) == 4
    (agent,) = objects(dataset, node, f"{DCT}publisher")
    assert values(dataset, agent, f"{FOAF}name") == ["World Ozone and Ultraviolet Radiation Data Centre"]
