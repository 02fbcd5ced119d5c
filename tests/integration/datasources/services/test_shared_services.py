"""Sensors, SPARQL end points, timetables and shared vehicles, read under contract. The servers are scripted ones."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from node.adapters.datasources.services.sparql_text import check_query
from node.base.errors import InvalidInput
from tests.integration.datasources.live_data import open_live, share
from tests.integration.datasources.servers import standing
from tests.live_peers import live
from tests.nodes import Running, running
from tests.simulator.city_services import ROADS, EndPoint, Mobility, Sensors


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Any) -> Iterator[tuple[Running, Running]]:
    home = tmp_path_factory.mktemp("services")
    with (
        running(home / "city", template=sqlite_template) as city,
        running(home / "partner", template=sqlite_template) as partner,
    ):
        yield city, partner


def add(city: Running, name: str, kind: str, address: str, item: str, **options: str) -> None:
    """Register a data source, and try it."""
    with city.client() as client:
        client.data_sources.add(name, kind, address, options=options)
        report = client.data_sources.test(name, item=item)
        assert report["passed"], report
        assert item in [entry["item"] for entry in report["items"]]


def test_observations_of_one_datastream_are_read_and_no_others(nodes: tuple[Running, Running]) -> None:
    server = Sensors()
    with standing(server.app()) as url:
        item = "Datastreams(1)/Observations"
        add(nodes[0], "sensors", "sensorthings", f"{url}/v1.1", item)
        opened = open_live(nodes[1], share(nodes[0], "sensors", item, slug="observations", format="JSON"))
        page = opened.get("?$count=true").json()
        assert [entity["@iot.id"] for entity in page["value"]] == [1, 3, 5, 7]
        assert page["@iot.count"] == 10
        place = f"{opened.endpoint}/Observations"
        assert page["value"][0] == {
            "@iot.selfLink": f"{place}(1)",
            "@iot.id": 1,
            "phenomenonTime": "2026-11-20T08:01:00Z",
            "resultTime": None,
            "result": 1.5,
        }
        identifiers = [entity["@iot.id"] for entity in page["value"]]
        while link := page.get("@iot.nextLink"):
            assert link.startswith(f"{place}?"), "a link leads to the source"
            page = opened.get(link.removeprefix(opened.endpoint)).json()
            identifiers += [entity["@iot.id"] for entity in page["value"]]
        assert identifiers == list(range(1, 20, 2))
        assert [e["@iot.id"] for e in opened.get("?$filter=result gt 25&$select=result").json()["value"]] == [17, 19]
        assert opened.get("/Observations(3)").json()["result"] == 4.5
        for path in ("/Observations(2)", "/Observations(99)", "/Things(1)", "/Things", "/Observations(3)/Datastream"):
            assert opened.get(path).status_code == 404, path
        for query in ("$expand=Datastream", "$filter=Datastream/name eq 'a'", "$top=0", "$top=5000", "$filter=x y",
                      "$orderby=Datastream/id", "$skip=a", "$resultFormat=dataArray", "$top=1&$top=2"):  # fmt: skip
            answer = opened.get(f"?{query}")
            assert (answer.status_code, url in answer.text) == (400, False), query
        server.lies = {"value": "not a list"}
        assert opened.get().status_code == 502


def test_a_part_of_the_observations_has_its_members_and_rows(nodes: tuple[Running, Running]) -> None:
    with standing(Sensors().app()) as url:
        add(nodes[0], "sensors", "sensorthings", f"{url}/v1.1", "Observations")
        part = {"columns": ["id", "result"], "rows": [{"column": "result", "operator": "gteq", "value": "3"}]}
        conditions = {"template": "open", "part": part}
        iri = share(nodes[0], "sensors", "Observations", slug="part", format="JSON", conditions=conditions)
        opened = open_live(nodes[1], iri)
        entities = opened.get().json()["value"]
        assert [(e["@iot.id"], e["result"], len(e)) for e in entities] == [(2, 3.0, 3), (3, 4.5, 3)]
        assert opened.get("/Observations(1)").status_code == 404
        for query in ("$filter=result gt 2", "$count=true", "$orderby=result", "$select=phenomenonTime"):
            assert opened.get(f"?{query}").status_code == 400, query


def test_one_graph_is_queried_and_the_others_stay(nodes: tuple[Running, Running]) -> None:
    server = EndPoint()
    with standing(server.app()) as url:
        add(nodes[0], "graphs", "sparql", f"{url}/sparql", ROADS)
        opened = open_live(nodes[1], share(nodes[0], "graphs", ROADS, slug="roads", format="RDF_TURTLE"))
        whole = opened.get()
        assert (whole.status_code, whole.headers["content-type"]) == (200, "text/turtle; charset=utf-8")
        assert "Coupure" in whole.text
        assert "top-secret" not in whole.text
        answer = opened.get("?query=SELECT ?o { ?s ?p ?o }", headers={"Accept": "text/csv"})
        assert answer.text.splitlines() == ["o", "Coupure"]
        assert opened.get("?query=ASK { ?s ?p 'top-secret' }").json()["boolean"] is False
        for query in ("SELECT * { GRAPH ?g { ?s ?p ?o } }", f"SELECT * FROM <{ROADS}> {{ ?s ?p ?o }}", "nonsense",
                      "SELECT * { SERVICE <http://10.0.0.1/> { ?s ?p ?o } }", "DROP ALL", "SELECT * {"):  # fmt: skip
            answer = opened.get(f"?query={query}".replace("<", "%3C").replace(">", "%3E"))
            assert (answer.status_code, "top-secret" in answer.text) == (400, False), query
        for query in ("query=ASK{}&default-graph-uri=x", "update=DROP ALL", "query=ASK{}&query=ASK{}"):
            assert opened.get(f"?{query}").status_code == 400, query


def test_an_end_point_that_does_not_keep_to_a_graph_is_not_shared_by_graphs(nodes: tuple[Running, Running]) -> None:
    with standing(EndPoint(keeps_to_graph=False).app()) as url, nodes[0].client() as client:
        client.data_sources.add("leaky", "sparql", f"{url}/sparql")
        report = client.data_sources.test("leaky", item=ROADS)
        assert not report["passed"]
        assert "does not keep to one graph" in str(report)
        assert client.data_sources.test("leaky", item="all")["passed"]


def test_a_real_end_point_is_shared_by_graphs(nodes: tuple[Running, Running]) -> None:
    with live("sparql") as peer, httpx2.Client(trust_env=False) as client:
        address = peer["SPARQL_URL"].removesuffix("/sparql").removesuffix("/query")
        for graph, text in ((ROADS, "Coupure"), ("https://city.example/graphs/secrets", "top-secret")):
            line = f'<https://city.example/a> <https://city.example/name> "{text}" .'
            stored = client.put(
                f"{address}/data", params={"graph": graph}, content=line, headers={"Content-Type": "text/turtle"}
            )
            assert stored.is_success, stored.text
        add(nodes[0], "fuseki", "sparql", f"{address}/query", ROADS)
        opened = open_live(nodes[1], share(nodes[0], "fuseki", ROADS, slug="fuseki", format="RDF_TURTLE"))
        assert opened.get().text.count("Coupure") == 1
        answer = opened.get("?query=SELECT ?o { ?s ?p ?o }").json()
        assert [binding["o"]["value"] for binding in answer["results"]["bindings"]] == ["Coupure"]
        assert opened.get("?query=SELECT * { ?s ?p").status_code == 400


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * { ?s ?p 1SERVICE<http://a>{} }",
        "SELECT * { ?s ?p ?o.SERVICE <http://a> {} }",
        "SELECT * { ?s ?p '''a'b'''.service<http://a> {} }",
        "SELECT * { # a comment with ' in it\n SERVICE <http://a> {} }",
        "SELECT * { ?s ?p '\\'' SERVICE <http://a> {} }",
        "SELECT * { ?s ex:o\\'clock ?p . SERVICE <http://a> {} FILTER(?p = 'x') }",
        'SELECT * { ?s ex:6\\" ?p . GRAPH ?g { ?a ?b ?c } FILTER(?p = "x") }',
        "SELECT * { \\u0053ERVICE <http://a> {} }",
        "SELECT * { FILTER(1<2)GRAPH<http://a>{ ?s ?p ?o } }",
        "SELECT * {GRAPH ?g{?s ?p ?o}}",
        "INSERT DATA { <a:b> <a:b> 'SELECT' }",
        "LOAD <http://10.0.0.1/>; SELECT",
        "SELECT" + " " * 9000,
        "",
    ],
)
def test_a_query_that_could_lead_elsewhere_is_refused(query: str) -> None:
    with pytest.raises(InvalidInput):
        check_query(query, is_one_graph=True)


@pytest.mark.parametrize(
    "query",
    [
        "PREFIX from: <http://from/> SELECT ?graph { ?graph from:service 'GRAPH SERVICE', \"FROM\"@from }",
        "ASK { ?s <http://a/SERVICE> ?o } # SERVICE",
        'select * { ?s ?p """a "FROM" b""" }',
        "SELECT * { ?s ex:o\\'clock 'SERVICE' }",
    ],
)
def test_a_query_that_only_mentions_such_words_is_passed_on(query: str) -> None:
    assert check_query(query, is_one_graph=True) == query


def test_a_timetable_and_its_state_are_read_and_pages_are_not(nodes: tuple[Running, Running]) -> None:
    with standing(Mobility().app()) as url:
        add(nodes[0], "trams", "gtfs", url, "schedule", schedule="timetable.zip", trip_updates="trips.pb")
        opened = open_live(nodes[1], share(nodes[0], "trams", "schedule", slug="timetable", format="ZIP"))
        answer = opened.get()
        assert answer.headers["content-type"] == "application/zip"
        assert "routes.txt" in zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
        assert opened.get("?a=b").status_code == 400
        with nodes[0].client() as client:
            for options in ({"schedule": "page.zip"}, {"alerts": "page.pb"}, {"schedule": "moved.zip"}):
                client.data_sources.add("wrong", "gtfs", url, options=options)
                report = client.data_sources.test("wrong")
                assert not report["passed"]
                assert "169.254" not in str(report["steps"])
        with nodes[0].client() as client:
            client.data_sources.add("trams", "gtfs", url, options={"schedule": "page.zip"})
        assert opened.get().status_code == 502


def test_a_system_of_shared_vehicles_is_read_from_its_discovery(nodes: tuple[Running, Running]) -> None:
    server, other = Mobility(), Mobility()
    with standing(server.app()) as url, standing(other.app()) as elsewhere:
        server.other_host = f"{elsewhere}/"
        credentials = {"scheme": "bearer", "secret": "of-the-city"}
        with nodes[0].client() as client:
            client.data_sources.add("bikes", "gbfs", f"{url}/gbfs.json", credentials=credentials)
            report = client.data_sources.test("bikes")
            assert report["passed"], report
        opened = open_live(nodes[1], share(nodes[0], "bikes", "gbfs", slug="bikes", format="JSON"))
        discovery = opened.get("/gbfs.json").json()
        assert opened.get().json() == discovery
        assert url not in str(discovery)
        feeds = {feed["name"]: feed["url"] for feed in discovery["data"]["en"]["feeds"]}
        assert sorted(feeds) == ["inside", "station_status", "vehicle_status"]
        stations = opened.get(feeds["station_status"].removeprefix(opened.endpoint)).json()
        assert stations["data"]["stations"][0]["num_bikes_available"] == 4
        assert opened.get("/en/vehicle_status").json()["data"] == {"bikes": []}
        assert other.requests
        assert all("authorization" not in request.headers for request in other.requests)
        for path, status in (("/en/inside.json", 403), ("/gbfs_versions.json", 404), ("/en/none.json", 404)):
            answer = opened.get(path)
            assert (answer.status_code >= 400, "10.0.0.1" in answer.text) == (True, False), (path, status)
        with nodes[0].client() as client:
            client.data_sources.add("bikes-3", "gbfs", f"{url}/v3/gbfs.json")
            paths = [item["item"] for item in client.data_sources.test("bikes-3")["items"]]
        assert paths[:2] == ["gbfs", "station_status"]
