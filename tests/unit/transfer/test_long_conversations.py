"""A transfer whose peer pauses and starts it again and again: what is read, and what is kept, for each message."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from node.base.delivery import OutboxWriter
from node.base.errors import RemoteProtocolError
from node.dialogue.conversation import Conversation
from node.dialogue.message import AFTER, IncomingMessage
from node.dialogue.process import Exchange, Role
from node.dialogue.timeline import LONGEST
from node.transfer import machine, messages
from node.transfer.model import Transfer
from node.transfer.ports import TransferStore
from node.transfer.resumption import require_turn
from node.vocab.dsp import V2025_1
from tests.fakes.clock import FixedClock
from tests.fakes.stores.transfer import MemoryTransferStore
from tests.fakes.stores.work import MemoryOutbox, MemoryUnitOfWork

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
PEER = "did:web:bruges.example"


class Counting:
    """A store of transfers that counts the messages it gives out with their bodies."""

    def __init__(self) -> None:
        self.store = MemoryTransferStore()
        self.bodies = 0

    def __getattr__(self, name: str) -> Any:
        inner = getattr(self.store, name)

        def counted(*args: Any, **kwargs: Any) -> Any:
            result = inner(*args, **kwargs)
            if isinstance(result, Exchange):
                self.bodies += 1
            elif isinstance(result, list):
                self.bodies += sum(isinstance(one, Exchange) for one in result)
            return result

        return counted


class Rig:
    """A transfer that runs, with a peer who is the consumer."""

    def __init__(self) -> None:
        self.uow, self.store = MemoryUnitOfWork(), Counting()
        self.conversation: Conversation[Transfer] = Conversation(
            table=machine.TABLE,
            store=cast("TransferStore", self.store),
            outbox_writer=OutboxWriter(MemoryOutbox(), lambda: None),
            append=lambda *_: None,
            clock=FixedClock(NOW),
            acknowledge=messages.acknowledgement,
            path=messages.path,
            refusal=messages.refusal,
            dated=True,
            storable=messages.storable,
            brief=messages.BRIEF,
        )
        with self.uow.begin() as tx:
            self.store.add(
                tx,
                Transfer(
                    pid="urn:uuid:ours",
                    role=Role.PROVIDER,
                    peer=PEER,
                    peer_pid="urn:uuid:theirs",
                    peer_address="https://bruges.example/dsp",
                    version=V2025_1.name,
                    state=machine.STARTED,
                    created=NOW,
                    updated=NOW,
                    agreement="urn:agreement",
                    dataset="https://ghent.example/datasets/d",
                    format="HttpData-PULL",
                ),
            )

    def take(self, message: IncomingMessage) -> tuple[str, bool]:
        """The state that the peer is told, and whether that was told before."""
        with self.uow.begin() as tx:
            process = self.conversation.find(tx, "urn:uuid:ours", PEER, lock=True)
            before = self.conversation.find_repeat(tx, process, message)
            if before is not None:
                return str(before.body["state"]), True
            moved = self.conversation.receive(tx, process, message).process
            return str(self.conversation.accept(tx, moved, message).body["state"]), False

    @property
    def exchanges(self) -> list[Exchange]:
        with self.uow.read() as tx:
            return list(self.store.exchanges(tx, "urn:uuid:ours"))


@pytest.fixture
def rig() -> Rig:
    return Rig()


def message_bytes(name: str, **members: Any) -> bytes:
    body = {
        "@context": [V2025_1.context],
        "@type": name,
        "providerPid": "urn:uuid:ours",
        "consumerPid": "urn:uuid:theirs",
        **members,
    }
    return json.dumps(body).encode()


def otherwise(raw: bytes) -> bytes:
    """The same message in another form of JSON-LD."""
    body = json.loads(raw)
    pid = {"@id": body.pop("providerPid")}
    return json.dumps({**body, "https://w3id.org/dspace/2025/1/providerPid": pid}).encode()


def read(raw: bytes) -> IncomingMessage:
    return messages.read(raw, machine.START, machine.SUSPENSION)


@pytest.mark.parametrize("named", [True, False], ids=["under one id", "without ids"])
def test_a_message_costs_the_same_however_long_the_transfer_is(rig: Rig, named: bool) -> None:
    read_for: list[int] = []
    for turn in range(20):
        name = (machine.SUSPENSION, machine.START)[turn % 2]
        more = {"@id": "urn:uuid:always"} if named else {}
        message = read(otherwise(message_bytes(name, code=str(turn), **more)))
        assert message.rewritten
        before = rig.store.bodies
        rig.take(message)
        read_for.append(rig.store.bodies - before)
    assert len(rig.exchanges) == 20
    assert max(read_for) <= 2, read_for


@pytest.mark.parametrize("first", [bytes, otherwise], ids=["compact", "in another form"])
@pytest.mark.parametrize("id_", ["urn:uuid:m", None], ids=["with an id", "without"])
def test_of_a_long_message_that_was_taken_a_head_is_kept_and_it_is_known_again(
    rig: Rig, first: Any, id_: str | None
) -> None:
    more = {AFTER: "urn:uuid:before", **({"@id": id_} if id_ else {})}
    raw = message_bytes(machine.SUSPENSION, reason=["x" * LONGEST], **more)
    assert rig.take(read(first(raw))) == (machine.SUSPENDED, False)
    [kept] = rig.exchanges
    assert len(kept.body) < 1000
    head = messages.read(kept.body, machine.SUSPENSION)
    assert (head.id, head.text("consumerPid"), head.text(AFTER)) == (id_, "urn:uuid:theirs", "urn:uuid:before")
    for again in (first(raw), otherwise(raw), otherwise(json.dumps(json.loads(raw), indent=1).encode())):
        assert rig.take(read(again)) == (machine.SUSPENDED, True)
    other = message_bytes(machine.SUSPENSION, reason=["x" * LONGEST, "y"], **more)
    with pytest.raises(RemoteProtocolError):
        rig.take(read(otherwise(other)))
    assert len(rig.exchanges) == 1


def test_a_message_of_common_length_is_kept_as_it_came(rig: Rig) -> None:
    raw = message_bytes(machine.SUSPENSION, reason=["x" * 1000])
    rig.take(read(raw))
    assert rig.exchanges[0].body == raw


def test_an_id_of_any_length_is_kept_and_known_again(rig: Rig) -> None:
    raw = message_bytes(machine.SUSPENSION, **{"@id": "urn:" + "x" * 100_000})
    rig.take(read(raw))
    assert len(rig.exchanges[0].message_id or "") == 2048
    assert rig.take(read(otherwise(raw))) == (machine.SUSPENDED, True)


def test_what_a_transfer_may_have_of_messages_ends() -> None:
    require_turn(7, 8)
    with pytest.raises(RemoteProtocolError, match="has had 8 messages"):
        require_turn(8, 8)
