"""What many records cost: the disk that they take, what a follower needs to have them too, and how much longer a node
takes that has ten or a hundred times as many."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx2

from demo.nodes import until
from node.catalogue.dsp import PAGE
from tests.bench.catalogue import publish_one, publish_together, read_first_page, search_once, seconds_of_each
from tests.bench.measures import FIELDS
from tests.bench.operation import filled
from tests.bench.processes import bare_server, folder_bytes, kept_bytes, nodes, server, written_bytes
from tests.bench.report import Figure, median

CHANGES: Final = 100
SIZES: Final = (250, 2_500, 25_000)
QUERY: Final = "SELECT ?p ?o WHERE {{ <{iri}> ?p ?o }}"
RECORD_BYTES: Final = 7_000
"""About the length of the N-Quads of a record in real catalogues."""
_SENTENCE: Final = "Counters in the surface of the road count the bicycles that pass, in both directions, number {}. "


def on_disk(records: int = 1000) -> list[Figure]:
    """``disk_kb_per_record`` and ``written_kb_per_record``: records of about 7 kB, with every view of them; what
    PostgreSQL writes for its nodes is not measured.

    Baseline: as many durable echoes of the same texts.
    """
    words = "".join(_SENTENCE.format(number) for number in range(RECORD_BYTES // len(_SENTENCE) - 20))
    with tempfile.TemporaryDirectory(prefix="hansa-bench-") as scratch:
        home = Path(scratch)
        with nodes(home, "keeper") as (member,):
            assert member.process is not None
            pids = [member.process.pid]
            with member.client() as client:
                publish_together(client, "warm", 2)
                disk, written = kept_bytes(member), written_bytes(pids)
                publish_together(client, "set", records, description=words)
                statements = httpx2.get(f"{member.url}/datasets/set-0", headers={"Accept": "application/n-quads"})
                length = len(statements.raise_for_status().content)
            written = written_bytes(pids) - written
            member.stop()
            disk = kept_bytes(member) - disk
        with bare_server(home) as (url, process, _), httpx2.Client() as bare:
            before, echoed = folder_bytes(home) - folder_bytes(member.folder), written_bytes([process.pid])
            for number in range(records):
                fields = {**FIELDS, "description": words, "id": f"set-{number}"}
                bare.post(f"{url}/keep", json=fields).raise_for_status()
            echoed = written_bytes([process.pid]) - echoed
            growth = folder_bytes(home) - folder_bytes(member.folder) - before
    baseline = f"durable echoes of the same fields ({length / 1000:.1f} kB as N-Quads), same run"
    figures = [_figure("disk_kb_per_record", "kB", disk / records / 1000, growth / records / 1000, records, baseline)]
    if server() is None:
        kilobytes = written / records / 1000
        figures.append(_figure("written_kb_per_record", "kB", kilobytes, echoed / records / 1000, records, baseline))
    return figures


def following(records: int = 2000) -> list[Figure]:
    """``follow_records_per_s``: from the command to follow until every view of the follower shows the records of the
    other node. ``follow_100_changes_s``: from the answer about 100 changes until the follower's search shows them; a
    follower looks every five seconds.

    Baselines: the rate at which the other node took the records in batches; the time that it took for the changes.
    """
    with (
        tempfile.TemporaryDirectory(prefix="hansa-bench-") as scratch,
        nodes(Path(scratch), "source", "follower") as (source, follower),
        source.client() as client,
        follower.client() as reader,
    ):
        began = time.perf_counter()
        publish_together(client, "set", records)
        took = time.perf_counter() - began
        began = time.perf_counter()
        reader.follow(source.url)
        _await(reader, "", records)
        followed = time.perf_counter() - began
        began = time.perf_counter()
        publish_together(client, "set", CHANGES, keywords=["tram"])
        changed = time.perf_counter()
        _await(reader, "tram", CHANGES)
        visible = time.perf_counter() - changed
    return [
        Figure(
            metric="follow_records_per_s",
            value=records / followed,
            unit="1/s",
            n=records,
            baseline_name="published in batches at the other node, same run",
            baseline_value=records / took,
            lower_is_better=False,
        ),
        _figure(
            "follow_100_changes_s", "s", visible, changed - began, CHANGES, "published at the other node, same run"
        ),
    ]


def growing(sizes: Sequence[int] = SIZES, rounds: int = 20) -> list[Figure]:
    """``NAME_p50_ms_SIZE``: what a node with so many records takes to publish one that every view shows, to search
    with facets, to give the first page of its catalogue by the protocol, and to answer a look-up by SPARQL.

    Baseline of each: the same with the smallest number of records, same run.
    """
    took: dict[int, dict[str, float]] = {}
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="hansa-bench-") as scratch:
            took[size] = _answers(Path(scratch), size, rounds)
    few, *more = sizes
    baseline = f"the same with {few} records, same run"
    return [
        _figure(f"{name}_p50_ms_{size}", "ms", milliseconds, took[few][name], rounds, baseline)
        for size in more
        for name, milliseconds in took[size].items()
    ]


def _answers(home: Path, size: int, rounds: int) -> dict[str, float]:
    """Milliseconds of each answer of a node with ``size`` records, medians."""
    member, iri = filled(home, size)
    data = home / "counts.csv"
    data.write_text("hour,bicycles\n0,12\n", "utf-8")
    member.serve()
    try:
        member.wait_ready()
        with member.client() as client, httpx2.Client() as anybody:
            # What nothing delivers is in no catalogue of the protocol: a page of it is added.
            publish_together(client, "delivered", PAGE, [client.upload(data)])
            look_up = QUERY.format(iri=iri)
            answers: dict[str, Callable[[int], object]] = {
                "grown_publish": lambda number: publish_one(client, f"one-{number}"),
                "grown_search": partial(search_once, client),
                "grown_dsp_catalogue": partial(read_first_page, anybody, member.url),
                "grown_sparql_lookup": lambda _: client.sparql(look_up),
            }
            return {name: median(seconds_of_each(rounds, answer)) * 1000 for name, answer in answers.items()}
    finally:
        member.stop()


def _await(reader: Any, words: str, count: int) -> None:
    until(f"the follower shows {count} records", lambda: reader.search(words, limit=1)["total"] == count, seconds=900)


def _figure(metric: str, unit: str, value: float, baseline: float, count: int, name: str) -> Figure:
    return Figure(metric=metric, value=value, unit=unit, n=count, baseline_name=name, baseline_value=baseline)
