"""The round trip, triple by triple: a real CKAN harvests a node, and another node harvests that CKAN.

Each statement that is on one side only has a reason (``REASONS``); any other one fails the test. Like
``test_ckan_harvests.py``, the test uses a CKAN that runs already.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx2
import pytest
import rdflib
from rdflib.namespace import DCTERMS, ODRL2, RDF

from tests.conformance.test_ckan_harvests import ADDRESS, COMMAND, TOKEN, pytestmark
from tests.integration.catalogue.test_catalog_for_portals import graph
from tests.nodes import Running, publish, running

__all__ = ["pytestmark"]

CONDITIONS: Final = "https://w3id.org/hansa/ns#conditions"
FIELDS: Final[dict[str, Any]] = {
    "title": {"en": "Bicycle counts", "nl": "Fietstellingen"},
    "description": {"en": "Counts by hour.", "nl": "Tellingen per uur."},
    "keywords": ["bicycle", "counting"],
    "theme": ["TRAN", "ENVI"],
    "spatial": [[3.58, 50.97, 3.86, 51.19]],
    "temporal": [{"from": "2024-01-01", "to": "2024-12-31"}],
    "frequency": "DAILY",
    "issued": "2024-02-01",
    "modified": "2026-01-31",
    "version": "2.1",
    "version_notes": {"en": "One more counter."},
    "conforms_to": ["http://www.opengis.net/def/crs/EPSG/0/4326"],
    "access": "public",
    "landing_page": ["https://city.example/counts"],
    "documentation": ["https://city.example/counts/manual"],
    "provenance": {"en": "Counted by loops in the road."},
    "source": ["https://city.example/loops"],
    "related": ["https://city.example/roads"],
    "identifier": ["counts-7"],
    "language": ["nl", "en"],
    "license": "CC-BY-4.0",
}


Statement = tuple[str, str, str]
Trip = dict[str, set[Statement]]

ONE_LANGUAGE: Final = "CKAN has one language, unless its extension fluent is there"
OFFERS: Final = "CKAN has no place for offers and their conditions"
FILES_HAVE_LICENCES: Final = "CKAN has the licence of each file, and of a dataset only one of its own list"
FILES_ARE_NAMED_BY_IRI: Final = "CKAN keeps the IRI of a file, and no identifier beside it"
CLASSES: Final = "CKAN says which class each linked value has, and one class of a contact and a publisher"
MOMENTS: Final = "CKAN says when it stored a file"

REASONS: Final[dict[str, Callable[[str, str, str], bool]]] = {
    ONE_LANGUAGE: lambda subject, property_, value: value in ("Fietstellingen", "Tellingen per uur."),
    OFFERS: lambda subject, property_, value: (
        subject.startswith("dataset.hasPolicy") or property_ in (str(ODRL2.hasPolicy), CONDITIONS)
    ),
    FILES_HAVE_LICENCES: lambda subject, property_, value: (subject, property_) == ("dataset", str(DCTERMS.license)),
    FILES_ARE_NAMED_BY_IRI: lambda subject, property_, value: (
        (subject, property_) == ("dataset.distribution", str(DCTERMS.identifier))
    ),
    CLASSES: lambda subject, property_, value: property_ in (str(RDF.type), str(DCTERMS.type)),
    MOMENTS: lambda subject, property_, value: (
        subject == "dataset.distribution" and property_ in (str(DCTERMS.issued), str(DCTERMS.modified))
    ),
}
"""Each reason, and the statements that are there on one side only because of it."""


def statements(data: rdflib.Graph, iri: str) -> set[Statement]:
    """What is said about ``iri``. Things without an IRI of their own are named by the way to them: CKAN makes blank
    nodes of some, and they are the same things. Texts have no languages, and shapes only their numbers."""
    result: set[Statement] = set()
    ways: dict[rdflib.term.Node, str] = {rdflib.URIRef(iri): "dataset"}
    stack: list[rdflib.term.Node] = [rdflib.URIRef(iri)]
    while stack:
        node = stack.pop()
        for property_, value in data.predicate_objects(node):
            name = re.split(r"[#/]", str(property_))[-1]
            if isinstance(value, rdflib.Literal):
                shape = "POLYGON" in value or "coordinates" in value
                text = "shape " + " ".join(_numbers(value)) if shape else str(value)
                result.add((ways[node], str(property_), text))
                continue
            if value not in ways:
                inner = isinstance(value, rdflib.BNode) or str(value).startswith(f"{iri}#")
                ways[value] = f"{ways[node]}.{name}" if inner else str(value)
                stack.append(value)
            result.add((ways[node], str(property_), ways[value]))
    return result


def _numbers(shape: str) -> Iterator[str]:
    for number in re.findall(r"-?\d+(?:\.\d+)?", shape):
        yield f"{float(number):g}"


@pytest.fixture(scope="module")
def trip(city: Running, tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Trip:
    """What is said at each station: ``here``, ``ckan``, and at two nodes that read the CKAN, by its ``dcat`` and its
    ``api``."""
    publish(city, "round-trip", **FIELDS)
    iri = f"{city.node.parts.base}/datasets/round-trip"
    source = f"hansa-{uuid4().hex[:12]}"
    url = f"{city.node.parts.base}/catalog.ttl"
    facts = {"name": source, "title": source, "url": url, "source_type": "dcat_rdf", "owner_org": "city"}
    with httpx2.Client(base_url=f"{ADDRESS}/api/3/action", headers={"Authorization": TOKEN}, timeout=120) as ckan:
        ckan.post("/harvest_source_create", json=facts).raise_for_status()
        subprocess.run([*COMMAND, "harvester", "run-test", source], check=True, capture_output=True, timeout=300)
        answer = ckan.get("/package_search", params={"fq": f'harvest_source_title:"{source}"', "rows": 100})
        (package,) = answer.raise_for_status().json()["result"]["results"]
    with httpx2.Client(timeout=60) as http:
        text = http.get(f"{ADDRESS}/dataset/{package['name']}.ttl").raise_for_status().text
    stations = {
        "here": statements(graph(city, "/catalog.ttl", "turtle"), iri),
        "ckan": statements(rdflib.Graph().parse(data=text, format="turtle"), iri),
    }
    for name, place in (("dcat", f"dataset/{package['name']}.ttl"), ("api", "api/3")):
        with running(tmp_path_factory.mktemp(name) / "node", template=sqlite_template) as other:
            stations[name] = statements(harvested_record(other, f"{ADDRESS}/{place}", iri), iri)
    return stations


def harvested_record(node: Running, url: str, iri: str) -> rdflib.Graph:
    """The record about ``iri`` at ``node``, which harvests ``url``."""
    with node.http() as http:
        http.timeout = 120
        answer = http.post("/api/imports", headers=node.person(), params={"url": url, "agreed": True})
        lines = [json.loads(line) for line in answer.raise_for_status().text.splitlines()]
        (address,) = {line["address"] for line in lines if line.get("iri") == iri}
        text = http.get(address, headers={"Accept": "text/turtle"}).raise_for_status().text
    return rdflib.Graph().parse(data=text, format="turtle")


def account(before: set[Statement], after: set[Statement], *reasons: str) -> None:
    """Fails for a statement that is on one side only without one of these reasons, or a reason without a
    statement."""
    uses = dict.fromkeys(reasons, 0)
    strangers = []
    for statement in sorted(before ^ after):
        reason = next((reason for reason in reasons if REASONS[reason](*statement)), None)
        if reason is None:
            strangers.append(("-" if statement in before else "+", *statement))
        else:
            uses[reason] += 1
    assert not strangers
    assert all(uses.values()), uses


def test_ckan_keeps_what_it_has_a_place_for(trip: Trip) -> None:
    account(
        trip["here"],
        trip["ckan"],
        ONE_LANGUAGE,
        OFFERS,
        FILES_HAVE_LICENCES,
        FILES_ARE_NAMED_BY_IRI,
        CLASSES,
        MOMENTS,
    )


def test_the_dcat_of_ckan_is_kept_as_it_came(trip: Trip) -> None:
    account(trip["ckan"], trip["dcat"])


def test_the_api_of_ckan_gives_the_same_but_for_classes(trip: Trip) -> None:
    account(trip["ckan"], trip["api"], CLASSES, MOMENTS)


def test_what_comes_back_is_what_went_out(trip: Trip) -> None:
    account(trip["here"], trip["api"], *REASONS)
