"""A publication gets through while as many callers read as the node lets read."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from node.base.threads import READING
from tests.nodes import Running, described, publish, running, until

CALLERS: Final = 64
PATHS: Final = (
    "/api/catalogue/search?sort=published",
    "/search",
    "/catalog",
    "/sitemap.xml",
    "/dsp/catalog",
    "/datasets/traffic-counts",
    "/api/catalogue/publishers",
    "/feed/pages/{page}",
)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("beside"), template=sqlite_template) as started:
        publish(started, "traffic-counts")
        yield started


class Gate:
    """Reads of the database stand still in the threads for reading until the gate is open."""

    def __init__(self, read: Any) -> None:
        self.open = threading.Event()
        self.standing: set[int] = set()
        self._read = read

    def __call__(self) -> AbstractContextManager[Any]:
        if threading.current_thread().name.startswith("hansa-reading"):
            self.standing.add(threading.get_ident())
            self.open.wait(60)
        read: AbstractContextManager[Any] = self._read()
        return read


@contextmanager
def gate_before_reads(node: Running) -> Iterator[Gate]:
    uow = node.node.parts.stores.uow
    gate = Gate(uow.read)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(uow, "read", gate)
        try:
            yield gate
        finally:
            gate.open.set()


def page_of_feed(node: Running) -> str:
    with node.http() as http:
        index = http.get("/feed/index", headers={"Accept": "application/n-quads"}).text
    return index.partition("/feed/pages/")[2].partition(">")[0]


def read(node: Running, path: str, headers: dict[str, str]) -> httpx2.Response:
    with node.http() as http:
        return http.get(path, headers=headers)


def test_a_publication_does_not_wait_for_readers(node: Running) -> None:
    paths = [path.format(page=page_of_feed(node)) for path in PATHS]
    callers = (node.person(), {"X-Forwarded-For": "198.51.100.7"}, {"X-Forwarded-For": "203.0.113.9"})
    with gate_before_reads(node) as gate, ThreadPoolExecutor(CALLERS) as crowd:
        answers = [
            crowd.submit(read, node, paths[number % len(paths)], callers[number % len(callers)])
            for number in range(CALLERS)
        ]
        until("every thread that reads stands still", lambda: len(gate.standing) == READING)
        with node.client() as client:
            published = client.publish({"fields": described("road-works"), "wait": False})
        assert published["iri"].endswith("/road-works")
        assert not gate.open.is_set()
        gate.open.set()
        assert {answer.result().status_code for answer in answers} == {200}


@pytest.mark.parametrize("path", PATHS)
def test_each_of_these_reads_in_the_threads_for_reading(node: Running, path: str) -> None:
    address = path.format(page=page_of_feed(node))
    with gate_before_reads(node) as gate, ThreadPoolExecutor(1) as caller:
        answer = caller.submit(read, node, address, {"X-Forwarded-For": "198.51.100.7"})
        until("it stands still", lambda: bool(gate.standing))
        gate.open.set()
        assert answer.result().status_code == 200
