"""Streams take the messages of an AMQP broker: a real RabbitMQ, and brokers that break the protocol."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import aiormq
import pytest

from node.adapters.datasources.brokers.amqp import AmqpConnector
from node.adapters.egress import Egress
from node.base.errors import ForbiddenAddress, InvalidInput
from node.cli.exits import DONE, REFUSED
from node.cli.main import run
from node.datasources.brokers.ports import MessageConnection
from node.datasources.errors import DataSourceRefuses, DataSourceUnreachable
from node.datasources.model import Credentials, Scheme, Setup
from tests.integration.datasources.mosquitto import observations
from tests.integration.datasources.streams import describe
from tests.integration.datasources.test_brokers import state, stream, wait_for
from tests.live_peers import live
from tests.nodes import running
from tests.waits import until

EXCHANGE = "traffic"


class Rabbit:
    """A RabbitMQ, with an exchange and a queue."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.address = f"amqp://127.0.0.1:{urlsplit(url).port}"
        asyncio.run(self._act([]))

    def send(self, *messages: tuple[str, bytes]) -> None:
        """Publish messages, each with its routing key."""
        asyncio.run(self._act(messages))

    async def _act(self, messages: Sequence[tuple[str, bytes]]) -> None:
        connection = await aiormq.connect(self._url)
        channel = await connection.channel()
        await channel.exchange_declare(EXCHANGE, exchange_type="topic", durable=True)
        await channel.queue_declare("counts", durable=True)
        await channel.queue_bind("counts", EXCHANGE, "queued.#")
        for key, body in messages:
            await channel.basic_publish(body, exchange=EXCHANGE, routing_key=key)
        await connection.close()


@pytest.fixture(scope="module")
def rabbit() -> Iterator[Rabbit]:
    with live("amqp") as peer:
        yield Rabbit(peer["AMQP_URL"])


def messages(first: int, last: int, key: str = "city.counters.s") -> list[tuple[str, bytes]]:
    return [(key, json.dumps(content).encode()) for _, content in observations(first, last)]


def test_a_stream_takes_messages_by_terminal_through_repeats_garbage_and_a_restart(
    rabbit: Rabbit, tmp_path: Path, sqlite_template: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "city"
    (tmp_path / "password").write_text("writer-secret")
    there = ["--node", str(home)]
    with running(home, template=sqlite_template) as city:
        secret = ["--user", "writer", "--secret-file", str(tmp_path / "password")]
        assert run(["source", "add", "rabbit", "amqp", rabbit.address, *secret, *there]) == DONE
        assert run(["source", "test", "rabbit", "--item", f"{EXCHANGE}/city.counters.*", *there]) == DONE
        assert "repeats what is not acknowledged" in capsys.readouterr().out
        assert run(["source", "test", "rabbit", "--item", f"{EXCHANGE}/city.coun*", *there]) == REFUSED
        describe(city, "counters", key=["station", "at"])
        take = ["--take", "*=payload", "--take", "station=topic:4"]
        connect = ["stream", "connect", "counters", "rabbit", f"{EXCHANGE}/city.counters.*", *take, *there]
        assert run(connect) == DONE
        until("the connection", lambda: state(city, "counters")["connectedSince"])
        sent = messages(1, 200)
        repeats = sent * 2
        Random(7).shuffle(repeats)
        rabbit.send(*sent, *repeats, ("city.counters.s", b"\xff garbage"), ("city.counters.s", b"x" * (2 << 20)))
        wait_for(city, "counters", accepted=200, repeated=400, refused=2)
        with city.client() as client:
            reasons = " ".join(fault["reason"] for fault in client.streams.faults("counters"))
        assert f"{EXCHANGE}/city/counters/s: " in reasons
        assert "more than 1048576 bytes" in reasons
        port = urlsplit(city.url).port
    # The broker keeps what comes while the node is down.
    rabbit.send(*messages(201, 300))
    with running(home, port=port) as city:
        wait_for(city, "counters", accepted=300, refused=2)
        describe(city, "queued", key=["station", "at"])
        rabbit.send(*messages(1, 10, "queued.a"))
        with city.client() as client:
            client.streams.connect("queued", "rabbit", "counts")
        wait_for(city, "queued", accepted=10)
        assert run(["stream", "disconnect", "counters", *there]) == DONE
        assert stream(city, "counters")["broker"] is None


async def test_refusals_are_said_in_words_that_tell_nothing_of_the_place(rabbit: Rabbit) -> None:
    async with Egress(allow_loopback=True) as egress:
        for address, user, secret, topic, error in (
            (rabbit.address, "writer", "not-this-one", "counts", DataSourceRefuses),
            (rabbit.address, "reader", "reader-secret", f"{EXCHANGE}/city.#", DataSourceRefuses),
            (rabbit.address, "writer", "writer-secret", "no-such-queue", DataSourceRefuses),
            (rabbit.address, "writer", "writer-secret", "no-such-exchange/a", DataSourceRefuses),
            (f"{rabbit.address}/other", "writer", "writer-secret", "counts", DataSourceUnreachable),
            ("amqp://127.0.0.1:9", "writer", "writer-secret", "counts", DataSourceUnreachable),
        ):
            credentials = Credentials(scheme=Scheme.BASIC, name=user, secret=secret)
            connection = AmqpConnector(egress).connect(Setup(name="amqp", address=address, credentials=credentials))
            assert isinstance(connection, MessageConnection)
            with pytest.raises(error) as caught:
                async with connection.listen(topic, "refused"):
                    pass
            words = f"{caught.value.detail} {caught.value.remedy}"
            assert not any(text in words for text in ("127.0.0.1", secret, user))


@pytest.mark.parametrize(
    "address",
    ["amqp://broker.example.org", "amqps://10.0.0.1", "amqps://169.254.169.254", "amqps://u:p@broker.example.org",
     "mqtts://broker.example.org", "amqps://broker.example.org/a/b", "amqps://broker.example.org?x=1"],
)  # fmt: skip
def test_a_broker_that_the_node_may_not_dial_is_refused_before_anything_is_sent(address: str) -> None:
    with pytest.raises((InvalidInput, ForbiddenAddress)):
        AmqpConnector(Egress()).check(Setup(name="broker", address=address))


@contextmanager
def scripted(answer: bytes) -> Iterator[str]:
    """A broker that answers with these bytes and then with more, for as long as they are taken."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            try:
                client, _ = server.accept()
                with client:
                    client.recv(8)
                    client.sendall(answer)
                    while True:
                        client.sendall(b"x" * 65536)
            except OSError:
                return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"amqp://127.0.0.1:{server.getsockname()[1]}"
        finally:
            server.close()
            thread.join(10)


LARGE_FRAME = struct.pack("!BHI", 1, 0, 0xFFFFFFF0)
LARGE_MESSAGE = struct.pack("!BHIHHQHB", 2, 1, 14, 60, 0, 1 << 40, 0, 0xCE)


@pytest.mark.parametrize("answer", [LARGE_FRAME, LARGE_MESSAGE, b"HTTP/1.1 400 no\r\n\r\n"])
async def test_a_broker_that_breaks_the_protocol_is_left(answer: bytes) -> None:
    with scripted(answer) as address:
        async with Egress(allow_loopback=True) as egress:
            connection = AmqpConnector(egress).connect(Setup(name="hostile", address=address))
            assert isinstance(connection, MessageConnection)
            with pytest.raises(DataSourceUnreachable) as caught:
                async with connection.listen("counts", "s"):
                    pass
    if not answer.startswith(b"HTTP"):
        assert "16 MB" in caught.value.detail
