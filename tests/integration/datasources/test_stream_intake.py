"""Observations come in: checked, numbered, once, bounded, and on disk when the sender has its receipt."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from demo.nodes import Member, free_ports
from node.base.clock import stamp
from node.bootstrap.parts import open_stores
from node.cli.exits import DONE, REFUSED
from node.cli.main import run
from node.client import PeerUnreachable, Refusal
from node.datasources.streams.model import MOST_FAULTS, MOST_SUBJECTS
from node.settings import load
from tests.integration.datasources.live_data import share
from tests.integration.datasources.streams import SCHEMA, describe, observation, send
from tests.nodes import Running, Start


@pytest.fixture(scope="module")
def city(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with start(tmp_path_factory.mktemp("streams") / "city") as node:
        yield node


def test_observations_are_numbered_and_the_latest_of_each_subject_is_shown(city: Running) -> None:
    describe(city, "numbers")
    assert send(city, "numbers", *map(observation, range(10)))["last"] == 10
    receipt = send(city, "numbers", observation(12), observation(11))
    assert (receipt["accepted"], receipt["first"], receipt["last"]) == (2, 11, 12)
    with city.client() as client:
        latest = client.streams.latest("numbers")
        assert [entry["observation"]["bikes"] for entry in latest] == [5, 11, 12, 8, 9]
        assert [entry["number"] for entry in client.streams.latest("numbers", after="s1", limit=2)] == [11, 9]


def test_what_is_sent_again_is_not_stored_again(city: Running) -> None:
    describe(city, "again", key=["station", "at"])
    send(city, "again", *map(observation, range(5)))
    changed = {**observation(4), "bikes": 99}
    receipt = send(city, "again", changed, observation(3), observation(7), observation(7))
    assert (receipt["accepted"], receipt["repeated"], receipt["refused"]) == (1, 3, 0)
    with city.client() as client:
        assert {key: client.streams.stream("again")[key] for key in ("accepted", "repeated")} == {
            "accepted": 6,
            "repeated": 3,
        }


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"station": "a", "at": "2026-01-01T00:00:00Z"}, "bikes"),
        ({"station": "a", "at": "2026-01-01T00:00:00Z", "bikes": -1}, "-1"),
        ({"station": "a", "at": "2026-01-01T00:00:00Z", "bikes": 1, "x": 1}, "x"),
        ({"station": "a", "at": "2026-01-01T00:00:00", "bikes": 1}, "time zone"),
        ({"station": "a", "at": "noon", "bikes": 1}, "no time"),
        ({"station": "a", "at": "9999-01-01T00:00:00Z", "bikes": 1}, "future"),
        ({"station": "a" * 201, "at": "2026-01-01T00:00:00Z", "bikes": 1}, "200"),
        ({"station": "a\0", "at": "2026-01-01T00:00:00Z", "bikes": 1}, "NUL"),
        ([1], "object"),
        ("text", "object"),
        (None, "object"),
    ],
)
def test_what_does_not_conform_is_kept_apart_with_its_reason(city: Running, fault: Any, reason: str) -> None:
    describe(city, "faults")
    receipt = send(city, "faults", observation(1), fault)
    assert (receipt["refused"], receipt["faults"][0]["place"]) == (1, 1)
    assert reason in receipt["faults"][0]["reason"]
    with city.client() as client:
        assert reason in client.streams.faults("faults", limit=1)[0]["reason"]
        with pytest.raises(Refusal) as refusal:
            client.streams.send("faults", [fault])
    assert (refusal.value.http_status, refusal.value.problem["code"]) == (422, "nonconforming-observations")


def test_lines_and_rows_are_taken_one_by_one(city: Running) -> None:
    describe(city, "forms")
    lines = [json.dumps(observation(1)), "{", '{"a":1,"a":2}', "", json.dumps(observation(2))]
    rows = "station,at,bikes,wet\ns1,2026-01-01T03:00:00Z,3,true\ns1,2026-01-01T04:00:00Z,many,\ns1,x\n"
    with city.client() as client:
        receipt = client.streams.send_bytes("forms", "\n".join(lines).encode(), "application/x-ndjson")
        assert (receipt["accepted"], receipt["refused"]) == (2, 2)
        receipt = client.streams.send_bytes("forms", rows.encode(), "text/csv; charset=utf-8")
        assert (receipt["accepted"], receipt["refused"]) == (1, 2)
        assert client.streams.latest("forms")[0]["observation"] == {
            "station": "s1",
            "at": "2026-01-01T03:00:00Z",
            "bikes": 3,
            "wet": True,
        }


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"[" * 100, "application/json", 400),
        (b"a,b\n1,2\n", "text/csv", 400),
        (b"", "text/csv", 400),
        (b"<x/>", "application/xml", 415),
        (b"x", "", 415),
        (b'{"a":1}\n' * 10_001, "application/x-ndjson", 413),
        (b" " * 1_100_000, "application/json", 413),
    ],
)
def test_a_message_that_cannot_be_read_is_refused(city: Running, body: bytes, kind: str, status: int) -> None:
    describe(city, "unreadable")
    with city.http() as http:
        answer = http.post(
            "/api/streams/unreadable/observations", content=body, headers={**city.person(), "Content-Type": kind}
        )
    assert answer.status_code == status, answer.text
    assert answer.json()["code"] != "internal-error"
    with city.client() as client:
        assert client.streams.stream("unreadable")["accepted"] == 0


def test_strangers_learn_nothing(city: Running) -> None:
    describe(city, "secret")
    with city.http() as http:
        answers = [
            http.post(f"/api/streams/{name}/observations", json=[observation(1)]) for name in ("secret", "other")
        ]
        assert {answer.status_code for answer in answers} == {401}
        assert answers[0].text.replace("secret", "other") == answers[1].text
        assert http.get("/api/streams/secret").status_code == 401
    with city.client() as client, pytest.raises(Refusal) as refusal:
        client.streams.send("unknown", [observation(1)])
    assert refusal.value.http_status == 404


@pytest.mark.parametrize(
    ("schema", "description", "word"),
    [
        ({}, {}, "properties"),
        ({"properties": {"when": {}}}, {}, "'at'"),
        ({"properties": {"at": {}}}, {"subject": "station"}, "'station'"),
        ({"properties": {"at": {"pattern": "^(a+)+$"}}}, {}, "'pattern'"),
        ({"anyOf": [{"properties": {"at": {}}}], "properties": {"at": {}}}, {}, "'anyOf'"),
        ({"properties": {"at": {}}}, {"keep": "7"}, "time"),
        ({"properties": {"at": {}}}, {"keep": "99999w"}, "ten years"),
        ({"properties": {"at": {}}}, {"most": 0}, "observations"),
    ],
)
def test_a_description_that_cannot_be_kept_is_refused(
    city: Running, schema: Any, description: Any, word: str
) -> None:
    with city.client() as client, pytest.raises(Refusal) as refusal:
        client.streams.add("wrong", schema, **description)
    assert refusal.value.http_status == 400
    assert word in str(refusal.value)
    assert refusal.value.remedy


def test_the_time_of_observations_that_are_kept_does_not_move(city: Running) -> None:
    times = {"type": "object", "properties": {"at": {"type": "string"}, "measured": {"type": "string"}}}
    with city.client() as client:
        client.streams.add("moving", times)
        client.streams.add("moving", times, time="measured")
        client.streams.send("moving", {"measured": "2026-01-01T00:00:00Z"})
        with pytest.raises(Refusal) as refusal:
            client.streams.add("moving", times)
        assert refusal.value.http_status == 409
        assert "measured" in str(refusal.value)
        assert "hansa stream remove moving" in str(refusal.value.remedy)
        client.streams.add("moving", times, time="measured", most=5)
        assert client.streams.stream("moving")["time"] == "measured"


def test_garbage_and_a_million_keys_take_bounded_room(city: Running) -> None:
    describe(city, "garbage")
    stores = city.node.parts.stores
    with city.client() as client:
        for start in range(3):
            lines = b"".join(b'{"garbage":%d}\n' % (start * 1000 + number) for number in range(1000))
            with pytest.raises(Refusal):
                client.streams.send_bytes("garbage", lines, "application/x-ndjson")
        assert client.streams.stream("garbage")["refused"] == 3000
        with stores.uow.read() as tx:
            assert len(stores.streams.faults(tx, "garbage", 10_000)) <= MOST_FAULTS
        refused = 0
        for start in range(0, MOST_SUBJECTS, 4000):
            many = [observation(1, station=f"key-{number}") for number in range(start, start + 4000)]
            receipt = client.streams.send("garbage", many)
            refused += receipt["refused"]
        assert refused == 12_000 - MOST_SUBJECTS
        # The subjects that are there go on.
        assert client.streams.send("garbage", observation(2, station="key-7"))["accepted"] == 1
        assert len(client.streams.latest("garbage", limit=1000)) == 1000


def test_many_senders_share_the_disk_and_each_number_is_given_once(city: Running) -> None:
    describe(city, "crowd")

    def work(sender: int) -> list[tuple[int, int]]:
        with city.client() as client:
            receipts = [
                client.streams.send("crowd", [observation(sender * 1000 + step * 10 + place) for place in range(10)])
                for step in range(10)
            ]
        return [(receipt["first"], receipt["last"]) for receipt in receipts]

    with ThreadPoolExecutor(16) as pool:
        spans = sorted(span for spans in pool.map(work, range(16)) for span in spans)
    assert [first for first, _ in spans] == [1 + 10 * place for place in range(160)]
    assert spans[-1][1] == 1600


def test_what_is_too_old_or_too_much_is_removed(city: Running) -> None:
    describe(city, "short", most=100)
    send(city, "short", *map(observation, range(60)))
    send(city, "short", *map(observation, range(60, 250)))
    streams, stores = city.node.datasources.streams, city.node.parts.stores
    long_ago = datetime(2000, 1, 1, tzinfo=UTC)
    assert streams.forget_old() == 1
    with stores.uow.read() as tx:
        assert [batch.first for batch in stores.streams.batches(tx, "short", after=0, since=long_ago, limit=9)] == [
            61
        ]
    # Sent again after it was forgotten, it is new.
    assert send(city, "short", observation(3))["accepted"] == 1
    with city.client() as client:
        client.streams.remove("short")
        with pytest.raises(Refusal):
            client.streams.stream("short")


def test_a_clock_a_little_ahead_is_no_fault(city: Running) -> None:
    describe(city, "ahead")
    soon = stamp(datetime.now(UTC) + timedelta(minutes=10))
    assert send(city, "ahead", {"station": "a", "at": soon, "bikes": 1})["accepted"] == 1


def test_the_terminal_describes_sends_and_shows(
    city: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA))
    (tmp_path / "day.ndjson").write_text("".join(json.dumps(observation(place)) + "\n" for place in range(9)) + "{\n")
    (tmp_path / "day.csv").write_text("station,at,bikes\ns1,2026-02-01T03:00:00Z,3\n")
    there = ["--node", str(city.folder)]
    add = [
        "stream",
        "add",
        "typed",
        "--schema",
        str(tmp_path / "schema.json"),
        "--subject",
        "station",
        "--keep",
        "2d",
    ]
    assert run([*add, *there]) == DONE
    assert run(["stream", "send", "typed", str(tmp_path / "day.ndjson"), *there]) == REFUSED
    assert run(["stream", "send", "typed", str(tmp_path / "day.csv"), *there]) == DONE
    shown = capsys.readouterr().out
    assert "9 observations stored" in shown
    assert "number 10: " in shown
    assert run(["stream", "show", "typed", *there]) == DONE
    assert '"bikes": 8' in capsys.readouterr().out
    assert run(["stream", "faults", "typed", *there]) == DONE
    assert run(["stream", "list", *there]) == DONE
    assert "for 2 days" in capsys.readouterr().out
    assert run(["stream", "remove", "typed", *there]) == DONE


def test_a_line_that_does_not_conform_does_not_end_what_is_piped(
    city: Running, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    describe(city, "piped")
    entries = [json.dumps(observation(number)) for number in range(4)]
    entries[1] = '{"garbage": 1}'
    pipe = io.TextIOWrapper(io.BytesIO("\n".join(entries).encode()))
    monkeypatch.setattr("sys.stdin", pipe)
    assert run(["stream", "send", "piped", "-", "--node", str(city.folder)]) == REFUSED
    shown = capsys.readouterr()
    assert "3 observations stored" in shown.out + shown.err
    assert "1 observations refused" in shown.out + shown.err
    assert "number 2: " in shown.out + shown.err
    with city.client() as client:
        stream = client.streams.stream("piped")
        assert (stream["accepted"], stream["refused"]) == (3, 1)


class Flood:
    """Senders that send until the node is gone, and remember what was acknowledged."""

    def __init__(self, client: Any) -> None:
        self.acknowledged: list[tuple[int, dict[str, Any]]] = []
        self._client = client
        self._threads = [threading.Thread(target=self._send, args=(sender,)) for sender in range(4)]
        for thread in self._threads:
            thread.start()

    def wait(self) -> None:
        for thread in self._threads:
            thread.join(60)

    def _send(self, sender: int) -> None:
        number = sender * 10_000_000
        with self._client() as client:
            while True:
                some = [
                    {"station": f"s{sender}", "at": "2026-01-01T00:00:00Z", "bikes": number + place}
                    for place in range(5)
                ]
                try:
                    receipt = client.streams.send("flood", some)
                except (PeerUnreachable, Refusal):
                    return
                self.acknowledged += list(zip(range(receipt["first"], receipt["last"] + 1), some, strict=True))
                number += 5


def test_nothing_acknowledged_is_lost_when_the_node_is_killed(tmp_path: Path) -> None:
    member = Member("city", "City", tmp_path, free_ports(1)[0])
    member.init()
    member.serve()
    try:
        member.wait_ready()
        with member.client() as client:
            client.streams.add("flood", SCHEMA, subject="station")
        flood = Flood(member.client)
        until_some = time.monotonic() + 60
        while len(flood.acknowledged) < 500 and time.monotonic() < until_some:
            time.sleep(0.02)
        member.kill()
        flood.wait()
    finally:
        member.stop()
    assert len(flood.acknowledged) >= 500
    stores = open_stores(load(member.folder))
    stored: dict[int, str] = {}
    with stores.uow.read() as tx:
        last = 0
        while batches := stores.streams.batches(
            tx, "flood", after=last, since=datetime(2000, 1, 1, tzinfo=UTC), limit=100
        ):
            for batch in batches:
                assert batch.first == last + 1
                last = batch.last
                stored.update(enumerate(batch.lines, batch.first))
        stream = stores.streams.get(tx, "flood")
    stores.uow.close()
    assert stream is not None
    assert (stream.last, len(stored)) == (last, last)
    for number, content in flood.acknowledged:
        assert json.loads(stored[number]) == content


def test_the_page_of_the_asset_shows_the_latest_to_those_who_may(city: Running) -> None:
    describe(city, "page")
    iri = share(city, "streams", "page", slug="page", format="JSON")
    path = iri.removeprefix(city.url)
    with city.http() as http:

        def page(**headers: str) -> str:
            return http.get(path, headers={"Accept": "text/html", "Accept-Language": "en", **headers}).text

        assert "No observation has arrived yet" in page(**city.person())
        send(city, "page", *map(observation, range(40)), *(observation(1, station=f"<b>{n}</b>") for n in range(20)))
        shown = page(**city.person())
        assert "Latest observations" in shown
        assert "60 observations have arrived." in shown
        assert "Shows the first 20 subjects." in shown
        assert "<b>" not in shown
        assert "&lt;b&gt;" in shown
        assert "Latest observations" not in page()
        send(city, "page", observation(77, station="!first"))
        assert "77" in page(**city.person()).partition("Latest observations")[2]
        with city.client() as client:
            client.streams.remove("page")
        assert "Latest observations" not in page(**city.person())
