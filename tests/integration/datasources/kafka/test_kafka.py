"""Streams take the messages of a real Kafka: repeated, reordered, compressed, unreadable, gone, void."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.structs import TopicPartition

from demo.nodes import Member, free_ports
from node.adapters.datasources.brokers.kafka import session as reading
from node.adapters.datasources.brokers.kafka.connector import KafkaConnector
from node.adapters.egress import Egress
from node.cli.exits import DONE, REFUSED
from node.cli.main import run
from node.datasources.brokers.model import OutgoingMessage
from node.datasources.brokers.ports import EventConnection, MessageConnection
from node.datasources.errors import DataSourceRefuses, DataSourceUnreachable, SinkRefuses
from node.datasources.model import Credentials, Scheme, Setup
from tests.contract.test_brokers import take
from tests.integration.datasources.kafka.peer import WRITER, WRITER_PASSWORD, Kafka, Sent, kafka
from tests.integration.datasources.mosquitto import observations
from tests.integration.datasources.streams import SCHEMA, describe
from tests.integration.datasources.test_broker_faults import lines_of
from tests.integration.datasources.test_brokers import state, stream, wait_for
from tests.integration.webhooks.test_broker_events import is_genuine
from tests.nodes import publish, running
from tests.waits import until

LOGIN = Credentials(scheme=Scheme.BASIC, name=WRITER, secret=WRITER_PASSWORD)


@pytest.fixture(scope="module")
def broker() -> Iterator[Kafka]:
    with kafka() as peer:
        yield peer


@pytest.fixture
def topic(broker: Kafka) -> str:
    name = f"city.counters.{uuid.uuid4().hex[:8]}"
    broker.make(name)
    return name


@asynccontextmanager
async def connection(
    address: str, credentials: Credentials = LOGIN, **options: str
) -> AsyncIterator[MessageConnection]:
    async with Egress(allow_loopback=True) as egress:
        setup = Setup(name="kafka", address=address, credentials=credentials, options=options)
        opened = KafkaConnector(egress).connect(setup)
        assert isinstance(opened, MessageConnection)
        yield opened


def messages(first: int, last: int, key: str = "Coupure") -> list[Sent]:
    return [(key, json.dumps(content).encode()) for _, content in observations(first, last)]


def test_a_stream_takes_messages_by_terminal_through_repeats_garbage_and_a_restart(
    broker: Kafka, tmp_path: Path, sqlite_template: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, name = tmp_path / "city", "city.counters"
    broker.make(name, partitions=3, **{"max.message.bytes": "4000000"})
    (tmp_path / "password").write_text(WRITER_PASSWORD)
    there = ["--node", str(home)]
    with running(home, template=sqlite_template) as city:
        secret = ["--user", WRITER, "--secret-file", str(tmp_path / "password")]
        assert run(["source", "add", "sensors", "kafka", broker.address, *secret, *there]) == DONE
        assert run(["source", "test", "sensors", "--item", name, *there]) == DONE
        assert "repeats what is not acknowledged" in capsys.readouterr().out
        assert run(["source", "test", "sensors", "--item", "no.such.topic", *there]) == REFUSED
        assert "has no such topic" in capsys.readouterr().err
        describe(city, "counters", key=["station", "at"])
        arrivals = ["--take", "*=payload", "--take", "station=key"]
        assert run(["stream", "connect", "counters", "sensors", name, *arrivals, *there]) == DONE
        until("the connection", lambda: state(city, "counters")["connectedSince"])
        sent = messages(1, 200)
        repeats = sent * 2
        Random(7).shuffle(repeats)
        broker.send(name, *sent)
        for packing, part in zip(("gzip", "snappy", "lz4", "zstd"), range(0, 400, 100), strict=True):
            broker.send(name, *repeats[part : part + 100], compression=packing)
        broker.send(name, (None, b"\xff garbage"), ("Coupure", b"x" * (2 << 19) + b"xx"), ("Coupure", None))
        # Twenty million zeros are a thousand bytes to the broker.
        broker.send(name, ("Coupure", b"0" * (20 << 20)), compression="zstd")
        wait_for(city, "counters", accepted=200, repeated=400)
        with city.client() as client:
            (latest,) = client.streams.latest("counters")
            assert latest["observation"]["station"] == "Coupure"
            until("the faults", lambda: len(client.streams.faults("counters")) == 3)
            reasons = " ".join(fault["reason"] for fault in client.streams.faults("counters"))
        assert "city/counters: " in reasons
        assert "more than 1048576 bytes" in reasons
        assert "cannot be unpacked, or has more than 16 MB" in reasons
        port = urlsplit(city.url).port
    # The cluster keeps what comes while the node is down.
    broker.send(name, *messages(201, 300))
    with running(home, port=port) as city:
        wait_for(city, "counters", accepted=300)
        assert stream(city, "counters")["repeated"] == 400
        assert run(["stream", "disconnect", "counters", *there]) == DONE
        assert stream(city, "counters")["broker"] is None


def test_nothing_acknowledged_is_lost_when_the_node_is_killed(broker: Kafka, topic: str, tmp_path: Path) -> None:
    member = Member("city", "City", tmp_path, free_ports(1)[0])
    member.init()
    member.serve()
    try:
        member.wait_ready()
        with member.client() as client:
            credentials = {"scheme": "basic", "name": WRITER, "secret": WRITER_PASSWORD}
            client.data_sources.add("sensors", "kafka", broker.address, credentials=credentials)
            client.streams.add("counters", SCHEMA, subject="station", key=["station", "at"])
            client.streams.connect("counters", "sensors", topic)
            until("the connection", lambda: client.streams.stream("counters")["broker"]["connectedSince"])
            sender = threading.Thread(
                target=lambda: [broker.send(topic, *messages(n, n + 99)) for n in range(1, 1500, 100)]
            )
            sender.start()
            until("some", lambda: client.streams.stream("counters")["accepted"] >= 200, 60)
        member.kill()
        member.serve()
        member.wait_ready()
        sender.join()
        broker.send(topic, *messages(1501, 1510))
        with member.client() as client:
            until("all", lambda: client.streams.stream("counters")["accepted"] >= 1510, 90)
    finally:
        member.stop()
    assert sorted(line["bikes"] for line in lines_of(member, "counters")) == list(range(1, 1511))


async def test_places_are_kept_after_the_acknowledgement_and_not_before(broker: Kafka, topic: str) -> None:
    async with connection(broker.address) as cluster:
        async with cluster.listen(topic, "places") as session:
            assert await asyncio.to_thread(broker.places, "hansa.places", topic) == [0]
            await asyncio.to_thread(broker.send, topic, *messages(1, 5))
            arrivals = list(await session.messages())
            while len(arrivals) < 5:
                arrivals += await session.messages()
            assert await asyncio.to_thread(broker.places, "hansa.places", topic) == [0]
            session.acknowledge(arrivals[:3])
        assert await asyncio.to_thread(broker.places, "hansa.places", topic) == [3]
        await cluster.forget("places")
        assert await asyncio.to_thread(broker.places, "hansa.places", topic) == [None]


async def test_places_are_kept_again_while_nothing_comes(
    broker: Kafka, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cluster forgets places that nobody has kept for days: the group is removed here instead."""
    async with connection(broker.address) as cluster, cluster.listen(topic, "quiet") as session:
        await asyncio.to_thread(broker.send, topic, *messages(1, 2))
        await take(session, 2)
        await asyncio.to_thread(broker.send, topic, *messages(3, 3))
        (waiting,) = await session.messages()
        async with connection(broker.address) as other:
            await other.forget("quiet")
        assert await asyncio.to_thread(broker.places, "hansa.quiet", topic) == [None]
        monkeypatch.setattr(reading, "_LOOK", 0.0)
        monkeypatch.setattr(reading, "_RENEWAL", 0.0)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3):
                await session.messages()
        # What was not acknowledged stays so.
        assert await asyncio.to_thread(broker.places, "hansa.quiet", topic) == [2]
        session.acknowledge([waiting])


async def test_what_the_broker_no_longer_has_is_a_fault_and_the_rest_comes(broker: Kafka, topic: str) -> None:
    async def shorten() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
        await admin.start()
        await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=4)})
        await admin.close()

    async with connection(broker.address) as cluster:
        async with cluster.listen(topic, "late"):
            pass
        await asyncio.to_thread(broker.send, topic, *messages(1, 6))
        await shorten()
        async with cluster.listen(topic, "late") as session:
            async with asyncio.timeout(20):
                (fault,) = await session.messages()
            assert fault.fault == "the broker no longer has the messages from 0 to before 4"
            session.acknowledge([fault])
            assert len(await take(session, 2)) == 2


async def test_of_a_partition_that_is_added_nothing_is_passed_over(broker: Kafka, topic: str) -> None:
    async with connection(broker.address) as cluster:
        async with cluster.listen(topic, "wider"):
            pass
        admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
        await admin.start()
        await admin.create_partitions({topic: NewPartitions(2)})
        await admin.close()
        await asyncio.to_thread(broker.send, topic, *messages(1, 2), partition=1)
        async with cluster.listen(topic, "wider") as session:
            assert len(await take(session, 2)) == 2


async def test_a_subscription_begins_with_the_oldest_message_where_that_is_asked_for(
    broker: Kafka, topic: str
) -> None:
    await asyncio.to_thread(broker.send, topic, *messages(1, 3))
    async with connection(broker.address, start="oldest") as cluster, cluster.listen(topic, "history") as session:
        assert len(await take(session, 3)) == 3


async def test_of_transactions_only_what_is_committed_is_taken(broker: Kafka, topic: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, transactional_id=topic)
    async with connection(broker.address) as cluster, cluster.listen(topic, "whole") as session:
        await producer.start()
        for value, is_good in ((b"void", False), (b"good", True), (b"void too", False), (b"last", True)):
            await producer.begin_transaction()
            await producer.send_and_wait(topic, value)
            await (producer.commit_transaction() if is_good else producer.abort_transaction())
        await producer.stop()
        assert await take(session, 2) == [b"good", b"last"]


async def test_refusals_are_said_in_words_that_tell_nothing_of_the_place(broker: Kafka, topic: str) -> None:
    wrong = Credentials(scheme=Scheme.BASIC, name=WRITER, secret="not-this-one")
    for address, credentials, name, error in (
        (broker.address, wrong, topic, DataSourceRefuses),
        (broker.address, LOGIN, "no-such-topic", DataSourceRefuses),
        (broker.address, Credentials(), topic, DataSourceUnreachable),
        (f"kafka://{broker.bootstrap}".replace("kafka:", "kafkas:"), LOGIN, topic, DataSourceUnreachable),
        ("kafka://127.0.0.1:9", LOGIN, topic, DataSourceUnreachable),
    ):
        async with connection(address, credentials) as cluster:
            with pytest.raises(error) as caught:
                async with cluster.listen(name, "refused"):
                    pass
        words = f"{caught.value.detail} {caught.value.remedy}"
        assert not any(text in words for text in ("127.0.0.1", "not-this-one", WRITER_PASSWORD, WRITER + " "))


async def test_the_next_broker_of_the_address_is_asked_where_the_first_is_down(broker: Kafka, topic: str) -> None:
    async with connection(broker.address.replace("://", "://127.0.0.1:9,")) as cluster, cluster.listen(topic, ""):
        pass


def test_events_of_the_node_reach_a_topic_signed_and_in_order(
    broker: Kafka, topic: str, tmp_path: Path, sqlite_template: Path
) -> None:
    with running(tmp_path / "ghent", template=sqlite_template) as ghent, ghent.client() as client:
        credentials = {"scheme": "basic", "name": WRITER, "secret": WRITER_PASSWORD}
        client.data_sources.add("bus", "kafka", broker.address, credentials=credentials)
        secret = client.webhooks.add("bus-job", f"broker:bus/{topic}", kinds=["hansa.asset.published"])["secret"]
        trial = client.webhooks.test("bus-job")
        assert (trial["passed"], trial["status"], trial["answer"]) == (True, None, "the broker has the event")
        for name in ("first", "second", "third"):
            publish(ghent, name)
        until("all", lambda: [each["state"] for each in client.webhooks.deliveries("bus-job")] == ["delivered"] * 3)
        client.webhooks.add("no-topic", "broker:bus/no.such.topic")
        assert client.webhooks.test("no-topic")["answer"] == "the broker has no such topic"
    entries = broker.read(topic)
    events = [json.loads(value or b"") for _, value, _ in entries]
    assert [event["data"].get("title") for event in events[1:]] == [
        {"en": "First"},
        {"en": "Second"},
        {"en": "Third"},
    ]
    for (key, value, headers), event in zip(entries, events, strict=True):
        texts = {name: content.decode() for name, content in headers.items()}
        assert key == event["subject"].encode()
        assert texts["content-type"] == "application/cloudevents+json; charset=UTF-8"
        assert texts["webhook-id"] == event["id"]
        assert is_genuine(texts, value or b"", secret)


async def test_a_message_that_a_topic_does_not_take_is_refused_alone(broker: Kafka) -> None:
    name = f"small.{uuid.uuid4().hex[:8]}"
    await asyncio.to_thread(lambda: broker.make(name, **{"max.message.bytes": "2000"}))
    async with connection(broker.address) as cluster:
        assert isinstance(cluster, EventConnection)
        for size, expectation in ((3000, pytest.raises(SinkRefuses)), (10, nullcontext())):
            message = OutgoingMessage(
                key="k", media_type="text/plain", properties={}, body=os.urandom(size), at=datetime.now(UTC)
            )
            with expectation:
                await cluster.publish(name, message)
    assert len(await asyncio.to_thread(broker.read, name)) == 1
