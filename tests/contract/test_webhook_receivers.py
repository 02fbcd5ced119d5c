"""The contract of ``Receivers``, and how the one over HTTP deals with programs that misbehave."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest

from node.adapters.egress import Egress
from node.adapters.peers.event_receivers import EventReceivers
from node.adapters.peers.webhooks import WebhookReceivers
from node.base.errors import ForbiddenAddress, InvalidInput, NotFound, PeerUnreachable
from node.datasources.brokers.model import OutgoingMessage
from node.datasources.errors import SinkRefuses
from node.datasources.model import DataSource, Setup
from node.datasources.ports import DataConnection
from node.exchange.receivers import Receivers
from tests.fakes.brokers import MemoryBroker, MemoryBrokerConnection
from tests.fakes.data_sources import MemoryConnector
from tests.fakes.webhook_receivers import MemoryReceivers
from tests.integration.datasources.servers import standing
from tests.simulator.webhook_receiver import WebhookReceiver

BODY = json.dumps({"id": "urn:1", "type": "hansa.webhook.test"}).encode()


@pytest.fixture
def program() -> Iterator[tuple[WebhookReceiver, str]]:
    receiver = WebhookReceiver()
    with standing(receiver.app()) as url:
        yield receiver, f"{url}/events"


def no_source(name: str) -> tuple[DataSource, DataConnection]:
    raise NotFound(f"there is no data source {name}", remedy="hansa source add")


@pytest.fixture(params=["memory", "http", "http beside topics"])
async def receivers(request: pytest.FixtureRequest) -> AsyncIterator[Receivers]:
    if request.param == "memory":
        yield MemoryReceivers()
        return
    egress = Egress(allow_loopback=True)
    programs = WebhookReceivers(egress)
    yield EventReceivers(programs, no_source) if "topics" in request.param else programs
    await egress.close()


async def test_what_is_sent_arrives_and_the_status_comes_back(
    receivers: Receivers, program: tuple[WebhookReceiver, str]
) -> None:
    receiver, url = program
    assert receivers.check(url) == "127.0.0.1"
    assert (await receivers.post(url, {"webhook-id": "urn:1"}, BODY)).status == 204
    if isinstance(receivers, WebhookReceivers | EventReceivers):
        assert receiver.ids() == ["urn:1"]
        assert receiver.headers[0]["webhook-id"] == "urn:1"


@pytest.mark.parametrize("address", ["ftp://x.example/", "https://10.0.0.1/events", "nonsense"])
async def test_forbidden_addresses_are_refused_before_and_at_the_call(receivers: Receivers, address: str) -> None:
    with pytest.raises(ForbiddenAddress):
        receivers.check(address)
    with pytest.raises(ForbiddenAddress):
        await receivers.post(address, {}, BODY)


@pytest.mark.parametrize("status", [301, 307, 410, 500])
async def test_any_answer_is_a_receipt_and_no_redirect_is_followed(
    program: tuple[WebhookReceiver, str], status: int
) -> None:
    receiver, url = program
    receiver.fault = status
    async with Egress(allow_loopback=True) as egress:
        receipt = await WebhookReceivers(egress).post(url, {}, BODY)
    assert (receipt.status, receipt.retry_after) == (status, "0")
    assert len(receiver.attempts) == 1


async def test_a_long_answer_is_not_read_and_none_is_not_waited_for(program: tuple[WebhookReceiver, str]) -> None:
    receiver, url = program
    receiver.is_lengthy = True
    async with Egress(allow_loopback=True) as egress:
        receivers = WebhookReceivers(egress)
        assert [(await receivers.post(url, {}, BODY)).status for _ in range(3)] == [200, 200, 200]
        receiver.is_silent = True
        with pytest.raises(PeerUnreachable, match="in time"):
            await WebhookReceivers(egress, seconds=0.2).post(url, {}, BODY)
    with pytest.raises(PeerUnreachable):
        async with Egress(allow_loopback=True) as egress:
            await WebhookReceivers(egress).post("http://127.0.0.1:9/", {}, BODY)


HEADERS = {"Content-Type": "application/cloudevents+json", "webhook-id": "urn:1", "webhook-timestamp": "1790000000"}
SOURCE = DataSource(name="bus", kind="mqtt", address="memory:", by="eva", at=datetime(2026, 1, 1, tzinfo=UTC))


class Strict(MemoryBrokerConnection):
    """Keeps what was sent, and takes no message about ``large``."""

    def __init__(self) -> None:
        super().__init__(MemoryBroker())
        self.sent: list[tuple[str, OutgoingMessage]] = []

    async def publish(self, topic: str, message: OutgoingMessage) -> None:
        if message.key == "large":
            raise SinkRefuses("the message is too large", remedy="send smaller ones")
        self.sent.append((topic, message))


async def test_an_event_for_a_topic_keeps_its_headers_and_is_keyed_by_its_subject() -> None:
    connection = Strict()
    async with Egress() as egress:
        topics = EventReceivers(WebhookReceivers(egress), lambda _: (SOURCE, connection))
        assert topics.check("broker:bus/city/events") == "broker:bus"
        body = b'{"subject": "urn:asset"}'
        receipt = await topics.post("broker:bus/city/events", HEADERS, body)
        assert (receipt.status // 100, receipt.words) == (2, "the broker has the event")
        ((topic, message),) = connection.sent
        assert (topic, message.key, message.body, message.media_type) == (
            "city/events", "urn:asset", body, "application/cloudevents+json"
        )  # fmt: skip
        assert message.properties == {"webhook-id": "urn:1", "webhook-timestamp": "1790000000"}
        assert message.at.timestamp() == 1790000000
        # One that the topic does not take says nothing about the next ones.
        receipt = await topics.post("broker:bus/city/events", HEADERS, b'{"subject": "large"}')
        assert (receipt.status, receipt.words) == (413, "the message is too large")


async def test_a_broker_that_is_not_registered_is_refused_before_and_waited_for_at_the_call() -> None:
    async with Egress() as egress:
        topics = EventReceivers(WebhookReceivers(egress), no_source)
        for address in ("broker:bus/events", "broker:bus", "broker:/x", "broker:"):
            with pytest.raises(InvalidInput) as caught:
                topics.check(address)
            assert caught.value.remedy
            with pytest.raises(PeerUnreachable):
                await topics.post(address, HEADERS, b"{}")


def test_a_data_source_that_takes_no_messages_is_refused() -> None:
    connection = MemoryConnector({}).connect(Setup(name="files", address="memory:"))
    topics = EventReceivers(WebhookReceivers(Egress()), lambda _: (SOURCE, connection))
    with pytest.raises(InvalidInput, match="takes no events"):
        topics.check("broker:files/events")
