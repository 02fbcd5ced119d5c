"""What the guard of the SPARQL end point costs over the engine, and how a triple store answers the same queries."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx2
import pyoxigraph

from demo.nodes import free_ports
from tests.artefacts import SHARED
from tests.bench.operation import filled
from tests.bench.report import Figure, median
from tests.postgres import CannotBeHad

PEER: Final = SHARED / "kits" / "peers" / "peer"
JSON: Final = "application/sparql-results+json"
_PREFIXES: Final = """PREFIX dcat: <http://www.w3.org/ns/dcat#>
PREFIX dct: <http://purl.org/dc/terms/>
PREFIX vcard: <http://www.w3.org/2006/vcard/ns#>
"""
QUERIES: Final = {
    "lookup": "SELECT ?p ?o WHERE {{ <{iri}> ?p ?o }}",
    "facets": "SELECT ?theme (COUNT(?d) AS ?n) WHERE {{ ?d dcat:theme ?theme }} GROUP BY ?theme",
    "join": "SELECT (COUNT(DISTINCT ?d) AS ?n) WHERE {{ ?d a dcat:Dataset ; dct:title ?title ; "
    "dcat:keyword ?word ; dcat:contactPoint ?contact . ?contact vcard:fn ?name }}",
    "count": "SELECT (COUNT(*) AS ?n) WHERE {{ ?s ?p ?o }}",
}

Ask = Callable[[str], bytes]


def guarded(records: int = 25_000, rounds: int = 9) -> list[Figure]:
    """``sparql_NAME_p50_ms``: four queries over so many records at the end point of a node.

    Baseline: the engine that the node uses, with the same triples, in the process that asks.
    """
    with tempfile.TemporaryDirectory(prefix="hansa-bench-") as scratch:
        home = Path(scratch)
        dump = home / "all.nq"
        member, iri = filled(home, records, dump)
        store = pyoxigraph.Store()
        store.bulk_load(path=str(dump), format=pyoxigraph.RdfFormat.N_QUADS)

        def engine(query: str) -> bytes:
            answer = store.query(query, use_default_graph_as_union=True)
            assert isinstance(answer, pyoxigraph.QuerySolutions)
            return answer.serialize(format=pyoxigraph.QueryResultsFormat.JSON) or b""

        member.serve()
        try:
            member.wait_ready()
            with member.client() as client:
                return _compared(client.sparql, engine, "the engine in process, same run", iri, rounds)
        finally:
            member.stop()


def beside_fuseki(records: int = 5_000, rounds: int = 9) -> list[Figure]:
    """The same queries, with Fuseki as the baseline: the same triples, in memory, without rights or limits.

    Raises ``CannotBeHad`` where Fuseki cannot be started here.
    """
    with tempfile.TemporaryDirectory(prefix="hansa-bench-") as scratch, running_fuseki() as url:
        home = Path(scratch)
        dump = home / "all.nq"
        member, iri = filled(home, records, dump)
        with httpx2.Client(timeout=600) as http:
            triples = dump.read_bytes()
            loaded = http.post(f"{url}/data", content=triples, headers={"Content-Type": "application/n-quads"})
            loaded.raise_for_status()

            def fuseki(query: str) -> bytes:
                answer = http.post(f"{url}/query", data={"query": query}, headers={"Accept": JSON})
                return answer.raise_for_status().content

            member.serve()
            try:
                member.wait_ready()
                with member.client() as client:
                    return _compared(client.sparql, fuseki, "Fuseki 5.6.0 in memory, same run", iri, rounds)
            finally:
                member.stop()


@contextmanager
def running_fuseki() -> Iterator[str]:
    """A Fuseki with an open dataset: its URL. Raises ``CannotBeHad``."""
    if not PEER.exists():
        raise CannotBeHad(f"Fuseki is not at hand: no {PEER}; set HANSA_SHARED")
    (port,) = free_ports(1)
    name = f"sparql.bench{os.getpid()}"
    started = subprocess.run([str(PEER), "up", name, str(port)], capture_output=True, text=True, check=False)
    try:
        if started.returncode != 0:
            told = (started.stderr.strip() or started.stdout.strip() or "Fuseki did not start").splitlines()
            raise CannotBeHad(told[-1])
        yield f"http://127.0.0.1:{port}/city"
    finally:
        subprocess.run([str(PEER), "down", name], capture_output=True, check=False)


def _compared(node: Ask, other: Ask, baseline: str, iri: str, rounds: int) -> list[Figure]:
    figures = []
    for name, text in QUERIES.items():
        query = _PREFIXES + text.format(iri=iri)
        ours, theirs = _in_turn(node, other, query, rounds)
        figures.append(
            Figure(
                metric=f"sparql_{name}_p50_ms",
                value=median(ours) * 1000,
                unit="ms",
                n=rounds,
                baseline_name=baseline,
                baseline_value=median(theirs) * 1000,
            )
        )
    return figures


def _in_turn(node: Ask, other: Ask, query: str, rounds: int) -> tuple[Sequence[float], Sequence[float]]:
    took: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for ask, seconds in zip((node, other), took, strict=True):
            began = time.perf_counter()
            ask(query)
            seconds.append(time.perf_counter() - began)
    return took
