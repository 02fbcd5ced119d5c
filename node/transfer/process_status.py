"""The status of a negotiation or a transfer, for people: what it waits for, or which side ended it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from node.dialogue.machine import Table
from node.dialogue.process import Exchange, Process, Role
from node.dialogue.timeline import Fate, time_line
from node.negotiation import machine as negotiating
from node.negotiation.model import Negotiation
from node.transfer import machine
from node.transfer.model import Transfer
from node.vocab.dsp import ASKED, EXECUTE, LIVE, PUSH


class Waits(StrEnum):
    """The causes for which a process waits. *ours* is this node, *theirs* the other side."""

    ANSWER = "answer"
    DELIVERY = "delivery"
    OUR_DECISION = "our-decision"
    OUR_ANSWER = "our-answer"
    THEIR_ANSWER = "their-answer"
    OUR_BYTES_OUT = "our-push"
    THEIR_BYTES_IN = "their-push"
    OUR_FETCH = "our-fetch"
    THEIR_FETCH = "their-fetch"
    OUR_CALLS = "our-calls"
    THEIR_CALLS = "their-calls"
    OUR_QUESTIONS = "our-questions"
    THEIR_QUESTIONS = "their-questions"
    OUR_RESUMPTION = "our-resumption"
    THEIR_RESUMPTION = "their-resumption"


SENTENCES: Final[dict[Waits, str]] = {
    Waits.ANSWER: "this node has sent a message; the other side has not answered yet",
    Waits.DELIVERY: "a message was not delivered: send it again or give it up with hansa deliveries",
    Waits.OUR_DECISION: "a person of this node has to decide",
    Waits.OUR_ANSWER: "the next step is for this node",
    Waits.THEIR_ANSWER: "the next step is for the other side",
    Waits.OUR_BYTES_OUT: "this node is sending the bytes to the address that the other side gave",
    Waits.THEIR_BYTES_IN: "the other side is sending the bytes",
    Waits.OUR_FETCH: "this node is fetching the bytes",
    Waits.THEIR_FETCH: "the other side may fetch the bytes",
    Waits.OUR_CALLS: "this node may call the model",
    Waits.THEIR_CALLS: "the other side may call the model",
    Waits.OUR_QUESTIONS: "this node may ask the table: hansa query",
    Waits.THEIR_QUESTIONS: "the other side may ask the table",
    Waits.OUR_RESUMPTION: "this node has paused it and can resume it",
    Waits.THEIR_RESUMPTION: "the other side has paused it and can resume it",
}

REACHED: Final = {
    negotiating.FINALIZED: "it is concluded: both sides have signed the agreement",
    machine.COMPLETED: "it is complete",
}


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """The status of a process. ``waits`` is None for a process that has ended; ``ended_by_us`` is None for a process
    that has not ended. ``result`` names the result if it is the one that both sides wanted."""

    waits: Waits | None
    ended_by_us: bool | None = None
    result: str | None = None

    @property
    def text(self) -> str:
        """Return the status in English, for the API and the terminal."""
        if self.waits is not None:
            return SENTENCES[self.waits]
        if self.result is not None:
            return self.result
        return "this node ended it" if self.ended_by_us else "the other side ended it"


def table_of(process: Process) -> Table:
    """Return the table of moves of a process, which is a negotiation or a transfer."""
    return machine.TABLE if isinstance(process, Transfer) else negotiating.TABLE


def status_of(
    process: Process, exchanges: Sequence[Exchange], *, decision: bool = False, stuck: bool = False
) -> ProcessStatus:
    """Return the status of ``process``. ``exchanges`` are its messages; ``decision`` is true if a decision of ours is
    open, ``stuck`` if a delivery that it waits for was given up."""
    table = table_of(process)
    if process.state in table.terminal:
        return ProcessStatus(None, _ended_by_us(process, exchanges), REACHED.get(process.state))
    if decision:
        return ProcessStatus(Waits.OUR_DECISION)
    if stuck:
        return ProcessStatus(Waits.DELIVERY)
    if process.pending is not None:
        return ProcessStatus(Waits.ANSWER)
    if isinstance(process, Transfer):
        return ProcessStatus(_transfer(process))
    if isinstance(process, Negotiation) and process.state in (negotiating.OFFERED, negotiating.AGREED):
        ours = process.role is Role.CONSUMER
    else:
        ours = process.role is Role.PROVIDER
    return ProcessStatus(Waits.OUR_ANSWER if ours else Waits.THEIR_ANSWER)


def _transfer(transfer: Transfer) -> Waits:
    provides = transfer.role is Role.PROVIDER
    match transfer.state, transfer.format:
        case machine.SUSPENDED, _:
            ours = transfer.suspended_by == str(transfer.role)
            return Waits.OUR_RESUMPTION if ours else Waits.THEIR_RESUMPTION
        case machine.REQUESTED, _:
            return Waits.OUR_ANSWER if provides else Waits.THEIR_ANSWER
        case _, format if format == PUSH:
            return Waits.OUR_BYTES_OUT if provides else Waits.THEIR_BYTES_IN
        case _, format if format in ASKED:
            return Waits.THEIR_QUESTIONS if provides else Waits.OUR_QUESTIONS
        case _, format if format in (EXECUTE, LIVE):
            return Waits.THEIR_CALLS if provides else Waits.OUR_CALLS
        case _:
            return Waits.THEIR_FETCH if provides else Waits.OUR_FETCH


def _ended_by_us(process: Process, exchanges: Sequence[Exchange]) -> bool:
    """Return whether the last message that counted was ours. If the peer refused our message that ends the process,
    we ended it anyway; if the peer refused our opening message, the peer ended it."""
    table = table_of(process)
    ends_by_us = [
        message
        for message in time_line(table, exchanges)
        if not message.late and message.fate in (Fate.TAKEN, Fate.REFUSED)
    ]
    last = next(
        (message for message in reversed(ends_by_us) if message.fate is Fate.TAKEN or message.exchange.outgoing), None
    )
    if last is None:
        return True
    refused_opening = last.fate is Fate.REFUSED and last.exchange.message in table.openings
    return last.exchange.outgoing and not refused_opening
