"""Queries of many callers in the same children of the cage: each sees its own graphs, as they are now."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from node.adapters.graph.in_cage import query as query_in_cage
from node.adapters.graph.names import audience_graph, default_graphs
from node.adapters.graph.store import OxigraphGraph
from node.base.errors import Overloaded, TooLarge
from node.cage import pool
from node.cage.cage import Cage
from node.cage.model import Limits
from tests.contract.test_graph import BOMBS, JSON, read, record, titles

EVERYTHING = "SELECT DISTINCT ?t { { ?d dct:title ?t } UNION { GRAPH ?g { ?d dct:title ?t } } } ORDER BY ?t"
WAYS_TO_MEMBERS = (
    EVERYTHING,
    "SELECT ?t { GRAPH <urn:hansa:audience:members> { ?d dct:title ?t } }",
    "SELECT ?t FROM <urn:hansa:held:members> { ?d dct:title ?t }",
    "SELECT ?t FROM NAMED <urn:hansa:audience:members> { GRAPH ?g { ?d dct:title ?t } }",
)


@pytest.fixture
def cage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cage]:
    # A slow machine must not have a child taken for idle, or for spent.
    monkeypatch.setattr(pool, "IDLE", 60.0)
    monkeypatch.setattr(pool, "BUSY", 60.0)
    with Cage() as opened:
        yield opened


@pytest.fixture
def graph(tmp_path: Path, cage: Cage) -> Iterator[OxigraphGraph]:
    graph = OxigraphGraph(tmp_path / "graph", cage, limits=Limits(memory=1 << 30, cpu=4, wall=3.0))
    yield graph
    graph.close()


def children_of(cage: Cage) -> list[pool.Child]:
    return list(cage._shared_children._idle)


async def titles_seen(graph: OxigraphGraph, text: str, audiences: list[str] | None) -> list[str]:
    body, _ = await graph.query(text, audiences=audiences, accept=JSON)
    return [row["t"] for row in read(body)]


async def test_callers_in_turn_see_only_their_own_graphs(graph: OxigraphGraph, cage: Cage) -> None:
    graph.apply([record("open"), record("closed", audience="members")], 1)
    for _ in range(4):
        for text in WAYS_TO_MEMBERS:
            assert "closed 1" not in await titles_seen(graph, text, ["public"])
            assert await titles_seen(graph, text, []) == []
        assert await titles_seen(graph, EVERYTHING, ["members", "public"]) == ["closed 1", "open 1"]
        assert await titles_seen(graph, EVERYTHING, ["public"]) == ["open 1"]
        assert await titles_seen(graph, EVERYTHING, ["members"]) == ["closed 1"]
        assert await titles_seen(graph, EVERYTHING, None) == ["closed 1", "open 1"]
    # Our own people and members who see all audiences share a dataset: four datasets, one child each.
    assert sorted(child.calls for child in children_of(cage)) == [4, 8, 16, 20]


async def test_callers_at_the_same_time_see_only_their_own_graphs(graph: OxigraphGraph) -> None:
    graph.apply([record("open"), record("closed", audience="members")], 1)
    expected = {("public",): ["open 1"], ("members",): ["closed 1"], ("members", "public"): ["closed 1", "open 1"]}
    asked = [audiences for _ in range(12) for audiences in expected]
    answers = await asyncio.gather(*(titles_seen(graph, EVERYTHING, list(audiences)) for audiences in asked))
    for audiences, answer in zip(asked, answers, strict=True):
        assert answer == expected[audiences]


async def test_a_process_that_has_shown_one_dataset_shows_another_query_nothing_of_it(graph: OxigraphGraph) -> None:
    """The target itself, past the pool that gives each dataset its own child: the graphs of a call bound it."""
    graph.apply([record("open"), record("closed", audience="members")], 1)
    async with graph._checkpoint() as checkpoint:

        def seen(text: str, *audiences: str) -> list[str]:
            message: dict[str, Any] = {
                "store": str(checkpoint.copy.path),
                "default": [graph.value for graph in default_graphs(checkpoint.graphs, audiences)],
                "named": [audience_graph(name).value for name in audiences],
                "query": text,
                "mediaType": JSON,
            }
            _, (body,) = query_in_cage(message, [])
            return [row["t"] for row in read(body)]

        for text in WAYS_TO_MEMBERS:
            assert "closed 1" in seen(EVERYTHING, "members", "public")
            assert set(seen(text, "public")) <= {"open 1"}
            assert seen(text) == []


async def test_a_kept_child_never_answers_for_an_earlier_state(graph: OxigraphGraph, cage: Cage) -> None:
    graph.apply([record("a")], 1)
    assert await titles(graph, "public") == ["a 1"]
    graph.apply([record("a", version=2), record("b")], 2)
    assert await titles(graph, "public") == ["a 2", "b 1"]
    graph.apply([record("a", version=3, withdrawn=True)], 3)
    assert await titles(graph, "public") == ["b 1"]
    graph.apply([record("b", version=2, audience="members")], 4)
    assert await titles(graph, "public") == []
    assert len({child.use.readable for child in children_of(cage)}) == 4, "each state had a child of its own"


async def test_nor_for_a_store_that_was_opened_anew_or_cleared(tmp_path: Path, cage: Cage) -> None:
    """Its copies lie in the same folder, but no copy has the name of an earlier one."""
    first = OxigraphGraph(tmp_path / "graph", cage)
    first.apply([record("a")], 1)
    assert await titles(first, "public") == ["a 1"]
    first.clear()
    assert await titles(first, "public") == []
    first.apply([record("b")], 1)
    first.close()
    second = OxigraphGraph(tmp_path / "graph", cage)
    second.apply([record("b", withdrawn=True), record("c")], 2)
    assert await titles(second, "public") == ["c 1"]
    second.close()


@pytest.mark.parametrize("name", BOMBS)
async def test_a_bomb_ends_its_own_child_and_no_other_query(tmp_path: Path, cage: Cage, name: str) -> None:
    graph = OxigraphGraph(tmp_path / "graph", cage, limits=Limits(memory=1 << 30, cpu=2, wall=0.6))
    numbers = ", ".join(map(str, range(400)))
    graph.apply([record("a", f"<urn:a> dct:extent {numbers} ."), record("closed", audience="members")], 1)
    assert await titles(graph, "members") == ["closed 1"]
    assert await titles(graph, "public") == ["a 1"]
    (members, public) = children_of(cage)
    with pytest.raises((Overloaded, TooLarge)) as caught:
        await graph.query(BOMBS[name], audiences=["public"], accept=JSON)
    if isinstance(caught.value, Overloaded):
        assert public not in children_of(cage)
        assert public.connection.fileno() == -1, "its connection is closed: the fork server has ended it"
    assert members in children_of(cage)
    assert await titles(graph, "public") == ["a 1"]
    assert await titles(graph, "members") == ["closed 1"]
    graph.close()
