"""Bad input and faults of sources, streams and questions: which test shows what a partner then gets.

Each row is a fault, in the order of the plan. Most tests read under contract; some ask the adapter for what no reader
could tell apart.

| fault | tests |
|---|---|
| slow | `test_a_source_that_drips_is_given_up`, `test_a_source_that_says_nothing_is_given_up`, \
`test_a_source_that_stops_in_the_middle_is_given_up`, `test_a_slow_source_delays_nobody_who_reads_another`, \
`test_a_slow_broker_is_given_up` |
| down | `test_a_source_that_is_down_is_said_to_be`, `test_a_broker_that_is_down_is_said_to_be`, \
`test_a_broker_that_is_gone_is_said_to_be_and_found_again` |
| lies about its size | `test_a_source_whose_size_is_false_gives_nothing_that_looks_whole`, \
`test_a_source_that_breaks_off_never_looks_whole`, `test_lies_about_size_type_and_form_are_refused` |
| changes under a range request | `test_a_file_that_changes_between_two_ranges_has_another_name`, \
`test_a_file_that_changes_while_it_is_read_never_looks_whole`, \
`test_data_that_change_under_a_resumed_read_come_whole`, `test_a_part_that_is_another_one_is_not_passed_on` |
| sends another type | `test_what_cannot_be_passed_on_has_a_status_and_a_reason`, \
`test_a_page_of_something_else_is_refused`, `test_no_redirect_page_or_script_stands_for_a_map` |
| 10 GB | `test_a_huge_answer_needs_no_memory`, `test_ten_gigabytes_need_no_memory`, \
`test_very_many_features_pass_in_bounded_memory` |
| a redirect into the private network | `test_a_redirect_is_neither_followed_nor_passed_on` |
| poisoned capabilities document | `test_a_poisoned_capabilities_document_costs_one_read`, \
`test_poisoned_documents_lead_nowhere`, `test_a_poisoned_document_costs_one_request` |
| SQL that reads files or the network | `test_what_is_no_question_is_refused_and_is_no_use`, \
`test_no_table_of_the_engine_can_be_named` |
| a stream of garbage | `test_garbage_and_a_million_keys_take_bounded_room`, \
`test_garbage_and_what_is_too_large_is_counted_and_kept_apart` |
| one million distinct keys | `test_garbage_and_a_million_keys_take_bounded_room`, \
`test_a_stream_of_invented_subjects_takes_bounded_room` |
| a broker that repeats and reorders | `test_a_broker_that_repeats_and_reorders_adds_nothing`, \
`test_a_stream_takes_messages_by_terminal_through_repeats_garbage_and_a_restart`, \
`test_a_repeated_and_reordered_storm_of_notifications_is_stored_once` |
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
from starlette.responses import Response

from node.adapters.datasources import requests
from tests.integration.datasources.faults.test_unkind_sources import CSV, RawServer, head, refused
from tests.integration.datasources.live_data import Opened, open_live, share
from tests.integration.datasources.servers import standing
from tests.nodes import Running, running
from tests.simulator.map_server import SCHEMA, XML, MapServer, collection, feature, wfs_capabilities

TESTS = Path(__file__).parents[3]
QUIET = "steady.csv"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module")
def nodes(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, folder: Path
) -> Iterator[tuple[Running, Running]]:
    home = tmp_path_factory.mktemp("faults")
    with (
        running(home / "city", template=sqlite_template, data_source_folders=[str(folder)]) as city,
        running(home / "partner", template=sqlite_template) as partner,
    ):
        with city.client() as client:
            client.data_sources.add("files", "folder", str(folder))
        yield city, partner


@pytest.fixture(scope="module")
def steady(nodes: tuple[Running, Running], folder: Path) -> Opened:
    """Data of a source without faults: they stay readable whatever another source does."""
    (folder / QUIET).write_bytes(CSV)
    return open_live(nodes[1], share(nodes[0], "files", QUIET, slug="steady"))


def test_each_row_names_tests_that_there_are() -> None:
    rows = [line for line in (__doc__ or "").splitlines() if line.startswith("| ")][1:]
    names = {name for row in rows for name in re.findall(r"`(test_\w+)`", row)}
    text = "\n".join(path.read_text() for path in TESTS.rglob("test_*.py"))
    assert len(rows) == 12
    assert [row for row in rows if "`test_" not in row] == []
    assert {name for name in names if f"def {name}(" not in text} == set()


def served(nodes: tuple[Running, Running], name: str, url: str) -> Opened:
    with nodes[0].client() as client:
        client.data_sources.add(name, "http", f"{url}/files/")
    return open_live(nodes[1], share(nodes[0], name, "counts.csv", slug=name))


def test_a_source_that_drips_is_given_up(
    nodes: tuple[Running, Running], steady: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It never stands still long enough to be idle, and would hold its place for a year."""
    monkeypatch.setattr(requests, "_WINDOW", 0.5)
    over = threading.Event()

    def drip(_: str, send: Callable[[bytes], None]) -> None:
        send(head("Content-Type: text/csv", "Content-Length: 1000000000"))
        while not over.wait(0.05):
            send(b"1")

    with RawServer(drip).standing() as url:
        dripping = served(nodes, "dripping", url)
        with pytest.raises(httpx2.RemoteProtocolError):
            dripping.get()
        over.set()
    assert steady.get().content == CSV


def answer_of(live: Opened, headers: dict[str, str]) -> tuple[bool, httpx2.Response]:
    """Whether the answer came whole, and the answer as far as it came."""
    with (
        httpx2.Client(timeout=60, trust_env=False) as client,
        client.stream("GET", live.endpoint, headers={"Authorization": live.authorization, **headers}) as answer,
    ):
        try:
            answer.read()
        except httpx2.RemoteProtocolError:
            return False, answer
        return True, answer


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        # A part of nine bytes that is called one of five.
        (("Content-Range: bytes 0-4/4011", "Content-Length: 9"), "206 Partial Content"),
        # Two sizes at once: the way to smuggle a second answer into a connection.
        (("Content-Length: 3", "Content-Length: 9"), "200 OK"),
        (("Content-Length: 3", "Transfer-Encoding: chunked"), "200 OK"),
        (("Content-Length: 99999999999999999999999999",), "200 OK"),
    ],
)
def test_a_source_whose_size_is_false_gives_nothing_that_looks_whole(
    nodes: tuple[Running, Running], steady: Opened, lines: tuple[str, ...], status: str
) -> None:
    sent = head("Content-Type: text/csv", *lines, status=status) + b"123456789"
    with RawServer(lambda _, send: send(sent)).standing() as url:
        liar = served(nodes, f"liar-{url.rpartition(':')[2]}", url)
        whole, answer = answer_of(liar, {"Range": "bytes=0-4"} if status.startswith("206") else {})
    if whole:
        refused(answer, 502, "data-source-unreachable")
    assert steady.get().content == CSV


def test_a_file_that_changes_between_two_ranges_has_another_name(
    nodes: tuple[Running, Running], folder: Path, steady: Opened
) -> None:
    """A reader that joins ranges sees by the entity tag that they are of two files (RFC 9110 §13.1.5)."""
    file = folder / "moving.csv"
    file.write_bytes(b"a" * 1000)
    moving = open_live(nodes[1], share(nodes[0], "files", file.name, slug="moving"))
    first = moving.get(headers={"Range": "bytes=0-499"})
    file.write_bytes(b"b" * 1000)
    second = moving.get(headers={"Range": "bytes=500-999"})
    assert (first.status_code, second.status_code) == (206, 206)
    assert first.headers["etag"] != second.headers["etag"]
    whole = moving.get(headers={"Range": "bytes=500-999", "If-Range": first.headers["etag"]})
    assert (whole.status_code, whole.content) == (200, b"b" * 1000)
    file.write_bytes(b"c" * 10)
    gone = refused(moving.get(headers={"Range": "bytes=500-999"}), 416, "range-not-satisfiable")
    assert "10 bytes" in gone["detail"]
    assert steady.get().content == CSV


@pytest.mark.parametrize("size", [0, 1000, 64 << 20])
def test_a_file_that_changes_while_it_is_read_never_looks_whole(
    nodes: tuple[Running, Running], folder: Path, size: int
) -> None:
    file = folder / f"changing-{size}.csv"
    file.write_bytes(b"a" * (32 << 20))
    changing = open_live(nodes[1], share(nodes[0], "files", file.name, slug=f"changing-{size}"))
    content = bytearray()
    with (
        httpx2.Client(timeout=60, trust_env=False) as client,
        client.stream("GET", changing.endpoint, headers={"Authorization": changing.authorization}) as answer,
    ):
        chunks = answer.iter_raw()
        content += next(chunks)
        os.truncate(file, size)
        with pytest.raises(httpx2.RemoteProtocolError):
            content.extend(byte for chunk in chunks for byte in chunk)
    assert set(content) == {ord("a")}, "nothing of the other file"


BOMB = '<!DOCTYPE c [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


def test_a_poisoned_capabilities_document_costs_one_read(nodes: tuple[Running, Running], steady: Opened) -> None:
    """The source was in order when it was registered and shared; then somebody took it over."""
    server = MapServer(
        {
            "GetCapabilities": Response(wfs_capabilities(), media_type=XML),
            "DescribeFeatureType": Response(SCHEMA, media_type=XML),
            "GetFeature": Response(collection(feature(1)), media_type=XML),
        }
    )
    capabilities = "?service=WFS&version=2.0.0&request=GetCapabilities"
    with standing(server.app()) as url:
        with nodes[0].client() as client:
            client.data_sources.add("taken", "wfs", f"{url}/ows")
        layer = open_live(nodes[1], share(nodes[0], "taken", "city:points", slug="taken", format="GML"))
        assert layer.get(capabilities).status_code == 200
        for body in (
            BOMB + wfs_capabilities().replace("city:points", "&b;"),
            '<!DOCTYPE c [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + wfs_capabilities().replace("points", "&a;"),
            "<!DOCTYPE c SYSTEM 'http://169.254.169.254/x.dtd'>" + wfs_capabilities(),
            "<a>" * 100_000,
            "<html><body>Sign in</body></html>",
        ):
            server.answers["GetCapabilities"] = Response(body, media_type=XML)
            answer = layer.get(capabilities)
            assert answer.status_code >= 400, body[:40]
            assert "root:" not in answer.text
            assert url not in answer.text
            assert steady.get().content == CSV
