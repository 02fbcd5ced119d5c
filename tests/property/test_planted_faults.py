"""Faults planted into the code that decides: the simulation has to find each of them, from fixed seeds, within so
many lives. A fault that is not found is a hole in the invariants or in what the adversary does.

What is planted are mistakes that somebody could make: a check left out, a row of a table that is wrong, something
done in the wrong order. Nothing of the simulation itself is changed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from node.base.delivery import OutboxWriter
from node.base.errors import RemoteProtocolError
from node.dialogue import machine as engine
from node.dialogue.conversation import Answer, Conversation
from node.dialogue.machine import Move, Table
from node.dialogue.process import Role
from node.dialogue.timeline import Timeline
from node.negotiation import agreement
from node.negotiation import machine as negotiating
from node.negotiation.agreement_records import KeepAgreements
from node.transfer import machine as transferring
from node.transfer import messages as transfer_messages
from node.transfer import resumption
from node.worker.deliveries import SendMessages
from node.worker.outcomes import Done
from tests.fakes.process import MemoryProcessStore
from tests.fakes.stores.work import MemoryOutbox, memory
from tests.messages import schemas_at_hand
from tests.simulator.life import Life, live

LIVES, STEPS = 60, 400
BOTH = frozenset(Role)

Plant = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class Fault:
    """A mistake: how to make it, and the names of the invariants of which one has to break."""

    plant: Plant
    breaks: frozenset[str]


def fault(*breaks: str) -> Callable[[Plant], Fault]:
    return lambda plant: Fault(plant, frozenset(breaks))


def with_rows(table: Table, **rows: tuple[str, str, Move]) -> Table:
    """``table`` with other or further rows."""
    return replace(table, moves={**table.moves, **{(at, message): move for at, message, move in rows.values()}})


# ---- repeats -----------------------------------------------------------------------------------------------------


@fault("I2", "I5", "I7", "I12")
def a_lost_dedup(patch: pytest.MonkeyPatch) -> None:
    """A message that was accepted before goes to the table again."""
    patch.setattr(Conversation, "find_repeat", lambda *_: None)


@fault("I2", "I3", "I5")
def a_request_that_is_never_known(patch: pytest.MonkeyPatch) -> None:
    """The same opening message again opens another process."""
    patch.setattr(MemoryProcessStore, "by_peer", lambda *_: None)


@fault("I5", "I7")
def an_answer_before_the_message_is_kept(patch: pytest.MonkeyPatch) -> None:
    """A message is acknowledged that nobody has written down."""
    patch.setattr(
        Conversation,
        "accept",
        lambda self, tx, process, message, *, status=200: Answer(status, self._acknowledge(process)),
    )


# ---- tables ------------------------------------------------------------------------------------------------------


@fault("I4")
def a_wrong_row(patch: pytest.MonkeyPatch) -> None:
    """The verification finalizes."""
    move = Move(negotiating.FINALIZED, frozenset({Role.CONSUMER}))
    row = (negotiating.AGREED, negotiating.VERIFICATION, move)
    patch.setattr(negotiating, "TABLE", with_rows(negotiating.TABLE, row=row))


@fault("I4")
def a_wrong_sender(patch: pytest.MonkeyPatch) -> None:
    """Also a consumer starts a transfer that was asked for."""
    row = (transferring.REQUESTED, transferring.START, Move(transferring.STARTED, BOTH))
    patch.setattr(transferring, "TABLE", with_rows(transferring.TABLE, row=row))


@fault("I4", "I10")
def a_terminal_left(patch: pytest.MonkeyPatch) -> None:
    """What is terminated can be started again, and completed be suspended."""
    table = with_rows(
        transferring.TABLE,
        one=(transferring.TERMINATED, transferring.START, Move(transferring.STARTED, BOTH)),
        two=(transferring.COMPLETED, transferring.SUSPENSION, Move(transferring.SUSPENDED, BOTH)),
    )
    patch.setattr(transferring, "TABLE", table)


# ---- messages that cross -----------------------------------------------------------------------------------------


@fault("I2", "I5", "I12")
def a_forgotten_implicit_acknowledgement(patch: pytest.MonkeyPatch) -> None:
    """A reply that overtakes the answer to what it replies to is refused for good."""
    receive = engine._receive

    def forgetful(table: Table, process: Any, message: str, now: Any) -> Any:
        if process.pending is not None and table.move(process.state, message) is None:
            raise RemoteProtocolError("this does not fit")
        return receive(table, process, message, now)

    patch.setattr(engine, "_receive", forgetful)


@fault("I2", "I5")
def a_lost_last_word(patch: pytest.MonkeyPatch) -> None:
    """A completion that is on its way gives in to a suspension."""
    patch.setattr(engine, "_has_the_last_word", lambda *_: False)


@fault("I10")
def a_message_that_is_not_taken_back(patch: pytest.MonkeyPatch) -> None:
    """What was overtaken stays in the outbox."""
    patch.setattr(OutboxWriter, "cancel", lambda *_: None)


@fault("I2", "I7")
def a_late_message_that_passes_for_a_new_one(patch: pytest.MonkeyPatch) -> None:
    """Nobody looks after which message one was sent."""
    patch.setattr(Conversation, "_check_not_late", lambda *_: None)


@fault("I13")
def a_consumer_that_lifts_a_suspension(patch: pytest.MonkeyPatch) -> None:
    """A consumer resumes what the provider has suspended, and the provider lets it."""
    patch.setattr(resumption, "resumable", lambda *_: True)
    patch.setattr("node.transfer.reactions.resumable", lambda *_: True)


# ---- the outbox and its worker -----------------------------------------------------------------------------------


@fault("rule 1")
def an_effect_before_its_commit(patch: pytest.MonkeyPatch) -> None:
    """The worker is told of a task before there is one."""
    deliver = OutboxWriter.deliver

    def hasty(self: OutboxWriter, tx: Any, **task: Any) -> Any:
        self._wake()
        return deliver(self, tx, **task)

    patch.setattr(OutboxWriter, "deliver", hasty)


@fault("rule 2")
def another_body_at_each_attempt(patch: pytest.MonkeyPatch) -> None:
    """The bytes are made anew when they are sent."""
    call = SendMessages.__call__

    async def anew(self: SendMessages, task: Any) -> Any:
        return await call(self, replace(task, body=task.body + b" "))

    patch.setattr(SendMessages, "__call__", anew)


@fault("I10", "I12", "I2", "I5", "I7")
def a_task_done_before_its_answer_is_recorded(patch: pytest.MonkeyPatch) -> None:
    """The worker forgets what follows from an acknowledgement."""
    patch.setattr(SendMessages, "_record_acceptance", lambda *_: Done())


@fault("I2", "I10")
def a_lost_fence(patch: pytest.MonkeyPatch) -> None:
    """A worker that was stopped for long concludes what another one has taken over."""

    def unfenced(self: MemoryOutbox, tx: Any, task: Any) -> Any:
        queued = memory(tx).rows(self.table).get(task.id)
        return None if queued is None or queued.task.dead else queued

    patch.setattr(MemoryOutbox, "_leased", unfenced)


# ---- what follows ------------------------------------------------------------------------------------------------


@fault("I1", "I2", "I5")
def an_agreement_kept_too_late(patch: pytest.MonkeyPatch) -> None:
    """The provider writes it down only once its last word was acknowledged, and presumes nothing."""
    follow = KeepAgreements.follow

    def late(self: KeepAgreements, tx: Any, negotiation: Any, states: list[str]) -> None:
        follow(self, tx, negotiation, [one for one in states if one == negotiating.FINALIZED])

    patch.setattr(KeepAgreements, "follow", late)


@fault("I1", "I2")
def a_final_agreement_that_is_not_presumed(patch: pytest.MonkeyPatch) -> None:
    """A consumer that uses an agreement before our last word was acknowledged is turned away."""
    patch.setattr(KeepAgreements, "presume_finalized", lambda self, tx, kept, peer: kept)


@fault("I1")
def a_signature_that_is_not_checked(patch: pytest.MonkeyPatch) -> None:
    """Only one side signs."""
    sign = agreement.sign
    patch.setattr(agreement, "sign", lambda keyring, body, *rest: "" if rest else sign(keyring, body))


# ---- time lines --------------------------------------------------------------------------------------------------


@fault("I14")
def a_refusal_that_is_not_kept(patch: pytest.MonkeyPatch) -> None:
    """What does not fit is refused, and nobody can read later that it came."""
    patch.setattr(Timeline, "refuse", lambda *_: None)


@fault("I14")
def an_answer_that_comes_too_late_to_be_kept(patch: pytest.MonkeyPatch) -> None:
    """The answer to a message that has been taken back meanwhile is thrown away."""
    patch.setattr(Timeline, "overhear", lambda *_: None)


@fault("schema")
def a_message_that_no_schema_allows(patch: pytest.MonkeyPatch) -> None:
    """A data address goes out without its type."""
    write = transfer_messages.start
    patch.setattr(transfer_messages, "start", lambda *given: write(*given) | {"dataAddress": {"endpointType": "x"}})


FAULTS = {name.replace("_", " "): one for name, one in list(globals().items()) if isinstance(one, Fault)}


def first_broken() -> Life | None:
    """The first life in which something breaks."""
    for number in range(LIVES):
        life = live(f"planted/{number}", steps=STEPS)
        if life.violation is not None:
            return life
    return None


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    planted = FAULTS[name]
    if "schema" in planted.breaks and not schemas_at_hand():
        pytest.skip("the official schemas are not at hand, so nothing is compared: set HANSA_SHARED")
    planted.plant(monkeypatch)
    life = first_broken()
    assert life is not None, f"{LIVES} lives went by, and nobody noticed"
    assert life.violation is not None
    assert life.violation.name in planted.breaks, f"it was noticed as something else: {life.violation}"


def test_nothing_breaks_where_nothing_is_planted() -> None:
    for number in range(3):
        life = live(f"planted/{number}", steps=STEPS)
        assert life.violation is None, f"{life.seed}, step {life.step}: {life.violation}"


def test_there_are_enough_of_them() -> None:
    assert len(FAULTS) >= 10
