"""One address with many callers does not keep others from an answer: visitors read the catalogue by turns."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from node.vocab.dsp import VERSIONS
from node.web.visitors import READING
from tests.integration.bad_input.test_bad_input_access import filled
from tests.integration.bad_input.test_bodies_unread import asked
from tests.integration.hostile import routes
from tests.nodes import Running, described, publish, running, until

CALLERS: Final = 64
BOUNDS: Final[dict[str, Any]] = {
    "strangers_work_per_address": 4,
    "strangers_work": 6,
    "strangers_requests_per_address": 32,
}
CROWD, OTHER = "198.51.100.7", "203.0.113.9"

OTHERWISE: Final = {
    "/sparql": "queries have turns of their own (tests/integration/crowds/test_crowds_of_queries.py)",
    "/dsp/": "negotiations and transfers have budgets (tests/integration/crowds/test_strangers.py)",
    "/.well-known/": "documents that are made once",
    "/robots.txt": "a few constant lines",
    "/health": "facts at hand",
    "/ready": "facts at hand, for whoever watches the node",
    "/metrics": "for operators and their monitor",
    "/portal/": "static files, kept in memory",
    "/sign-in": "a form; guesses are slowed down",
    "/ogc": "the list of models, and constants",
    "/processes": "pages of people: a redirect to the sign-in",
    "/ledger": "the key of the checkpoints, one row",
    "/issuer/": "signed lists, made when they change, and a constant",
    "/status/": "signed lists, made when they change",
}
"""Doors that answer a stranger without being counted here, and why."""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("visitors"), template=sqlite_template, issuer=True, **BOUNDS) as started:
        publish(started, "traffic-counts")
        yield started


@contextmanager
def slow_search(node: Running) -> Iterator[threading.Event]:
    """Every search stands still until the event is set: a crowd that does not end before it is looked at."""
    ended = threading.Event()
    search = node.node.catalogue.browse.search

    async def standing(*arguments: Any) -> Any:
        if "slow" in str(arguments):
            await asyncio.to_thread(ended.wait, 20)
        return await search(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(node.node.catalogue.browse, "search", standing)
        try:
            yield ended
        finally:
            ended.set()


def ask(node: Running, path: str, address: str, **headers: str) -> httpx2.Response:
    """From ``address``, as the reverse proxy on this machine tells it."""
    with node.http() as http:
        return http.get(path, headers={"X-Forwarded-For": address, **headers})


def test_one_address_with_many_callers_keeps_nobody_from_an_answer(node: Running) -> None:
    with slow_search(node) as ended, ThreadPoolExecutor(CALLERS) as crowd:
        greedy = [crowd.submit(ask, node, "/api/catalogue/search?q=slow", CROWD) for _ in range(CALLERS)]
        until("the crowd has been counted", lambda: sum(one.done() for one in greedy) == CALLERS - 32)
        for path in (
            "/api/catalogue/search",
            "/search",
            "/feed",
            "/datasets/traffic-counts",
            "/dsp/catalog",
            "/catalog",
        ):
            answer = ask(node, path, OTHER)
            assert answer.status_code == 200, (path, answer.text)
        assert not all(one.done() for one in greedy), "the crowd still waits"
        ended.set()
        answers = [one.result() for one in greedy]
    assert Counter(one.status_code for one in answers) == {200: 32, 429: CALLERS - 32}
    refusal = next(one for one in answers if one.status_code == 429)
    assert int(refusal.headers["Retry-After"]) > 0
    assert refusal.json()["detail"] == "32 requests from your address are open, which is the limit"
    assert refusal.json()["remedy"]


def test_who_has_a_credential_or_signs_in_waits_for_no_visitor(node: Running, tmp_path: Path) -> None:
    with slow_search(node) as ended, ThreadPoolExecutor(CALLERS) as crowd:
        addresses = [CROWD, OTHER, "192.0.2.1"]
        greedy = [
            crowd.submit(ask, node, "/api/catalogue/search?q=slow", addresses[number % 3]) for number in range(24)
        ]
        until("all places are taken", lambda: node_queue(node)._free == 0)
        assert ask(node, "/api/catalogue/search", CROWD, **node.person()).status_code == 200
        assert ask(node, "/search", CROWD, **node.person()).status_code == 200
        ended.set()
        assert {one.result().status_code for one in greedy} == {200}


def test_answers_that_wait_for_a_change_take_no_place(node: Running) -> None:
    tag = ask(node, "/feed/heads", CROWD).headers["etag"]
    idle = node_queue(node)._free
    headers = {"Prefer": "wait=20", "If-None-Match": tag}
    with ThreadPoolExecutor(24) as crowd:
        waiting = [
            crowd.submit(ask, node, "/feed/heads", (CROWD, OTHER)[number % 2], **headers) for number in range(24)
        ]
        until("all of them wait", lambda: node.node.catalogue.feed.waits.count == 24)
        until("no place is taken", lambda: node_queue(node)._free == idle)
        assert ask(node, "/api/catalogue/search", OTHER).status_code == 200
        publish(node, "a-change")
        assert {one.result().status_code for one in waiting} == {200}


def test_where_all_places_stay_taken_it_is_said_in_words_and_when_to_come_again(node: Running) -> None:
    limits = visitor_limits(node)
    with slow_search(node) as ended, ThreadPoolExecutor(CALLERS) as crowd, pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits._queue, "_longest_wait", 0.3)
        addresses = [CROWD, OTHER, "192.0.2.1"]
        greedy = [
            crowd.submit(ask, node, "/api/catalogue/search?q=slow", addresses[number % 3]) for number in range(6)
        ]
        until("all places are taken", lambda: limits._queue._free == 0)
        for headers, media_type in (({}, "application/problem+json"), ({"Accept": "text/html"}, "text/html")):
            answer = ask(node, "/search", "192.0.2.9", **headers)
            assert answer.status_code == 503
            assert answer.headers["Content-Type"].startswith(media_type)
            assert int(answer.headers["Retry-After"]) > 0
        with node.http() as http:
            for version in VERSIONS.values():
                body = {"@context": [version.context], "@type": "CatalogRequestMessage"}
                told = http.post(f"{version.path}/catalog/request", json=body, headers={"X-Forwarded-For": CROWD})
                assert (told.status_code, told.json()["@type"].endswith("CatalogError")) == (503, True)
        ended.set()
        assert {one.result().status_code for one in greedy} == {200}


def test_what_is_being_sent_takes_no_place_of_work(node: Running) -> None:
    large = node.folder / "large.csv"
    large.write_bytes(b"hour,count\n" + b"2026-01-01T00,12\n" * 2_000_000)
    with node.http() as http, node.client() as client:
        file = {**client.upload(large), "mediaType": "text/csv", "open": True}
        client.publish({"fields": described("large"), "files": [file], "conditions": "open"})
        path, headers = "/datasets/large/files/large.csv", {"X-Forwarded-For": CROWD}
        readings = [http.send(http.build_request("GET", path, headers=headers), stream=True) for _ in range(8)]
        try:
            assert {one.status_code for one in readings} == {200}
            assert ask(node, "/search", CROWD).status_code == 200
        finally:
            for one in readings:
                one.close()
    until("nothing is open any more", lambda: not visitor_limits(node)._open)


def test_every_door_that_answers_a_stranger_is_counted_or_says_why_not(node: Running) -> None:
    free, seen = [], set()
    for method, path in routes(node):
        reason = next((start for start in OTHERWISE if path.startswith(start)), None)
        if path == "/" or path.startswith(READING):
            continue
        if reason is not None:
            seen.add(reason)
            continue
        status = asked(node, method, filled(path), b"").status
        if status not in (303, 401, 403, 404):
            free.append((method, path, status))
    assert not free, f"doors that answer a stranger and count nothing: {free}"
    assert seen == set(OTHERWISE), f"no such doors: {set(OTHERWISE) - seen}"


def visitor_limits(node: Running) -> Any:
    app = node.app
    while not hasattr(app, "_queue"):
        app = getattr(app, "_app", None) or app.app
    return app


def node_queue(node: Running) -> Any:
    return visitor_limits(node)._queue
