"""Requests with an ``Idempotency-Key`` are carried out once, however often and wherever they arrive."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from node.base.clock import SystemClock
from node.base.errors import Conflict
from node.operation.repetitions.model import KeyedAnswer
from node.operation.repetitions.usecases import KeyReused, Repetitions
from tests.nodes import Running, agree, publish, rows, running
from tests.stores import Stores

TURTLE = """
@prefix dcat: <http://www.w3.org/ns/dcat#> . @prefix dct: <http://purl.org/dc/terms/> .
<https://city.example/d/1> a dcat:Dataset ; dct:title "Trees"@en ; dct:description "All trees."@en .
"""


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[tuple[Running, Running]]:
    home = tmp_path_factory.mktemp("repetitions")
    with (
        running(home / "ghent", template=sqlite_template) as ghent,
        running(home / "bruges", template=sqlite_template) as bruges,
    ):
        yield ghent, bruges


def post(node: Running, path: str, key: str, **request: Any) -> httpx2.Response:
    with node.http(headers={**node.person(), "Idempotency-Key": key}) as http:
        return http.post(path, **request)


def test_a_repeated_start_is_the_same_transfer_also_with_sixty_four_callers(nodes: tuple[Running, Running]) -> None:
    ghent, bruges = nodes
    agreement = str(agree(bruges, publish(ghent, "once")["iri"])["agreementId"])
    before, body = rows(bruges, "transfers"), {"agreementId": agreement}

    def start(_: int) -> tuple[int, str]:
        answer = post(bruges, "/api/transfers", "night-1", json=body)
        return answer.status_code, answer.text

    with ThreadPoolExecutor(16) as threads:
        answers = Counter(threads.map(start, range(64)))
    assert len(answers) == 1, answers
    ((status, text),) = answers
    assert status == 202
    assert rows(bruges, "transfers") == before + 1
    again = post(bruges, "/api/transfers", '"night-1"', json=body)
    assert (again.text, again.headers["Idempotency-Replayed"]) == (text, "true")
    other = post(bruges, "/api/transfers", "night-2", json=body)
    assert other.json()["pid"] != json.loads(text)["pid"]


def test_a_key_for_another_request_is_refused_in_words(nodes: tuple[Running, Running]) -> None:
    ghent, bruges = nodes
    iri = publish(ghent, "asked")["iri"]
    first = post(bruges, "/api/negotiations", "ask-1", json={"dataset": iri})
    assert first.status_code == 202, first.text
    assert post(bruges, "/api/negotiations", "ask-1", json={"dataset": iri}).json()["pid"] == first.json()["pid"]
    for path, body in (("/api/negotiations", {"dataset": f"{iri}2"}), ("/api/transfers", {"dataset": iri})):
        answer = post(bruges, path, "ask-1", json=body)
        assert answer.status_code == 422, answer.text
        assert "another request" in answer.json()["detail"]
        assert answer.json()["remedy"]
    assert post(bruges, "/api/negotiations", "two words", json={"dataset": iri}).status_code == 400
    with bruges.http(headers={"Idempotency-Key": "ask-1"}) as stranger:
        assert stranger.post("/api/negotiations", json={"dataset": iri}).status_code == 401


def test_a_refused_request_may_be_sent_again(nodes: tuple[Running, Running]) -> None:
    ghent, bruges = nodes
    body = {"agreementId": "urn:uuid:unknown"}
    codes = [post(bruges, "/api/transfers", "refused", json=body).status_code for _ in range(2)]
    assert codes == [404, 404]
    agreement = str(agree(bruges, publish(ghent, "after-refusal")["iri"])["agreementId"])
    assert post(bruges, "/api/transfers", "refused", json={"agreementId": agreement}).status_code == 202


def test_a_repeated_import_answers_with_the_same_lines(nodes: tuple[Running, Running]) -> None:
    ghent, _ = nodes
    headers = {"Content-Type": "text/turtle"}
    request = {"content": TURTLE.encode(), "headers": headers, "params": {"source": "https://city.example/"}}
    first = post(ghent, "/api/imports", "import-1", **request)
    assert first.status_code == 200, first.text
    again = post(ghent, "/api/imports", "import-1", **request)
    assert (again.text, again.headers["Idempotency-Replayed"]) == (first.text, "true")
    assert again.headers["content-type"].startswith("application/x-ndjson")
    changed = post(ghent, "/api/imports", "import-1", **{**request, "content": b"# other\n" + TURTLE.encode()})
    assert changed.status_code == 422


def test_one_of_many_processes_carries_a_request_out(database_stores: Stores) -> None:
    stores = database_stores
    processes = [Repetitions(stores.uow, stores.keyed_requests, SystemClock()) for _ in range(4)]
    with ThreadPoolExecutor(16) as threads:
        turns = list(threads.map(lambda number: processes[number % 4].begin("eva", "k", "f"), range(64)))
    assert turns.count(True) == 1
    assert processes[0].answer("eva", "k") is None
    with pytest.raises(KeyReused, match="another request"):
        processes[1].begin("eva", "k", "g")
    answer = KeyedAnswer(status=201, media_type="application/json", body=b"{}")
    processes[2].keep("eva", "k", answer)
    assert processes[3].answer("eva", "k") == answer
    processes[0].release("eva", "k")
    with pytest.raises(Conflict, match="refused"):
        processes[0].answer("eva", "k")
    assert processes[1].forget_old() == 0
