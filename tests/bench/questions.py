"""Queries under contract: the time of an answer, beside the same SELECT in DuckDB on the same file."""

from __future__ import annotations

import hashlib
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import httpx2

from demo.nodes import Member, until
from node.vocab.dsp import QUERY
from tests.bench.measures import FIELDS
from tests.bench.processes import nodes
from tests.bench.report import Figure

_SELECT = "SELECT kind, count(*) AS berths, sum(passed) AS passed FROM {table} GROUP BY kind ORDER BY kind"
_AT_ONCE = (1, 8)


def asking(rows: int = 1_000_000, questions: int = 120) -> list[Figure]:
    """``query_ms`` and ``query_8_at_once_ms`` (median): from the question of a partner to the whole answer over HTTP,
    checked, carried out in the cage and recorded. A sum over all rows of a Parquet file of ``rows`` rows.

    Baseline: the same SELECT in DuckDB in this process, as many at once, each in a connection of its own.
    """
    with (
        tempfile.TemporaryDirectory(prefix="hansa-bench-") as scratch,
        nodes(Path(scratch), "city", "partner") as (city, partner),
    ):
        path = Path(scratch) / "berths.parquet"
        duckdb.execute(
            "COPY (SELECT i AS number, 'kind-' || i % 10 AS kind, (i * 7919) % 1000 AS passed "
            f"FROM range({rows}) t(i)) TO '{path}' (FORMAT parquet)"
        )
        access = _open(city, partner, path)
        return [_compare(access, path, questions, at_once) for at_once in _AT_ONCE]


def _compare(access: dict[str, Any], path: Path, questions: int, at_once: int) -> Figure:
    with httpx2.Client(timeout=60, trust_env=False) as client:
        under_contract = _median(lambda: _ask(client, access), questions, at_once)
    direct = _median(lambda: _read(path), questions, at_once)
    return Figure(
        metric="query_ms" if at_once == 1 else f"query_{at_once}_at_once_ms",
        value=under_contract * 1000,
        unit="ms",
        n=questions,
        baseline_name="the same SELECT in DuckDB",
        baseline_value=direct * 1000,
        lower_is_better=True,
    )


def _median(call: Callable[[], None], times: int, at_once: int) -> float:
    """The median of the seconds that calls take, after as many as begin together have been made once."""

    def measure(_: int) -> float:
        began = time.perf_counter()
        call()
        return time.perf_counter() - began

    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(measure, range(at_once)))
        return statistics.median(pool.map(measure, range(times)))


def _ask(client: httpx2.Client, access: dict[str, Any]) -> None:
    headers = {"Authorization": access["authorization"], "Content-Type": "application/sql"}
    answer = client.post(access["endpoint"], content=_SELECT.format(table="data").encode(), headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["rowCount"] == 10


def _read(path: Path) -> None:
    with duckdb.connect(":memory:", config={"threads": "1"}) as engine:
        assert len(engine.execute(_SELECT.format(table=f"'{path}'")).fetchall()) == 10


def _open(city: Member, partner: Member, path: Path) -> dict[str, Any]:
    body = path.read_bytes()
    file = {"name": path.name, "mediaType": "application/vnd.apache.parquet", "size": len(body)}
    files = [{**file, "sha256": hashlib.sha256(body).hexdigest()}]
    with city.client() as client:
        client.upload(path)
        iri = client.publish({"fields": {**FIELDS, "id": "berths"}, "files": files, "conditions": "open"})["iri"]
    partner.hansa("get", iri, "--agree-only", "--yes")
    with partner.client() as client:
        agreement = next(agreement["id"] for agreement in client.agreements() if agreement["dataset"] == iri)
        pid = client.transfer(agreement, format=QUERY)["pid"]
        until("it has started", lambda: client.transfer_state(pid)["state"] == "STARTED")
        return dict(client.live_access(pid))
