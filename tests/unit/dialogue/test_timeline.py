"""What a time line keeps of a message that moves nothing, whatever its sender has put into it."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from typing import Any

import pytest

from node.base.errors import NotFound, RemoteProtocolError
from node.base.jsons import read_object
from node.base.work import Transaction
from node.dialogue.message import IncomingMessage
from node.dialogue.process import Exchange
from node.negotiation import machine, messages
from node.negotiation.strategy import Hold
from node.vocab.dsp import V2025_1
from tests.fakes.stores.work import MemoryUnitOfWork
from tests.unit.negotiation.parts import PEER
from tests.unit.negotiation.test_reactions import Rig, negotiation

LONG = "x" * 100_000


def ending(**members: Any) -> IncomingMessage:
    """A termination that comes for a negotiation which has ended."""
    body = {
        "@context": [V2025_1.context],
        "@type": machine.TERMINATION,
        "@id": "urn:uuid:m",
        "providerPid": "urn:uuid:theirs",
        "consumerPid": "urn:uuid:ours",
        **members,
    }
    return messages.read(json.dumps(body).encode(), machine.TERMINATION)


def refused(message: IncomingMessage) -> Exchange:
    """What is kept of a message that is refused, as its sender is told."""
    rig, ended = Rig(Hold()), negotiation(machine.FINALIZED)
    with rig.uow.begin() as tx:
        rig.store.add(tx, ended)
    with (
        pytest.raises(RemoteProtocolError),
        rig.conversation.noting_refusal(rig.uow, ended.pid, PEER, message),
        rig.uow.begin() as tx,
    ):
        rig.conversation.receive(tx, rig.conversation.find(tx, ended.pid, PEER), message)
    with rig.uow.read() as tx:
        (kept,) = rig.store.exchanges(tx, ended.pid)
    return kept


def test_a_short_message_is_kept_as_it_came() -> None:
    message = ending(code="x")
    assert refused(message).body == message.raw


@pytest.mark.parametrize("strange", [0.5, 2**60, ["urn:uuid:m"], {"@value": 0.5}], ids=str)
def test_what_has_no_canonical_form_is_refused_like_anything_else(strange: Any) -> None:
    kept = refused(ending(code=LONG, **{"@id": strange}))
    assert kept.message_id is None
    assert "@id" not in read_object(kept.body)


class Watched:
    """A unit of work of which every transaction that writes is counted."""

    def __init__(self, uow: MemoryUnitOfWork) -> None:
        self._uow, self.begun = uow, 0

    def begin(self, *, synced: bool = True) -> AbstractContextManager[Transaction]:
        self.begun += 1
        return self._uow.begin(synced=synced)

    def read(self) -> AbstractContextManager[Transaction]:
        return self._uow.read()


def test_who_guesses_at_processes_takes_no_turn_of_those_who_write() -> None:
    """What is not found belongs to no time line: there is nothing to keep, and nothing to lock."""
    rig, ours, stranger = Rig(Hold()), negotiation(), "did:web:stranger.example"
    with rig.uow.begin() as tx:
        rig.store.add(tx, ours)
    watched = Watched(rig.uow)
    for pid, peer in (("urn:uuid:guessed", PEER), (ours.pid, stranger)):
        with (
            pytest.raises(NotFound),
            rig.conversation.noting_refusal(watched, pid, peer, ending()),
            watched.begin() as tx,
        ):
            rig.conversation.find(tx, pid, peer, lock=True)
    assert watched.begun == 0


def test_what_is_not_found_belongs_to_no_time_line() -> None:
    """One's own process at another's door, for instance: told as if there were none, and nothing is kept."""
    rig, ours = Rig(Hold()), negotiation()
    with rig.uow.begin() as tx:
        rig.store.add(tx, ours)
    watched = Watched(rig.uow)
    with pytest.raises(NotFound), rig.conversation.noting_refusal(watched, ours.pid, PEER, ending()):
        raise NotFound("there is no such process between you and this node")
    assert watched.begun == 0


@pytest.mark.parametrize(
    "long",
    [{"@context": [V2025_1.context, f"urn:{LONG}"]}, {"@id": f"urn:{LONG}"}, {"code": LONG}, {"@id": f"urn:{LONG}é"}],
    ids=["a context", "an id", "a code", "an id that is not ASCII"],
)
def test_of_a_long_message_only_a_head_is_kept(long: dict[str, Any]) -> None:
    exchange = refused(ending(**long))
    head = read_object(exchange.body)
    assert head["@context"] == [V2025_1.context]
    assert (head["@type"], head["consumerPid"]) == (machine.TERMINATION, "urn:uuid:ours")
    assert len(exchange.body) + len(exchange.message_id or "") < 10_000
    assert exchange.message_id == head["@id"]
