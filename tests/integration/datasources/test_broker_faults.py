"""What a broker and a node do to each other: killed, cut off, in the clear, hostile, several processes."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from demo.nodes import Member, free_ports
from node.adapters.datasources.brokers import mqtt_session
from node.adapters.datasources.brokers.mqtt import MqttConnector
from node.adapters.egress import Egress
from node.bootstrap.parts import open_stores
from node.datasources.brokers.ports import MessageConnection
from node.datasources.errors import DataSourceUnreachable
from node.datasources.model import Setup
from node.settings import load
from tests.integration.datasources.mosquitto import READER, READER_PASSWORD, mosquitto, observations
from tests.integration.datasources.streams import SCHEMA, describe
from tests.integration.datasources.test_brokers import connect, register, state, stream, wait_for
from tests.nodes import running
from tests.waits import until

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def lines_of(member: Member, name: str) -> list[dict[str, Any]]:
    """The observations of a stream as they are stored, by number."""
    stores = open_stores(load(member.folder))
    lines: list[str] = []
    try:
        with stores.uow.read() as tx:
            last = 0
            while batches := stores.streams.batches(tx, name, after=last, since=_LONG_AGO, limit=100):
                for batch in batches:
                    assert batch.first == last + 1
                    last = batch.last
                    lines += batch.lines
    finally:
        stores.uow.close()
    return [json.loads(line) for line in lines]


def prepare(member: Member, address: str) -> None:
    """A stream that takes the messages of the counters."""
    with member.client() as client:
        credentials = {"scheme": "basic", "name": READER, "secret": READER_PASSWORD}
        client.data_sources.add("sensors", "mqtt", address, credentials=credentials)
        client.streams.add("counters", SCHEMA, subject="station", key=["station", "at"])
        client.streams.connect("counters", "sensors", "city/counters/+")
        until("the connection", lambda: client.streams.stream("counters")["broker"]["connectedSince"])


def test_nothing_acknowledged_is_lost_when_the_node_is_killed(tmp_path: Path) -> None:
    """The broker forgets what is acknowledged: if the node had not stored it, it would be gone."""
    with mosquitto(tmp_path / "broker") as broker:
        member = Member("city", "City", tmp_path, free_ports(1)[0])
        member.init()
        member.serve()
        try:
            member.wait_ready()
            prepare(member, broker.address)
            sender = threading.Thread(target=broker.send, args=observations(1, 1500))
            sender.start()
            with member.client() as client:
                until("some", lambda: client.streams.stream("counters")["accepted"] >= 200, 60)
            member.kill()
            member.serve()
            member.wait_ready()
            sender.join()
            broker.send(*observations(1501, 1510))
            with member.client() as client:
                until("all", lambda: client.streams.stream("counters")["accepted"] >= 1510, 90)
        finally:
            member.stop()
    assert sorted(line["bikes"] for line in lines_of(member, "counters")) == list(range(1, 1511))


@pytest.mark.postgres
def test_of_two_processes_one_listens_and_the_other_takes_its_place(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANSA_DATABASE_URL", postgres_url)
    with mosquitto(tmp_path / "broker") as broker:
        member = Member("city", "City", tmp_path, free_ports(1)[0], (), {"database_url": postgres_url})
        member.init()
        member.serve()
        worker = None
        try:
            member.wait_ready()
            prepare(member, broker.address)
            command = [sys.executable, "-m", "node.cli", "worker", str(member.folder)]
            worker = subprocess.Popen(
                command, env=member.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            for first in range(1, 500, 50):
                broker.send(*observations(first, first + 49))
            with member.client() as client:
                until("all", lambda: client.streams.stream("counters")["accepted"] == 500, 60)
            # A second connection under the same name would have ended the first one.
            assert broker.log.count(" as hansa") == 1
            member.kill()
            broker.send(*observations(501, 600))
            until("the other process", lambda: len(lines_of(member, "counters")) == 600, 90, pause=0.5)
            assert broker.log.count(" as hansa") == 2
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(30) == 0
        finally:
            member.stop()
            if worker is not None and worker.poll() is None:
                worker.kill()
                worker.wait(10)
    assert sorted(line["bikes"] for line in lines_of(member, "counters")) == list(range(1, 601))


# ---- TLS ------------------------------------------------------------------------------------------------------


def certify(folder: Path, name: str) -> tuple[Path, Path]:
    """A key and a self-signed certificate for ``name``."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / f"{name}.pem", folder / f"{name}.key"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


def test_a_broker_is_reached_by_tls_under_its_own_name_only(
    tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right, wrong = certify(tmp_path, "localhost"), certify(tmp_path, "broker.example.org")
    authorities = tmp_path / "authorities.pem"
    authorities.write_bytes(right[0].read_bytes() + wrong[0].read_bytes())
    with (
        mosquitto(tmp_path / "right", tls=right) as secure,
        mosquitto(tmp_path / "wrong", tls=wrong) as impostor,
        running(tmp_path / "city", template=sqlite_template) as city,
    ):
        describe(city, "secure")
        register(city, secure, "secure")
        with city.client() as client:
            client.streams.connect("secure", "secure", "city/air")
            unknown = until("the error", lambda: state(city, "secure")["error"])
            assert "certificate" in unknown
            monkeypatch.setenv("SSL_CERT_FILE", str(authorities))
            register(city, secure, "secure")
            until("the connection", lambda: state(city, "secure")["connectedSince"])
            register(city, impostor, "impostor")
            report = client.data_sources.test("impostor")
            assert (report["passed"], "certificate" in report["steps"][0]["text"]) == (False, True)


# ---- a broker that keeps to nothing ---------------------------------------------------------------------------


@contextmanager
def scripted(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A broker that answers a connection, grants a subscription, and then does as ``answer``."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ended = threading.Event()

        def serve() -> None:
            while not ended.is_set():
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                with client:
                    try:
                        client.recv(4096)
                        client.sendall(b"\x20\x03\x00\x00\x00")
                        client.recv(4096)
                        client.sendall(b"\x90\x04\x00\x01\x00\x01")
                        answer(client)
                    except OSError:
                        continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"mqtt://127.0.0.1:{server.getsockname()[1]}"
        finally:
            ended.set()
            server.shutdown(socket.SHUT_RDWR)
            server.close()
            thread.join(10)


def publish(number: int, payload: bytes, *, qos: int = 1) -> bytes:
    """A PUBLISH packet of MQTT 5 without properties."""
    body = struct.pack("!H", 4) + b"city" + (struct.pack("!H", number) if qos else b"") + b"\x00" + payload
    length, header = len(body), bytearray([0x30 | qos << 1])
    while True:
        length, digit = divmod(length, 128)
        header.append(digit | (0x80 if length else 0))
        if not length:
            return bytes(header) + body


def announce(client: socket.socket) -> None:
    """The beginning of a packet of 256 MB, and more of it for as long as it is taken."""
    client.sendall(b"\x32\xff\xff\xff\x7f")
    while True:
        client.sendall(b"x" * 65536)


def babble(client: socket.socket) -> None:
    client.sendall(b"\xff" * 4096)
    client.recv(1)


def hang_up(client: socket.socket) -> None:
    client.shutdown(socket.SHUT_RDWR)


async def _take_without_end(connection: MessageConnection) -> None:
    """Take messages, and acknowledge none."""
    async with asyncio.timeout(60), connection.listen("city", "s") as session:
        while True:
            await session.messages()


@pytest.mark.parametrize("fault", [announce, babble, hang_up])
async def test_a_broker_that_breaks_the_protocol_is_left(fault: Callable[[socket.socket], None]) -> None:
    with scripted(fault) as address:
        async with Egress(allow_loopback=True) as egress:
            connection = MqttConnector(egress).connect(Setup(name="hostile", address=address))
            assert isinstance(connection, MessageConnection)
            with pytest.raises(DataSourceUnreachable):
                await _take_without_end(connection)


@pytest.mark.parametrize("qos", [0, 1])
async def test_a_broker_that_sends_all_at_once_has_to_wait_and_nothing_is_lost(qos: int) -> None:
    """Some brokers send all that they have kept, whatever the client says that it takes."""
    count = 5 * mqtt_session._WAITING

    def hurry(client: socket.socket) -> None:
        client.sendall(b"".join(publish(number, b"%d" % number, qos=qos) for number in range(1, count + 1)))
        while client.recv(4096):
            continue

    with scripted(hurry) as address:
        async with Egress(allow_loopback=True) as egress:
            connection = MqttConnector(egress).connect(Setup(name="fast", address=address))
            assert isinstance(connection, MessageConnection)
            payloads: list[bytes] = []
            async with asyncio.timeout(60), connection.listen("city", "s") as session:
                while len(payloads) < count:
                    batch = await session.messages()
                    assert len(batch) <= mqtt_session._WAITING
                    payloads += [message.payload for message in batch]
                    session.acknowledge(batch)
    assert payloads == [b"%d" % number for number in range(1, count + 1)]


def test_a_broker_that_is_silent_or_hostile_does_not_stop_other_streams(
    tmp_path: Path, sqlite_template: Path
) -> None:
    with (
        scripted(announce) as hostile,
        mosquitto(tmp_path / "broker") as broker,
        running(tmp_path / "city", template=sqlite_template) as city,
    ):
        register(city, broker)
        describe(city, "good", key=["station", "at"])
        describe(city, "bad")
        with city.client() as client:
            client.data_sources.add("hostile", "mqtt", hostile)
            client.streams.connect("bad", "hostile", "city/#")
        connect(city, "good")
        broker.send(*observations(1, 200))
        wait_for(city, "good", accepted=200)
        until("the error", lambda: state(city, "bad")["error"])
        assert stream(city, "bad")["accepted"] == 0
