"""A public client (npm's ldes-client) reads a stream under contract: all once, then what is new; and no longer than
agreed."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyoxigraph import CanonicalizationAlgorithm, Dataset, RdfFormat, parse

from tests.integration.datasources.event_streams.reader import LdesClient, ldes_client
from tests.integration.datasources.live_data import Opened, accesses, open_live, share, transfer_here
from tests.integration.datasources.streams import describe, observation, send
from tests.nodes import Running, Start

__all__ = ["ldes_client"]

N_QUADS = {"Accept": "application/n-quads"}
MEMBER = "<https://w3id.org/tree#member> <"
WRITER = """
import asyncio, json, sys
from node.adapters.sql.datasources.streams import SqlStreamStore
from node.adapters.sql.engine import connect
from node.adapters.sql.work import SqlUnitOfWork
from node.base.clock import SystemClock
from node.datasources.streams.intake import TakeObservations

async def write(url, name, first, count):
    take = TakeObservations(SqlUnitOfWork(connect(url)), SqlStreamStore(), SystemClock())
    for number in range(first, first + count):
        line = {"station": "other", "at": "2026-02-01T00:00:00Z", "bikes": number}
        await take.take(name, json.dumps(line).encode(), "application/json")

asyncio.run(write(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
"""
"""A second process of the node that takes observations, each with a commit of its own."""


@pytest.fixture(scope="module")
def nodes(
    start: Start, tmp_path_factory: pytest.TempPathFactory, sqlite_template: Any
) -> Iterator[tuple[Running, Running]]:
    from tests.nodes import running

    home = tmp_path_factory.mktemp("event-streams")
    with start(home / "city") as city, running(home / "partner", template=sqlite_template) as partner:
        yield city, partner


def opened(nodes: tuple[Running, Running], name: str, *, most: int = 10_000_000, **options: Any) -> Opened:
    city, partner = nodes
    describe(city, name, most=most)
    return open_live(partner, share(city, "streams", name, slug=name, format="JSON", **options))


def pages(stream: Opened) -> dict[str, str]:
    """Follow all relations from the first page; return the pages in N-Quads, by their path."""
    texts: dict[str, str] = {}
    open_paths = ["/ldes"]
    while open_paths:
        path = open_paths.pop()
        if path in texts:
            continue
        answer = stream.get(path, headers=N_QUADS)
        assert answer.status_code == 200, answer.text
        texts[path] = answer.text
        targets = re.findall(r"tree#node> <([^>]+)>", answer.text)
        open_paths += [target.removeprefix(stream.endpoint) for target in targets]
    return texts


def test_a_public_client_reads_all_once_and_then_what_is_new(
    nodes: tuple[Running, Running], ldes_client: LdesClient
) -> None:
    stream = opened(nodes, "public")
    assert ldes_client.read(stream).members == []
    send(nodes[0], "public", *map(observation, range(2500)))
    send(nodes[0], "public", *map(observation, range(2500, 2600)))
    everything = ldes_client.read(stream)
    assert sorted(everything.numbers) == list(range(2600))
    assert len(set(everything.ids)) == 2600
    assert all(member["isVersionOf"].startswith(f"{stream.iri}#public/subjects/s") for member in everything.members)
    assert ldes_client.read(stream).members == []
    # One that was made long ago and arrives now is missed by nobody.
    send(nodes[0], "public", observation(5000, minute=7), observation(5001))
    assert sorted(ldes_client.read(stream).numbers) == [5000, 5001]


def test_the_program_of_the_guide(nodes: tuple[Running, Running], ldes_client: LdesClient) -> None:
    """The program in docs/how-to/share-sensors.md, as it stands there."""
    stream = opened(nodes, "guide")
    send(nodes[0], "guide", *map(observation, range(20)))
    guide = (Path(__file__).resolve().parents[4] / "docs" / "how-to" / "share-sensors.md").read_text("utf-8")
    program = guide.partition("```javascript\n")[2].partition("```")[0]
    first, second = (ldes_client.type(program, stream) for _ in range(2))
    assert len(first.splitlines()) == 20
    assert all(re.fullmatch(rf"{stream.iri}#guide/observations/\S+ \d+", line) for line in first.splitlines())
    assert second == "", "its state says what it has"


def test_it_reads_in_the_order_of_arrival(nodes: tuple[Running, Running], ldes_client: LdesClient) -> None:
    stream = opened(nodes, "ordered")
    for first in range(0, 1500, 500):
        send(
            nodes[0], "ordered", *(observation(number, minute=1500 - number) for number in range(first, first + 500))
        )
    times = [member["timestamp"] for member in ldes_client.read(stream, "ascending").members]
    assert len(times) == 1500
    assert times == sorted(times)


def test_what_a_second_process_writes_is_read_too(nodes: tuple[Running, Running], ldes_client: LdesClient) -> None:
    city, _ = nodes
    stream = opened(nodes, "two")
    url = city.node.foundation.parts.settings.database
    command = [sys.executable, "-c", WRITER, url, "two", "1000", "60"]
    seen: list[int] = []
    writer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        for number in range(30):
            send(city, "two", observation(number))
            if number % 10 == 0:
                seen += ldes_client.read(stream).numbers
        assert writer.wait(120) == 0, writer.stderr and writer.stderr.read()
    finally:
        if writer.poll() is None:
            writer.kill()
            writer.wait(10)
        if writer.stderr:
            writer.stderr.close()
    seen += ldes_client.read(stream).numbers
    assert sorted(seen) == [*range(30), *range(1000, 1060)]


def test_what_a_public_client_is_told_when_the_transfer_is_paused(
    nodes: tuple[Running, Running], ldes_client: LdesClient
) -> None:
    city, _ = nodes
    stream = opened(nodes, "paused")
    send(city, "paused", observation(1))
    (path,) = [path for path in pages(stream) if path != "/ldes"]
    with city.client() as client:
        client.steer(transfer_here(city, stream), "suspend", reason="maintenance")
    answers = [stream.get(place) for place in ("", "/latest", "/ldes", path)]
    assert [answer.status_code for answer in answers] == [403] * 4
    assert answers[2].json()["detail"] == answers[0].json()["detail"]
    assert answers[3].json()["detail"].endswith(": maintenance")
    assert ldes_client.run(stream).returncode != 0
    stranger = Opened(stream.iri, stream.agreement, stream.transfer, stream.endpoint, "Bearer " + "x" * 43)
    assert stranger.get("/ldes").status_code == 404


def test_sixty_four_readers_at_once(nodes: tuple[Running, Running]) -> None:
    stream = opened(nodes, "crowd")
    send(nodes[0], "crowd", *map(observation, range(300)))
    (path,) = [path for path in pages(stream) if path != "/ldes"]
    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda _: stream.get(path, headers=N_QUADS), range(64)))
    assert [answer.status_code for answer in answers] == [200] * 64
    assert {answer.text.count(MEMBER) for answer in answers} == {300}


def test_each_page_is_a_read_also_one_that_has_not_changed(nodes: tuple[Running, Running]) -> None:
    city, _ = nodes
    limit = {"leftOperand": "count", "operator": "lteq", "rightOperand": "3"}
    terms = {"permission": [{"action": "use", "constraint": [limit]}]}
    stream = opened(nodes, "counted", conditions=terms)
    send(city, "counted", observation(1))
    assert stream.get("/ldes", method="HEAD").status_code == 200
    first = stream.get("/ldes", headers=N_QUADS)
    same = stream.get("/ldes", headers={**N_QUADS, "If-None-Match": f'"x", {first.headers["etag"]}'})
    assert (first.status_code, same.status_code, same.content) == (200, 304, b"")
    assert same.headers["etag"] == first.headers["etag"]
    target = re.findall(r"tree#node> <([^>]+)>", first.text)[0].removeprefix(stream.endpoint)
    assert stream.get(target).status_code == 200
    assert stream.get(target).status_code == 403
    started = [event for event in accesses(city, stream.agreement) if event["outcome"] == "started"]
    assert [event["asked"] for event in started] == ["ldes", "ldes", target.removeprefix("/")]
    assert [event["use"] for event in started] == [1, 2, 3]


@pytest.mark.parametrize(
    "media_type", ["text/turtle", "application/ld+json", "application/n-quads", "application/trig"]
)
def test_the_same_statements_in_each_format(nodes: tuple[Running, Running], media_type: str) -> None:
    stream = opened(nodes, "formats")
    send(nodes[0], "formats", observation(1, station="A|b> .\n<x"), {**observation(2), "wet": True})
    for path, text in pages(stream).items():
        answer = stream.get(path, headers={"Accept": media_type})
        assert answer.headers["content-type"] == media_type
        assert answer.headers["vary"] == "Accept, Authorization"
        assert _canonical(answer.content, media_type) == _canonical(text.encode(), "application/n-quads")


def _canonical(body: bytes, media_type: str) -> str:
    dataset = Dataset(parse(body, format=RdfFormat.from_media_type(media_type)))
    dataset.canonicalize(CanonicalizationAlgorithm.UNSTABLE)
    return "\n".join(sorted(map(str, dataset)))


def test_what_an_answer_says_about_keeping_it(nodes: tuple[Running, Running]) -> None:
    city, _ = nodes
    stream = opened(nodes, "cached", most=2000)
    send(city, "cached", *map(observation, range(1200)))
    root = stream.get("/ldes", headers=N_QUADS)
    assert root.headers["cache-control"] == "private, max-age=5"
    complete = [path for path, text in pages(stream).items() if "ldes#immutable>" in text]
    assert complete, "1,200 observations arrived together, on pages of at most a hundred"
    for path in complete:
        page = stream.get(path, headers=N_QUADS)
        match = re.fullmatch(r"private, max-age=(\d+), immutable", page.headers["cache-control"])
        assert match
        assert int(match[1]) <= 7 * 86400, "nobody keeps a page for longer than the node"
        assert page.text.count(MEMBER) <= 100
    numbers = [number for text in pages(stream).values() for number in _numbers(text)]
    assert sorted(numbers) == list(range(1200))
    # Too many: the oldest go, with their pages.
    send(city, "cached", *map(observation, range(1200, 2600)))
    after = pages(stream)
    gone = [path for path in complete if path not in after]
    assert gone
    for path in gone:
        answer = stream.get(path)
        assert (answer.status_code, answer.json()["code"]) == (410, "gone")
        assert answer.json()["remedy"]
    left = sorted(number for text in after.values() for number in _numbers(text))
    assert left == list(range(left[0], 2600))
    assert 600 <= left[0] < 700
    assert "startingFrom>" in after["/ldes"]


def _numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r'properties/bikes> "(\d+)"', text)]


@pytest.mark.parametrize(
    ("path", "accept", "status"),
    [
        ("/ldes?limit=1", "*/*", 400),
        ("/ldes", "text/html", 406),
        ("/ldes", "image/png", 406),
        ("/ldes/elsewhere", "*/*", 404),
        ("/ldes/2026/13", "*/*", 404),
        ("/ldes/2001/01/01", "*/*", 404),
        ("/ldes/0001/01", "*/*", 404),
        ("/ldes/9999/12", "*/*", 404),
        ("/ldes/9999/12/31/23/59/59", "*/*", 404),
        ("/ldes/9999/12/31/23/59/59/1-1000", "*/*", 404),
        ("/ldes/2026/11/24/00/00/00/999999999999999001-1000", "*/*", 404),
        ("/ldes/2026/11/24/00/00/00/1-9999", "*/*", 404),
        ("/ldes/../../../etc", "*/*", 404),
        ("/ldesx", "*/*", 404),
    ],
)
def test_a_question_without_sense_is_refused(
    nodes: tuple[Running, Running], path: str, accept: str, status: int
) -> None:
    stream = opened(nodes, "senseless")
    answer = stream.get(path, headers={"Accept": accept})
    assert answer.status_code == status, answer.text


def test_a_part_has_its_columns_only_and_some_rows_are_no_event_stream(nodes: tuple[Running, Running]) -> None:
    city, _ = nodes
    columns = opened(nodes, "columns", conditions={"template": "open", "part": {"columns": ["bikes", "at"]}})
    send(city, "columns", *map(observation, range(3)))
    texts = "".join(pages(columns).values())
    assert _simple(texts) == [0, 1, 2]
    assert "station" not in texts
    assert "hasFeatureOfInterest" not in texts
    assert "/s1" not in texts
    rows = {"rows": [{"column": "bikes", "operator": "lt", "value": 3}]}
    some = opened(nodes, "rows", conditions={"template": "open", "part": rows})
    send(city, "rows", *map(observation, range(9)))
    answer = some.get("/ldes")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert "read a period" in answer.json()["remedy"]
    other = some.get("/ldes/2026/11")
    assert (other.status_code, other.json()["detail"]) == (409, answer.json()["detail"])
    assert not [event for event in accesses(city, some.agreement) if event["outcome"] == "started"]
    with nodes[1].client() as client:
        assert client.partner_stream(columns.agreement)["eventStream"] == f"{columns.endpoint}/ldes"
        assert client.partner_stream(some.agreement)["eventStream"] is None


@pytest.mark.parametrize(
    "path", ["0001/01", "1969/12", "9998/12", "9999/12", "9999/12/31/23/59/59", "9999/12/31/23/59/59/1-1000"]
)
def test_there_are_no_pages_in_absurd_years(nodes: tuple[Running, Running], path: str) -> None:
    stream = opened(nodes, "absurd")
    send(nodes[0], "absurd", observation(1))
    answer = stream.get(f"/ldes/{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found"), answer.text


HOSTILE = (
    "urn:x:%",
    "https://a.example/%zz",
    "http://a:port/",
    "http://[::1",
    "http://a b/c",
    'https://a.example/"> <urn:p:p> <urn:o:o> .',
    "https://a.example/\n<urn:p:p>",
    "<urn:o:o> .",
    "\U0001f6b2" * 200,
    "é" * 200,
    "\x7f\x01\u2028",
)


def test_no_observation_spoils_a_page_or_adds_a_statement(nodes: tuple[Running, Running]) -> None:
    city, partner = nodes
    schema = {
        "type": "object",
        "properties": {"station": {"type": "string"}, "at": {"type": "string"}},
        "required": ["station", "at"],
    }
    with city.client() as client:
        client.streams.add("hostile", schema, subject="station")
    stream = open_live(partner, share(city, "streams", "hostile", slug="hostile", format="JSON"))
    observations = [{**observation(number, station=text)} for number, text in enumerate(HOSTILE)]
    observations += [
        {**observation(50 + number, station="https://a.example/stations/é"), text: text, "wet": True}
        for number, text in enumerate(("x" * 3000, "é" * 900, "a> <urn:p:p> <urn:o:o> .\n", *HOSTILE))
    ]
    receipt = send(city, "hostile", *observations)
    assert receipt["refused"] == 0, receipt
    for media_type in ("application/n-quads", "text/turtle", "application/trig", "application/ld+json"):
        count = 0
        for path in pages(stream):
            answer = stream.get(path, headers={"Accept": media_type})
            assert answer.status_code == 200, answer.text
            statements = list(parse(answer.content, format=RdfFormat.from_media_type(media_type)))
            count += sum(statement.predicate.value == "https://w3id.org/tree#member" for statement in statements)
            assert not [one for one in statements if "urn:o:o" in str(one.object) and str(one.object)[0] == "<"]
            assert not [one for one in statements if one.predicate.value == "urn:p:p"]
        assert count == len(observations)
    everything = "".join(pages(stream).values())
    # What is an IRI stays one.
    assert "hasFeatureOfInterest> <https://a.example/stations/é>" in everything
    assert everything.count("/subjects/sha256-") == 2


def test_a_page_has_at_most_512_kilobytes_of_observations(nodes: tuple[Running, Running]) -> None:
    city, partner = nodes
    schema = {
        "type": "object",
        "properties": {"at": {"type": "string"}, "text": {"type": "string"}, "bikes": {"type": "integer"}},
        "additionalProperties": False,
    }
    with city.client() as client:
        client.streams.add("large", schema)
    stream = open_live(partner, share(city, "streams", "large", slug="large", format="JSON"))
    long = [{"at": observation(number)["at"], "bikes": number, "text": "x" * 15_000} for number in range(120)]
    for half in (long[:60], long[60:]):
        send(city, "large", *half)
    texts = pages(stream)
    assert sorted(number for text in texts.values() for number in _numbers(text)) == list(range(120))
    assert max(len(text) for text in texts.values()) < 600_000
    assert max(text.count("x" * 15_000) for text in texts.values()) * 15_000 <= 512 << 10


def test_the_pages_of_a_part_do_not_tell_how_large_the_rest_is(nodes: tuple[Running, Running]) -> None:
    city, partner = nodes
    schema = {
        "type": "object",
        "properties": {"at": {"type": "string"}, "note": {"type": "string"}, "bikes": {"type": "integer"}},
        "additionalProperties": False,
    }
    shapes = []
    for name, extent in (("brief-notes", 1), ("long-notes", 9000)):
        with city.client() as client:
            client.streams.add(name, schema)
        part = {"template": "open", "part": {"columns": ["bikes", "at"]}}
        shared = share(city, "streams", name, slug=name, format="JSON", conditions=part)
        stream = open_live(partner, shared)
        observations = [{"at": observation(i)["at"], "bikes": i, "note": "x" * extent} for i in range(100)]
        send(city, name, *observations)
        texts = pages(stream)
        shapes.append([(path.count("/"), "-" in path, text.count(MEMBER)) for path, text in sorted(texts.items())])
        assert sum(text.count(MEMBER) for text in texts.values()) == 100
    assert shapes[0] == shapes[1]
    assert len(shapes[0]) == 2


def test_nobody_keeps_a_page_for_longer_than_agreed(nodes: tuple[Running, Running]) -> None:
    city, _ = nodes
    end = datetime.now(UTC) + timedelta(minutes=30)
    day = {"@value": f"{end:%Y-%m-%dT%H:%M:%SZ}", "@type": "xsd:dateTime"}
    until_then = {"leftOperand": "odrl:dateTime", "operator": "odrl:lteq", "rightOperand": day}
    terms = {"permission": [{"action": "odrl:use", "constraint": [until_then]}]}
    stream = opened(nodes, "ending", most=2000, conditions=terms)
    send(city, "ending", *map(observation, range(1200)))
    ages = []
    for path, text in pages(stream).items():
        answer = stream.get(path, headers=N_QUADS)
        match = re.fullmatch(r"private, max-age=(\d+)(, immutable)?", answer.headers["cache-control"])
        assert match
        assert bool(match[2]) == ("ldes#immutable>" in text)
        ages.append(int(match[1]))
        same = stream.get(path, headers={**N_QUADS, "If-None-Match": answer.headers["etag"]})
        assert same.status_code == 304
        assert int(re.findall(r"max-age=(\d+)", same.headers["cache-control"])[0]) <= 1800
    assert 5 < max(ages) <= 1800


def _simple(text: str) -> list[int]:
    return sorted(int(number) for number in re.findall(r'hasSimpleResult> "(\d+)"', text))


def test_the_members_are_the_same_for_everybody(nodes: tuple[Running, Running]) -> None:
    stream = opened(nodes, "same")
    send(nodes[0], "same", observation(1), observation(2))
    again = open_live(nodes[1], stream.iri, agreement=stream.agreement)
    assert again.endpoint != stream.endpoint
    names = [re.findall(r"tree#member> <([^>]+)>", "".join(pages(live).values())) for live in (stream, again)]
    assert names[0] == names[1]
    assert all(name.startswith(f"{stream.iri}#same/observations/") for name in names[0])
