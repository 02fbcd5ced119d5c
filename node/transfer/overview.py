"""Read agreements and exchanges: for the management API, the pages and the auditor."""

from __future__ import annotations

from typing import Any, Final

from node.base.clock import stamp
from node.base.errors import InvalidInput, NotFound
from node.base.jsons import read_object
from node.base.plaintext import word
from node.base.work import Transaction, UnitOfWork
from node.dialogue.machine import Table
from node.dialogue.process import Exchange, Role
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.ledger.model import Entry, EntryKind
from node.ledger.ports import LedgerStore
from node.negotiation import machine as negotiating
from node.negotiation.model import Agreement, Negotiation, PendingDecision
from node.negotiation.ports import AgreementStore, DecisionStore, NegotiationStore
from node.negotiation.uses import Tally, Uses
from node.transfer import machine as transferring
from node.transfer.agreed_versions import require_version_there
from node.transfer.model import Reception, Transfer
from node.transfer.ports import ReceptionStore, TransferStore

_TRANSFERS: Final = 1000
_UNDER_WAY: Final = frozenset({negotiating.AGREED, negotiating.VERIFIED})

NegotiationInFull = tuple[Negotiation, list[Exchange], PendingDecision | None]
"""A negotiation, its messages, and the open decision that it waits for."""


class Overview:
    """Read-only views over negotiations, transfers and agreements of this node."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        negotiations: NegotiationStore,
        transfers: TransferStore,
        agreements: AgreementStore,
        decisions: DecisionStore,
        receptions: ReceptionStore,
        ledger: LedgerStore,
        uses: Uses,
    ) -> None:
        self._uses = uses
        self._uow = uow
        self._negotiations = negotiations
        self._transfers = transfers
        self._agreements = agreements
        self._decisions = decisions
        self._receptions = receptions
        self._ledger = ledger

    def negotiations(self, *, state: str | None = None, limit: int = 200) -> list[Negotiation]:
        """Return negotiations, newest first; only those in ``state`` if it is given. Raises ``InvalidInput`` for an
        unknown state."""
        _require_state(state, negotiating.TABLE)
        with self._uow.read() as tx:
            return list(self._negotiations.select(tx, state=state, limit=limit))

    def negotiation(self, pid: str) -> NegotiationInFull:
        """Return a negotiation, its messages, and the open decision of this node that it waits for. Raises
        ``NotFound``."""
        with self._uow.read() as tx:
            negotiation, waits = self._negotiation(tx, pid)
            return negotiation, list(self._negotiations.exchanges(tx, pid)), waits

    def settled_negotiation(self, pid: str) -> NegotiationInFull | None:
        """Return as ``negotiation`` one that has ended, or waits for a decision here; None for others. Raises
        ``NotFound``."""
        with self._uow.read() as tx:
            negotiation, waits = self._negotiation(tx, pid)
            if waits is None and negotiation.state not in negotiating.TABLE.terminal:
                return None
            return negotiation, list(self._negotiations.exchanges(tx, pid)), waits

    def may_settle(self, entry: Entry) -> bool:
        """Return whether a negotiation may be settled since ``entry`` about it was committed. Between an agreement
        and the end, it waits for nobody here, nor does a request of ours."""
        if entry.kind is not EntryKind.PROCESS:
            return True
        facts = read_object(entry.body)
        state, role = facts["state"], facts["role"]
        return state not in _UNDER_WAY and (state, role) != (negotiating.REQUESTED, str(Role.CONSUMER))

    def _negotiation(self, tx: Transaction, pid: str) -> tuple[Negotiation, PendingDecision | None]:
        negotiation = self._negotiations.get(tx, pid)
        if negotiation is None:
            raise NotFound("there is no such negotiation", remedy="for all negotiations, see hansa negotiation list")
        decision = self._decisions.by_subject(tx, pid)
        return negotiation, decision if decision is not None and decision.decided_at is None else None

    def transfers(self, *, state: str | None = None, limit: int = 200) -> list[Transfer]:
        """Return transfers, newest first; only those in ``state`` if it is given. Raises ``InvalidInput`` for an
        unknown state."""
        _require_state(state, transferring.TABLE)
        with self._uow.read() as tx:
            return list(self._transfers.select(tx, state=state, limit=limit))

    def transfer(self, pid: str) -> tuple[Transfer, list[Exchange], Reception | None]:
        """Return a transfer, its messages, and its reception here. Raises ``NotFound``."""
        with self._uow.read() as tx:
            transfer = self._transfers.get(tx, pid)
            if transfer is None:
                raise NotFound("there is no such transfer", remedy="for all transfers, see hansa transfer list")
            return transfer, list(self._transfers.exchanges(tx, pid)), self._receptions.get(tx, pid)

    def reception(self, pid: str) -> Reception:
        """Return the reception of a transfer. Raises ``NotFound`` if it is not complete, and ``Gone`` if the provider
        refused it because the files of the version are there no more."""
        transfer, _, reception = self.transfer(pid)
        if reception is None or reception.state != "done":
            require_version_there(transfer, reception)
            if transfer.state in transferring.TABLE.terminal:
                raise NotFound(
                    "this transfer ended before this node had received all of the data",
                    remedy=f"see why: hansa transfer show {word(transfer.pid)}",
                )
            raise NotFound(
                "this node has not received all of the data yet",
                remedy="wait until the transfer is completed, or see hansa transfer show",
            )
        return reception

    def received_bytes(self, pid: str, by: Caller) -> Reception:
        """Return ``reception`` for a recipient that reads the bytes. Raises ``NotAllowed`` too."""
        require(by, UseCase.READ_RECEIVED)
        return self.reception(pid)

    def receptions(self, by: Caller) -> list[tuple[Transfer, Reception]]:
        """Return what this node received or is receiving, newest first: at most of the newest ``_TRANSFERS``
        transfers. Raises ``NotAllowed``."""
        require(by, UseCase.READ_RECEIVED)
        with self._uow.read() as tx:
            own = [one for one in self._transfers.select(tx, limit=_TRANSFERS) if one.role is Role.CONSUMER]
            receptions = [(transfer, self._receptions.get(tx, transfer.pid)) for transfer in own]
        return [(transfer, reception) for transfer, reception in receptions if reception is not None]

    def newest_receptions(self, by: Caller, limit: int, *, offset: int = 0) -> list[tuple[Transfer, Reception]]:
        """Return what this node received or is receiving, the last changed first. Raises ``NotAllowed``."""
        require(by, UseCase.READ_RECEIVED)
        with self._uow.read() as tx:
            receptions = self._receptions.newest(tx, limit, offset=offset)
            known = [(self._transfers.get(tx, reception.transfer), reception) for reception in receptions]
        return [(transfer, reception) for transfer, reception in known if transfer is not None]

    def agreements_about(self, dataset: str) -> list[Agreement]:
        """Return the final agreements about an asset, newest first."""
        with self._uow.read() as tx:
            known = self._agreements.select(tx, dataset=dataset)
            return [agreement for agreement in known if agreement.finalized is not None]

    def agreements(self) -> list[Agreement]:
        """Return the final agreements, newest first."""
        with self._uow.read() as tx:
            return [agreement for agreement in self._agreements.select(tx) if agreement.finalized is not None]

    def agreement(self, agreement_id: str) -> Agreement:
        """Return the agreement. Raises ``NotFound``."""
        with self._uow.read() as tx:
            agreement = self._agreements.get(tx, agreement_id)
        if agreement is None or agreement.finalized is None:
            raise NotFound("there is no such agreement", remedy="for all agreements, see hansa agreement list")
        return agreement

    def transfers_under(self, agreement: Agreement, *, ended: bool = True) -> list[tuple[Transfer, Reception | None]]:
        """Return the newest ``_TRANSFERS`` transfers under ``agreement``, newest first, each with its reception
        here; without those that have ended if ``ended`` is false."""
        apart_from = () if ended else transferring.TABLE.terminal
        with self._uow.read() as tx:
            transfers = self._transfers.under(tx, agreement.id, apart_from=apart_from, limit=_TRANSFERS)
            return [(transfer, self._receptions.get(tx, transfer.pid)) for transfer in transfers]

    def uses(self, agreement: Agreement) -> Tally | None:
        """Return how often the agreement was used, and how often it may be; None if it sets no limit."""
        with self._uow.read() as tx:
            return self._uses.tally(tx, agreement)

    def next_use(self, agreement: Agreement) -> dict[str, Any]:
        """Return the facts that a decision about one more use of the agreement needs."""
        with self._uow.read() as tx:
            return self._uses.facts(tx, agreement, "")

    def accesses(self, agreement_id: str) -> list[dict[str, Any]]:
        """Return every access that this node, as the provider, gave or refused under an agreement, from the ledger:
        time, recipient and result. A consumer's own use is in ``transfers_under``."""
        with self._uow.read() as tx:
            entries = self._ledger.history(tx, agreement_id, EntryKind.ACCESS)
        return [{"at": stamp(entry.at), "by": entry.by, **read_object(entry.body)} for entry in entries]


def _require_state(state: str | None, table: Table) -> None:
    if state is not None and state not in table.states:
        choices = sorted(table.states)
        raise InvalidInput(
            f"a {table.name} has no state {state!r}",
            remedy=f"name one of: {', '.join(choices)}",
            facts={"field": "state", "choices": choices},
        )
