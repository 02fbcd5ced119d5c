"""Datasets in Croissant, for tools of machine learning: how they ask, what they get, and what they must not see."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import pytest
import rdflib

from node.catalogue.export.croissant import MEDIA_TYPE, PROFILE
from tests.integration.harvests.test_imports import HEAD, imported
from tests.nodes import Running, described, publish

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:rdflib")

DATA = b"hour,count,street\n1,12,a\n2,14,b\n"
CR = rdflib.Namespace("http://mlcommons.org/croissant/")
SCHEMA = rdflib.Namespace("https://schema.org/")
COLUMNS = [
    {"name": "hour", "type": "integer", "title": "Hour", "description": "of the day"},
    {"name": "count", "type": "decimal"},
    {"name": "street", "type": "string"},
]


@pytest.fixture(scope="module")
def dataset(city: Running) -> dict[str, Any]:
    """A dataset with one open file and one that is not."""
    with city.client() as client:
        files = []
        for name, is_open in (("open-counts.csv", True), ("closed-counts.csv", False)):
            path = city.folder / name
            path.write_bytes(DATA)
            files.append({**client.upload(path), "mediaType": "text/csv", "open": is_open})
        fields = described("open-counts", keywords=["traffic"])
        fields["files"] = [
            {"name": "open-counts.csv", "tables": [{"name": "counts", "columns": COLUMNS}]},
            {"name": "closed-counts.csv", "tables": [{"name": "secret", "columns": COLUMNS}]},
        ]
        return client.publish({"fields": fields, "files": files, "conditions": "open"})


def test_files_and_columns_are_described(city: Running, dataset: dict[str, Any]) -> None:
    with city.http() as http:
        answer = http.get(f"{dataset['iri']}?format=croissant").raise_for_status()
        document = answer.json()
        assert answer.headers["content-type"] == MEDIA_TYPE
        assert (document["@type"], document["conformsTo"], document["name"]) == ("sc:Dataset", PROFILE, "Open counts")
        assert document["license"] == ["http://publications.europa.eu/resource/authority/licence/CC_BY_4_0"]
        assert document["keywords"] == ["traffic"]
        (file,) = document["distribution"]
        assert (file["@id"], file["encodingFormat"], file["contentSize"]) == (
            "open-counts.csv",
            "text/csv",
            f"{len(DATA)} B",
        )
        assert http.get(file["contentUrl"]).content == DATA
        assert file["sha256"] == hashlib.sha256(DATA).hexdigest()
        (table,) = document["recordSet"]
        assert [(field["@id"], field["dataType"]) for field in table["field"]] == [
            ("counts/hour", "sc:Integer"),
            ("counts/count", "sc:Float"),
            ("counts/street", "sc:Text"),
        ]
        assert table["field"][0]["description"] == "Hour: of the day"
        assert table["field"][0]["source"] == {
            "fileObject": {"@id": "open-counts.csv"},
            "extract": {"column": "hour"},
        }
        assert "closed-counts" not in answer.text, "no address leads to a file that is not open"


def test_it_is_json_ld_that_others_expand(city: Running, dataset: dict[str, Any]) -> None:
    with city.http() as http:
        text = http.get(f"{dataset['iri']}?format=croissant").text
    graph = rdflib.Graph().parse(data=text, format="json-ld")
    subject = rdflib.URIRef(dataset["iri"])
    assert (subject, rdflib.RDF.type, SCHEMA.Dataset) in graph
    assert (subject, rdflib.DCTERMS.conformsTo, rdflib.Literal(PROFILE, lang="en")) in graph
    (file,) = graph.objects(subject, SCHEMA.distribution)
    assert (file, rdflib.RDF.type, CR.FileObject) in graph
    assert len(list(graph.objects(None, CR.field))) == 3


def test_the_meaning_of_a_column_is_a_word_of_croissant(city: Running) -> None:
    meaning = "http://qudt.org/vocab/quantitykind/SoundPressureLevel"
    columns = [{"name": "hour", "type": "integer", "property": meaning}]
    with city.client() as client:
        path = city.folder / "sound.csv"
        path.write_bytes(DATA)
        fields = described("sound") | {"files": [{"name": path.name, "tables": [{"name": "s", "columns": columns}]}]}
        file = {**client.upload(path), "mediaType": "text/csv", "open": True}
        iri = client.publish({"fields": fields, "files": [file], "conditions": "open"})["iri"]
    with city.http() as http:
        text = http.get(f"{iri}?format=croissant").text
    graph = rdflib.Graph().parse(data=text, format="json-ld")
    assert [str(term) for term in graph.objects(None, CR.equivalentProperty)] == [meaning]


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_programs_ask_for_it_by_its_profile(city: Running, dataset: dict[str, Any], version: str) -> None:
    wish = f'application/ld+json;profile="http://mlcommons.org/croissant/{version}"'
    with city.http(headers={"Accept": wish}) as http:
        answer = http.get(dataset["iri"]).raise_for_status()
        assert answer.json()["conformsTo"] == PROFILE
        again = http.get(dataset["iri"], headers={"If-None-Match": answer.headers["etag"]})
        assert again.status_code == 304
        plain = http.get(dataset["iri"], headers={"Accept": "application/ld+json"})
        assert "conformsTo" not in plain.json(), "without the profile it is the description itself"


def test_the_page_leads_to_it(city: Running, dataset: dict[str, Any]) -> None:
    with city.http(headers={"Accept": "text/html"}) as http:
        page = http.get(dataset["iri"]).raise_for_status()
        assert ">Croissant</a>" in page.text
        (address,) = re.findall(r'<([^>]*croissant[^>]*)>; rel="describedby"', page.headers["link"])
        assert http.get(address).json()["url"] == dataset["iri"]
        model = http.get("/record.croissant.json", params={"iri": f"{city.node.parts.base}/datasets/none"})
        assert model.status_code == 404


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("ttl", "text/turtle"),
        ("jsonld", "application/ld+json"),
        ("nt", "application/n-triples"),
        ("nq", "application/n-quads"),
        ("rdf", "application/rdf+xml"),
        ("json", "application/json"),
    ],
)
def test_an_address_names_the_other_formats(
    city: Running, dataset: dict[str, Any], name: str, media_type: str
) -> None:
    with city.http(headers={"Accept": "text/html"}) as http:
        by_name = http.get(dataset["iri"], params={"format": name}).raise_for_status()
        by_header = http.get(dataset["iri"], headers={"Accept": media_type})
    assert by_name.headers["content-type"].partition(";")[0] == media_type
    assert by_name.content == by_header.content


def test_an_unknown_format_is_refused_with_the_known_ones(city: Running, dataset: dict[str, Any]) -> None:
    with city.http() as http:
        answer = http.get(dataset["iri"], params={"format": "docx"})
    assert answer.status_code == 400
    assert "croissant" in answer.json()["remedy"]


def test_what_a_stranger_may_not_see_is_absent(city: Running) -> None:
    hidden = publish(city, "staff-only", data=None, conditions=None, audience="internal")["iri"]
    with city.http() as http:
        answers = [
            http.get(f"{iri}?format=croissant") for iri in (hidden, hidden.replace("staff-only", "never-there"))
        ]
        first, second = ({**answer.json(), "instance": ""} for answer in answers)
        assert (answers[0].status_code, first) == (404, second)


def test_a_service_is_no_dataset(city: Running) -> None:
    with city.client() as client:
        fields = {**described("an-api"), "kind": "service", "endpoint_url": "https://api.example.org/"}
        iri = client.publish({"fields": fields, "files": []})["iri"]
    with city.http() as http:
        answer = http.get(f"{iri}?format=croissant")
        assert answer.status_code == 406
        assert "Croissant" not in http.get(iri, headers={"Accept": "text/html"}).text


def test_an_imported_dataset_says_that_its_files_may_change(city: Running) -> None:
    text = (
        f'{HEAD}<https://brugge.example/set/trees> a dcat:Dataset ; dct:title "Bomen"@nl ;'
        ' dct:description "Alle bomen"@nl ; dct:publisher <https://brugge.example/> ;'
        ' dcat:distribution [ a dcat:Distribution ; dct:title "trees"@en ;'
        " dcat:accessURL <https://brugge.example/trees> ; dcat:downloadURL <https://brugge.example/trees.csv> ;"
        " dcat:mediaType <https://www.iana.org/assignments/media-types/text/csv> ] ."
    )
    assert imported(city, text, source="Brugge")[-1]["new"] == 1
    with city.client() as client:
        (hit,) = client.search("Bomen")["hits"]
    with city.http() as http:
        document = http.get(f"{hit['iri']}?format=croissant").raise_for_status().json()
    assert document["@id"] == "https://brugge.example/set/trees"
    assert document["isLiveDataset"] is True
    assert document["distribution"] == [
        {
            "@type": "cr:FileObject",
            "@id": "trees",
            "name": "trees",
            "contentUrl": "https://brugge.example/trees.csv",
            "encodingFormat": "text/csv",
        }
    ]


def test_an_earlier_version_describes_its_own_file(city: Running) -> None:
    bodies = (b"hour,count\n1,1\n", b"hour,count\n2,2\n")
    iri = ""
    with city.client() as client:
        for body in bodies:
            path = city.folder / "changing.csv"
            path.write_bytes(body)
            file = {**client.upload(path), "mediaType": "text/csv", "open": True}
            iri = client.publish({"fields": described("changing"), "files": [file], "conditions": "open"})["iri"]
    with city.http() as http:
        for number, body in enumerate(bodies, start=1):
            (file,) = http.get(f"{iri}?version={number}&format=croissant").json()["distribution"]
            assert http.get(file["contentUrl"]).content == body
            assert file["sha256"] == hashlib.sha256(body).hexdigest()
