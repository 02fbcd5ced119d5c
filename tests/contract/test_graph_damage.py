"""Damage that a query finds in its copy of the graph store: told once, and of the store that was read."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from node.adapters.graph.in_cage import DAMAGED
from node.adapters.graph.store import OxigraphGraph
from node.base.errors import Damaged, LocalFault
from tests.nodes import until_async


class Slow:
    """A cage whose queries find damage, each when its gate is opened."""

    def __init__(self) -> None:
        self.gates: list[asyncio.Event] = []

    async def call(self, *_: Any, **__: Any) -> Any:
        gate = asyncio.Event()
        self.gates.append(gate)
        await gate.wait()
        raise LocalFault(DAMAGED)


async def test_a_slow_query_says_nothing_of_the_store_that_was_made_anew(tmp_path: Path) -> None:
    cage = Slow()
    graph = OxigraphGraph(tmp_path / "graph", cage)  # type: ignore[arg-type]
    graph.apply([], 5)
    queries = [
        asyncio.ensure_future(
            graph.query("SELECT * { ?s ?p ?o }", audiences=None, accept="application/sparql-results+json")
        )
        for _ in range(2)
    ]
    await until_async("both read", lambda: len(cage.gates) == 2)

    cage.gates[0].set()
    with pytest.raises(Damaged):
        await queries[0]
    with pytest.raises(Damaged):
        graph.position()
    graph.clear()
    graph.apply([], 7)
    assert graph.position() == 7

    cage.gates[1].set()
    with pytest.raises(Damaged):
        await queries[1]
    assert graph.position() == 7, "what the second one read is gone"
    graph.close()
