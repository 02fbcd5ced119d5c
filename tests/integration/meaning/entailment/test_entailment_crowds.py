"""Many who ask at once for what follows, while an ontology changes: here, and at another process of the node."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx2
import pytest

from demo.nodes import free_ports
from tests.integration.meaning.test_terms import SECRET, publish
from tests.nodes import Running, Start, running
from tests.waits import until

NAMES = "http://ways.example/terms#"
CALLERS = 64
PATHS = 200
TRACKS = 100
LATEST = 30.0
"""Seconds in which another process shows a change."""
HEAD = f"""
<{NAMES}Way> a owl:Class ; rdfs:label "way"@en ; rdfs:comment "Where people move."@en .
<{NAMES}Path> a owl:Class ; rdfs:label "path"@en ; rdfs:comment "For bicycles."@en .
<{NAMES}Track> a owl:Class ; rdfs:label "track"@en ; rdfs:comment "For trams."@en .
"""
BEFORE = f"{HEAD} <{NAMES}Path> rdfs:subClassOf <{NAMES}Way> ."
AFTER = f"{HEAD} <{NAMES}Track> rdfs:subClassOf <{NAMES}Way> ."
QUERY = f"SELECT (COUNT(DISTINCT ?x) AS ?n) WHERE {{ ?x a <{NAMES}Way> }}"
PLAIN = f"SELECT (COUNT(DISTINCT ?x) AS ?n) WHERE {{ ?x a <{NAMES}Path> }}"


@dataclass(frozen=True)
class Answer:
    """An answer: when it was asked for and came, whether with inferences, and what was counted."""

    begin: float
    end: float
    infers: bool
    count: int


@pytest.fixture(scope="module")
def nodes(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, ...]]:
    """A node, and on PostgreSQL another process of it."""
    home = tmp_path_factory.mktemp("entailment-crowds")
    with start(home / "city") as city:
        if city.node.parts.settings.is_embedded:
            yield (city,)
            return
        shutil.copytree(home / "city", home / "second", ignore=shutil.ignore_patterns("graph", "search", "*.lock"))
        with running(home / "second", port=free_ports(1)[0]) as second:
            yield city, second


def facts() -> str:
    return "".join(f"<{NAMES}P{n}> a <{NAMES}Path> . " for n in range(PATHS)) + "".join(
        f"<{NAMES}T{n}> a <{NAMES}Track> . " for n in range(TRACKS)
    )


def ask(client: httpx2.Client, *, infers: bool) -> Answer:
    """Return the answer to the first request that is not refused because of the others."""
    data = {"query": QUERY if infers else PLAIN, "entailment": "rl" if infers else ""}
    for _ in range(600):
        begin = time.monotonic()
        answer = client.post("/sparql", data=data, headers={"Accept": "text/csv"})
        if answer.status_code not in (429, 503):
            assert answer.status_code == 200, answer.text
            return Answer(begin, time.monotonic(), infers, int(answer.text.split()[1]))
        time.sleep(0.1)
    raise AssertionError(answer.text)


def address_of(node: Running) -> str:
    """The address of a process: two of one node have the same public address."""
    return f"http://127.0.0.1:{node.server.servers[0].sockets[0].getsockname()[1]}"


def crowd(nodes: Sequence[Running], work: Callable[[], None]) -> dict[int, list[Answer]]:
    """Let callers ask, half of them for what follows, during ``work``; the answers by the number of the node."""
    answers: dict[int, list[Answer]] = {number: [] for number in range(len(nodes))}
    ended = threading.Event()

    def call(number: int) -> None:
        place = number // 2 % len(nodes)
        # People of the node and strangers have other audiences, so that inferences are drawn for both.
        headers = nodes[0].person() if number % 8 < 4 else {}
        with httpx2.Client(
            base_url=address_of(nodes[place]), timeout=120, trust_env=False, headers=headers
        ) as client:
            while not ended.is_set():
                answers[place].append(ask(client, infers=number % 2 == 0))

    with ThreadPoolExecutor(CALLERS) as pool:
        calls = [pool.submit(call, number) for number in range(CALLERS)]
        try:
            work()
        finally:
            ended.set()
        for done in calls:
            done.result()
    return answers


def test_many_ask_while_an_ontology_changes_here_and_at_another_process(nodes: tuple[Running, ...]) -> None:
    city = nodes[0]
    with httpx2.Client(base_url=city.url, headers=city.person(), timeout=60, trust_env=False) as http:
        publish(http, city.url, "facts", facts())
        publish(http, city.url, "plans", SECRET, audience="internal")
        publish(http, city.url, "ways", BEFORE)
        for node in nodes:
            # Another process shows what was published a moment later.
            with node.http(headers=city.person(), base_url=address_of(node)) as client:
                until("the node shows all", lambda client=client: ask(client, infers=True).count == PATHS)
        changes: list[float] = []

        def change() -> None:
            time.sleep(2)
            publish(http, city.url, "ways", AFTER, allowBreaking=True)
            changes.append(time.monotonic())
            time.sleep(4)

        answers = crowd(nodes, change)
    for place, of_node in answers.items():
        assert {answer.count for answer in of_node if not answer.infers} == {PATHS}
        inferred = [answer for answer in of_node if answer.infers]
        assert {answer.count for answer in inferred} == {PATHS, TRACKS}, "of before or after, never of both or none"
        seen = min(answer.end for answer in inferred if answer.count == TRACKS)
        shown = changes[0] if place == 0 else seen
        assert [answer for answer in inferred if answer.begin > shown and answer.count != TRACKS] == []
        assert seen - changes[0] < LATEST
    for headers in (city.person(), {}):
        with city.http(headers=headers) as client:
            ask(client, infers=True)
    with city.http(headers=city.person()) as client:
        status = client.get("/api/node").json()["inferences"]
        checks = {check["code"]: check for check in client.get("/api/checks").json()}
        figures = client.get("/metrics").text
    assert (status["kept"], status["outdated"], status["refusals"]) == (2, 0, [])
    assert status["statements"] >= 2 * TRACKS
    assert checks["inferences"]["well"]
    assert f"hansa_inferences_statements {status['statements']}" in figures
