"""The contract of ``MessageConnection`` and ``MessageSession``: real brokers, and the broker in memory."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import aiormq
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from node.adapters.datasources.brokers.amqp import AmqpConnection, AmqpConnector
from node.adapters.datasources.brokers.amqp_session import AmqpSession
from node.adapters.datasources.brokers.kafka.connector import KafkaConnection, KafkaConnector
from node.adapters.datasources.brokers.kafka.session import KafkaSession
from node.adapters.datasources.brokers.mqtt import MqttConnection, MqttConnector
from node.adapters.datasources.brokers.mqtt_session import MqttSession
from node.adapters.datasources.entity_subscriptions import EntitySubscriptions
from node.adapters.datasources.ngsi_ld import NgsiLdConnection, NgsiLdConnector
from node.adapters.datasources.ngsi_v2 import NgsiV2Connection, NgsiV2Connector
from node.adapters.datasources.ngsi_v2_subscriptions import NgsiV2Subscriptions
from node.adapters.egress import Egress
from node.base.clock import SystemClock
from node.base.errors import InvalidInput, NotFound
from node.cage.cage import Cage
from node.datasources.brokers.model import OutgoingMessage
from node.datasources.brokers.ports import EventConnection, MessageConnection, MessageSession
from node.datasources.errors import DataSourceRefuses, DataSourceUnreachable
from node.datasources.model import Credentials, Scheme, Setup
from node.datasources.ports import DataConnection, Question
from tests.fakes.brokers import MemoryBroker, MemoryBrokerConnection, MemoryMessageSession
from tests.fakes.subscription_broker import SubscriptionBroker, SubscriptionBrokerV2
from tests.integration.datasources.kafka.peer import WRITER, WRITER_PASSWORD, Kafka, kafka
from tests.integration.datasources.mosquitto import PASSWORD, READER, READER_PASSWORD, USER, mosquitto
from tests.integration.datasources.servers import standing
from tests.live_peers import live

PATIENCE = 60.0


@dataclass
class Subject:
    """A broker: a connection to it, and how a test sends. ``everything`` is the topic for all messages of the city;
    where a broker has whole topics only, they all come from ``origin``."""

    connection: DataConnection
    send: Callable[[str, bytes], None]
    classes: tuple[type, type]
    everything: str = "city/#"
    origin: str = ""
    sender: DataConnection | None = None
    destination: str = "city/out"

    @property
    def broker(self) -> MessageConnection:
        assert isinstance(self.connection, MessageConnection)
        return self.connection


@pytest.fixture(scope="module")
def rabbit() -> Iterator[dict[str, str]]:
    with live("amqp") as peer:
        yield peer


@pytest.fixture
def amqp(rabbit: dict[str, str]) -> tuple[str, Callable[[str, bytes], None]]:
    """The address of a RabbitMQ with the exchanges of the tests, and how a test sends."""
    url = urlsplit(rabbit["AMQP_URL"])

    async def act(topic: str, body: bytes) -> None:
        connection = await aiormq.connect(rabbit["AMQP_URL"])
        channel = await connection.channel()
        exchange, _, key = topic.partition("/")
        await channel.exchange_declare(exchange, exchange_type="topic", durable=True)
        if body:
            await channel.basic_publish(body, exchange=exchange, routing_key=key)
        await connection.close()

    asyncio.run(act("city/", b""))
    return f"amqp://127.0.0.1:{url.port}", lambda topic, body: asyncio.run(act(topic, body))


@pytest.fixture(scope="module")
def cluster() -> Iterator[Kafka]:
    with kafka() as broker:
        yield broker


@pytest.fixture
def city(cluster: Kafka) -> str:
    """A topic of its own for each test."""
    topic = f"city.{uuid.uuid4().hex}"
    cluster.make(topic)
    return topic


@pytest.fixture(params=["memory", "mqtt", "mqtt 3.1.1", "amqp", "kafka"])
async def subject(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Subject]:
    if request.param == "memory":
        memory = MemoryBroker()
        connection = memory.connect(Setup(name="memory", address="memory:"))
        yield Subject(connection, memory.send, (MemoryBrokerConnection, MemoryMessageSession))
        return
    if request.param == "amqp":
        # A fixture that runs a loop of its own is made in a thread.
        address, send = await asyncio.to_thread(request.getfixturevalue, "amqp")
        async with Egress(allow_loopback=True) as egress:
            credentials = Credentials(scheme=Scheme.BASIC, name="writer", secret="writer-secret")
            connection = AmqpConnector(egress).connect(Setup(name="amqp", address=address, credentials=credentials))
            yield Subject(connection, send, (AmqpConnection, AmqpSession))
        return
    if request.param == "kafka":
        broker = await asyncio.to_thread(request.getfixturevalue, "cluster")
        topic = await asyncio.to_thread(request.getfixturevalue, "city")
        async with Egress(allow_loopback=True) as egress:
            credentials = Credentials(scheme=Scheme.BASIC, name=WRITER, secret=WRITER_PASSWORD)
            setup = Setup(name="kafka", address=broker.address, credentials=credentials)
            yield Subject(
                KafkaConnector(egress).connect(setup),
                lambda place, body: broker.send(topic if place.startswith("city") else "village", (None, body)),
                (KafkaConnection, KafkaSession),
                everything=topic,
                destination=topic,
                origin=topic.replace(".", "/"),
            )
        return
    with mosquitto(tmp_path / "broker") as server:
        async with Egress(allow_loopback=True) as egress:
            credentials = Credentials(scheme=Scheme.BASIC, name=READER, secret=READER_PASSWORD)
            options = {"version": "3.1.1"} if "3" in request.param else {}
            setup = Setup(name="mqtt", address=server.address, credentials=credentials, options=options)
            connection = MqttConnector(egress).connect(setup)
            writer = Credentials(scheme=Scheme.BASIC, name=USER, secret=PASSWORD)
            yield Subject(
                connection,
                lambda topic, body: server.send((topic, body)),
                (MqttConnection, MqttSession),
                sender=MqttConnector(egress).connect(replace(setup, credentials=writer)),
            )


async def take(session: MessageSession, count: int) -> list[bytes]:
    """Take so many messages, and acknowledge them."""
    payloads: list[bytes] = []
    async with asyncio.timeout(PATIENCE):
        while len(payloads) < count:
            messages = await session.messages()
            payloads += [message.payload for message in messages]
            session.acknowledge(messages)
    return payloads


async def test_messages_come_in_order_with_their_topic(subject: Subject) -> None:
    assert isinstance(subject.connection, subject.classes[0])
    async with subject.broker.listen(subject.everything, "s1") as session:
        assert isinstance(session, subject.classes[1])
        assert session.is_lasting
        for number in range(5):
            await asyncio.to_thread(subject.send, f"city/{number}", b"%d" % number)
        await asyncio.to_thread(subject.send, "village/1", b"no")
        assert await take(session, 5) == [b"0", b"1", b"2", b"3", b"4"]
        await asyncio.to_thread(subject.send, "city/b", b"\xff\x00")
        async with asyncio.timeout(PATIENCE):
            (message,) = await session.messages()
        assert (message.topic, message.payload) == (subject.origin or "city/b", b"\xff\x00")


async def test_what_is_not_acknowledged_comes_again_and_what_is_does_not(subject: Subject) -> None:
    async with subject.broker.listen(subject.everything, "s2") as session:
        await asyncio.to_thread(subject.send, "city/a", b"first")
        assert await take(session, 1) == [b"first"]
        await asyncio.to_thread(subject.send, "city/a", b"second")
        async with asyncio.timeout(PATIENCE):
            assert [message.payload for message in await session.messages()] == [b"second"]
    await asyncio.to_thread(subject.send, "city/a", b"third")
    async with subject.broker.listen(subject.everything, "s2") as session:
        assert await take(session, 2) == [b"second", b"third"]


async def test_a_session_that_is_forgotten_begins_anew(subject: Subject) -> None:
    async with subject.broker.listen(subject.everything, "s3"):
        pass
    await asyncio.to_thread(subject.send, "city/a", b"lost")
    await subject.broker.forget("s3")
    async with subject.broker.listen(subject.everything, "s3") as session:
        await asyncio.to_thread(subject.send, "city/a", b"new")
        assert await take(session, 1) == [b"new"]


async def test_a_connection_without_a_session_takes_nothing_from_others(subject: Subject) -> None:
    async with subject.broker.listen(subject.everything, "s4") as lasting:
        async with subject.broker.listen("", ""):
            pass
        async with subject.broker.listen(subject.everything, "") as passing:
            await asyncio.to_thread(subject.send, "city/a", b"1")
            assert await take(passing, 1) == [b"1"]
        assert await take(lasting, 1) == [b"1"]


async def test_a_message_that_the_node_sends_comes_to_those_who_listen(subject: Subject) -> None:
    sender = subject.sender or subject.connection
    if isinstance(sender, AmqpConnection):
        assert not isinstance(sender, EventConnection)
        return
    assert isinstance(sender, EventConnection)
    for topic in ("", "city/#", "city/+"):
        with pytest.raises(InvalidInput):
            sender.check_destination(topic)
    sender.check_destination(subject.destination)
    async with subject.broker.listen(subject.everything, "s6") as session:
        for number in range(3):
            message = OutgoingMessage(
                key="a", media_type="text/plain", properties={"a": "b"}, body=b"%d" % number, at=datetime.now(UTC)
            )
            await sender.publish(subject.destination, message)
        assert await take(session, 3) == [b"0", b"1", b"2"]
        async with sender.open_topic(subject.destination) as topic:
            for start in (0, 40):
                numbers = range(start, start + 40)
                await topic.send(
                    [
                        OutgoingMessage(
                            key="a", media_type="text/plain", properties={}, body=b"%d" % number, at=datetime.now(UTC)
                        )
                        for number in numbers
                    ]
                )
        assert await take(session, 80) == [b"%d" % number for number in range(80)]


async def test_it_has_messages_and_nothing_to_read(subject: Subject) -> None:
    assert subject.connection.abilities.sends_messages
    assert await subject.connection.items(10) == ()
    with pytest.raises(NotFound):
        subject.connection.read("city", Question())
    with pytest.raises(InvalidInput):
        subject.connection.read("../city", Question())


@pytest.mark.parametrize("topic", ["", "city/#/b", "city/a+"])
async def test_what_is_no_topic_is_refused_in_words(subject: Subject, topic: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        subject.broker.check_topic(topic)
    assert caught.value.remedy


async def test_a_broker_that_refuses_or_is_down_is_said_to_and_nothing_of_it_is_told(tmp_path: Path) -> None:
    with mosquitto(tmp_path / "broker") as server:
        async with Egress(allow_loopback=True) as egress:
            wrong = Credentials(scheme=Scheme.BASIC, name=READER, secret="not-this-one")
            for address, credentials, error in (
                (server.address, wrong, DataSourceRefuses),
                (server.address, Credentials(), DataSourceRefuses),
                ("mqtt://127.0.0.1:9", wrong, DataSourceUnreachable),
                (server.address.replace("mqtt:", "mqtts:"), wrong, DataSourceUnreachable),
            ):
                connection = MqttConnector(egress).connect(
                    Setup(name="mqtt", address=address, credentials=credentials)
                )
                assert isinstance(connection, MessageConnection)
                with pytest.raises(error) as caught:
                    async with connection.listen("city/#", "s5"):
                        pass
                words = f"{caught.value.detail} {caught.value.remedy}"
                assert not any(secret in words for secret in ("127.0.0.1", "localhost", "not-this-one", READER))


@pytest.mark.parametrize(
    ("broker", "subscriptions"),
    [(SubscriptionBroker, EntitySubscriptions), (SubscriptionBrokerV2, NgsiV2Subscriptions)],
)
async def test_a_context_broker_gives_what_came_while_nobody_listened(
    broker: type[SubscriptionBroker], subscriptions: type
) -> None:
    """What comes while a session is there goes to another door of the node, as a context broker calls."""
    fake = broker()
    fake.change(fake.counter(1, 1))
    credentials = Credentials(scheme=Scheme.BEARER, secret="broker-secret")
    with standing(fake.app()) as url, Cage() as cage:
        setup = Setup(name="broker", address=f"{url}{fake.root}", credentials=credentials)
        async with Egress(allow_loopback=True) as egress:
            base, clock = "https://node.example", SystemClock()
            connectors = (
                NgsiLdConnector(egress, cage, base=base, clock=clock),
                NgsiV2Connector(egress, base=base, clock=clock),
            )
            (connector,) = [each for each in connectors if each.kind == fake.kind]
            connection = connector.connect(setup)
            assert isinstance(connection, NgsiLdConnection | NgsiV2Connection)
            assert isinstance(connection, MessageConnection)
            assert isinstance(connection._subscriptions, subscriptions)
            for topic in ("", "no type", "TrafficCounter/", "TrafficCounter/a b"):
                with pytest.raises(InvalidInput):
                    connection.check_topic(topic)
            async with connection.listen("TrafficCounter/intensity", "other"):
                pass
            for _ in range(2):  # It is made once, also by a process that knows nothing of the one before.
                async with connection.listen("TrafficCounter/intensity", "session") as session:
                    (message,) = await session.messages()
                    session.acknowledge([message])
                    assert json.loads(message.payload)["data"][0]["intensity"]["value"] == 1
            assert len(fake.subscriptions) == 2
            await connection.forget("session")
            await connection.forget("session")
            (left,) = fake.subscriptions.values()
            assert fake.receiver(left).endswith("/other")


class UnkindBroker(SubscriptionBrokerV2):
    """It lists what is no list, or names a subscription by a way to elsewhere."""

    async def list(self, request: Request) -> Response:
        return JSONResponse({"subscriptions": []}) if self.fault else await super().list(request)

    async def create(self, request: Request) -> Response:
        return Response(status_code=201, headers={"Location": "/v2/subscriptions/.."})


@pytest.mark.parametrize(("fault", "words"), [(1, "no list of subscriptions"), (0, "does not say where")])
async def test_a_broker_that_names_no_subscription_is_said_to_be_unreachable(fault: int, words: str) -> None:
    fake = UnkindBroker(fault=fault)
    credentials = Credentials(scheme=Scheme.BEARER, secret="broker-secret")
    with standing(fake.app()) as url:
        async with Egress(allow_loopback=True) as egress:
            connector = NgsiV2Connector(egress, base="https://node.example", clock=SystemClock())
            connection = connector.connect(Setup(name="b", address=f"{url}/v2", credentials=credentials))
            assert isinstance(connection, NgsiV2Connection)
            with pytest.raises(DataSourceUnreachable, match=words):
                async with connection.listen("TrafficCounter", "session"):
                    pass
