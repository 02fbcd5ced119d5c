"""A real CKAN with its DCAT and harvest extensions reads the catalogue of a node.

The test uses a CKAN that runs already, since starting one takes minutes: ``HANSA_TEST_CKAN`` is its address,
``HANSA_TEST_CKAN_TOKEN`` a token of an administrator, ``HANSA_TEST_CKAN_CLI`` its command line.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from uuid import uuid4

import httpx2
import pytest
import rdflib
from rdflib.namespace import DCAT, DCTERMS, RDF

from tests.integration.catalogue.test_catalog_for_portals import graph
from tests.nodes import Running, publish

ADDRESS = os.environ.get("HANSA_TEST_CKAN", "").rstrip("/")
TOKEN = os.environ.get("HANSA_TEST_CKAN_TOKEN", "")
COMMAND = shlex.split(os.environ.get("HANSA_TEST_CKAN_CLI", ""))
pytestmark = [
    pytest.mark.skipif(
        not (ADDRESS and TOKEN and COMMAND),
        reason="no CKAN runs here: set HANSA_TEST_CKAN, HANSA_TEST_CKAN_TOKEN and HANSA_TEST_CKAN_CLI",
    ),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:rdflib"),
]

KEPT = (DCTERMS.title, DCTERMS.description, DCAT.keyword, DCAT.theme)
"""What a city would miss first. CKAN has no place for offers and hashes, and writes publishers its own way."""


@pytest.mark.parametrize("ending", ["rdf", "ttl"])
def test_ckan_has_what_the_catalogue_says(city: Running, ending: str) -> None:
    slugs = [f"counts-{number}-{ending}" for number in range(3)]
    for slug in slugs:
        publish(city, slug, keywords=["traffic", "counting"])
    source = f"hansa-{uuid4().hex[:12]}"
    url = f"{city.node.parts.base}/catalog.{ending}"
    facts = {"name": source, "title": source, "url": url, "source_type": "dcat_rdf", "owner_org": "city"}
    with httpx2.Client(base_url=f"{ADDRESS}/api/3/action", headers={"Authorization": TOKEN}, timeout=120) as ckan:
        ckan.post("/harvest_source_create", json=facts).raise_for_status()
        subprocess.run([*COMMAND, "harvester", "run-test", source], check=True, capture_output=True, timeout=300)
        answer = ckan.get("/package_search", params={"fq": f'harvest_source_title:"{source}"', "rows": 100})
        packages = {package["title"]: package for package in answer.raise_for_status().json()["result"]["results"]}
    ours = graph(city, "/catalog.ttl", "turtle")
    for slug in slugs:
        package = packages[slug.replace("-", " ").capitalize()]
        with httpx2.Client(timeout=60) as http:
            text = http.get(f"{ADDRESS}/dataset/{package['name']}.ttl").raise_for_status().text
        theirs = rdflib.Graph().parse(data=text, format="turtle")
        iri = rdflib.URIRef(f"{city.node.parts.base}/datasets/{slug}")
        assert (iri, RDF.type, DCAT.Dataset) in theirs, "the dataset keeps its address"
        for property_ in KEPT:
            said = {str(value) for value in ours.objects(iri, property_)}
            assert {str(value) for value in theirs.objects(iri, property_)} == said, property_
        assert len(list(theirs.objects(iri, DCAT.distribution))) == len(list(ours.objects(iri, DCAT.distribution)))
