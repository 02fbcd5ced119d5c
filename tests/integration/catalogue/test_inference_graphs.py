"""Inferences in graphs of their own: drawn once for a group of callers, never from what is gone or hidden."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyoxigraph import Store

from node.adapters.graph import inferences
from node.adapters.graph.names import INFERS, META
from node.adapters.graph.store import LAYOUT, OxigraphGraph
from node.base.errors import HansaError, Overloaded, TooLarge
from node.cage.cage import Cage
from node.cage.model import QUEUE
from node.catalogue.ports import Graph
from tests.contract.test_graph import JSON, RDFS, read, record
from tests.fakes.graph import MemoryGraph

A = "http://a.example/"
CLASSES = f"{RDFS} <{A}Path> rdfs:subClassOf <{A}Way> ."
PATH = f"<#1> a <{A}Path> ."


@pytest.fixture(scope="module")
def cage() -> Iterator[Cage]:
    with Cage() as opened:
        yield opened


class CountedCage:
    """The cage, and how often inferences were drawn in it; ``meanwhile`` is called after each drawing."""

    def __init__(self, cage: Cage) -> None:
        self._cage = cage
        self.drawn = 0
        self.alone = 0
        self.meanwhile: Any = lambda: None
        self.refusal: Exception | None = None
        self.refused = 0

    async def call(self, target: str, message: dict[str, Any], *others: Any, **options: Any) -> Any:
        if target == "graph.infer" and self.refusal is not None:
            self.refused += 1
            await asyncio.sleep(0.05)  # a drawing takes its time, and others come meanwhile
            raise self.refusal
        answer = await self._cage.call(target, message, *others, **options)
        self.alone += bool(message.get("entailment"))
        if target == "graph.infer":
            self.drawn += 1
            self.meanwhile()
        return answer


@pytest.fixture
def counted(cage: Cage) -> CountedCage:
    return CountedCage(cage)


@pytest.fixture
def graph(tmp_path: Path, counted: Any) -> Iterator[OxigraphGraph]:
    graph = OxigraphGraph(tmp_path / "graph", counted)
    yield graph
    graph.close()


async def ask(graph: Graph, pattern: str, *audiences: str, entailment: bool = True) -> list[str]:
    text = f"SELECT ?x {{ {pattern} }} ORDER BY ?x"
    body, _ = await graph.query(text, audiences=audiences, accept=JSON, entailment=entailment)
    return [row["x"].removeprefix("http://ghent.example/datasets/") for row in read(body)]


async def ways(graph: Graph, *audiences: str) -> list[str]:
    return await ask(graph, f"?x a <{A}Way>", *audiences)


async def test_they_are_drawn_once_and_again_only_after_changes_that_concern_them(
    graph: OxigraphGraph, counted: CountedCage
) -> None:
    graph.apply([record("classes", CLASSES), record("one", PATH)], 1)
    for _ in range(3):
        assert await ways(graph, "public") == ["one#1"]
    graph.apply([record("other", '<#1> <http://purl.org/dc/terms/title> "A title." .')], 2)
    assert await ways(graph, "public") == ["one#1"]
    assert await ask(graph, "?x <http://purl.org/dc/terms/title> 'A title.'", "public") == ["other#1"]
    assert counted.drawn == 1
    graph.apply([record("two", PATH)], 3)
    assert await ways(graph, "public") == ["one#1", "two#1"]
    assert (counted.drawn, counted.alone) == (2, 0)


async def test_what_is_gone_or_hidden_has_no_consequences_any_more(graph: OxigraphGraph) -> None:
    graph.apply([record("classes", CLASSES), record("one", PATH), record("two", PATH)], 1)
    assert await ways(graph, "public") == ["one#1", "two#1"]
    graph.apply([record("one", version=2, withdrawn=True)], 2)
    assert await ways(graph, "public") == ["two#1"]
    graph.apply([record("two", PATH, version=2, audience="members")], 3)
    assert await ways(graph, "public") == []
    assert await ways(graph, "public", "members") == ["two#1"]
    graph.apply([record("classes", CLASSES, version=2, audience="members")], 4)
    assert await ways(graph, "public", "members") == ["two#1"]
    graph.apply([record("two", PATH, version=3)], 5)
    assert await ways(graph, "public") == []


async def test_no_query_reads_the_inferences_of_others(graph: OxigraphGraph) -> None:
    graph.apply([record("classes", CLASSES, audience="members"), record("one", PATH, audience="members")], 1)
    assert await ways(graph, "members") == ["one#1"]
    everywhere = f"{{ ?x ?p <{A}Way> }} UNION {{ GRAPH ?g {{ ?x ?p <{A}Way> }} }}"
    by_name = f"GRAPH <urn:hansa:inferred:1> {{ ?x ?p <{A}Way> }}"
    assert await ask(graph, everywhere, "public", entailment=False) == []
    for audiences in (("public",), ("members",), ("public", "members")):
        assert await ask(graph, by_name, *audiences, entailment=False) == []
    assert await ways(graph, "public") == []
    plain = await ask(graph, f"?x ?p <{A}Way>", "members", entailment=False)
    assert plain == [f"{A}Path"], "only the statement itself"
    digest = graph.digest()
    graph.clear()
    graph.apply([record("classes", CLASSES, audience="members"), record("one", PATH, audience="members")], 1)
    assert graph.digest() == digest, "they are no part of the content"


async def test_a_statement_that_also_follows_is_one_row(graph: OxigraphGraph) -> None:
    graph.apply([record("classes", CLASSES), record("one", PATH)], 1)
    assert await ways(graph, "public") == ["one#1"]
    graph.apply([record("one", f"{PATH} <#1> a <{A}Way> .", version=2)], 2)
    assert await ways(graph, "public") == ["one#1"]


async def test_a_change_while_they_are_drawn_is_not_overlooked(graph: OxigraphGraph, counted: CountedCage) -> None:
    graph.apply([record("classes", CLASSES), record("one", PATH), record("two", PATH)], 1)

    def hide() -> None:
        if counted.drawn == 1:
            graph.apply([record("one", PATH, version=2, audience="members")], 2)

    counted.meanwhile = hide
    assert await ways(graph, "public") == ["two#1"]
    assert counted.drawn == 2


async def test_an_answer_comes_also_while_everything_changes(graph: OxigraphGraph, counted: CountedCage) -> None:
    graph.apply([record("classes", CLASSES), record("one", PATH)], 1)
    counted.meanwhile = lambda: graph.apply([record("busy", PATH, version=counted.drawn)], 1 + counted.drawn)
    counted.meanwhile()
    graph.apply([record("busy", PATH.replace("#1", f"#{counted.drawn + 5}"), version=2)], 9)

    def change() -> None:
        graph.apply([record("busy", PATH.replace("#1", f"#b{counted.drawn}"), version=9)], 10 + counted.drawn)

    counted.meanwhile = change
    assert await ways(graph, "public") == ["busy#b2", "one#1"]
    assert counted.alone == 1, "drawn for this query alone"


async def test_they_are_drawn_in_the_background_for_those_who_asked(
    graph: OxigraphGraph, counted: CountedCage
) -> None:
    graph.apply([record("classes", CLASSES), record("one", PATH)], 1)
    await graph.draw_missing()
    assert counted.drawn == 0, "nobody asked"
    await ways(graph, "public")
    graph.apply([record("two", PATH)], 2)
    await graph.draw_missing()
    await graph.draw_missing()
    assert counted.drawn == 2
    assert await ways(graph, "public") == ["one#1", "two#1"]
    assert counted.drawn == 2


async def test_those_of_an_earlier_process_are_removed(tmp_path: Path, counted: Any) -> None:
    before = OxigraphGraph(tmp_path / "graph", counted)
    before.apply([record("classes", CLASSES), record("one", PATH)], 1)
    assert await ways(before, "public") == ["one#1"]
    before.close()
    assert before.rest(0.0) is False
    assert await ways(before, "public") == ["one#1"], "opened again by the same process"
    assert counted.drawn == 1
    before.close()
    after = OxigraphGraph(tmp_path / "graph", counted)
    after.apply([record("classes", version=2, withdrawn=True)], 2)
    assert await ways(after, "public") == []
    after.close()
    store = Store(tmp_path / "graph" / f"store-{LAYOUT}")
    graphs = [quad.object for quad in store.quads_for_pattern(META, INFERS, None, META)]
    assert len(graphs) <= 1
    assert [quad for graph in graphs for quad in store.quads_for_pattern(None, None, None, graph)] == []


async def test_groups_make_room_for_one_another(
    graph: OxigraphGraph, counted: CountedCage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inferences, "MOST", 2)
    graph.apply([record("classes", CLASSES), *(record(f"d{n}", PATH, audience=f"a{n}") for n in range(4))], 1)
    for number in (0, 1, 2, 3, 3, 2):
        assert await ways(graph, "public", f"a{number}") == [f"d{number}#1"]
    assert counted.drawn == 4


@pytest.mark.parametrize("kind", [TooLarge, Overloaded])
async def test_what_is_too_much_is_refused_and_not_tried_again_in_the_background(
    graph: OxigraphGraph, counted: CountedCage, kind: type[HansaError]
) -> None:
    graph.apply([record("classes", CLASSES), record("one", PATH)], 1)
    assert await ways(graph, "public") == ["one#1"]
    counted.refusal = kind("too much", remedy="ask for less")
    graph.apply([record("two", PATH)], 2)
    with pytest.raises(kind):
        await ways(graph, "public")
    for _ in range(3):
        await graph.draw_missing()
    assert counted.refused == 2, "once for the query, once in the background"
    counted.refusal = None
    assert await ways(graph, "public") == ["one#1", "two#1"]


@pytest.mark.parametrize("kind", [TooLarge, Overloaded])
async def test_many_who_wait_are_refused_by_few_drawings(
    graph: OxigraphGraph, counted: CountedCage, kind: type[HansaError]
) -> None:
    graph.apply([record("classes", CLASSES), record("one", PATH)], 1)
    counted.refusal = kind("too much", remedy="ask for less")
    refusals = await asyncio.gather(*(ways(graph, "public") for _ in range(64)), return_exceptions=True)
    assert [type(refusal) for refusal in refusals] == [kind] * 64
    assert {str(refusal) for refusal in refusals} == {"too much"}
    assert counted.refused <= 3, "not one for each of them"
    counted.refusal = None
    assert await ways(graph, "public") == ["one#1"]


async def test_a_full_queue_of_the_cage_is_tried_again_in_the_background(
    graph: OxigraphGraph, counted: CountedCage
) -> None:
    graph.apply([record("classes", CLASSES), record("one", PATH)], 1)
    assert await ways(graph, "public") == ["one#1"]
    graph.apply([record("two", PATH)], 2)
    counted.refusal = Overloaded("others have all places", facts={"limit": QUEUE})
    await graph.draw_missing()
    assert graph.inferences.status()["refusals"] == [], "that says nothing about these inferences"
    counted.refusal = None
    await graph.draw_missing()
    assert counted.drawn == 2


async def test_the_status_counts_what_is_kept_out_of_date_drawn_and_refused(
    graph: OxigraphGraph, counted: CountedCage
) -> None:
    graph.apply([record("classes", CLASSES), record("one", PATH)], 1)
    nothing = {"kept": 0, "outdated": 0, "statements": 0, "drawing": False, "refusals": []}
    assert graph.inferences.status() == nothing
    await ways(graph, "public")
    assert graph.inferences.status() == {**nothing, "kept": 1, "statements": 1}
    graph.apply([record("two", PATH)], 2)
    assert graph.inferences.status() == {**nothing, "outdated": 1}
    during: list[bool] = []
    counted.meanwhile = lambda: during.append(graph.inferences.status()["drawing"])
    await graph.draw_missing()
    assert during == [True]
    assert graph.inferences.status() == {**nothing, "kept": 1, "statements": 2}
    graph.apply([record("three", PATH)], 3)
    counted.refusal = TooLarge("too much")
    await graph.draw_missing()
    assert graph.inferences.status() == {**nothing, "refusals": ["too much"]}
    counted.refusal = None
    assert len(await ways(graph, "public")) == 3
    assert graph.inferences.status() == {**nothing, "kept": 1, "statements": 3}


@pytest.mark.parametrize("seed", range(4))
async def test_a_random_history_is_answered_as_by_the_fake(graph: OxigraphGraph, seed: int) -> None:
    chance = random.Random(seed)
    fake = MemoryGraph()
    statements = [
        CLASSES,
        PATH,
        f"{RDFS} <{A}Way> rdfs:subClassOf <{A}Thing> .",
        f"<#2> a <{A}Way> .",
        "<#1> <http://www.w3.org/2002/07/owl#sameAs> <http://ghent.example/datasets/d1#1> .",
        f"{RDFS} <{A}near> rdfs:domain <{A}Way> ; a <http://www.w3.org/2002/07/owl#SymmetricProperty> .",
        f"<#1> <{A}near> <#3> .",
        f"<{A}Way> <http://www.w3.org/2002/07/owl#unionOf> ( <{A}Road> <{A}Path> ) . <#4> a <{A}Road> .",
        "",
    ]
    for step in range(1, 21):
        change = record(
            f"d{chance.randrange(4)}",
            chance.choice(statements),
            version=step,
            audience=chance.choice(["public", "public", "members"]),
            withdrawn=chance.random() < 0.2,
        )
        for view in (graph, fake):
            view.apply([change], step)
        for audiences in (("public",), ("members",), ("public", "members")):
            for pattern in (f"?x a <{A}Way>", f"?x <{A}near> ?y", f"?x a <{A}Thing>"):
                assert await ask(graph, pattern, *audiences) == await ask(fake, pattern, *audiences), (step, pattern)
