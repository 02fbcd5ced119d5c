"""Brokers of Kafka that lead the node elsewhere, or break the protocol: scripted, with no Kafka needed."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiokafka.protocol.admin import ApiVersionRequest, ApiVersionRequest_v0
from aiokafka.protocol.metadata import MetadataResponse_v1

from node.adapters.datasources.brokers.kafka.connector import KafkaConnector
from node.adapters.egress import Egress
from node.base.errors import ForbiddenAddress, HansaError, InvalidInput
from node.datasources.brokers.ports import MessageConnection
from node.datasources.errors import DataSourceUnreachable
from node.datasources.model import Credentials, Scheme, Setup
from tests.integration.datasources.test_broker_faults import certify

ANYBODY = Credentials()
METADATA = 3
VERSIONS = ApiVersionRequest.API_KEY
Answer = Callable[[int], bytes | None]
"""What a scripted broker answers to a request of this kind; None: nothing, for ever."""


def versions(kind: int) -> bytes:
    """The kinds of requests that the broker knows."""
    known = [(key, 0, 11) for key in (1, 2, 8, 9, 10, METADATA, VERSIONS)]
    known[-2] = (METADATA, 1, 1)
    return bytes(ApiVersionRequest_v0.RESPONSE_TYPE(0, known).encode())


@contextmanager
def scripted(answer: Answer, tls: tuple[Path, Path] | None = None) -> Iterator[tuple[str, list[int]]]:
    """The address of a broker with these answers, and the kinds of the requests that came. ``tls``: its certificate
    and key."""
    context = None if tls is None else ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    if context is not None and tls is not None:
        context.load_cert_chain(*tls)
    requests: list[int] = []

    def serve(plain: socket.socket) -> None:
        try:
            client = plain if context is None else context.wrap_socket(plain, server_side=True)
        except OSError:
            plain.close()
            return
        with client, client.makefile("rb") as stream:
            try:
                while head := stream.read(4):
                    body = stream.read(struct.unpack(">i", head)[0])
                    kind, _, number = struct.unpack_from(">hhi", body)
                    requests.append(kind)
                    content = versions(kind) if kind == VERSIONS else answer(kind)
                    if content is not None:
                        message = struct.pack(">i", number) + content
                        client.sendall(struct.pack(">i", len(message)) + message)
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(client,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield (
            f"{'kafka://127.0.0.1' if context is None else 'kafkas://localhost'}:{server.getsockname()[1]}",
            requests,
        )
        server.shutdown(socket.SHUT_RDWR)


def advertising(host: str, port: int) -> Answer:
    """A broker that sends the node to another one for the topic ``counts``."""

    def answer(kind: int) -> bytes | None:
        topics = [(0, "counts", False, [(0, 0, 7, [7], [7])])]
        return bytes(MetadataResponse_v1([(7, host, port, None)], 7, topics).encode())

    return answer


async def listen(address: str, *, credentials: Credentials = ANYBODY, session: str = "") -> None:
    async with Egress(allow_loopback=True) as egress:
        connection = KafkaConnector(egress).connect(Setup(name="k", address=address, credentials=credentials))
        assert isinstance(connection, MessageConnection)
        async with connection.listen("counts", session) as reader:
            await reader.messages()


@pytest.mark.parametrize(
    "host", ["10.0.0.7", "192.168.1.1", "169.254.169.254", "[::1]", "::ffff:10.0.0.1", "broker.internal", "0x7f.1",
             "broker.example.org", "93.184.215.14", "a b", ""],
)  # fmt: skip
async def test_a_broker_cannot_lead_the_node_elsewhere(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not into a private network, and outside this machine not without TLS. Nothing is dialled, nothing is sent."""
    dialled: list[object] = []
    connect = asyncio.get_running_loop().create_connection

    async def record(factory: object, address: object = None, *rest: object, **options: object) -> object:
        dialled.append(address)
        return await connect(factory, address, *rest, **options)  # type: ignore[arg-type, call-overload]

    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", record)
    with scripted(advertising(host, 9092)) as (address, _):
        with pytest.raises((ForbiddenAddress, DataSourceUnreachable, HansaError)) as caught:
            await listen(address)
        assert dialled == ["127.0.0.1"]
        assert "10.0.0.7" not in f"{caught.value.detail} {caught.value.remedy}"
        assert caught.value.remedy


async def test_a_password_is_not_sent_to_an_address_that_a_broker_names_without_tls() -> None:
    credentials = Credentials(scheme=Scheme.BASIC, name="u", secret="s")
    with scripted(advertising("broker.example.org", 9092)) as (address, requests):
        with pytest.raises(HansaError):
            await listen(address, credentials=credentials)
        assert METADATA not in requests  # This broker knows no way to sign in, and learns no more.


async def test_each_broker_is_reached_by_tls_under_its_own_name_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right, wrong = certify(tmp_path, "localhost"), certify(tmp_path, "broker.example.org")
    authorities = tmp_path / "authorities.pem"
    authorities.write_bytes(right[0].read_bytes() + wrong[0].read_bytes())
    for certificate, is_known, word in (
        (right, False, "certificate"),
        (wrong, True, "certificate"),
        (right, True, "no such topic"),
    ):
        if is_known:
            monkeypatch.setenv("SSL_CERT_FILE", str(authorities))
        with scripted(
            lambda _: bytes(MetadataResponse_v1([], 0, [(3, "counts", False, [])]).encode()), certificate
        ) as (
            address,
            requests,
        ):
            with pytest.raises(DataSourceUnreachable) as caught:
                await listen(address)
            assert word in caught.value.detail
            assert bool(requests) == (word == "no such topic")


@pytest.mark.parametrize("port", [0, -1, 70000])
async def test_a_port_that_there_is_not_is_refused(port: int) -> None:
    with scripted(advertising("127.0.0.1", port)) as (address, _), pytest.raises(DataSourceUnreachable):
        await listen(address)


def crowd(kind: int) -> bytes:
    """More brokers than a cluster has."""
    return bytes(MetadataResponse_v1([(n, "127.0.0.1", 9, None) for n in range(5000)], 0, []).encode())


def spread(kind: int) -> bytes:
    """A topic with more partitions than are read."""
    partitions = [(0, n, 1, [], []) for n in range(5000)]
    return bytes(MetadataResponse_v1([(1, "127.0.0.1", 9, None)], 1, [(0, "counts", False, partitions)]).encode())


@pytest.mark.parametrize("answer", [crowd, spread, lambda _: b"", lambda _: b"\xff" * 50, lambda _: bytes(100)])
async def test_an_answer_that_is_too_much_or_no_answer_is_refused(answer: Answer) -> None:
    with scripted(answer) as (address, _), pytest.raises(DataSourceUnreachable):
        await listen(address)


@pytest.mark.parametrize("content", [b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"HTTP/1.1 400 no\r\n\r\n", b""])
async def test_a_broker_that_breaks_the_protocol_is_left(content: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            try:
                client, _ = server.accept()
                with client:
                    client.recv(100)
                    client.sendall(content)
                    while content:
                        client.sendall(bytes(65536))
            except OSError:
                return

        threading.Thread(target=serve, daemon=True).start()
        with pytest.raises(DataSourceUnreachable) as caught:
            await listen(f"kafka://127.0.0.1:{server.getsockname()[1]}")
    if content.startswith((b"\x7f", b"HTTP")):
        assert "8 MB" in caught.value.detail


async def test_a_broker_that_is_silent_costs_some_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted(lambda _: None) as (address, _), pytest.raises(DataSourceUnreachable) as caught:
        async with asyncio.timeout(20):
            await listen(address)
    assert "did not answer in time" in caught.value.detail


@pytest.mark.parametrize(
    "address",
    ["kafka://broker.example.org", "kafkas://10.0.0.1", "kafkas://broker.example.org,169.254.169.254:9093",
     "kafkas://u:p@broker.example.org", "mqtts://broker.example.org", "kafkas://broker.example.org/topic",
     "kafkas://broker.example.org?x=1", "kafkas://", "kafkas://a.example.org,,b.example.org",
     "kafkas://" + ",".join(["broker.example.org"] * 9)],
)  # fmt: skip
def test_a_broker_that_the_node_may_not_dial_is_refused_before_anything_is_sent(address: str) -> None:
    with pytest.raises((InvalidInput, ForbiddenAddress)):
        KafkaConnector(Egress()).check(Setup(name="broker", address=address))
