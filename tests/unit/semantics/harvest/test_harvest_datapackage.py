"""Data Packages as statements of DCAT."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pyoxigraph import Dataset, Literal, NamedNode, RdfFormat
from pyoxigraph import parse as read_quads

from node.semantics.description.subjects import DOCUMENT
from node.semantics.harvest.datapackage import is_data_package
from node.semantics.harvest.examination import Examination, examine
from node.semantics.harvest.partition import cut
from node.semantics.harvest.readers import read
from node.semantics.triples import nodes, objects
from node.vocab.namespaces import CSVW, DCAT, DCT, FOAF, HANSA, SPDX, VCARD

BASE = "https://data.city.example/trees/datapackage.json"
PACKAGE: dict[str, Any] = {
    "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
    "name": "trees",
    "title": "Trees of the city",
    "description": "Every tree in a street.",
    "version": "1.2.0",
    "created": "2026-01-02T03:04:05Z",
    "keywords": ["green", "trees"],
    "licenses": [{"name": "CC-BY-4.0", "path": "https://creativecommons.org/licenses/by/4.0/"}],
    "contributors": [
        {"title": "Parks", "roles": ["publisher"], "path": "https://city.example"},
        {"title": "An", "email": "an@city.example"},
    ],
    "resources": [
        {
            "name": "trees",
            "path": ["data/trees 1.csv", "https://files.city.example/trees2.csv"],
            "format": "csv",
            "mediatype": "text/csv",
            "bytes": 1200,
            "hash": "sha256:ab12",
            "schema": {
                "fields": [
                    {"name": "id", "type": "string", "constraints": {"required": True}},
                    {"name": "height", "type": "number", "description": "in metres", "constraints": {"minimum": 0.5}},
                    {"name": "planted", "type": "year", "constraints": {"enum": ["1990", "2000"]}},
                    {"name": "odd", "type": "mystery", "rdfType": "https://schema.org/name"},
                ]
            },
        },
        {"name": "notes", "data": {"inline": True}},
        {"name": "paths", "path": "p.csv", "licenses": [{"name": "CC0"}], "schema": "schemas/p.json", "hash": "9f"},
    ],
}  # fmt: skip


def stated(package: dict[str, Any], base: str = BASE) -> Dataset:
    catalogue = read(json.dumps(package).encode(), "application/ld+json", base=base)
    assert catalogue.notes == ["read it as a Data Package"]
    lines = "".join(line for lines in catalogue.lines.values() for line in lines)
    return Dataset(read_quads(lines, format=RdfFormat.N_TRIPLES))


def values(dataset: Dataset, node: Any, property_: str) -> list[str]:
    return sorted(term.value for term in objects(dataset, node, property_))


def test_a_package_is_a_dataset_and_its_resources_are_files() -> None:
    dataset, node = stated(PACKAGE), NamedNode(BASE)
    assert values(dataset, node, f"{DCT}title") == ["Trees of the city"]
    assert values(dataset, node, f"{DCAT}keyword") == ["green", "trees"]
    assert values(dataset, node, f"{DCT}identifier") == ["trees"]
    (agent,) = objects(dataset, node, f"{DCT}publisher")
    assert values(dataset, agent, f"{FOAF}name") == ["Parks"]
    (card,) = objects(dataset, node, f"{DCAT}contactPoint")
    assert values(dataset, card, f"{VCARD}hasEmail") == ["mailto:an@city.example"]
    files = {values(dataset, file, f"{DCT}title")[0]: file for file in nodes(dataset, node, f"{DCAT}distribution")}
    assert sorted(files) == ["paths", "trees"], "data inside the descriptor is no file"
    assert values(dataset, files["trees"], f"{DCAT}downloadURL") == [
        "https://data.city.example/trees/data/trees%201.csv",
        "https://files.city.example/trees2.csv",
    ]
    assert values(dataset, files["trees"], f"{DCAT}byteSize") == ["1200"]
    licences = [values(dataset, files[name], f"{DCT}license") for name in ("trees", "paths")]
    assert licences == [["https://creativecommons.org/licenses/by/4.0/"], ["CC0"]]
    assert values(dataset, files["paths"], f"{DCT}conformsTo") == ["https://data.city.example/trees/schemas/p.json"]
    algorithms = {
        values(dataset, checksum, f"{SPDX}algorithm")[0]
        for file in files.values()
        for checksum in nodes(dataset, file, f"{SPDX}checksum")
    }
    assert algorithms == {f"{SPDX}checksumAlgorithm_sha256", f"{SPDX}checksumAlgorithm_md5"}


def test_the_schema_becomes_the_data_dictionary() -> None:
    catalogue = read(json.dumps(PACKAGE).encode(), "application/ld+json", base=BASE)
    (piece,) = cut(catalogue)
    facts, _ = examine(piece.to_json(), Examination(base="https://node.example", source="parks", rules=("safe",)))
    assert facts["conforms"], [finding["message"] for finding in facts["findings"]]
    (table,) = (file["tables"][0] for file in facts["extra"]["files"] if "tables" in file)
    columns = {column["name"]: column for column in table["columns"]}
    assert list(columns) == ["id", "height", "planted", "odd"]
    assert [columns[name]["type"]["code"] for name in ("id", "height")] == ["text", "number"]
    assert columns["height"]["minimum"] == "0.5"
    assert columns["planted"]["values"] == ["1990", "2000"]
    assert columns["odd"]["property"] == "https://schema.org/name"


def test_paths_of_a_file_without_an_address_stay_texts() -> None:
    dataset = stated({**PACKAGE, "id": "https://doi.example/10/1"}, DOCUMENT)
    files = nodes(dataset, NamedNode("https://doi.example/10/1"), f"{DCAT}distribution")
    targets = {term for file in files for term in objects(dataset, file, f"{DCAT}accessURL")}
    assert Literal("p.csv") in targets
    assert NamedNode("https://files.city.example/trees2.csv") in targets


def test_columns_have_their_order() -> None:
    dataset = stated(PACKAGE)
    positions = {
        values(dataset, column, f"{CSVW}name")[0]: values(dataset, column, f"{HANSA}position")[0]
        for file in nodes(dataset, NamedNode(BASE), f"{DCAT}distribution")
        for table in nodes(dataset, file, f"{CSVW}tableSchema")
        for column in nodes(dataset, table, f"{CSVW}column")
    }
    assert positions == {"id": "1", "height": "2", "planted": "3", "odd": "4"}


@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        {"resources": []},
        {"resources": [{"url": "https://city.example/x"}]},
        {"resources": ["x"]},
        {"resources": [{"path": "x"}], "@context": {}},
    ],
)
def test_other_documents_are_no_packages(document: Any) -> None:
    assert not is_data_package(document)


def test_values_of_other_kinds_are_left_out() -> None:
    odd = {"name": 7, "title": "T", "keywords": "x", "licenses": {}, "contributors": [3], "version": None}
    resource = {"path": [None, 3, "a b<>.csv"], "bytes": -1, "hash": "crc:1", "schema": {"fields": [3, {"type": []}]}}
    dataset = stated({**odd, "resources": [resource, {"path": 7}]})
    files = nodes(dataset, NamedNode(BASE), f"{DCAT}distribution")
    targets = [values(dataset, file, f"{DCAT}accessURL") for file in files]
    assert sorted(targets) == [[], ["https://data.city.example/trees/a%20b%3C%3E.csv"]]
    assert not any(values(dataset, file, f"{DCAT}byteSize") for file in files)
