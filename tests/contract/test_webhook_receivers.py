"""The contract of ``Receivers``, and how the one over HTTP deals with programs that misbehave."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator

import pytest

from node.adapters.egress import Egress
from node.adapters.peers.webhooks import WebhookReceivers
from node.base.errors import ForbiddenAddress, PeerUnreachable
from node.operation.webhooks.ports import Receivers
from tests.fakes.webhook_receivers import MemoryReceivers
from tests.integration.datasources.servers import standing
from tests.simulator.webhook_receiver import WebhookReceiver

BODY = json.dumps({"id": "urn:1", "type": "hansa.webhook.test"}).encode()


@pytest.fixture
def program() -> Iterator[tuple[WebhookReceiver, str]]:
    receiver = WebhookReceiver()
    with standing(receiver.app()) as url:
        yield receiver, f"{url}/events"


@pytest.fixture(params=["memory", "http"])
async def receivers(request: pytest.FixtureRequest) -> AsyncIterator[Receivers]:
    if request.param == "memory":
        yield MemoryReceivers()
        return
    egress = Egress(allow_loopback=True)
    yield WebhookReceivers(egress)
    await egress.close()


async def test_what_is_sent_arrives_and_the_status_comes_back(
    receivers: Receivers, program: tuple[WebhookReceiver, str]
) -> None:
    receiver, url = program
    assert receivers.check(url) == "127.0.0.1"
    assert (await receivers.post(url, {"webhook-id": "urn:1"}, BODY)).status == 204
    if isinstance(receivers, WebhookReceivers):
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
