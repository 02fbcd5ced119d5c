"""Entities of one type of a context broker, read under contract: by each address, as they are now and through time.

The broker is a scripted one (``tests.simulator.context_broker``): no real one can be had from the registries.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from node.adapters.datasources.entity_documents import CORE_CONTEXT
from node.cli.exits import DONE, REFUSED
from node.cli.main import run
from node.client import Refusal
from tests.integration.datasources.live_data import Opened, accesses, open_live, share
from tests.integration.datasources.servers import standing
from tests.nodes import Running, running
from tests.portal_browser import post, signed_in
from tests.simulator.context_broker import CONTEXT, ContextBroker, counter

BEARER = {"scheme": "bearer", "name": "", "secret": "broker-token"}
OPTIONS = {"tenant": "city", "context": CONTEXT}
ONE = "urn:ngsi-ld:TrafficCounter:03"
LD = {"Accept": "application/ld+json"}
MODELS = Path(os.environ.get("HANSA_SHARED", "/nowhere")) / "data" / "ngsi-ld"


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[tuple[Running, Running]]:
    home = tmp_path_factory.mktemp("entities")
    with (
        running(home / "city", template=sqlite_template) as city,
        running(home / "partner", template=sqlite_template) as partner,
    ):
        yield city, partner


@pytest.fixture(scope="module")
def broker(nodes: tuple[Running, Running]) -> Iterator[ContextBroker]:
    server = ContextBroker(tenant="city", authorization="Bearer broker-token")
    with standing(server.app()) as url:
        with nodes[0].client() as client:
            client.data_sources.add("broker", "ngsi-ld", f"{url}/ngsi-ld/v1", options=OPTIONS, credentials=BEARER)
        yield server


@pytest.fixture(scope="module")
def counters(nodes: tuple[Running, Running], broker: ContextBroker) -> Opened:
    return open_live(nodes[1], share(nodes[0], "broker", "TrafficCounter", slug="counters", format="JSON_LD"))


def links(answer: httpx2.Response) -> dict[str, str]:
    """The links of an answer, by relation."""
    return {rel: target for target, rel in re.findall(r'<([^>]+)>; rel="([^"]+)"', answer.headers.get("link", ""))}


def test_a_steward_tries_the_broker_and_learns_its_types(
    nodes: tuple[Running, Running], broker: ContextBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    with nodes[0].client() as client:
        report = client.data_sources.test("broker")
        assert "broker-token" not in json.dumps(client.data_sources.all())
        missing = client.data_sources.test("broker", item="A,B")
    assert report["passed"], report
    assert [(item["item"], item["entries"]) for item in report["items"]] == [("Depot", 1), ("TrafficCounter", 25)]
    assert "intensity" in report["items"][1]["title"]
    assert not missing["passed"]
    assert run(["source", "test", "broker", "--item", "TrafficCounter", "--node", str(nodes[0].folder)]) == DONE
    output = capsys.readouterr().out
    assert "25 entries" in output
    assert "TrafficCounter can be read" in output
    assert "georel" in output
    asked = broker.requests[-1]
    assert asked.headers["ngsild-tenant"] == "city"
    assert asked.headers["link"].startswith(f"<{CONTEXT}>")


def test_a_steward_does_the_same_on_the_page(nodes: tuple[Running, Running], broker: ContextBroker) -> None:
    fields = {"name": "by-page", "kind": "ngsi-ld", "scheme": "bearer", "user": "", "secret": "broker-token"}
    with standing(broker.app()) as url, signed_in(nodes[0]) as client:
        answer = post(client, "/sources", "/sources", **fields, **OPTIONS, address=f"{url}/ngsi-ld/v1")
        assert answer.status_code == 303, answer.text
        page = post(client, "/sources", "/sources/by-page/test", item="TrafficCounter").text
        assert "Context broker (NGSI-LD)" in page
        assert "25 entities" in page
        assert "broker-token" not in page
        assert post(client, "/sources", "/sources/by-page/remove").status_code == 303


def test_an_address_without_types_is_said_to_be_the_wrong_one(nodes: tuple[Running, Running]) -> None:
    with nodes[0].client() as client, standing(ContextBroker().app()) as url:
        client.data_sources.add("short", "ngsi-ld", url)
        report = client.data_sources.test("short")
    assert not report["passed"]
    assert "/ngsi-ld/v1" in report["steps"][0]["remedy"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tenant": "a, b"}, "no name of a tenant"),
        ({"tenant": "a\tb"}, "an option is longer than"),
        ({"context": "file:///etc/passwd"}, "no web address"),
        ({"context": "https://x/>; rel=next"}, "no web address"),
    ],
)
def test_options_that_would_break_a_header_are_refused(
    nodes: tuple[Running, Running], options: dict[str, str], words: str
) -> None:
    with nodes[0].client() as client, pytest.raises(Refusal) as caught:
        client.data_sources.add("other", "ngsi-ld", "https://broker.example/ngsi-ld/v1", options=options)
    assert words in caught.value.problem["detail"]


def test_wrong_credentials_are_said(nodes: tuple[Running, Running], broker: ContextBroker) -> None:
    with nodes[0].client() as client, standing(broker.app()) as url:
        client.data_sources.add("closed", "ngsi-ld", f"{url}/ngsi-ld/v1", credentials={**BEARER, "secret": "another"})
    assert run(["source", "test", "closed", "--node", str(nodes[0].folder)]) == REFUSED


@pytest.mark.parametrize("path", ["", "/entities", "/entities/", "/ngsi-ld/v1/entities"])
def test_entities_come_as_json_ld_or_with_their_context_in_a_link(counters: Opened, path: str) -> None:
    answer = counters.get(f"{path}?limit=2", headers=LD)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/ld+json"
    assert [entity["@context"] for entity in answer.json()] == [[CONTEXT, CORE_CONTEXT]] * 2
    assert {key: value for key, value in answer.json()[1].items() if key != "@context"} == counter(1)
    plain = counters.get(f"{path}?limit=2", headers={"Accept": "application/json"})
    assert plain.headers["content-type"] == "application/json"
    assert plain.json() == [counter(0), counter(1)]
    assert links(plain)["http://www.w3.org/ns/json-ld#context"] == CONTEXT


def test_pages_lead_on_to_pages_of_the_same_address(counters: Opened) -> None:
    url: str | None = "/entities?limit=10&count=true&q=intensity%3E=0"
    names: list[str] = []
    for _ in range(4):
        assert url is not None
        answer = counters.get(url)
        assert answer.headers["ngsild-results-count"] == "25"
        names += [entity["id"] for entity in answer.json()]
        target = links(answer).get("next")
        if target is None:
            break
        assert target.startswith(f"{counters.endpoint}/entities?")
        url = target.removeprefix(counters.endpoint)
    assert names == [counter(number)["id"] for number in range(25)]
    assert "prev" in links(answer)
    assert "ngsild-results-count" not in counters.get("/entities").headers


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("q=kind==%22bikes%22;intensity%3E200", [21, 23]),
        ("q=intensity.observedAt%3E=2026-11-24T00:00:00Z", [23, 24]),
        (f"georel=near;maxDistance==10&geometry=Point&coordinates={quote('[3.62,51.0]')}", [2]),
        (
            f"georel=within&geometry=Polygon&coordinates={quote('[[[3.6,50],[3.615,50],[3.615,52],[3.6,50]]]')}",
            [0, 1],
        ),
        ("type=TrafficCounter&limit=1&offset=7", [7]),
        ("attrs=nothing", []),
    ],
)
def test_questions_are_passed_on(counters: Opened, query: str, numbers: list[int]) -> None:
    answer = counters.get(f"/entities?{query}")
    assert answer.status_code == 200, answer.text
    assert [entity["id"] for entity in answer.json()] == [counter(number)["id"] for number in numbers]


def test_forms_and_members_are_chosen(counters: Opened) -> None:
    first = counters.get("/entities?limit=1&options=keyValues&attrs=intensity", headers={}).json()
    assert [{**one, "@context": None} for one in first] == [
        {"id": counter(0)["id"], "type": "TrafficCounter", "intensity": 0, "@context": None}
    ]
    picked = counters.get(
        "/entities?limit=1&format=simplified&pick=id,refDepot", headers={"Accept": "application/json"}
    )
    assert picked.json() == [{"id": counter(0)["id"], "refDepot": "urn:ngsi-ld:Depot:1"}]
    assert "modifiedAt" in counters.get(f"/entities/{ONE}?options=sysAttrs").json()
    assert "modifiedAt" not in counters.get(f"/entities/{ONE}").json()


@pytest.mark.parametrize(
    "query",
    [
        "type=Depot",
        "type=TrafficCounter,Depot",
        "type=TrafficCounter%7CDepot",
        "type=*",
        "type=",
        "type=TrafficCounter&type=Depot",
        "q=refDepot%7Bsecret%7D==%22depot-secret%22",
        "q=refDepot%257Bsecret%257D==%22depot-secret%22",
        "q=a==%22%252f%22",
        "q=a&q=b",
        "join=inline",
        "joinLevel=2",
        "pick=refDepot%7Bsecret%7D",
        "omit=kind",
        "local=true",
        "csf=x",
        "id=urn:ngsi-ld:Depot:1",
        "idPattern=.*",
        "scopeQ=/x",
        "orderBy=guard",
        "options=keyValues,concise",
        "options=splitEntities",
        "options=keyValues&format=normalized",
        "format=geojson",
        "entityMap=true",
        "LIMIT=1",
        "limit=1001",
        "limit=-1",
        "limit=0",
        "offset=x",
        "count=yes",
        "georel=near",
        "georel=within",
        "georel=near;maxDistance==1;minDistance==2&geometry=Point&coordinates=[1,2]",
        "timerel=after&timeAt=2026-01-01T00:00:00Z",
        "tenant=other",
        "NGSILD-Tenant=other",
        "lang=%0d%0a",
        "attrs=a%26type=Depot",
        "attrs=a&pick=b",
    ],
)
def test_what_could_widen_it_is_refused_in_words_before_anything_is_sent(
    counters: Opened, broker: ContextBroker, query: str
) -> None:
    before = len(broker.requests)
    answer = counters.get(f"/entities?{query}")
    assert answer.status_code == 400, answer.text
    assert answer.json()["remedy"]
    assert len(broker.requests) == before


def test_a_query_with_percent_signs_that_are_no_codes_is_passed_on(counters: Opened, broker: ContextBroker) -> None:
    assert counters.get("/entities?q=kind==%2250%25%22").json() == []
    assert broker.requests[-1].query_params["q"] == 'kind=="50%"'
    assert "%22" in counters.get("/entities?q=kind==%2522x%2522").json()["remedy"]


def test_a_refusal_names_what_is_understood(counters: Opened) -> None:
    remedy = counters.get("/entities?join=inline").json()["remedy"]
    assert all(name in remedy for name in ("attrs", "q", "georel", "limit", "options", "lang"))
    assert "timerel" not in remedy
    assert "timerel" in counters.get("/temporal/entities?join=inline").json()["remedy"]
    assert "limit" not in counters.get(f"/entities/{ONE}?limit=2").json()["remedy"]


def test_one_entity_is_there_only_if_it_is_of_the_type(counters: Opened) -> None:
    assert counters.get(f"/entities/{ONE}", headers={"Accept": "application/json"}).json() == counter(3)
    other = counters.get("/entities/urn:ngsi-ld:Depot:1")
    absent = counters.get("/entities/urn:ngsi-ld:Depot:9")
    assert (other.status_code, absent.status_code) == (404, 404)
    assert other.json()["detail"] == absent.json()["detail"]
    assert other.json()["remedy"] == absent.json()["remedy"]


@pytest.mark.parametrize(
    "path",
    [
        "/types",
        "/attributes",
        "/entityOperations/query",
        "/jsonldContexts",
        "/csourceRegistrations",
        "/entities/no-uri",
        "/entities/urn:x%2F..%2F..%2Fsubscriptions",
        "/entities/%2e%2e/subscriptions",
        "/temporal",
        "/ngsi-ld/v2/entities",
        "/v2/entities",
    ],
)
def test_nothing_else_of_the_broker_is_there(counters: Opened, broker: ContextBroker, path: str) -> None:
    before = len(broker.requests)
    answer = counters.get(path)
    assert answer.status_code == 404, answer.text
    assert len(broker.requests) == before


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/entities", f"/entities/{ONE}", "/entityOperations/query"])
def test_nothing_is_written(counters: Opened, broker: ContextBroker, method: str, path: str) -> None:
    before = len(broker.requests)
    assert counters.get(path, method=method).status_code in (404, 405)
    assert len(broker.requests) == before


def test_subscriptions_are_those_of_this_node(counters: Opened, broker: ContextBroker) -> None:
    before = len(broker.requests)
    assert counters.get("/subscriptions").json() == []
    assert counters.get("/subscriptions", method="POST").status_code == 415
    assert counters.get("/subscriptions", method="PUT").status_code == 405
    assert counters.get(f"/subscriptions/{ONE}", method="DELETE").status_code == 404
    assert len(broker.requests) == before


def test_tenant_context_and_credentials_of_the_reader_stay_here(counters: Opened, broker: ContextBroker) -> None:
    headers = {"NGSILD-Tenant": "other", "Link": "<http://evil.example>; rel=x", "Fiware-Service": "other"}
    assert counters.get("/entities?limit=1", headers=headers).status_code == 200
    asked = broker.requests[-1].headers
    assert asked["ngsild-tenant"] == "city"
    assert asked["authorization"] == "Bearer broker-token"
    assert "evil" not in str(asked)
    assert "fiware-service" not in asked
    assert asked["accept"] == "application/json"


def test_history_comes_with_the_period_that_it_covers(counters: Opened, broker: ContextBroker) -> None:
    page = counters.get("/temporal/entities?limit=3&count=true&lastN=2&timerel=before&timeAt=2026-12-01T00:00:00Z")
    assert page.status_code == 200, page.text
    assert len(page.json()) == 3
    assert len(page.json()[0]["intensity"]) == 2
    assert links(page)["next"].startswith(f"{counters.endpoint}/temporal/entities?")
    assert broker.requests[-1].query_params["type"] == "TrafficCounter"
    whole = counters.get(f"/temporal/entities/{ONE}?attrs=intensity")
    assert {*whole.json()} == {"id", "type", "intensity", "@context"}
    part = counters.get(f"/temporal/entities/{ONE}?timerel=after&timeAt=2026-11-01T00:00:00Z")
    assert part.status_code == 206
    assert part.headers["content-range"] == "DateTime 2026-11-01T00:00:00Z-2026-11-02T00:00:00Z/*"
    assert counters.get("/temporal/entities/urn:ngsi-ld:Depot:1").status_code == 404
    for query in ("timerel=between&timeAt=2026-11-01T00:00:00Z", "timeproperty=guard", "lastN=x", "timeAt=now"):
        assert counters.get(f"/temporal/entities?{query}").status_code == 400, query


def test_a_broker_without_history_is_said_to_have_none(counters: Opened, broker: ContextBroker) -> None:
    broker.has_history = False
    try:
        answer = counters.get("/temporal/entities")
    finally:
        broker.has_history = True
    assert answer.status_code == 404
    assert "history" in answer.json()["detail"]


def test_each_read_is_recorded_with_its_question(nodes: tuple[Running, Running], counters: Opened) -> None:
    before = len(accesses(nodes[0], counters.agreement))
    counters.get("/entities?q=intensity%3E100&limit=1")
    counters.get("/entities?join=inline")
    records = accesses(nodes[0], counters.agreement)[before:]
    assert len(records) == 1
    assert "intensity" in json.dumps(records)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/entities",
        "/entities?q=intensity%3E120&count=true&limit=0",
        f"/entities/{ONE}",
        "/entities/urn:ngsi-ld:TrafficCounter:99",
        "/temporal/entities?count=true",
    ],
)
def test_headers_alone_are_no_read_and_tell_nothing(
    nodes: tuple[Running, Running], counters: Opened, broker: ContextBroker, path: str
) -> None:
    before, asked = len(accesses(nodes[0], counters.agreement)), len(broker.requests)
    answer = counters.get(path, method="HEAD")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/ld+json"
    assert not {"ngsild-results-count", "link", "content-length", "content-range", "etag"} & {*answer.headers}
    assert len(broker.requests) == asked
    assert len(accesses(nodes[0], counters.agreement)) == before
    assert counters.get("/entities?join=inline", method="HEAD").status_code == 400


def test_sixty_four_readers_at_once_get_what_each_asked_for(counters: Opened) -> None:
    def read(number: int) -> list[str]:
        answer = counters.get(f"/entities?limit=1&offset={number % 25}&options=keyValues")
        assert answer.status_code == 200, answer.text
        return [entity["id"] for entity in answer.json()]

    with ThreadPoolExecutor(64) as pool:
        assert list(pool.map(read, range(64))) == [[counter(number % 25)["id"]] for number in range(64)]


def test_curl_reads_it(counters: Opened) -> None:
    command = [
        "curl",
        "-sS",
        "-G",
        "-H",
        f"Authorization: {counters.authorization}",
        "-H",
        "Accept: application/json",
    ]
    command += [f"{counters.endpoint}/entities", "-d", "options=keyValues", "--data-urlencode", "q=intensity>230"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    assert [entity["intensity"] for entity in json.loads(done.stdout)] == [240]


@pytest.mark.skipif(not MODELS.is_dir(), reason="HANSA_SHARED has no examples of smart data models")
def test_the_examples_of_smart_data_models_pass_unchanged(nodes: tuple[Running, Running]) -> None:
    documents: dict[str, dict[str, Any]] = {}
    for file in sorted(MODELS.glob("*/*/examples/example-normalized.jsonld")):
        entity = json.loads(file.read_text("utf-8"))
        if isinstance(entity, dict) and isinstance(entity.get("type"), str) and ":" in str(entity.get("id")):
            documents.setdefault(entity["type"], entity)
    assert len(documents) > 40
    server = ContextBroker(entities=[{k: v for k, v in one.items() if k != "@context"} for one in documents.values()])
    with standing(server.app()) as url:
        with nodes[0].client() as client:
            client.data_sources.add("models", "ngsi-ld", f"{url}/ngsi-ld/v1")
            report = client.data_sources.test("models")
        assert report["passed"], report
        assert len(report["items"]) == 50
        for name in ("AirQualityObserved", "TrafficFlowObserved", "WeatherObserved"):
            live = open_live(nodes[1], share(nodes[0], "models", name, slug=name.lower(), format="JSON_LD"))
            expected = next(entity for entity in server.entities if entity["type"] == name)
            assert live.get("/entities", headers={"Accept": "application/json"}).json() == [expected]
            single = live.get(f"/entities/{quote(expected['id'], safe=':')}", headers=LD).json()
            assert single == {"@context": CORE_CONTEXT, **expected}
