"""One visitor's queries do not keep other visitors out: they are counted by the address that they come from."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from node.base.errors import TooMany
from node.catalogue.query import MAX_AT_ONCE, MAX_OF_STRANGERS
from node.identity.model import Caller
from tests.nodes import Running, publish, running, until

JSON = {"Accept": "application/sparql-results+json"}
ENDLESS = "SELECT (COUNT(*) AS ?x) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l . ?m ?n ?o }"
SHORT = "ASK { ?s ?p ?o }"
SECONDS = 4.0
CALLERS = 64


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("crowds")
    with running(home, template=sqlite_template, query_seconds=SECONDS, query_concurrency=4) as started:
        publish(started, "traffic-counts", keywords=[f"k{number}" for number in range(60)])
        yield started


def ask(node: Running, query: str, address: str, headers: dict[str, str] | None = None) -> httpx2.Response:
    """From ``address``, as the reverse proxy on this machine tells it."""
    with node.http() as http:
        told = {**JSON, "X-Forwarded-For": address, **(headers or {})}
        return http.post("/sparql", data={"query": query}, headers=told)


def busy(node: Running) -> bool:
    return sum(node.node.catalogue.ask._running.values()) >= MAX_AT_ONCE


def test_one_visitor_does_not_lock_out_the_others(node: Running) -> None:
    with ThreadPoolExecutor(CALLERS) as crowd:
        greedy = [crowd.submit(ask, node, ENDLESS, "198.51.100.7") for _ in range(CALLERS)]
        until("the crowd is there", lambda: busy(node))
        began = time.monotonic()
        answer = ask(node, SHORT, "203.0.113.9")
        assert answer.status_code == 200, answer.text
        assert time.monotonic() - began < 3 * SECONDS
        codes = Counter(one.result().status_code for one in greedy)
    assert codes[429] >= CALLERS - 2 * MAX_AT_ONCE, codes
    refusal = next(one.result() for one in greedy if one.result().status_code == 429)
    assert "from your address" in refusal.json()["detail"]
    assert refusal.headers["retry-after"]


def test_addresses_of_one_network_count_as_one(node: Running) -> None:
    with ThreadPoolExecutor(CALLERS) as crowd:
        greedy = [crowd.submit(ask, node, ENDLESS, f"2001:db8::{number:x}") for number in range(8)]
        until("the crowd is there", lambda: busy(node))
        answer = ask(node, SHORT, "2001:db8::ffff")
        assert (answer.status_code, "from your address" in answer.text) == (429, True)
        assert [one.result().status_code for one in greedy].count(429) == 8 - MAX_AT_ONCE


def test_identities_that_anybody_can_make_count_by_their_address(node: Running) -> None:
    made_up = [Caller(did=f"did:web:strangers.example:{number}", address="198.51.100.7") for number in range(CALLERS)]

    async def asked() -> list[object]:
        asking = [node.node.catalogue.ask(SHORT, one, JSON["Accept"]) for one in made_up]
        return await asyncio.gather(*asking, return_exceptions=True)

    # In the node's own event loop: whoever waits for a turn binds it to the loop.
    answers = asyncio.run_coroutine_threadsafe(asked(), node.server.servers[0].get_loop()).result(60)
    assert sum(isinstance(one, TooMany) for one in answers) == CALLERS - MAX_AT_ONCE


def test_all_visitors_together_have_a_bound_that_people_of_the_node_do_not_feel(node: Running) -> None:
    with ThreadPoolExecutor(CALLERS) as crowd, node.client() as client:
        greedy = [crowd.submit(ask, node, ENDLESS, f"198.51.100.{number}") for number in range(CALLERS)]
        until("the crowd is there", lambda: sum(node.node.catalogue.ask._running.values()) >= 2 * MAX_OF_STRANGERS)
        answer = ask(node, SHORT, "203.0.113.10")
        assert (answer.status_code, "queries of visitors" in answer.text) == (429, True)
        assert client.raw("/sparql", params={"query": SHORT})
        assert [one.result().status_code for one in greedy].count(429) >= 1
