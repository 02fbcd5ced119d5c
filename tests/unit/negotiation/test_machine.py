"""The two tables are those of the standard, for every state, message and role; the engine keeps its promises."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from node.base.errors import LocalProtocolError, RemoteProtocolError
from node.dialogue.machine import (
    Acknowledged,
    Arrived,
    Cancel,
    Commanded,
    Entered,
    Received,
    Refused,
    Send,
    Table,
    advance,
)
from node.dialogue.process import PendingMessage, Process, Role
from node.negotiation import machine as negotiating
from node.transfer import machine as transferring

NOW = datetime(2026, 11, 20, tzinfo=UTC)
C, P = Role.CONSUMER, Role.PROVIDER

# (from, message, who sends it by the diagram, to): DSP 2025-1 §7.1 and §9.1
NEGOTIATION = {
    ("REQUESTED", negotiating.OFFER, P): "OFFERED",
    ("REQUESTED", negotiating.AGREEMENT, P): "AGREED",
    ("REQUESTED", negotiating.TERMINATION, P): "TERMINATED",
    ("REQUESTED", negotiating.TERMINATION, C): "TERMINATED",
    ("OFFERED", negotiating.REQUEST, C): "REQUESTED",
    ("OFFERED", negotiating.ACCEPTED_EVENT, C): "ACCEPTED",
    ("OFFERED", negotiating.TERMINATION, P): "TERMINATED",
    ("OFFERED", negotiating.TERMINATION, C): "TERMINATED",
    ("ACCEPTED", negotiating.AGREEMENT, P): "AGREED",
    ("ACCEPTED", negotiating.TERMINATION, P): "TERMINATED",
    ("AGREED", negotiating.VERIFICATION, C): "VERIFIED",
    ("AGREED", negotiating.TERMINATION, C): "TERMINATED",
    ("VERIFIED", negotiating.FINALIZED_EVENT, P): "FINALIZED",
    ("VERIFIED", negotiating.TERMINATION, P): "TERMINATED",
}
TRANSFER = {
    ("REQUESTED", transferring.START, P): "STARTED",
    ("REQUESTED", transferring.TERMINATION, P): "TERMINATED",
    ("REQUESTED", transferring.TERMINATION, C): "TERMINATED",
    **{
        (state, message, role): to
        for role in (C, P)
        for state, message, to in (
            ("STARTED", transferring.COMPLETION, "COMPLETED"),
            ("STARTED", transferring.SUSPENSION, "SUSPENDED"),
            ("STARTED", transferring.TERMINATION, "TERMINATED"),
            ("SUSPENDED", transferring.START, "STARTED"),
            ("SUSPENDED", transferring.TERMINATION, "TERMINATED"),
        )
    },
}
STATES = {
    "n": ("REQUESTED", "OFFERED", "ACCEPTED", "AGREED", "VERIFIED", "FINALIZED", "TERMINATED"),
    "t": ("REQUESTED", "STARTED", "SUSPENDED", "COMPLETED", "TERMINATED"),
}
MESSAGES = {
    "n": (
        negotiating.REQUEST,
        negotiating.OFFER,
        negotiating.ACCEPTED_EVENT,
        negotiating.AGREEMENT,
        negotiating.VERIFICATION,
        negotiating.FINALIZED_EVENT,
        negotiating.TERMINATION,
    ),
    "t": (
        transferring.REQUEST,
        transferring.START,
        transferring.COMPLETION,
        transferring.SUSPENSION,
        transferring.TERMINATION,
    ),
}
TABLES: dict[str, tuple[Table, dict[tuple[str, str, Role], str]]] = {
    "n": (negotiating.TABLE, NEGOTIATION),
    "t": (transferring.TABLE, TRANSFER),
}


def process(state: str, role: Role, pending: PendingMessage | None = None) -> Process:
    return Process(
        pid="urn:ours",
        role=role,
        peer="did:web:peer.example",
        peer_pid="urn:theirs",
        peer_address="https://peer.example/dsp",
        version="2025-1",
        state=state,
        created=NOW,
        updated=NOW,
        pending=pending,
    )


@pytest.mark.parametrize("which", ["n", "t"])
def test_every_state_message_and_role(which: str) -> None:
    table, expected = TABLES[which]
    checked = 0
    for state, message, role in product(STATES[which], MESSAGES[which], (C, P)):
        to = expected.get((state, message, role))
        ours = process(state, role)
        if to is None:
            with pytest.raises(LocalProtocolError):
                advance(table, ours, Commanded(message, "urn:m", {}), NOW)
        else:
            step = advance(table, ours, Commanded(message, "urn:m", {}), NOW)
            assert step.process.state == state, "a state is entered when the receiver has acknowledged"
            assert step.effects == (Send(message, "urn:m", {}),)
            entered = advance(table, step.process, Acknowledged("urn:m"), NOW).process
            assert (entered.state, entered.pending) == (to, None)
        theirs = process(state, role.other)
        # The prose lets either party terminate before the end; the diagram does not. We accept what either allows.
        tolerated = message.endswith("TerminationMessage") and state not in table.terminal
        if to is None and not tolerated:
            with pytest.raises(RemoteProtocolError):
                advance(table, theirs, Received(message), NOW)
        else:
            assert advance(table, theirs, Received(message), NOW).process.state == (to or "TERMINATED")
        checked += 1
    assert checked == len(STATES[which]) * len(MESSAGES[which]) * 2


def test_a_reply_that_overtakes_the_acknowledgement_counts_as_it() -> None:
    agreed = process("AGREED", C, PendingMessage(negotiating.VERIFICATION, "urn:m"))
    step = advance(negotiating.TABLE, agreed, Received(negotiating.FINALIZED_EVENT), NOW)
    assert step.process.state == "FINALIZED"
    assert step.process.pending is None
    assert step.effects == (
        Arrived("urn:m"),
        Entered("VERIFIED", negotiating.VERIFICATION, by_us=True),
        Entered("FINALIZED", negotiating.FINALIZED_EVENT, by_us=False),
    )
    late = advance(negotiating.TABLE, step.process, Acknowledged("urn:m"), NOW)
    assert late.process is step.process
    assert late.effects == ()


def test_an_answer_to_the_opening_message_overtakes_it_too() -> None:
    asked = process("REQUESTED", C, PendingMessage(negotiating.REQUEST, "urn:m"))
    step = advance(negotiating.TABLE, asked, Received(negotiating.AGREEMENT), NOW)
    assert step.process.state == "AGREED"
    assert step.effects[0] == Arrived("urn:m")


@pytest.mark.parametrize("table", ["n", "t"])
def test_whatever_the_peer_says_shows_that_it_has_the_opening_message(table: str) -> None:
    rules, opening, ending = {
        "n": (negotiating.TABLE, negotiating.REQUEST, negotiating.TERMINATION),
        "t": (transferring.TABLE, transferring.REQUEST, transferring.TERMINATION),
    }[table]
    asked = process("REQUESTED", C, PendingMessage(opening, "urn:m"))
    step = advance(rules, asked, Received(ending), NOW)
    assert step.effects == (Arrived("urn:m"), Entered("TERMINATED", ending, by_us=False))


def test_what_was_overtaken_may_never_have_arrived() -> None:
    agreed = process("OFFERED", C, PendingMessage(negotiating.ACCEPTED_EVENT, "urn:m"))
    step = advance(negotiating.TABLE, agreed, Received(negotiating.TERMINATION), NOW)
    assert step.effects[0] == Cancel("urn:m")


def test_what_both_send_at_once_ends_alike_on_both_sides() -> None:
    consumer = process("OFFERED", C, PendingMessage(negotiating.ACCEPTED_EVENT, "urn:c"))
    provider = process("OFFERED", P, PendingMessage(negotiating.TERMINATION, "urn:p"))
    consumer = advance(negotiating.TABLE, consumer, Received(negotiating.TERMINATION), NOW).process
    provider = advance(negotiating.TABLE, provider, Received(negotiating.ACCEPTED_EVENT), NOW).process
    assert provider.state == "ACCEPTED"
    assert provider.pending == PendingMessage(negotiating.TERMINATION, "urn:p"), "still legal, so still on its way"
    provider = advance(negotiating.TABLE, provider, Acknowledged("urn:p"), NOW).process
    assert (consumer.state, provider.state) == ("TERMINATED", "TERMINATED")


def test_one_message_at_a_time() -> None:
    waiting = process("REQUESTED", P, PendingMessage(negotiating.AGREEMENT, "urn:m"))
    with pytest.raises(LocalProtocolError):
        advance(negotiating.TABLE, waiting, Commanded(negotiating.TERMINATION, "urn:n", {}), NOW)


def test_a_refused_opening_ends_the_process_and_a_refused_step_does_not() -> None:
    asked = process("REQUESTED", C, PendingMessage(negotiating.REQUEST, "urn:m"))
    ended = advance(negotiating.TABLE, asked, Refused("urn:m", "no-such-offer", ("why",)), NOW).process
    assert (ended.state, ended.code, ended.reason) == ("TERMINATED", "no-such-offer", ["why"])
    verified = process("VERIFIED", P, PendingMessage(negotiating.FINALIZED_EVENT, "urn:m"))
    kept = advance(negotiating.TABLE, verified, Refused("urn:m", "x"), NOW).process
    assert (kept.state, kept.pending, kept.code) == ("VERIFIED", None, "x")
    ending = process("OFFERED", P, PendingMessage(negotiating.TERMINATION, "urn:m"))
    assert advance(negotiating.TABLE, ending, Refused("urn:m", "x"), NOW).process.state == "TERMINATED"


def test_a_failed_event_changes_nothing() -> None:
    before = process("FINALIZED", P)
    with pytest.raises(RemoteProtocolError) as caught:
        advance(negotiating.TABLE, before, Received(negotiating.TERMINATION), NOW + timedelta(hours=1))
    assert before == replace(before)
    assert caught.value.status == 400
    assert "nothing, the process has ended" in caught.value.remedy
