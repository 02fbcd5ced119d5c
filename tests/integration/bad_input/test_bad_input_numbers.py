"""Numbers beyond all that a node can have, in every address that takes a number: a problem, and no internal error."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from tests.nodes import Running, Start, publish

HUGE = [2**31, 2**63, 10**30, -1, 0]
PLACES = {"iri": "dataset/numbers", "target": "dataset/numbers", "entry": "urn:uuid:0"}


@pytest.fixture(scope="module")
def city(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, str]]:
    with start(tmp_path_factory.mktemp("numbers") / "city") as node:
        yield node, str(publish(node, "numbers")["iri"])


@pytest.mark.parametrize("number", HUGE)
def test_no_version_is_too_large_for_a_clear_answer(city: tuple[Running, str], number: int) -> None:
    node, iri = city
    slug = iri.rpartition("/")[2]
    record, layer = quote(iri, safe=""), "/api/layers/none"
    paths = [
        f"/datasets/{slug}?version={number}",
        f"/datasets/{slug}/files/numbers.csv?version={number}",
        f"/api/catalogue/record?iri={record}&version={number}",
        f"/api/catalogue/changes?iri={record}&from={number}",
        f"/api/catalogue/changes?iri={record}&to={number}",
        f"/api/conditions?iri={record}&version={number}",
        f"{layer}?version={number}",
        f"/processes/{slug}?version={number}",
        f"/record?iri={record}&version={number}",
        f"/versions?iri={record}&from={number}",
        f"/api/ledger/checkpoint?size={max(number, 2**62)}",
        f"/api/ledger/inclusion?entry=x&size={max(number, 2**62)}",
        f"/api/ledger/consistency?old={max(number, 2**62)}",
        f"/api/ledger/consistency?old=1&new={max(number, 2**62)}",
        f"/ledger/checkpoint?size={max(number, 2**62)}",
    ]
    with node.http(headers=node.person()) as http, httpx2.Client(base_url=node.url, trust_env=False) as stranger:
        for path in paths:
            for client in (http, stranger):
                for accept in ("application/json", "text/html"):
                    answer = client.get(path, headers={"Accept": accept})
                    assert answer.status_code in range(300, 500), (path, answer.status_code, answer.text[:300])
        for path in paths[:7]:
            answer = http.get(path, headers={"Accept": "application/json"})
            assert (answer.status_code, answer.json()["code"]) == (400, "invalid-input"), (path, answer.text[:300])
        bodies: dict[str, dict[str, Any]] = {
            "/api/erasures": {"iri": iri, "reason": "a test", "versions": [number]},
            "/api/transfers": {"agreementId": "urn:uuid:none", "version": number},
            "/api/agreements/none/query": {"sql": "SELECT 1", "version": number},
            "/api/layers": {"target": iri, "version": number, "name": "x", "file": "numbers.csv", "edits": []},
        }
        for path, body in bodies.items():
            answer = http.post(path, json=body)
            assert answer.status_code in range(400, 500), (path, answer.status_code, answer.text[:300])


@pytest.mark.parametrize("number", [2**63, 10**30])
def test_each_number_in_a_query_of_the_api_has_an_upper_bound(city: tuple[Running, str], number: int) -> None:
    """All that the description of the API says to be a whole number, also those that come later."""
    node, _ = city
    with node.http(headers=node.person()) as http:
        paths = http.get("/openapi.json").json()["paths"]
        count = 0
        for path, operations in paths.items():
            parameters = operations.get("get", {}).get("parameters", [])
            for parameter in parameters:
                if parameter["in"] != "query" or not is_whole(parameter["schema"]):
                    continue
                count += 1
                place = path
                for other in parameters:
                    if other["in"] == "path":
                        place = place.replace(f"{{{other['name']}}}", "x")
                values = {
                    other["name"]: PLACES.get(other["name"], "1")
                    for other in parameters
                    if other["in"] == "query" and other.get("required")
                }
                answer = http.get(place, params={**values, parameter["name"]: str(number)})
                assert answer.status_code in range(400, 500), (path, parameter["name"], answer.text[:300])
        assert count > 20


def is_whole(schema: dict[str, Any]) -> bool:
    return any(form.get("type") == "integer" for form in [schema, *schema.get("anyOf", [])])


def test_a_refused_number_is_explained(city: tuple[Running, str]) -> None:
    node, iri = city
    with node.http() as http:
        answer = http.get("/api/catalogue/record", params={"iri": iri, "version": str(10**30)})
    assert answer.headers["content-type"] == "application/problem+json"
    assert "version" in answer.text
    assert str(2**31 - 1) in answer.text


def test_the_largest_version_is_just_not_there(city: tuple[Running, str]) -> None:
    node, iri = city
    with node.http() as http:
        assert http.get(iri, params={"version": str(2**31 - 1)}).status_code == 404
