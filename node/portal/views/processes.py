"""Negotiations and transfers with their messages, undelivered messages, and pending decisions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from anyio.to_thread import run_sync

from node.base.errors import NotFound
from node.base.work import Task, Transaction, UnitOfWork
from node.catalogue.ports import RecordStore
from node.dialogue.process import Exchange
from node.identity.model import Caller
from node.negotiation.decisions import Decisions
from node.negotiation.messages import TERMS
from node.negotiation.model import Negotiation, PendingDecision
from node.negotiation.ports import AgreementStore
from node.policy.odrl import parse
from node.policy.words import sentences
from node.transfer.model import Reception, Transfer
from node.transfer.overview import Overview

LISTED: Final = 200
"""The number of processes in the list."""

Texts = dict[str, str]
"""Language tag → text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """A dead letter: a message that could not be delivered after all attempts."""

    task: Task
    peer_name: str

    @property
    def of_process(self) -> bool:
        """Return whether a process (``task.subject``) waits for it."""
        return "process" in self.task.headers or self.task.topic in ("receive", "push")


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A negotiation or a transfer with its messages, oldest first; ``dead_messages`` are its messages that were given
    up.

    ``decision``: a person here has to decide."""

    process: Negotiation | Transfer
    peer_name: str
    titles: Texts
    exchanges: tuple[Exchange, ...] = ()
    reception: Reception | None = None
    dead_messages: tuple[Stuck, ...] = ()
    decision: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliveries:
    """Undelivered messages: how many tasks wait, and those that were given up (dead letters)."""

    waiting: int
    dead_messages: tuple[Stuck, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionView:
    """A pending or past decision of a person: the asset, and the conditions in words."""

    decision: PendingDecision
    titles: Texts
    iri: str = ""
    conditions: tuple[str, ...] = ()


class Letters(Protocol):
    """The outbox as its operators see it."""

    def waiting(self) -> int: ...

    def dead(self) -> Sequence[Task]: ...

    def about(self, pid: str) -> Sequence[Task]: ...

    def revive(self, task_id: str, by: Caller) -> None: ...

    def give_up(self, task_id: str, by: Caller) -> None: ...


class Processes:
    """The negotiations and transfers of this node."""

    def __init__(
        self,
        overview: Overview,
        letters: Letters,
        *,
        uow: UnitOfWork,
        records: RecordStore,
        agreements: AgreementStore,
        with_names: Callable[[str], str],
    ) -> None:
        """``with_names`` puts names in place of DIDs."""
        self._overview = overview
        self._letters = letters
        self._uow = uow
        self._records = records
        self._agreements = agreements
        self._with_names = with_names

    async def newest(self) -> Sequence[Conversation]:
        """Return negotiations and transfers without their messages, the last changed first."""

        def read() -> list[Conversation]:
            known: list[Negotiation | Transfer] = [*self._overview.negotiations(), *self._overview.transfers()]
            newest = sorted(known, key=lambda process: process.updated, reverse=True)
            return [self._conversation(process) for process in newest[:LISTED]]

        return await run_sync(read)

    async def get(self, pid: str) -> Conversation:
        """Return a process with its messages. Raises ``NotFound``."""

        def read() -> Conversation:
            try:
                negotiation, exchanges, decision = self._overview.negotiation(pid)
                return self._conversation(negotiation, exchanges, decision=decision is not None, detailed=True)
            except NotFound:
                transfer, exchanges, reception = self._overview.transfer(pid)
                return self._conversation(transfer, exchanges, reception, detailed=True)

        return await run_sync(read)

    async def under(self, agreement_id: str) -> Sequence[Conversation]:
        """Return the transfers under an agreement, newest first, without their messages. Raises ``NotFound``."""

        def read() -> list[Conversation]:
            known = self._overview.transfers_under(self._overview.agreement(agreement_id))
            return [self._conversation(transfer, (), reception) for transfer, reception in known]

        return await run_sync(read)

    def summary(self, transfer: Transfer, reception: Reception | None) -> Conversation:
        """Return a transfer with the names in it, without its messages. It blocks."""
        return self._conversation(transfer, (), reception)

    async def deliveries(self) -> Deliveries:
        """Return the waiting tasks and the dead letters."""
        waiting, dead = await run_sync(self._letters.waiting), await run_sync(self._letters.dead)
        return Deliveries(waiting=waiting, dead_messages=tuple(self._stuck_view(task) for task in dead))

    def _conversation(
        self,
        process: Negotiation | Transfer,
        exchanges: Sequence[Exchange] = (),
        reception: Reception | None = None,
        *,
        detailed: bool = False,
        decision: bool = False,
    ) -> Conversation:
        with self._uow.read() as tx:
            record = self._records.get(tx, process.dataset)
            agreed_titles, agreed_name = self._agreed_names(tx, process)
        names = self._with_names(process.peer)
        return Conversation(
            process=process,
            peer_name=(agreed_name if names == process.peer else "") or names,
            titles=record.titles if record else agreed_titles,
            exchanges=tuple(exchanges),
            reception=reception,
            dead_messages=tuple(self._stuck_view(task) for task in self._letters.about(process.pid))
            if detailed
            else (),
            decision=decision,
        )

    def _agreed_names(self, tx: Transaction, process: Negotiation | Transfer) -> tuple[Texts, str]:
        """Return the names in the agreement of ``process``: its asset's, by language, and the other party's; empty if
        there is no agreement, or it names neither."""
        body: Mapping[str, Any] | None
        if isinstance(process.agreement, str):
            agreement = self._agreements.get(tx, process.agreement)
            body = agreement.body if agreement else None
        else:
            body = process.agreement
        terms = (body or {}).get(TERMS) or {}
        asset, party = terms.get("asset") or {}, terms.get(str(process.role.other)) or {}
        return dict(asset.get("title") or {}), str(party.get("name") or "")

    def _stuck_view(self, task: Task) -> Stuck:
        return Stuck(task=task, peer_name=self._with_names(task.lane.rpartition(" ")[2]))


class Questions:
    """Decisions that wait for a person of this node."""

    def __init__(self, decisions: Decisions) -> None:
        self._decisions = decisions

    async def waiting(self, language: str) -> Sequence[DecisionView]:
        """Return the questions, oldest first, with the offered conditions in words."""
        return [_decision_view(one, language) for one in await run_sync(self._decisions.waiting)]

    async def count(self) -> int:
        """Return how many requests wait for a decision."""
        return await run_sync(self._decisions.count)


def _decision_view(decision: PendingDecision, language: str) -> DecisionView:
    offer = decision.details.get("offer")
    return DecisionView(
        decision=decision,
        titles=dict(decision.details.get("title") or {}),
        iri=str(decision.details.get("dataset") or ""),
        conditions=tuple(sentences(parse(offer), language)) if isinstance(offer, dict) else (),
    )
