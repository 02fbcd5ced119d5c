"""The contract of ``node.catalogue.ports.Graph``, passed by the fake and by Oxigraph."""

from __future__ import annotations

import json
import random
import socket
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pyoxigraph import Literal, Quad, Store

from node.adapters.graph import store as store_module
from node.adapters.graph import writes
from node.adapters.graph.names import HOLDS, LEAVES, META, POSITION, audience_graph, in_graph, leaving_graph
from node.adapters.graph.store import LAYOUT, OxigraphGraph
from node.adapters.graph.writes import write
from node.base.errors import InvalidInput, LocalFault, NoRoom, Overloaded, TooLarge
from node.cage.cage import Cage
from node.cage.model import Limits
from node.catalogue.model import Record
from node.catalogue.ports import Graph
from node.semantics.documents import canonical, parse
from tests.fakes.graph import MemoryGraph

JSON = "application/sparql-results+json"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HEAD = """
@prefix dcat: <http://www.w3.org/ns/dcat#> . @prefix dct: <http://purl.org/dc/terms/> .
@prefix foaf: <http://xmlns.com/foaf/0.1/> . @prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""
RDFS = "@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> ."
GHENT = '<http://ghent.example/> a foaf:Agent ; foaf:name "Ghent" .'


def record(
    name: str, turtle: str = "", *, audience: str = "public", version: int = 1, withdrawn: bool = False
) -> Record:
    """A version of the dataset ``name``, published by Ghent, saying ``turtle`` too."""
    iri = f"http://ghent.example/datasets/{name}"
    body = f'{HEAD} {GHENT} <{iri}> a dcat:Dataset ; dct:title "{name} {version}" .'
    nquads, sha256 = canonical(parse(f"{body} {turtle}".encode(), "text/turtle", base=iri))
    return Record(
        iri=iri,
        version=version,
        kind="dataset",
        audience=audience,
        titles={"en": name},
        descriptions={},
        publisher="did:web:ghent.example",
        publisher_name="Ghent",
        origin="did:web:ghent.example",
        nquads=nquads,
        sha256=sha256,
        at=NOON,
        by="tester",
        withdrawn=withdrawn,
    )


async def rows(graph: Graph, text: str, *audiences: str) -> list[dict[str, str]]:
    body, media_type = await graph.query(text, audiences=audiences, accept=JSON)
    assert media_type == JSON
    return read(body)


def read(body: bytes) -> list[dict[str, str]]:
    found = json.loads(body)["results"]["bindings"]
    return [{name: cell["value"] for name, cell in row.items()} for row in found]


async def titles(graph: Graph, *audiences: str) -> list[str]:
    found = await rows(graph, "SELECT ?t { ?d dct:title ?t } ORDER BY ?t", *audiences)
    return [row["t"] for row in found]


class GraphContract:
    """What every graph view must do."""

    async def test_an_empty_store_reflects_position_0(self, graph: Graph) -> None:
        assert graph.position() == 0
        assert await rows(graph, "SELECT * { ?s ?p ?o }", "public") == []

    async def test_a_record_is_found_by_its_audience_only(self, graph: Graph) -> None:
        graph.apply([record("open"), record("closed", audience="members")], 7)
        assert graph.position() == 7
        assert await titles(graph, "public") == ["open 1"]
        assert await titles(graph, "members") == ["closed 1"]
        assert await titles(graph, "public", "members", "public") == ["closed 1", "open 1"]
        assert await titles(graph, "strangers") == []

    async def test_no_audience_sees_nothing_at_all(self, graph: Graph) -> None:
        graph.apply([record("open")], 1)
        assert await rows(graph, "SELECT * { ?s ?p ?o }") == []
        assert await rows(graph, "SELECT * { GRAPH ?g { ?s ?p ?o } }") == []
        assert await rows(graph, "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }") == [{"n": "0"}]

    async def test_what_follows_is_found_if_the_caller_sees_all_that_it_follows_from(self, graph: Graph) -> None:
        classes = "<http://a.example/Path> rdfs:subClassOf <http://a.example/Way> ."
        hidden = "<http://a.example/Path> rdfs:subClassOf <http://a.example/Plan> ."
        path = "<#1> a <http://a.example/Path> ."
        graph.apply(
            [
                record("classes", f"{RDFS} {classes}"),
                record("hidden", f"{RDFS} {hidden}", audience="members"),
                record("open", path),
                record("closed", path, audience="members"),
            ],
            1,
        )

        async def members(name: str, *audiences: str) -> list[str]:
            text = f"SELECT ?s {{ ?s a <http://a.example/{name}> }} ORDER BY ?s"
            body, _ = await graph.query(text, audiences=audiences, accept=JSON, entailment=True)
            return [row["s"].rpartition("/")[2] for row in read(body)]

        assert await rows(graph, "SELECT ?s { ?s a <http://a.example/Way> }", "public") == []
        assert await members("Way", "public") == ["open#1"]
        assert await members("Way", "public", "members") == ["closed#1", "open#1"]
        assert await members("Plan", "public") == []
        assert await members("Plan", "members") == ["closed#1"], "the open path is not seen by members alone"
        assert await members("Way", "members") == []
        assert await members("Way") == []
        body, _ = await graph.query_records(
            "SELECT ?s { ?s a <http://a.example/Way> }",
            [record("classes", f"{RDFS} {classes}"), record("open", path)],
            accept=JSON,
            entailment=True,
        )
        assert [row["s"].rpartition("/")[2] for row in read(body)] == ["open#1"]

    async def test_the_nodes_own_people_see_every_audience(self, graph: Graph) -> None:
        graph.apply([record("open"), record("closed", audience="members")], 7)
        body, _ = await graph.query("SELECT ?t { ?d dct:title ?t } ORDER BY ?t", audiences=None, accept=JSON)
        assert [row["t"] for row in read(body)] == ["closed 1", "open 1"]

    @pytest.mark.parametrize(
        "text",
        [
            "SELECT ?t { GRAPH ?g { ?d dct:title ?t } }",
            "SELECT ?t { GRAPH <urn:hansa:audience:members> { ?d dct:title ?t } }",
            "SELECT ?t FROM <urn:hansa:audience:members> { ?d dct:title ?t }",
            "SELECT ?t FROM NAMED <urn:hansa:audience:members> { GRAPH ?g { ?d dct:title ?t } }",
            "SELECT ?t { { SELECT ?t { GRAPH ?g { ?d dct:title ?t } } } }",
            "SELECT ?t { ?d dct:title ?t FILTER EXISTS { GRAPH <urn:hansa:audience:members> { ?x ?y ?z } } }",
            "SELECT ?t { VALUES ?g { <urn:hansa:audience:members> } GRAPH ?g { ?d dct:title ?t } }",
            "SELECT ?t { GRAPH <urn:hansa:meta> { ?a ?b ?t } }",
            "SELECT ?t { GRAPH <urn:hansa:held:members> { ?a ?b ?t } }",
            "SELECT ?t FROM <urn:hansa:held:members> FROM NAMED <urn:hansa:meta> { ?a ?b ?t FILTER(?b = dct:title) }",
        ],
    )
    async def test_no_way_of_asking_shows_what_is_hidden(self, graph: Graph, text: str) -> None:
        graph.apply([record("open"), record("closed", '<urn:x> dct:title "secret" .', audience="members")], 1)
        found = {row["t"] for row in await rows(graph, text, "public")}
        assert found <= {"open 1"}

    async def test_named_graphs_are_those_of_the_caller_only(self, graph: Graph) -> None:
        graph.apply([record("open"), record("closed", audience="members")], 3)
        every = "SELECT DISTINCT ?g { GRAPH ?g { ?s ?p ?o } } ORDER BY ?g"
        public, members = "urn:hansa:audience:public", "urn:hansa:audience:members"
        assert await rows(graph, every, "public") == [{"g": public}]
        assert await rows(graph, every, "members", "public") == [{"g": members}, {"g": public}]
        named = "SELECT ?n { GRAPH <urn:hansa:audience:members> { <http://ghent.example/> foaf:name ?n } }"
        assert await rows(graph, named, "members", "public") == [{"n": "Ghent"}]

    async def test_a_triple_of_two_audiences_is_there_once(self, graph: Graph) -> None:
        graph.apply([record("open"), record("closed", audience="members")], 3)
        text = "SELECT (COUNT(*) AS ?n) { ?p foaf:name ?name }"
        assert await rows(graph, text, "members", "public") == [{"n": "1"}]
        assert await rows(graph, text, "members") == [{"n": "1"}]

    async def test_a_new_version_replaces_the_old_one(self, graph: Graph) -> None:
        graph.apply([record("a", "<urn:a> dct:subject [ dct:title 'x' ] .")], 1)
        graph.apply([record("a", version=2)], 2)
        assert await titles(graph, "public") == ["a 2"]
        assert graph.position() == 2

    async def test_a_shared_triple_stays_until_the_last_record_goes(self, graph: Graph) -> None:
        name = "SELECT ?n { <http://ghent.example/> foaf:name ?n }"
        graph.apply([record("a"), record("b"), record("c", audience="members")], 1)
        graph.apply([record("a", withdrawn=True)], 2)
        assert await rows(graph, name, "public") == [{"n": "Ghent"}]
        graph.apply([record("b", withdrawn=True)], 3)
        assert await rows(graph, name, "public") == []
        assert await rows(graph, name, "members") == [{"n": "Ghent"}]
        graph.apply([record("c", withdrawn=True)], 4)
        assert await rows(graph, "SELECT * { ?s ?p ?o }", "public", "members") == []

    async def test_a_triple_about_another_record_stays_while_a_record_states_it(self, graph: Graph) -> None:
        about = '<http://ghent.example/datasets/a#part> dct:subject "walks" .'
        part = '<http://ghent.example/datasets/a#part> dct:title "part" .'
        is_stated = 'SELECT ?part { ?part dct:subject "walks" }'

        async def seen(*records: Record) -> bool:
            graph.apply(records, graph.position() + 1)
            return bool(await rows(graph, is_stated, "public"))

        assert not await seen(record("a", part))
        assert await seen(record("b", about)), "about a part of another record, which does not state it"
        assert await seen(record("c", about))
        assert await seen(record("b", version=2))
        assert not await seen(record("c", version=2))

        assert await seen(record("a", part + about, version=2)), "a record about its own part"
        assert await seen(record("b", about, version=3)), "and another one too"
        assert await seen(record("a", part, version=3))
        assert await seen(record("a", part + about, version=4), record("b", version=4))
        assert await seen(record("c", about, version=3))
        assert await seen(record("c", withdrawn=True))
        assert not await seen(record("a", withdrawn=True))

    async def test_a_record_that_changes_its_audience_moves(self, graph: Graph) -> None:
        graph.apply([record("a"), record("b")], 1)
        graph.apply([record("a", audience="members", version=2)], 2)
        assert await titles(graph, "public") == ["b 1"]
        assert await titles(graph, "members") == ["a 2"]

    async def test_blank_nodes_of_two_records_stay_apart(self, graph: Graph) -> None:
        graph.apply([record("a", "[] dct:title 'one' ."), record("b", "[] dct:subject 'two' .")], 1)
        assert await rows(graph, "SELECT * { ?b dct:title 'one' ; dct:subject 'two' }", "public") == []

    async def test_replaying_changes_nothing(self, graph: Graph) -> None:
        batch = [record("a", "[] dct:extent '05'^^xsd:integer, 5 ."), record("b", audience="members")]
        graph.apply(batch, 4)
        before = graph.digest()
        graph.apply(batch, 4)
        assert graph.digest() == before
        graph.apply([], 9)
        assert (graph.digest(), graph.position()) == (before, 9)

    async def test_equal_content_has_the_equal_digest_by_any_way(self, graph: Graph) -> None:
        graph.apply([record("a"), record("b", audience="members"), record("c")], 1)
        graph.apply([record("c", withdrawn=True), record("a", version=2), record("b", audience="public")], 2)
        digest = graph.digest()
        graph.clear()
        assert graph.position() == 0
        assert graph.digest() != digest
        graph.apply([record("b", audience="public"), record("a", version=2)], 2)
        assert graph.digest() == digest

    async def test_disposable_stores_answer_for_just_these_records(self, graph: Graph) -> None:
        graph.apply([record("now")], 1)
        body, _ = await graph.query_records(
            "SELECT ?t ?g { ?d dct:title ?t GRAPH ?g { ?d a dcat:Dataset } } ORDER BY ?t",
            [record("then"), record("also", audience="members"), record("gone", withdrawn=True)],
            accept=JSON,
        )
        assert [(row["t"], row["g"].rpartition(":")[2]) for row in read(body)] == [
            ("also 1", "members"),
            ("then 1", "public"),
        ]
        body, _ = await graph.query_records("ASK { ?s foaf:name 'Ghent' }", [], accept=JSON)
        assert json.loads(body)["boolean"] is False

    @pytest.mark.parametrize(
        ("accept", "media_type", "begin"),
        [
            ("application/sparql-results+xml", "application/sparql-results+xml", b"<?xml"),
            ("text/csv", "text/csv; charset=utf-8", b"t\r\n"),
            ("text/tab-separated-values;q=0.9", "text/tab-separated-values; charset=utf-8", b"?t\n"),
            ("text/html, */*;q=0.1", JSON, b"{"),
            ("", JSON, b"{"),
        ],
    )
    async def test_results_come_as_asked(self, graph: Graph, accept: str, media_type: str, begin: bytes) -> None:
        body, answered = await graph.query("SELECT ?t { ?d dct:title ?t }", audiences=["public"], accept=accept)
        assert answered == media_type
        assert body.startswith(begin)

    async def test_graphs_come_as_documents(self, graph: Graph) -> None:
        graph.apply([record("a")], 1)
        text = "CONSTRUCT { ?d dct:title ?t } WHERE { ?d dct:title ?t }"
        for accept in ("text/turtle", "application/ld+json", "application/n-triples", "application/rdf+xml"):
            body, media_type = await graph.query(text, audiences=["public"], accept=accept)
            assert media_type.partition(";")[0] == accept
            assert len(parse(body, accept, base="http://x/")) == 1

    @pytest.mark.parametrize(
        "text",
        ["SELECT * { ?s ?p", "hello", "SELECT * { SERVICE <http://x/> {} }", "INSERT DATA { <a:> <b:> <c:> }"],
    )
    async def test_what_is_no_query_is_refused(self, graph: Graph, text: str) -> None:
        with pytest.raises(InvalidInput):
            await graph.query(text, audiences=["public"], accept=JSON)
        with pytest.raises(InvalidInput):
            await graph.query_records(text, [], accept=JSON)


class TestMemoryGraph(GraphContract):
    @pytest.fixture
    def graph(self) -> Graph:
        return MemoryGraph()


@pytest.fixture(scope="module")
def cage() -> Iterator[Cage]:
    with Cage() as opened:
        yield opened


class TestOxigraphGraph(GraphContract):
    @pytest.fixture
    def graph(self, tmp_path: Path, cage: Cage) -> Iterator[OxigraphGraph]:
        graph = OxigraphGraph(tmp_path / "graph", cage)
        yield graph
        graph.close()

    async def test_the_fake_gives_the_same_digest(self, graph: OxigraphGraph) -> None:
        batch = [record("a", "[] dct:extent 05 ."), record("b", audience="members")]
        fake = MemoryGraph()
        for each in (graph, fake):
            each.apply(batch, 1)
        assert graph.digest() == fake.digest()

    @pytest.mark.parametrize("large", [writes.LARGE, 1], ids=["in a transaction", "loaded"])
    async def test_a_long_random_history_ends_as_in_the_fake(
        self, graph: OxigraphGraph, monkeypatch: pytest.MonkeyPatch, large: int
    ) -> None:
        """Records of one batch begin and end to state the same triples, in each way of writing."""
        monkeypatch.setattr(writes, "LARGE", large)
        chance, fake = random.Random(20261120), MemoryGraph()
        shared = [
            *(f'<urn:s{n}> dct:title "s{n}" .' for n in range(4)),
            # About other records of the batch, their parts, and blank nodes.
            *(f'<http://ghent.example/datasets/d{n}> dct:subject "about {n}" .' for n in range(3)),
            *(f'<http://ghent.example/datasets/d{n}#part> dct:title "part {n}" .' for n in range(3)),
            '[] dct:title "blank" ; dct:relation [ dct:title "nested" ] .',
        ]
        for position in range(1, 121):
            changes = []
            for name in chance.sample(range(6), chance.randrange(1, 5)):
                says = " ".join(chance.sample(shared, chance.randrange(6)))
                audience, withdrawn = chance.choice(["public", "members", "staff"]), chance.random() < 0.3
                changes.append(record(f"d{name}", says, audience=audience, version=position, withdrawn=withdrawn))
            for each in (graph, fake):
                each.apply(changes, position)
            assert graph.digest() == fake.digest()
        every = "SELECT ?s ?p ?o { ?s ?p ?o FILTER(!isBlank(?s) && !isBlank(?o)) } ORDER BY ?s ?p ?o"
        for names in (["public"], ["public", "members"], ["members", "staff"], ["public", "members", "staff"]):
            assert await rows(graph, every, *names) == await rows(fake, every, *names)

    async def test_nothing_remains_of_records_that_are_withdrawn(
        self, graph: OxigraphGraph, tmp_path: Path, cage: Cage
    ) -> None:
        about = '<http://ghent.example/datasets/a> dct:subject "x" . [] dct:title "blank" .'
        graph.apply([record("a", about), record("b", about), record("c", about, audience="members")], 1)
        graph.apply([record(name, withdrawn=True) for name in "abc"], 2)
        graph.close()
        statements = {(quad.subject, quad.predicate) for quad in Store(str(tmp_path / "graph" / f"store-{LAYOUT}"))}
        assert statements == {(META, POSITION), (META, HOLDS)}

    async def test_what_was_applied_is_there_after_reopening(
        self, graph: OxigraphGraph, tmp_path: Path, cage: Cage
    ) -> None:
        graph.apply([record("a"), record("b", audience="members")], 5)
        digest = graph.digest()
        graph.close()
        again = OxigraphGraph(tmp_path / "graph", cage)
        assert (again.position(), again.digest()) == (5, digest)
        assert await titles(again, "members") == ["b 1"]
        again.close()

    async def test_a_store_that_was_not_loaded_to_its_end_begins_anew(
        self, graph: OxigraphGraph, tmp_path: Path, cage: Cage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The disk is full, or the process ends, in the middle of a large batch: the ledger is applied again."""
        graph.apply([record("a"), record("b", audience="members")], 2)

        def break_off(store: Store, added: Sequence[Quad], *_: Any) -> bool:
            store.add(writes._MARK)
            store.flush()
            store.bulk_extend(added[: len(added) // 2])
            raise OSError("No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(store_module, "write", break_off)
            with pytest.raises(NoRoom):
                graph.apply([record("b", audience="members", withdrawn=True), record("c")], 4)
        assert graph.position() == 0
        history = [record("a"), record("b", audience="members", withdrawn=True), record("c")]
        graph.apply(history, 4)
        assert await titles(graph, "public", "members") == ["a 1", "c 1"]
        fake = MemoryGraph()
        fake.apply(history, 4)
        assert graph.digest() == fake.digest()

    async def test_large_batches_are_divided(self, graph: OxigraphGraph, monkeypatch: pytest.MonkeyPatch) -> None:
        records = [record(f"d{number}") for number in range(5)]
        monkeypatch.setattr(writes, "BATCH", len(records[0].nquads) * 2)
        written: list[int] = []

        def counted(store: Store, added: Sequence[Quad], *others: Any) -> bool:
            written.append(len(added))
            return write(store, added, *others)

        monkeypatch.setattr(store_module, "write", counted)
        graph.apply(records, 5)
        assert len(written) == 3
        assert (graph.position(), len(await titles(graph, "public"))) == (5, 5)

    async def test_a_crash_between_batch_and_removal_is_finished_at_opening(
        self, graph: OxigraphGraph, tmp_path: Path
    ) -> None:
        graph.apply([record("a")], 1)
        graph.close()
        store = Store(tmp_path / "graph" / f"store-{LAYOUT}")
        public = audience_graph("public")
        (title,) = list(store.quads_for_pattern(None, None, Literal("a 1"), public))
        store.extend([in_graph(title.triple, leaving_graph(public)), Quad(META, LEAVES, leaving_graph(public), META)])
        del store
        assert graph.position() == 1
        gone = "SELECT ?t { GRAPH ?g { ?d dct:title ?t } }"
        assert await rows(graph, gone, "public") == []

    async def test_queries_read_their_checkpoint_while_records_change(
        self, graph: OxigraphGraph, tmp_path: Path
    ) -> None:
        graph.apply([record("a")], 1)
        copies = tmp_path / "graph" / "checkpoints"
        async with graph._checkpoint() as snapshot:
            graph.apply([record("b")], 2)
            assert await titles(graph, "public") == ["a 1", "b 1"]
            assert len(list(copies.iterdir())) == 2
            assert snapshot.copy.path.exists()
        assert await titles(graph, "public") == ["a 1", "b 1"]
        assert len(list(copies.iterdir())) == 1

    async def test_a_store_at_rest_answers_and_wakes_up(self, graph: OxigraphGraph, cage: Cage) -> None:
        graph.apply([record("a")], 1)
        assert not graph.rest(idle=3600)
        assert await titles(graph, "public") == ["a 1"]
        assert graph.rest(idle=0)
        assert not graph.rest(idle=0)
        assert (graph.position(), await titles(graph, "public")) == (1, ["a 1"])
        assert not graph.rest(idle=0), "the checkpoint was enough"
        graph.apply([record("b")], 2)
        assert await titles(graph, "public") == ["a 1", "b 1"]

    async def test_a_store_that_is_asked_for_its_position_alone_stays_closed(
        self, graph: OxigraphGraph, tmp_path: Path, cage: Cage
    ) -> None:
        graph.apply([record("a")], 1)
        graph.close()
        again = OxigraphGraph(tmp_path / "graph", cage)
        assert again.position() == 1
        assert not again.rest(idle=0)
        assert await titles(again, "public") == ["a 1"]
        again.close()

    async def test_a_closed_store_keeps_no_log_of_its_changes(
        self, graph: OxigraphGraph, tmp_path: Path, cage: Cage
    ) -> None:
        """The engine's log is several times as long as its tables, and stays until the engine is opened again."""
        for end in (graph.close, lambda: graph.rest(idle=0)):
            for number in range(40):
                says = f'<urn:s{number}> dct:description "{end}{"long " * 1000}" .'
                graph.apply([record(f"a{number}", says)], number)
            folder = tmp_path / "graph" / f"store-{LAYOUT}"
            assert sum(path.stat().st_size for path in folder.glob("*.log")) > 100_000
            end()
            assert sum(path.stat().st_size for path in folder.glob("*.log")) < 1_000
        assert len(await titles(graph, "public")) == 40

    async def test_a_folder_in_use_is_refused_and_left_alone(
        self, graph: OxigraphGraph, tmp_path: Path, cage: Cage
    ) -> None:
        graph.apply([record("a")], 1)
        second = OxigraphGraph(tmp_path / "graph", cage)
        with pytest.raises(LocalFault, match="in use by another process"):
            second.position()
        with pytest.raises(LocalFault, match="in use by another process"):
            second.clear()
        assert await titles(graph, "public") == ["a 1"]

    def test_a_store_of_another_layout_is_left_behind(self, tmp_path: Path, cage: Cage) -> None:
        old = tmp_path / "graph" / "store-0"
        old.mkdir(parents=True)
        graph = OxigraphGraph(tmp_path / "graph", cage)
        assert graph.position() == 0
        assert not old.exists()
        graph.close()

    async def test_a_damaged_folder_says_so_and_can_be_cleared(self, graph: OxigraphGraph, tmp_path: Path) -> None:
        graph.apply([record("a")], 1)
        graph.close()
        (tmp_path / "graph" / f"store-{LAYOUT}" / "CURRENT").write_bytes(b"nonsense")
        with pytest.raises(LocalFault, match="is damaged") as caught:
            graph.position()
        assert "rebuilds it" in caught.value.remedy
        graph.clear()
        assert graph.position() == 0
        graph.apply([record("a")], 1)
        assert await titles(graph, "public") == ["a 1"]

    async def test_too_many_rows_are_refused(self, graph: OxigraphGraph) -> None:
        graph.apply([record("a", "<urn:a> dct:extent " + ", ".join(map(str, range(120))) + " .")], 1)
        cross = "?a dct:extent ?x . ?b dct:extent ?y"
        for accept in (JSON, "application/sparql-results+xml", "text/csv", "text/tab-separated-values"):
            with pytest.raises(TooLarge, match="10000 rows"):
                await graph.query(f"SELECT ?x ?y {{ {cross} }}", audiences=["public"], accept=accept)
        assert len(await rows(graph, f"SELECT ?x ?y {{ {cross} }} LIMIT 10000", "public")) == 10_000
        iri_of_x = "BIND(IRI(CONCAT('urn:', STR(?x))) AS ?i)"
        with pytest.raises(TooLarge, match="10000 triples"):
            await graph.query(
                f"CONSTRUCT {{ ?i dct:relation ?y }} WHERE {{ {cross} {iri_of_x} }}",
                audiences=["public"],
                accept="text/turtle",
            )
        long = "CONCAT(" + ", ".join([f"'{'x' * 500}'"] * 10) + ")"
        with pytest.raises(TooLarge, match="16 MB"):
            await graph.query(f"SELECT ?long {{ {cross} BIND({long} AS ?long) }}", audiences=["public"], accept=JSON)


class Canary:
    """A listener on loopback that counts who comes."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.hits = 0
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.hits += 1
            connection.close()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


CROSS = "?a ?b ?c . ?d ?e ?f . ?g ?h ?i"
BOMBS = {
    "cross product": f"SELECT (COUNT(*) AS ?n) {{ {CROSS} . ?j ?k ?l . ?m ?n ?o }}",
    "order by": f"SELECT * {{ {CROSS} . ?j ?k ?l }} ORDER BY ?a DESC(?f) ?i",
    "replace": "SELECT ?x { BIND("
    + "REPLACE(" * 20
    + "'xxxxxxxxxxxxxxxx'"
    + ", '.', '$0$0$0$0$0$0$0$0$0')" * 20
    + " AS ?x) }",
    "group concat": f"SELECT (GROUP_CONCAT(?c) AS ?x) {{ {CROSS} . ?j ?k ?l }}",
    "property path": "SELECT (COUNT(*) AS ?n) {" + " . ".join(f"?a{n} (!<urn:x>)* ?b{n}" for n in range(4)) + "}",
}
PARSER_BOMBS = {
    "braces": "SELECT * " + "{" * 3000,
    "brackets": "SELECT * { FILTER" + "(" * 6000,
    "not": "SELECT * { FILTER(" + "!" * 12000,
    "or": "SELECT * { FILTER(" + "||".join(["1"] * 12000),
    "path": "SELECT * { ?s " + "(" * 16000,
    "planner": "SELECT * {" + "?a ?b ?c . " * 400 + "}",
}


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OxigraphGraph]:
    with Cage() as cage:
        limits = Limits(memory=1 << 30, cpu=2, wall=0.6)
        graph = OxigraphGraph(tmp_path_factory.mktemp("attack"), cage, limits=limits)
        numbers = ", ".join(map(str, range(400)))
        graph.apply([record("a", f"<urn:a> dct:extent {numbers} .")], 1)
        yield graph
        graph.close()


class TestOxigraphGraphUnderAttack:
    """The findings F1 to F6 of the security study: a bomb costs one request, never the node."""

    @pytest.mark.parametrize("name", BOMBS)
    async def test_a_query_that_eats_time_or_memory_is_stopped(self, narrow: OxigraphGraph, name: str) -> None:
        with pytest.raises((Overloaded, TooLarge)):
            await narrow.query(BOMBS[name], audiences=["public"], accept=JSON)
        assert await titles(narrow, "public") == ["a 1"]

    @pytest.mark.parametrize("name", PARSER_BOMBS)
    async def test_a_query_that_kills_the_parser_is_turned_away(self, narrow: OxigraphGraph, name: str) -> None:
        with pytest.raises((InvalidInput, TooLarge)):
            await narrow.query(PARSER_BOMBS[name], audiences=["public"], accept=JSON)

    @pytest.mark.parametrize("name", PARSER_BOMBS)
    async def test_and_does_no_harm_where_it_gets_in(self, narrow: OxigraphGraph, name: str) -> None:
        with pytest.raises((Overloaded, InvalidInput)):
            await direct(narrow, PARSER_BOMBS[name])
        assert await titles(narrow, "public") == ["a 1"]

    async def test_no_query_dials_out(self, narrow: OxigraphGraph) -> None:
        canary = Canary()
        try:
            address = f"http://127.0.0.1:{canary.port}/"
            for text in (
                f"SELECT * {{ SERVICE <{address}> {{ ?s ?p ?o }} }}",
                f"SELECT * {{ SERVICE SILENT <{address}> {{ ?s ?p ?o }} }}",
                f"SELECT * {{ \\u0053ERVICE <{address}> {{ ?s ?p ?o }} }}",
                f"PREFIX x: <{address}> SELECT * {{ service x: {{ ?s ?p ?o }} }}",
                f"SELECT * {{ # comment\n SERVICE <{address}> {{ ?s ?p ?o }} }}",
                f"SELECT * {{ VALUES ?x {{ <{address}> }} SERVICE ?x {{ ?s ?p ?o }} }}",
                f"LOAD <{address}>",
            ):
                with pytest.raises(InvalidInput):
                    await narrow.query(text, audiences=["public"], accept=JSON)
                # The guard is one door; the cage holds without it (an unanswered SERVICE SILENT is no error).
                try:
                    await direct(narrow, text)
                except (InvalidInput, Overloaded):
                    continue
            assert canary.hits == 0
            with pytest.raises((OSError, RuntimeError)):
                list(Store().query(f"SELECT * {{ SERVICE <{address}> {{ ?s ?p ?o }} }}"))
            assert canary.hits > 0, "the canary sings where there is no cage"
        finally:
            canary.close()


async def direct(graph: OxigraphGraph, text: str) -> Any:
    """``text`` evaluated in the cage, past the guard."""
    async with graph._checkpoint() as taken:
        path = taken.copy.path
        message = {"store": str(path), "default": [], "named": [], "query": text, "mediaType": JSON}
        return await graph._cage.call("graph.query", message, limits=graph._limits, readable=[str(path)])
