"""A node passes a stream of a partner on to a broker of its own, lastingly, until the provider ends it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from demo.nodes import Member, free_ports
from node.cli.exits import DONE
from node.cli.main import run
from node.client import Refusal
from tests.integration.datasources.bridges.test_mqtt import listening
from tests.integration.datasources.kafka.peer import WRITER, WRITER_PASSWORD, kafka
from tests.integration.datasources.live_data import share
from tests.integration.datasources.mosquitto import PASSWORD, USER, Mosquitto, mosquitto
from tests.integration.datasources.streams import describe, observation, send
from tests.integration.datasources.test_table_queries import counted_offer
from tests.nodes import Running, agree, running
from tests.waits import until

BUS = {"scheme": "basic", "name": USER, "secret": PASSWORD}
TO = "broker:bus/ghent/counters"


@contextmanager
def partner_at(folder: Path, template: Path, port: int | None = None) -> Iterator[Running]:
    with running(folder, template=template, **({"port": port} if port else {})) as node:
        yield node


def shared(city: Running, name: str, **options: Any) -> str:
    describe(city, name)
    return share(city, "streams", name, slug=name, format="JSON", **options)


def with_bus(node: Running, broker: Mosquitto) -> None:
    with node.client() as client:
        client.data_sources.add("bus", "mqtt", broker.address, credentials=BUS)


def bridges(node: Running) -> list[dict[str, Any]]:
    with node.client() as client:
        return list(client.bridges.all())


def resumed(city: Running, pid: str) -> bool:
    """Whether a transfer could be resumed: its suspension has arrived."""
    with city.client() as client, suppress(Refusal):
        client.steer(pid, "resume")
        return True
    return False


def state(node: Running) -> Callable[[], str]:
    return lambda: bridges(node)[0]["state"]


def test_a_terminal_bridges_a_stream_through_faults_of_all_sides_until_the_provider_ends_it(
    tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "partner"
    monkeypatch.setenv("HANSA_NODE", str(home))
    with (
        running(tmp_path / "city", template=sqlite_template) as city,
        mosquitto(tmp_path / "broker") as broker,
        listening(broker, tmp_path / "messages") as messages,
    ):
        iri = shared(city, "counters")
        with partner_at(home, sqlite_template) as partner:
            agreement = str(agree(partner, iri)["agreementId"])
            with_bus(partner, broker)
            send(city, "counters", observation(0))
            assert run(["stream", "bridge", iri, TO]) == DONE
            assert f"the stream goes to {TO}" in capsys.readouterr().out
            send(city, "counters", *map(observation, range(1, 4)))
            until("they are at the broker", lambda: messages() == [1, 2, 3])
            assert run(["stream", "bridges"]) == DONE
            assert "3 sent" in capsys.readouterr().out
            # The broker is away for a while.
            broker.stop()
            send(city, "counters", *map(observation, range(4, 8)))
            until("it is noticed", lambda: state(partner)() == "failing")
            port = urlsplit(partner.url).port
        # The node is, too.
        send(city, "counters", *map(observation, range(8, 10)))
        broker.start()
        with listening(broker, tmp_path / "more") as more, partner_at(home, sqlite_template, port) as partner:
            until("all have come", lambda: sorted({*messages(), *more()}) == list(range(1, 10)), seconds=60)
            until("it runs", lambda: state(partner)() == "running")
            with city.client() as client:
                theirs = next(one["pid"] for one in client.transfers() if one["agreementId"] == agreement)
                begin = time.monotonic()
                client.steer(theirs, "suspend", reason="maintenance")
                until("the bridge ends", lambda: state(partner)() == "ended")
                assert time.monotonic() - begin < 5  # A second, and what a busy machine adds.
                send(city, "counters", observation(10))
                assert run(["stream", "bridges"]) == DONE
                output = capsys.readouterr()
                assert "maintenance" in output.out + output.err
                until("the partner knows", lambda: resumed(city, theirs))
            assert run(["stream", "bridge", iri, TO]) == DONE
            until("it goes on where it was", lambda: 10 in more())
            (view,) = bridges(partner)
            assert run(["stream", "unbridge", view["id"]]) == DONE
            send(city, "counters", observation(11))
            assert bridges(partner) == []
            with city.client() as client:
                client.steer(theirs, "terminate", reason="no longer")
            assert run(["stream", "bridge", iri, "broker:nowhere/x"]) != DONE
            assert "hansa source add nowhere" in "".join(capsys.readouterr())
    assert 11 not in more()


def test_an_agreement_that_ends_ends_the_bridge_and_says_why(
    tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        running(tmp_path / "city", template=sqlite_template) as city,
        running(tmp_path / "partner", template=sqlite_template) as partner,
        mosquitto(tmp_path / "broker") as broker,
    ):
        with_bus(partner, broker)
        iri = shared(city, "counters")
        agreement = str(agree(partner, iri)["agreementId"])
        with partner.client() as client:
            view = client.bridges.begin(agreement, TO)
            assert client.bridges.begin(agreement, TO)["id"] == view["id"]
            until("it runs", lambda: state(partner)() == "running")
            assert client.bridges.all(agreement="urn:uuid:other") == []
            with city.client() as provider:
                provider.block(partner.did, "broke the rules")
            until("the bridge ends", lambda: state(partner)() == "ended")
            (ended,) = client.bridges.all(agreement=agreement)
            assert ended["error"]
            assert ended["endedAt"]
        monkeypatch.setenv("HANSA_NODE", str(partner.folder))
        # The provider may go on with a transfer that it paused: so does the bridge, then.
        assert run(["stream", "bridge", agreement, TO]) == DONE
        assert "the transfer is paused" in "".join(capsys.readouterr())
        with city.client() as provider:
            provider.unblock(partner.did)
            send(city, "counters", observation(1))
        until("it goes on", lambda: state(partner)() in ("running", "failing"))


def test_what_cannot_be_a_bridge_is_refused_in_words(tmp_path: Path, sqlite_template: Path) -> None:
    with (
        running(tmp_path / "city", template=sqlite_template) as city,
        running(tmp_path / "partner", template=sqlite_template) as partner,
        mosquitto(tmp_path / "broker") as broker,
    ):
        with_bus(partner, broker)
        agreement = str(agree(partner, shared(city, "counters"))["agreementId"])
        counted = str(agree(partner, shared(city, "counted", conditions=counted_offer(3)))["agreementId"])
        with partner.client() as client:
            client.data_sources.add("web", "http", "http://127.0.0.1:9/")
            for to, words in (
                ("bus/x", "no broker and topic"),
                ("broker:bus", "no broker and topic"),
                ("broker:bus/a/#", "no topic to send to"),
                ("broker:web/x", "takes no messages"),
            ):
                with pytest.raises(Refusal, match=words):
                    client.bridges.begin(agreement, to)
            with pytest.raises(Refusal, match="under such an agreement"):
                client.bridges.begin("urn:uuid:nothing", TO)
            with pytest.raises(Refusal, match="each reading is a use"):
                client.bridges.begin(counted, TO)
            with pytest.raises(Refusal, match="no such bridge"):
                client.bridges.end("x")
        with city.client() as client, pytest.raises(Refusal, match="no data source"):
            client.bridges.begin(agreement, TO)
        assert bridges(partner) == []
        with partner.http() as http:
            assert http.get("/api/bridges").status_code == 401
            assert http.delete(f"/api/bridges/{quote('x')}").status_code == 401


def test_nothing_is_lost_on_the_way_to_kafka_when_the_node_is_killed(tmp_path: Path, sqlite_template: Path) -> None:
    member = Member("partner", "Partner", tmp_path, free_ports(1)[0])
    with running(tmp_path / "city", template=sqlite_template) as city, kafka() as broker:
        broker.make("bridged")
        iri = shared(city, "counters")
        member.init()
        member.serve()
        try:
            member.wait_ready()
            with member.client() as client:
                credentials = {"scheme": "basic", "name": WRITER, "secret": WRITER_PASSWORD}
                client.data_sources.add("bus", "kafka", broker.address, credentials=credentials)
                pid = client.negotiate(iri)["pid"]
                until("it is agreed", lambda: client.negotiation(pid, wait=5)["state"] == "FINALIZED")
                agreement = str(client.negotiation(pid)["agreementId"])
                client.bridges.begin(agreement, "broker:bus/bridged", key="station")
                until("it runs", lambda: client.bridges.all()[0]["state"] == "running")
                send(city, "counters", *map(observation, range(500)))
                until("some are there", lambda: client.bridges.all()[0]["sent"] > 0, pause=0.001)
            member.kill()
            send(city, "counters", *map(observation, range(500, 1000)))
            member.serve()
            member.wait_ready()
            send(city, "counters", *map(observation, range(1000, 1010)))
            until("all are there", lambda: len({value for _, value, _ in broker.read("bridged")}) >= 1010, 120)
        finally:
            member.stop()
        arrivals = broker.read("bridged")
    numbers = [json.loads(value or b"")["bikes"] for _, value, _ in arrivals]
    assert sorted({*numbers}) == list(range(1010))
    assert {(key or b"").decode() for key, _, _ in arrivals} == {f"s{number}" for number in range(5)}
    assert arrivals[0][2]["content-type"] == b"application/json"
