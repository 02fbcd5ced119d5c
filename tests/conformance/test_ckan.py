"""A real CKAN with its DCAT extension: its packages and its DCAT pages, harvested by a node.

The test uses a CKAN that runs already (``HANSA_TEST_CKAN``: its address), since starting one takes minutes.
"""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from tests.nodes import Running

ADDRESS = os.environ.get("HANSA_TEST_CKAN", "").rstrip("/")
pytestmark = pytest.mark.skipif(not ADDRESS, reason="no CKAN runs here: set HANSA_TEST_CKAN to the address of one")


def harvested(city: Running, url: str) -> list[dict[str, Any]]:
    with city.http() as http:
        http.timeout = 120
        params = {"url": url, "agreed": True, "rule": "safe"}
        answer = http.post("/api/imports", headers=city.person(), params=params)
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def test_packages_and_dcat_pages_of_a_real_ckan_are_the_same_records(city: Running) -> None:
    first = harvested(city, f"{ADDRESS}/api/3")
    total = first[0]["total"]
    assert total > 0
    assert (first[-1]["new"], first[-1]["refused"], first[-1]["conforming"]) == (total, 0, total)
    assert harvested(city, f"{ADDRESS}/api/3")[-1]["unchanged"] == total
    by_iri = {event["iri"]: event["address"] for event in first if event["event"] == "record"}
    pages = harvested(city, f"{ADDRESS}/catalog.ttl")
    again = {event["iri"]: event["address"] for event in pages if event["event"] == "record"}
    own = {iri for iri in again if iri.startswith(ADDRESS)}
    assert own
    assert own <= set(by_iri)
    assert all(by_iri[iri] == again[iri] for iri in own)
