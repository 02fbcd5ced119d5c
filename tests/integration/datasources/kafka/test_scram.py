"""Signing in to Kafka with SCRAM: the example of RFC 7677, and brokers that do not play by the rules.

Then Kafka itself with SCRAM: a broker of its own, as that of the kit of live peers has another way to sign in.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.nodes import free_ports
from node.adapters.datasources.brokers.kafka.connector import KafkaConnector
from node.adapters.datasources.brokers.kafka.failures import failure
from node.adapters.datasources.brokers.kafka.link import BoundedScram, KafkaLink, Login, UnprovenBroker
from node.adapters.egress import Egress
from node.base.errors import InvalidInput
from node.datasources.errors import DataSourceRefuses
from node.datasources.model import Credentials, Scheme, Setup
from tests.integration.datasources.kafka.peer import WRITER, WRITER_PASSWORD, Kafka
from tests.integration.datasources.live_data import share
from tests.integration.datasources.streams import describe, observation
from tests.integration.datasources.test_brokers import state
from tests.nodes import agree, running
from tests.waits import until

CLIENT_NONCE = "rOprNGfwEbeRWgbNEkqO"
NONCE = f"{CLIENT_NONCE}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
SALT = "W22ZaJ0SNY7soEsUEjb6gQ=="
FIRST = f"r={NONCE},s={SALT},i=4096"
FINAL = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
"""The words of the server in RFC 7677, 3."""


async def client(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The client of the example, as a connection makes it."""
    login = Login(is_secure=True, user="user", password="pencil", mechanism="SCRAM-SHA-256")
    authenticator = KafkaLink("127.0.0.1", "localhost", 9, login).authenticator_scram()
    assert isinstance(authenticator, BoundedScram)
    monkeypatch.setattr(authenticator, "_nonce", CLIENT_NONCE)
    assert await authenticator.step(None) == (f"n,,n=user,r={CLIENT_NONCE}".encode(), True)
    return authenticator


async def test_the_example_of_the_standard(monkeypatch: pytest.MonkeyPatch) -> None:
    authenticator = await client(monkeypatch)
    proof, _ = await authenticator.step(FIRST.encode())
    assert proof.decode() == f"c=biws,r={NONCE},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    assert await authenticator.step(FINAL.encode()) is None


@pytest.mark.parametrize(
    "first",
    [
        f"r={NONCE},s={SALT},i=1",
        f"r={NONCE},s={SALT},i=4095",
        f"r={NONCE},s={SALT},i=2147483647",
        f"r={NONCE},s={SALT},i=many",
        f"r={NONCE},s=,i=4096",
        f"r={NONCE},s={'A' * 2000},i=4096",
        f"r={CLIENT_NONCE},s={SALT},i=4096",
        f"r=another{NONCE},s={SALT},i=4096",
        f"r={NONCE},i=4096",
        "nonsense",
        "",
    ],
)
async def test_a_broker_that_asks_for_harm_gets_no_proof(first: str, monkeypatch: pytest.MonkeyPatch) -> None:
    authenticator = await client(monkeypatch)
    async with asyncio.timeout(5):
        with pytest.raises(UnprovenBroker) as raised:
            await authenticator.step(first.encode())
    words = failure(raised.value)
    assert isinstance(words, DataSourceRefuses)
    assert words.remedy
    assert "pencil" not in words.detail


@pytest.mark.parametrize("final", ["v=AAAA", "e=invalid-proof", "", FINAL[:-6] + "AAAA="])
async def test_a_broker_that_does_not_know_the_password_is_left(final: str, monkeypatch: pytest.MonkeyPatch) -> None:
    authenticator = await client(monkeypatch)
    await authenticator.step(FIRST.encode())
    with pytest.raises(UnprovenBroker, match="does not know the password"):
        await authenticator.step(final.encode())


@pytest.mark.parametrize("way", ["plain", "scram-sha-256", "scram-sha-512"])
async def test_a_steward_chooses_the_way(way: str) -> None:
    credentials = Credentials(scheme=Scheme.BASIC, name="user", secret="pencil")
    async with Egress(allow_loopback=True) as egress:
        connector = KafkaConnector(egress)
        connector.check(
            Setup(name="k", address="kafka://localhost:9092", credentials=credentials, options={"sasl": way})
        )
        wrong = Setup(name="k", address="kafka://localhost:9092", credentials=credentials, options={"sasl": "md5"})
        with pytest.raises(InvalidInput, match="no way to sign in") as raised:
            connector.check(wrong)
        assert way in raised.value.remedy


LIBRARIES = Path(os.environ.get("HANSA_PEERS", "~/.cache/hansa-peers")).expanduser() / "kafka" / "lib"
"""Kafka as the kit of live peers has fetched it."""
_MODULE = "org.apache.kafka.common.security.scram.ScramLoginModule required;"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """Kafka with SCRAM at its second port, which knows ``WRITER`` in both ways."""
    if not LIBRARIES.is_dir() or shutil.which("java") is None:
        pytest.skip("no Kafka: the kit of live peers fetches it (peer up kafka)")
    home = tmp_path_factory.mktemp("kafka")
    plain, control, scram = free_ports(3)
    places = f"PLAINTEXT://127.0.0.1:{plain},SASL_PLAINTEXT://127.0.0.1:{scram}"
    ways = ("scram-sha-256", "scram-sha-512")
    properties = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{control}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"{places},CONTROLLER://127.0.0.1:{control}",
        "advertised.listeners": places,
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": ("PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT"),
        "sasl.enabled.mechanisms": ",".join(ways).upper(),
        **{f"listener.name.sasl_plaintext.{way}.sasl.jaas.config": _MODULE for way in ways},
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "1",
        "group.initial.rebalance.delay.ms": "0",
        "log.dirs": str(home / "data"),
    }
    settings = home / "properties"
    settings.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
    java = ["java", "-Xmx384m", "-cp", f"{LIBRARIES}/*"]
    users = [
        word for way in ways for word in ("--add-scram", f"{way.upper()}=[name={WRITER},password={WRITER_PASSWORD}]")
    ]
    cluster = ["-t", "AAAAAAAAAAAAAAAAAAAAAQ", "-c", str(settings)]
    with (home / "log").open("wb") as log:
        tool = [*java, "kafka.tools.StorageTool", "format", *cluster, *users]
        subprocess.run(tool, check=True, stdout=log, stderr=log, timeout=120)
        server = subprocess.Popen([*java, "kafka.Kafka", str(settings)], stdout=log, stderr=log)
        try:
            peer = Kafka({"KAFKA_BOOTSTRAP": f"127.0.0.1:{plain}", "KAFKA_SASL_BOOTSTRAP": f"127.0.0.1:{scram}"})
            until("Kafka answers", lambda: _answers(plain), 120)
            yield peer
        finally:
            server.terminate()
            server.wait(30)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("way", ["scram-sha-256", "scram-sha-512"])
def test_a_stream_takes_messages_and_a_bridge_sends_them_over_scram(
    way: str, broker: Kafka, tmp_path: Path, sqlite_template: Path
) -> None:
    topic, copies = f"city.{uuid.uuid4().hex[:8]}", f"partner.{uuid.uuid4().hex[:8]}"
    broker.make(topic)
    broker.make(copies)
    login = {"scheme": "basic", "name": WRITER, "secret": WRITER_PASSWORD}
    with (
        running(tmp_path / "city", template=sqlite_template) as city,
        running(tmp_path / "partner", template=sqlite_template) as partner,
    ):
        for node in (city, partner):
            with node.client() as client:
                client.data_sources.add("bus", "kafka", broker.address, credentials=login, options={"sasl": way})
                assert client.data_sources.test("bus")["passed"]
        describe(city, "counters")
        iri = share(city, "streams", "counters", slug="counters", format="JSON")
        with partner.client() as client:
            client.bridges.begin(str(agree(partner, iri)["agreementId"]), f"broker:bus/{copies}", key="station")
            until("the bridge runs", lambda: client.bridges.all()[0]["state"] == "running")
        with city.client() as client:
            client.streams.connect("counters", "bus", topic)
            until("the connection", lambda: state(city, "counters")["connectedSince"])
            broker.send(topic, *((f"s{number}", json.dumps(observation(number)).encode()) for number in range(50)))
            until("all are there", lambda: len(broker.read(copies)) >= 50)
            wrong = {**login, "secret": "wrong-secret"}
            client.data_sources.add("strange", "kafka", broker.address, credentials=wrong, options={"sasl": way})
            report = client.data_sources.test("strange")
        assert not report["passed"]
        assert "wrong-secret" not in json.dumps(report)
    assert {json.loads(value or b"")["bikes"] for _, value, _ in broker.read(copies)} == {*range(50)}
