"""What becomes of a strategy's answers: when it is asked, what it is told, and what happens to impossible wishes."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest

from node.base.work import Task
from node.dialogue.process import Exchange, PendingMessage, Role
from node.negotiation import machine
from node.negotiation.model import Negotiation
from node.negotiation.strategy import Accept, Action, Counter, Finalize, Hold, Look, Offer, Terminate
from tests.fakes.provider import SeedKeyRing
from tests.fakes.stores.negotiation import MemoryNegotiationStore
from tests.fakes.stores.work import MemoryOutbox, MemoryUnitOfWork
from tests.unit.negotiation import parts
from tests.unit.negotiation.parts import ME, NOW


class Wanting:
    """Always wants the same; remembers what it saw."""

    def __init__(self, action: Action) -> None:
        self.action = action
        self.looks: list[tuple[str, tuple[str, ...]]] = []

    def next(self, look: Look) -> Action:
        self.looks.append((look.negotiation.state, look.messages_so_far()))
        return self.action


class Rig:
    def __init__(self, action: Action) -> None:
        self.uow = MemoryUnitOfWork()
        self.store = MemoryNegotiationStore()
        self.outbox = MemoryOutbox()
        self.strategy = Wanting(action)
        self.conversation = parts.conversation(self.store, self.outbox)
        self.reactions = parts.reactions(self.conversation, self.strategy, SeedKeyRing(ME))

    def react(self, negotiation: Negotiation) -> Negotiation:
        with self.uow.begin() as tx:
            self.store.add(tx, negotiation)
            return self.reactions.react(tx, negotiation)

    def tasks(self, seconds: float = 0.0) -> list[Task]:
        """What may be sent so many seconds from now."""
        with self.uow.read() as tx:
            return list(self.outbox.due(tx, now=NOW + timedelta(seconds=seconds), limit=10, busy=()))


def negotiation(state: str = machine.OFFERED, **changes: Any) -> Negotiation:
    """One in which the provider has offered, with ``changes``."""
    offered = {"offer": {"@id": "urn:offer", "permission": [{"action": "odrl:use"}]}, "offered_by": Role.PROVIDER}
    return parts.negotiation(**{"state": state, **offered, **changes})


def test_an_action_leaves_when_it_wants_to() -> None:
    rig = Rig(Accept(after=0.5))
    moved = rig.react(negotiation())
    assert (moved.state, moved.pending and moved.pending.message) == (machine.OFFERED, machine.ACCEPTED_EVENT)
    assert rig.tasks(0.4) == []
    (task,) = rig.tasks(0.5)
    assert task.headers["message"] == machine.ACCEPTED_EVENT


def test_an_action_without_a_wish_leaves_at_once() -> None:
    rig = Rig(Accept())
    rig.react(negotiation())
    assert len(rig.tasks()) == 1


@pytest.mark.parametrize(
    ("wish", "standing"),
    [
        (Finalize(), negotiation()),
        (Offer({"@id": "urn:offer"}), negotiation()),
        (Accept(), negotiation(machine.AGREED)),
        (Terminate("no"), negotiation(machine.ACCEPTED)),
        (Accept(), negotiation(peer_pid=None)),
    ],
    ids=["another role", "another role's offer", "another state", "prose but not diagram", "no address yet"],
)
def test_what_cannot_be_is_held_and_told_to_the_log(
    wish: Action, standing: Negotiation, caplog: pytest.LogCaptureFixture
) -> None:
    rig = Rig(wish)
    with caplog.at_level(logging.ERROR, "hansa.negotiation"):
        assert rig.react(standing) == standing
    assert rig.tasks(60) == []
    assert "asks for an impossible step" in caplog.text


@pytest.mark.parametrize(
    "standing",
    [
        negotiation(machine.FINALIZED),
        negotiation(machine.TERMINATED),
        negotiation(pending=PendingMessage(machine.ACCEPTED_EVENT, "urn:uuid:m")),
    ],
    ids=["finalized", "terminated", "a message is on its way"],
)
def test_it_is_not_asked_where_there_is_nothing_to_say(standing: Negotiation) -> None:
    rig = Rig(Hold())
    rig.react(standing)
    assert rig.strategy.looks == []


def test_it_sees_what_was_said_and_taken() -> None:
    rig = Rig(Hold())
    said = [(machine.REQUEST, True, 201), (machine.OFFER, False, 200), (machine.ACCEPTED_EVENT, True, 400)]
    with rig.uow.begin() as tx:
        for number, (message, outgoing, status) in enumerate(said):
            rig.store.record(
                tx,
                Exchange(
                    pid="urn:uuid:ours",
                    at=NOW,
                    outgoing=outgoing,
                    message=message,
                    message_id=f"urn:uuid:{number}",
                    body_sha256=str(number),
                    body=b"{}",
                    answer_status=status,
                    answer=b"{}",
                ),
            )
    rig.react(negotiation())
    assert rig.strategy.looks == [(machine.OFFERED, (machine.REQUEST, machine.OFFER))]


def test_who_counters_for_ever_is_stopped() -> None:
    """A strategy that never has enough ends the negotiation instead, after as many messages as one may have."""
    rig = Rig(Counter({"@id": "urn:offer", "permission": [{"action": "odrl:use"}]}))
    with rig.uow.begin() as tx:
        for number in range(50):
            rig.store.record(
                tx,
                Exchange(
                    pid="urn:uuid:ours",
                    at=NOW,
                    outgoing=number % 2 == 0,
                    message=machine.OFFER if number % 2 else machine.REQUEST,
                    message_id=f"urn:uuid:{number}",
                    body_sha256=str(number),
                    body=b"{}",
                    answer_status=200,
                    answer=b"{}",
                ),
            )
    moved = rig.react(negotiation())
    assert (moved.pending and moved.pending.message, moved.code) == (machine.TERMINATION, "no-end")
