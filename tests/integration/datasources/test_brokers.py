"""Streams take the messages of an MQTT broker: a real Mosquitto, connected, cut off, killed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from node.cli.exits import DONE, REFUSED
from node.cli.main import run
from node.client import Refusal
from node.datasources.streams.model import MOST_SUBJECTS
from tests.integration.datasources.live_data import share
from tests.integration.datasources.mosquitto import READER, READER_PASSWORD, Mosquitto, mosquitto, observations
from tests.integration.datasources.streams import describe
from tests.nodes import Running, Start
from tests.waits import until


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with mosquitto(tmp_path_factory.mktemp("broker") / "mosquitto") as server:
        yield server


@pytest.fixture(scope="module")
def city(start: Start, tmp_path_factory: pytest.TempPathFactory, broker: Mosquitto) -> Iterator[Running]:
    with start(tmp_path_factory.mktemp("brokers") / "city") as node:
        register(node, broker)
        yield node


def register(city: Running, broker: Mosquitto, name: str = "sensors", **options: str) -> None:
    with city.client() as client:
        client.data_sources.add(
            name,
            "mqtt",
            broker.address,
            options=options,
            credentials={"scheme": "basic", "name": READER, "secret": READER_PASSWORD},
        )


def connect(city: Running, name: str, topic: str = "city/counters/+", **options: Any) -> None:
    """Connect a stream, and wait until the broker has it."""
    with city.client() as client:
        client.streams.connect(name, options.pop("source", "sensors"), topic, **options)
    until("the connection", lambda: state(city, name)["connectedSince"])


def stream(city: Running, name: str) -> dict[str, Any]:
    with city.client() as client:
        return dict(client.streams.stream(name))


def state(city: Running, name: str) -> dict[str, Any]:
    return dict(stream(city, name)["broker"])


def wait_for(city: Running, name: str, **counts: int) -> None:
    until(f"{counts}", lambda: counts.items() <= stream(city, name).items())


def test_messages_become_observations_and_the_connection_is_shown(city: Running, broker: Mosquitto) -> None:
    describe(city, "plain", key=["station", "at"])
    with city.client() as client:
        assert client.streams.stream("plain")["broker"] is None
    connect(city, "plain")
    broker.send(*observations(1, 50))
    wait_for(city, "plain", accepted=50)
    until("their number", lambda: state(city, "plain")["messages"] == 50)
    shown = state(city, "plain")
    assert (shown["source"], shown["topic"], shown["error"]) == ("sensors", "city/counters/+", "")
    assert shown["repeatsUnacknowledged"] is True


def test_a_broker_that_repeats_and_reorders_adds_nothing(city: Running, broker: Mosquitto) -> None:
    describe(city, "again", key=["station", "at"])
    connect(city, "again", "city/again/+")
    messages = [("city/again/s", body) for _, body in observations(1, 40)]
    shuffled = [*messages, *messages, *messages]
    Random(7).shuffle(shuffled)
    broker.send(*shuffled)
    wait_for(city, "again", accepted=40, repeated=80)
    with city.client() as client:
        (latest,) = client.streams.latest("again")
    assert latest["observation"]["bikes"] == 40


def test_members_are_taken_from_topic_payload_and_arrival(city: Running, broker: Mosquitto) -> None:
    describe(city, "mapped")
    take = {"station": "topic:3", "bikes": "payload:count/value", "at": "payload:time", "wet": "payload:flags/1"}
    connect(city, "mapped", "city/raw/+", take=take)
    body = {"count": {"value": 7}, "time": "2026-01-01T00:00:00Z", "flags": [False, True], "noise": 1}
    broker.send(("city/raw/north", body), ("city/raw/south", [body, {"count": 3}]))
    wait_for(city, "mapped", accepted=2, refused=1)
    with city.client() as client:
        latest = [entry["observation"] for entry in client.streams.latest("mapped")]
        assert latest[0] == {"station": "north", "bikes": 7, "at": "2026-01-01T00:00:00Z", "wet": True}
        assert [observation["station"] for observation in latest] == ["north", "south"]
        describe(city, "bare")
        connect(city, "bare", "city/bare/+", take={"station": "topic:3", "bikes": "payload", "at": "arrival"})
        broker.send(("city/bare/x", "41"))
        wait_for(city, "bare", accepted=1)
        assert client.streams.latest("bare")[0]["observation"]["bikes"] == 41


def test_garbage_and_what_is_too_large_is_counted_and_kept_apart(city: Running, broker: Mosquitto) -> None:
    describe(city, "garbage")
    connect(city, "garbage", "city/garbage/#")
    garbage: list[Any] = [b"\xff\xfe", b"{", '"text"', "[[[[", {"station": "a"}, b" " * 1_500_000, b"[" * 100_000]
    good = observations(1, 3)[0][1]
    broker.send(*(("city/garbage/a", body) for body in garbage), ("city/garbage/b", good), ("city/garbage/b", b""))
    wait_for(city, "garbage", accepted=1, refused=len(garbage))
    with city.client() as client:
        faults = client.streams.faults("garbage")
    assert {fault["reason"].partition(": ")[0] for fault in faults} == {"city/garbage/a"}
    assert any("more than 1048576 bytes" in fault["reason"] for fault in faults)
    assert max(len(fault["text"]) for fault in faults) <= 1000
    # The empty message, with which a broker forgets what it retained, is no observation and no fault.
    until("all messages", lambda: state(city, "garbage")["messages"] == len(garbage) + 2)


def test_a_stream_of_invented_subjects_takes_bounded_room(city: Running, broker: Mosquitto) -> None:
    describe(city, "invented")
    connect(city, "invented", "city/invented")
    for start in range(0, 12_000, 4000):
        many = [{**observations(1, 1)[0][1], "station": f"key-{n}"} for n in range(start, start + 4000)]
        broker.send(("city/invented", many))
    wait_for(city, "invented", accepted=MOST_SUBJECTS, refused=12_000 - MOST_SUBJECTS)


def test_a_broker_that_is_gone_is_said_to_be_and_found_again(
    city: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = ["--node", str(city.folder)]
    with mosquitto(tmp_path / "other") as other:
        register(city, other, "other")
        describe(city, "cut", key=["station", "at"])
        connect(city, "cut", source="other")
        other.send(*observations(1, 5))
        wait_for(city, "cut", accepted=5)
        other.stop()
        shown = until("the error", lambda: state(city, "cut") if state(city, "cut")["error"] else None)
        assert shown["connectedSince"] is None
        assert shown["remedy"]
        assert "localhost" not in shown["error"]
        assert run(["status", *there]) == REFUSED
        assert "cut has no connection to the broker other" in capsys.readouterr().err
        assert run(["stream", "show", "cut", *there]) == DONE
        assert "not connected" in capsys.readouterr().out
        other.start()
        other.send(*observations(3, 9))
        # What the broker had sent, and not seen acknowledged when it ended, comes once more.
        until("all", lambda: stream(city, "cut")["accepted"] == 9, 90)
        until("the repeated ones", lambda: stream(city, "cut")["repeated"] >= 3)
        assert state(city, "cut")["connectedSince"]
        with city.client() as client:
            client.streams.remove("cut")
            client.data_sources.remove("other")


def test_a_refused_user_is_told_and_new_credentials_are_used_at_once(city: Running, broker: Mosquitto) -> None:
    wrong = {"scheme": "basic", "name": READER, "secret": "wrong"}
    with city.client() as client:
        client.data_sources.add("refused", "mqtt", broker.address, credentials=wrong)
        describe(city, "refused")
        client.streams.connect("refused", "refused", "city/refused")
        error = until("the error", lambda: state(city, "refused")["error"])
        assert "refuses the credentials" in error
        assert "wrong" not in str(client.streams.stream("refused"))
        register(city, broker, "refused")
        until("the connection", lambda: state(city, "refused")["connectedSince"])
        client.data_sources.remove("refused")
        until("the end", lambda: "no data source" in state(city, "refused")["error"])
        client.streams.disconnect("refused")
        assert client.streams.stream("refused")["broker"] is None


def test_another_topic_takes_the_place_of_the_first(city: Running, broker: Mosquitto) -> None:
    describe(city, "moved")
    connect(city, "moved", "city/first")
    with city.client() as client:
        client.streams.connect("moved", "sensors", "city/second")
    until("the new topic", lambda: state(city, "moved")["topic"] == "city/second")
    until("the connection", lambda: state(city, "moved")["connectedSince"])
    (first, body), (second, other) = (
        ("city/first", observations(1, 1)[0][1]),
        ("city/second", observations(2, 2)[0][1]),
    )
    broker.send((first, body), (second, other))
    wait_for(city, "moved", accepted=1)
    with city.client() as client:
        assert client.streams.latest("moved")[0]["observation"]["bikes"] == 2


@pytest.mark.parametrize(
    ("address", "word"),
    [
        ("mqtts://10.0.0.1", "private network"),
        ("mqtts://169.254.169.254:8883", "metadata"),
        ("mqtt://broker.example.org", "in the clear"),
        ("mqtts://broker.internal", "internal name"),
        ("https://broker.example.org", "address of a broker"),
        ("mqtts://user:secret@broker.example.org", "user or a password"),
        ("mqtts://broker.example.org/topic", "address of a broker"),
    ],
)
def test_a_broker_that_the_node_may_not_dial_is_refused(city: Running, address: str, word: str) -> None:
    with city.client() as client, pytest.raises(Refusal) as refusal:
        client.data_sources.add("forbidden", "mqtt", address)
    assert word in str(refusal.value)


@pytest.mark.parametrize(
    ("topic", "options", "word"),
    [
        ("", {}, "topic"),
        ("city/#/x", {}, "topic"),
        ("city/a+", {}, "topic"),
        ("$share/group/city", {}, "topic"),
        ("city", {"form": "text"}, "text alone"),
        ("city", {"form": "csv", "take": {"at": "arrival"}}, "named in it"),
        ("city", {"take": {"at": "elsewhere"}}, "no place"),
        ("city", {"take": {"*": "topic"}}, "only a payload"),
    ],
)
def test_a_subscription_that_cannot_be_kept_is_refused(
    city: Running, topic: str, options: dict[str, Any], word: str
) -> None:
    describe(city, "wrong")
    with city.client() as client, pytest.raises(Refusal) as refusal:
        client.streams.connect("wrong", "sensors", topic, **options)
    assert (refusal.value.http_status, bool(refusal.value.remedy)) == (400, True)
    assert word in str(refusal.value)


def test_only_stewards_connect_streams_and_only_to_brokers(city: Running, tmp_path: Path) -> None:
    describe(city, "guarded")
    with city.http() as http:
        answer = http.put("/api/streams/guarded/broker", json={"source": "sensors", "topic": "city"})
        assert answer.status_code == 401
    with city.client() as client:
        client.data_sources.add("files", "http", f"{city.url}/files")
        for stream_name, source, status in (
            ("guarded", "files", 400),
            ("guarded", "nowhere", 404),
            ("none", "sensors", 404),
        ):
            with pytest.raises(Refusal) as refusal:
                client.streams.connect(stream_name, source, "city")
            assert refusal.value.http_status == status
        with pytest.raises(Refusal) as refusal:
            client.streams.disconnect("guarded")
        assert refusal.value.http_status == 404


def test_a_broker_is_shared_through_a_stream_only(city: Running) -> None:
    with pytest.raises(Refusal) as refusal:
        share(city, "sensors", "city/a", slug="broker", format="JSON")
    assert "hansa stream connect" in str(refusal.value.remedy)


def test_the_terminal_registers_tries_and_connects(
    city: Running, broker: Mosquitto, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = ["--node", str(city.folder)]
    (tmp_path / "password").write_text(READER_PASSWORD)
    secret = ["--user", READER, "--secret-file", str(tmp_path / "password")]
    assert run(["source", "add", "typed", "mqtt", broker.address, *secret, *there]) == DONE
    broker.send(("city/typed/x", observations(1, 1)[0][1]), retain=True)
    assert run(["source", "test", "typed", *there]) == DONE
    assert "The broker takes the connection" in capsys.readouterr().out
    assert run(["source", "test", "typed", "--item", "city/typed/+", *there]) == DONE
    shown = capsys.readouterr().out
    assert "repeats what is not acknowledged" in shown
    assert "A message came, with" in shown
    assert run(["source", "test", "typed", "--item", "city/#/x", *there]) == REFUSED
    describe(city, "typed")
    take = ["--take", "*=payload", "--take", "station=topic:3"]
    assert run(["stream", "connect", "typed", "typed", "city/typed/+", *take, *there]) == DONE
    wait_for(city, "typed", accepted=1)
    until("its number", lambda: state(city, "typed")["messages"] == 1)
    capsys.readouterr()
    assert run(["stream", "show", "typed", *there]) == DONE
    shown = capsys.readouterr().out
    assert '"station": "x"' in shown
    assert "city/typed/+ of typed" in shown
    assert "1 messages" in shown
    assert run(["stream", "list", *there]) == DONE
    assert run(["stream", "connect", "typed", "typed", "city", "--take", "x", *there]) != DONE
    assert run(["stream", "disconnect", "typed", *there]) == DONE
    assert "takes no more messages" in capsys.readouterr().out


def test_an_earlier_version_of_the_protocol_works_too(city: Running, broker: Mosquitto) -> None:
    register(city, broker, "earlier", version="3.1.1")
    describe(city, "earlier", key=["station", "at"])
    connect(city, "earlier", "city/earlier", source="earlier")
    broker.send(*(("city/earlier", body) for _, body in observations(1, 30)))
    wait_for(city, "earlier", accepted=30)
