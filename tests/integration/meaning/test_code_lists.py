"""Columns with a code list: a SKOS scheme of the catalogue or codes of their own, checked when data come and go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.integration.meaning.test_checks_on_arrival import received
from tests.integration.meaning.test_concepts import SCHEME
from tests.integration.meaning.test_data_checks import described, publish, upload
from tests.nodes import Running, running, until
from tests.terminal import typed

City = tuple[Running, Running]
NOTATIONS = ':cycle skos:notation "C" . :way skos:notation "W" . :foot skos:notation "F" .\n'
DATA = b"id,kind,state\n1,C,open\n2,bicycle,open\n3,F,shut\n"


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[City]:
    home = tmp_path_factory.mktemp("codes")
    with (
        running(home / "city", template=sqlite_template) as city,
        running(home / "partner", template=sqlite_template) as partner,
    ):
        with partner.client() as client:
            client.follow(city.url)
        yield city, partner


@pytest.fixture(scope="module")
def http(nodes: City) -> Iterator[httpx2.Client]:
    city, _ = nodes
    with city.http(headers={"Authorization": f"Bearer {city.token}"}, timeout=60) as client:
        for name, terms in (("ways", ""), ("noted", NOTATIONS)):
            document = SCHEME.format(iri=f"{city.url}/ontologies/{name}") + terms
            answer = client.post(
                "/api/records", json={"document": document, "mediaType": "text/turtle", "conditions": "open"}
            )
            assert answer.status_code == 201, answer.text
        yield client


def dataset(http: httpx2.Client, name: str, *columns: dict[str, Any], data: bytes = DATA) -> httpx2.Response:
    tables = [{"columns": [{"name": "id"}, *columns]}]
    file = upload(http, f"{name}.csv", data)
    return publish(http, described("dataset", name, files=[{"name": f"{name}.csv", "tables": tables}]), file)


def breaches(answer: httpx2.Response) -> list[str]:
    assert answer.status_code == 201, answer.text
    return [one["message"] for one in answer.json()["warnings"] if one["rule"] == "file:breaks-schema"]


def test_codes_of_a_column_are_checked(http: httpx2.Client, nodes: City) -> None:
    own = breaches(dataset(http, "own", {"name": "state", "codes": ["open", "closed"]}))
    assert len(own) == 1
    assert "row 3" in own[0]
    assert "closed, open" in own[0]
    assert own[0].startswith("own.csv has other values than the codes of own allow: row 3"), own
    scheme = f"{nodes[0].url}/ontologies/noted"
    (message,) = breaches(dataset(http, "noted-kinds", {"name": "kind", "code_list": scheme}))
    assert "row 2" in message
    assert "Ways (version 1)" in message, "the list is named with its version"
    by_label = dataset(http, "labels", {"name": "kind", "code_list": f"{nodes[0].url}/ontologies/ways"},
                       data=b"id,kind\n1,fietspad\n2,foot\n3,Twin\n")  # fmt: skip
    (message,) = breaches(by_label)
    assert "row 3" in message, "of another scheme of the same vocabulary"


def test_a_list_that_is_not_here_is_no_rule(http: httpx2.Client) -> None:
    answer = dataset(http, "elsewhere", {"name": "kind", "code_list": "https://nowhere.example/codes"})
    assert breaches(answer) == []
    record = http.get("/datasets/elsewhere", params={"format": "nt"}).text
    assert "<http://purl.org/linked-data/cube#codeList> <https://nowhere.example/codes>" in record


def test_what_arrives_is_compared_with_the_list(
    http: httpx2.Client, nodes: City, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    city, partner = nodes
    answer = dataset(http, "arrival", {"name": "kind", "code_list": f"{city.url}/ontologies/noted"})
    iri = str(answer.json()["iri"])
    with partner.client() as client:
        until("the partner knows both", lambda: client.search("arrival")["total"] and client.search("Ways")["total"])
    _, facts = received(partner, iri)
    (check,) = facts["schemaChecks"]
    assert (check["schema"], check["count"]) == (f"{city.url}/ontologies/noted", 1)
    status, shown = typed(partner, capsys, "get", iri, "-o", str(tmp_path / "arrival.csv"))
    assert (status, "1 fault in 3 rows" in shown) == (0, True), shown


def test_a_list_of_many_codes_is_compared_in_full(http: httpx2.Client) -> None:
    codes = [f"c{number}" for number in range(5000)]
    rows = "\n".join(f"{number},{code}" for number, code in enumerate([*codes, "none"]))
    (message,) = breaches(dataset(http, "many", {"name": "kind", "codes": codes}, data=f"id,kind\n{rows}\n".encode()))
    assert "row 5001" in message.replace("\u00a0", "").replace(",", ""), message
