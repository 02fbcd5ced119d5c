"""The Python client, synchronous and asynchronous, against running nodes, and the notebook that uses it."""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
from importlib.util import find_spec
from pathlib import Path
from types import CodeType
from typing import Any

import geopandas
import pandas
import pytest

from node.base.errors import InvalidInput
from node.client import AsyncHansaClient, HansaClient, NoAgreement, NodeAddress, PeerUnreachable, Refusal, locate
from node.client.calls import endpoint, flow, lines, listing
from node.client.endpoints import Endpoints
from node.client.follows import Follows
from node.client.frames import hits_frame, table_of
from node.client.harvests import Harvests
from node.client.scenarios import Scenarios
from tests.nodes import CSV, Company, Pair, Running, publish, until

NOTEBOOK = Path(__file__).resolve().parents[3] / "docs" / "notebooks" / "catalogue.ipynb"
PLACES = json.dumps(
    {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {"name": f"Bridge {number}"},
                "geometry": {"type": "Point", "coordinates": [3.7 + number / 10, 51.0]},
            }
            for number in range(3)
        ],
    }
).encode()
TURTLE = b"""
@prefix dcat: <http://www.w3.org/ns/dcat#> . @prefix dcterms: <http://purl.org/dc/terms/> .
<https://data.example/c> a dcat:Catalog ; dcterms:title "C"@en ;
  dcat:dataset <https://data.example/a>, <https://data.example/b> .
<https://data.example/a> a dcat:Dataset ; dcterms:title "Noise of trams"@en ; dcterms:description "A"@en .
<https://data.example/b> a dcat:Dataset ; dcterms:title "Noise of trains"@en ; dcterms:description "B"@en .
"""


def asynchronous(node: Running, **options: Any) -> AsyncHansaClient:
    return AsyncHansaClient(locate(str(node.folder)), **options)


async def test_both_clients_return_the_same(city: Running, client: HansaClient) -> None:
    iri = publish(city, "tram-counts")["iri"]
    async with asynchronous(city) as other:
        assert await other.node() == client.node()
        assert await other.search("tram", kind="dataset") == client.search("tram", kind="dataset")
        assert await other.record(iri) == client.record(iri)
        assert await other.versions(iri) == client.versions(iri)
        query = f"ASK {{ <{iri}> ?p ?o }}"
        assert (
            json.loads(await other.sparql(query)) == json.loads(client.sparql(query)) == {"head": {}, "boolean": True}
        )
        assert await other.call("GET", "/api/node") == client.node()
        assert await other.harvests.all() == client.harvests.all()
        assert await other.scenarios.layers() == client.scenarios.layers() == []
        assert await other.agreements() == client.agreements()
        assert await other.keys() == client.keys()
        assert await other.ready()


async def test_both_clients_refuse_alike(city: Running, client: HansaClient) -> None:
    async with asynchronous(city) as other:
        for iri in ("http://nowhere.example/x", "no address"):
            with pytest.raises(Refusal) as expected:
                client.record(iri)
            with pytest.raises(Refusal) as refusal:
                await other.record(iri)
            assert (refusal.value.http_status, refusal.value.detail, refusal.value.remedy) == (
                expected.value.http_status,
                expected.value.detail,
                expected.value.remedy,
            )
        with pytest.raises(InvalidInput, match="does not follow"):
            await other.follows.find("http://nowhere.example")
        with pytest.raises(Refusal):
            [line async for line in other.harvest("not an address")]


async def test_a_node_that_is_away_is_reported(tmp_path: Path) -> None:
    async with AsyncHansaClient(NodeAddress("http://127.0.0.1:9", None, tmp_path)) as client:
        assert await client.hindrance() == "no answer: ConnectError"
        assert not await client.ready()
        with pytest.raises(PeerUnreachable, match="does not answer") as error:
            await client.node()
        assert str(tmp_path) in error.value.remedy


async def test_64_searches_run_at_the_same_time(city: Running) -> None:
    for number in range(4):
        publish(city, f"bridge-{number}", title=f"Bridge {'abcd'[number]}")
    async with asynchronous(city, connections=16) as client:
        answers = await asyncio.gather(*(client.search(f"bridge {'abcd'[number % 4]}") for number in range(64)))
    titles = [answer["hits"][0]["title"] for answer in answers]
    assert titles == [f"Bridge {'abcd'[number % 4]}" for number in range(64)]


async def test_files_go_in_and_reports_come_out(city: Running, tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    path.write_bytes(b"n\n" + b"1234567\n" * 400_000)
    catalogue = tmp_path / "catalogue.ttl"
    catalogue.write_bytes(TURTLE)
    progress: list[tuple[int, int]] = []
    async with asynchronous(city) as client:
        answer = await client.upload(path, progress=lambda sent, size: progress.append((sent, size)))
        outcomes = [line async for line in client.import_file(catalogue, media_type="text/turtle")]
    assert answer["size"] == path.stat().st_size
    assert progress[-1] == (path.stat().st_size, path.stat().st_size)
    assert len(progress) == 4
    assert [line["event"] for line in outcomes][::3] == ["opened", "closed"]
    assert [line["iri"][-1] for line in outcomes if line["event"] == "record"] == ["a", "b"]


async def test_data_under_an_agreement_become_tables(pair: Pair, tmp_path: Path) -> None:
    iri = publish(pair.provider, "hourly")["iri"]
    with pair.consumer.client() as client:
        with pytest.raises(InvalidInput, match="no agreement") as error:
            client.fetch(iri)
        assert "accept=True" in error.value.remedy
        assert client.negotiations() == [], "nothing was asked for"
        first = client.fetch(iri, accept=True)
    assert first.data == CSV
    assert first.verified
    assert first.frame()["count"].sum() == 19
    async with asynchronous(pair.consumer) as other:
        second = await other.fetch(iri)
        assert (second.agreement, second.data) == (first.agreement, CSV)
        target = tmp_path / "saved.csv"
        assert await other.save(second.transfer, target) == len(CSV)
        assert target.read_bytes() == CSV
        assert [path.name for path in tmp_path.iterdir()] == ["saved.csv"]


async def test_a_decision_that_is_pending_or_refused_is_no_agreement(region_and_cities: Company) -> None:
    provider, consumer = region_and_cities.cities
    first, second = (publish(provider, slug, conditions="members-ask")["iri"] for slug in ("first", "second"))
    async with asynchronous(consumer) as client, asynchronous(provider) as office:
        answer = asyncio.create_task(client.fetch(first, accept=True, patience=60))
        while not (waiting := await office.decisions()):
            await asyncio.sleep(0.05)
        with pytest.raises(NoAgreement, match="not agreed yet") as error:
            await client.fetch(second, accept=True, patience=1)
        assert error.value.negotiation["state"] == "REQUESTED"
        await office.decide(waiting[0]["id"], approve=False, reason="Not this year.")
        with pytest.raises(NoAgreement, match=r"not agreed: Not this year\."):
            await answer


def test_tables_are_read_by_the_ending_of_their_name() -> None:
    frame = pandas.DataFrame({"n": [1, 2]})
    assert table_of("a.tsv", b"n\tm\n1\t2\n", {})["m"][0] == 2
    assert table_of("a.JSON", frame.to_json(orient="records").encode(), {})["n"].sum() == 3
    assert hits_frame(iter([{"iri": "urn:a"}]))["iri"][0] == "urn:a"
    with pytest.raises(InvalidInput, match="not read as a table"):
        table_of("a.pdf", b"", {})


@pytest.mark.skipif(find_spec("pyarrow") is not None, reason="pyarrow is installed")
def test_parquet_without_its_library_is_refused_in_words() -> None:
    with pytest.raises(InvalidInput, match="pyarrow is not installed"):
        table_of("answer.parquet", b"PAR1", {})


def test_every_method_is_described_for_both_clients(city: Running, client: HansaClient) -> None:
    """``help()`` and notebooks show what a method does and takes, though it is written once for both."""
    methods = [
        (holder, name, value)
        for holder in (Endpoints, Harvests, Follows, Scenarios)
        for name, value in inspect.getmembers(holder)
        if isinstance(value, endpoint | flow | listing | lines)
    ]
    assert len(methods) > 60
    for _, name, method in methods:
        assert inspect.getdoc(method), name
    assert inspect.getdoc(client.search) == inspect.getdoc(AsyncHansaClient.search)
    assert list(inspect.signature(client.record).parameters) == ["iri", "version", "as_of", "language"]


async def test_the_notebook_runs(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(pair.provider, "traffic-counts")
    with pair.provider.client() as client:
        path = pair.provider.folder / "places.geojson"
        path.write_bytes(PLACES)
        file = await asyncio.to_thread(client.upload, path, media_type="application/geo+json")
        fields = {"kind": "dataset", "id": "places", "title": "Counting places", "description": "Where we count."}
        fields |= {"contact": {"name": "A", "email": "a@example.org"}, "theme": "TRAN", "license": "CC-BY-4.0"}
        await asyncio.to_thread(client.publish, {"fields": fields, "files": [file], "conditions": "open"})
    with pair.consumer.client() as client:
        await asyncio.to_thread(client.follow, pair.provider.url)
        await asyncio.to_thread(
            until,
            "both are known",
            lambda: client.search("counting places")["hits"] and client.search("traffic")["hits"],
        )
    monkeypatch.setenv("HANSA_NODE", str(pair.consumer.folder))
    cells = [cell for cell in json.loads(NOTEBOOK.read_text("utf-8"))["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] for cell in cells), "commit the notebook without its results"
    names: dict[str, Any] = {}
    for number, cell in enumerate(cells):
        await _run("".join(cell["source"]), names, f"cell {number}")
    assert names["counts"]["count"].tolist() == [12, 7]
    assert isinstance(names["places"], geopandas.GeoDataFrame)
    assert len(names["places"]) == 3
    assert names["titles"] == ["Traffic counts"]
    assert names["answers"][0]["total"] == 1


async def _run(source: str, names: dict[str, Any], name: str) -> None:
    """Run a cell as Jupyter does: in a common namespace, with ``await`` at the top level."""
    code: CodeType = compile(source, name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = eval(code, names)
    if inspect.isawaitable(result):
        await result
    else:
        await asyncio.sleep(0)
