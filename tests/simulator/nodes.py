"""A node without network, disk or clock, as far as a conversation needs one.

Everything that decides is the real thing: tables, use cases, strategies, the outbox. Replaced are the stores (the
fakes that pass the stores' contract tests), the keys, and the network, which the scenario plays.
"""

from __future__ import annotations

import base64
import copy
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from node.base.delivery import Courier
from node.base.errors import HansaError
from node.base.jsons import digest
from node.base.process import Exchange, Role
from node.base.work import Task, Transaction
from node.catalogue.model import Record
from node.identity.model import Caller, DidDocument
from node.ledger.usecases import Append
from node.negotiation import machine as negotiating
from node.negotiation import messages as contract
from node.negotiation.agreement import Party
from node.negotiation.conversation import Conversation
from node.negotiation.model import Agreement, Negotiation
from node.negotiation.reactions import House, Reactions
from node.negotiation.strategy import StandardStrategy
from node.negotiation.usecases import Negotiations
from node.policy.model import Situation
from node.transfer import machine as transferring
from node.transfer import messages as transfer_messages
from node.transfer import strategy as transfer_strategy
from node.transfer.model import Reception, Transfer
from node.transfer.usecases import RECEIVE_TOPIC, Transfers
from node.worker.deliveries import PeerAnswer, SendMessages
from node.worker.loop import Again, Done, Never
from tests.fakes.ledger import MemoryLedgerStore
from tests.fakes.negotiation import MemoryAgreementStore, MemoryDecisionStore, MemoryNegotiationStore
from tests.fakes.provider import SeedKeyRing
from tests.fakes.records import MemoryRecordStore
from tests.fakes.transfer import MemoryGrantStore, MemoryReceptionStore, MemoryTransferStore
from tests.fakes.work import MemoryOutbox, MemoryUnitOfWork

START = datetime(2026, 11, 20, 9, tzinfo=UTC)
OFFER = {"@type": "Offer", "permission": [{"action": "odrl:use"}], "profile": "https://w3id.org/hansa/policy"}


class SimClock:
    """A clock that the scenario moves."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        return self.at

    def forward(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class SimNode:
    """One node: ``crash`` loses what is in flight and keeps what was committed."""

    name: str
    clock: SimClock
    offered: tuple[str, ...] = ()
    uow: MemoryUnitOfWork = field(default_factory=MemoryUnitOfWork)

    def __post_init__(self) -> None:
        self.did = f"did:web:{self.name}.example"
        self.address = f"https://{self.name}.example/dsp/2025-1"
        self.keyring = SeedKeyRing(self.did)
        self.negotiations_store = MemoryNegotiationStore()
        self.transfers_store = MemoryTransferStore()
        self.agreements = MemoryAgreementStore()
        self.decisions = MemoryDecisionStore()
        self.records = MemoryRecordStore()
        self.ledger = MemoryLedgerStore()
        self.outbox = MemoryOutbox()
        self.grants = MemoryGrantStore()
        self.applied: list[tuple[str, str]] = []
        self._build()
        with self.uow.begin() as tx:
            for number, iri in enumerate(self.offered):
                self.records.add(tx, record(iri, self.did, self.clock.now(), number))

    def _build(self) -> None:
        append = Append(self.ledger)

        def note(tx: Transaction, kind: Any, subject: str, by: str, body: Any) -> Any:
            return append(tx, kind, subject, by, body, self.clock.now())

        courier = Courier(self.outbox, lambda: None)
        talk: Conversation[Negotiation] = Conversation(
            table=negotiating.TABLE,
            store=self.negotiations_store,
            courier=courier,
            note=note,
            clock=self.clock,
            acknowledge=contract.acknowledgement,
            path=contract.path,
        )
        self.reactions = Reactions(
            conversation=talk,
            records=self.records,
            decisions=self.decisions,
            keyring=self.keyring,
            note=note,
            clock=self.clock,
            strategy=StandardStrategy(),
            house=House(
                me=Party(did=self.did, name=self.name),
                languages=("en",),
                issuers=dict,
                rulebook=lambda: None,
            ),
        )
        self.negotiations = Negotiations(
            uow=self.uow,
            store=self.negotiations_store,
            agreements=self.agreements,
            records=self.records,
            conversation=talk,
            reactions=self.reactions,
            may_see=lambda record, caller: True,
            verify_jws=lambda jws, signer: _payload(jws),
            note=note,
            clock=self.clock,
            me=self.did,
            address=self.address,
        )
        carry: Conversation[Transfer] = Conversation(
            table=transferring.TABLE,
            store=self.transfers_store,
            courier=courier,
            note=note,
            clock=self.clock,
            acknowledge=transfer_messages.acknowledgement,
            path=transfer_messages.path,
        )
        self.transfers = Transfers(
            uow=self.uow,
            store=self.transfers_store,
            agreements=self.agreements,
            negotiations=self.negotiations_store,
            records=self.records,
            grants=self.grants,
            receptions=MemoryReceptionStore(),
            conversation=carry,
            courier=courier,
            granting=lambda tx, transfer, agreement, record, file, key: {
                "@type": "DataAddress",
                "endpointType": "https://w3id.org/idsa/v4.1/HTTP",
                "endpoint": f"{self.address}/data/{transfer.pid}",
            },
            situation=lambda agreement, caller: Situation(
                caller=caller, at=self.clock.now(), provider=self.did, agreed=True
            ),
            presume=self.negotiations.presume_finalized,
            strategy=transfer_strategy.StandardStrategy(),
            note=note,
            clock=self.clock,
            me=self.did,
            address=self.address,
        )
        self.send = SendMessages(
            post=self._no_network,
            protocols={
                negotiating.TABLE.name: self.negotiations,
                transferring.TABLE.name: self.transfers,
            },
            clock=self.clock,
        )

    async def _no_network(self, url: str, body: bytes, *, audience: str) -> PeerAnswer:
        raise AssertionError("the scenario plays the network")

    def crash(self) -> None:
        """The process dies and starts again: leases are released, memory is gone, commits stay."""
        self._build()
        with self.uow.begin() as tx:
            self.outbox.release(tx)

    # ---- the worker's side -----------------------------------------------------------------------------------

    def lease(self) -> list[Task]:
        """What would be sent now. Bytes arrive at once: receiving has simulations of its own."""
        now = self.clock.now()
        with self.uow.begin() as tx:
            until = now + timedelta(seconds=30)
            leased = self.outbox.lease(tx, owner="sim", now=now, until=until, limit=50)
        for task in leased:
            if task.topic == RECEIVE_TOPIC:
                with self.uow.begin() as tx:
                    if self.outbox.done(tx, task):
                        self.transfers.finished(tx, task.subject, received(task.subject, now))
        return [task for task in leased if task.topic != RECEIVE_TOPIC]

    async def conclude(self, task: Task, answer: PeerAnswer | None) -> None:
        """The answer to ``task`` arrived (None: nothing did)."""

        async def play(url: str, body: bytes, *, audience: str) -> PeerAnswer:
            from node.base.errors import PeerUnreachable

            if answer is None:
                raise PeerUnreachable("silence")
            return answer

        self.send._post = play
        outcome = await self.send(task)
        with self.uow.begin() as tx:
            match outcome:
                case Done(apply):
                    if self.outbox.done(tx, task) and apply is not None:
                        apply(tx)
                case Again(error):
                    self.outbox.retry(tx, task, due=self.clock.now() + timedelta(seconds=1), error=error)
                case Never(error):
                    self.outbox.bury(tx, task, error=error)

    # ---- the doors -------------------------------------------------------------------------------------------

    def receive(self, sender: str, path: str, body: bytes) -> PeerAnswer:
        """An HTTP request as the door would serve it; local faults escape, for the scenario to see."""
        caller = Caller(did=sender)
        try:
            answer = self._route(caller, path, body)
        except HansaError as error:
            if error.status >= 500:
                raise
            return PeerAnswer(error.status, json.dumps({"code": error.code, "reason": [error.detail]}).encode())
        return PeerAnswer(answer.status, json.dumps(answer.body).encode())

    def _route(self, caller: Caller, path: str, body: bytes) -> Any:
        parts = path.strip("/").split("/")
        if path == "/negotiations/request":
            return self.negotiations.requested(caller, contract.read(body, negotiating.REQUEST))
        if path == "/transfers/request":
            return self.transfers.requested(caller, transfer_messages.read(body, transferring.REQUEST))
        kind = {
            ("negotiations", "request"): negotiating.REQUEST,
            ("negotiations", "offers"): negotiating.OFFER,
            ("negotiations", "agreement"): negotiating.AGREEMENT,
            ("negotiations", "verification"): negotiating.VERIFICATION,
            ("negotiations", "events"): "ContractNegotiationEventMessage",
            ("negotiations", "termination"): negotiating.TERMINATION,
            ("transfers", "start"): transferring.START,
            ("transfers", "completion"): transferring.COMPLETION,
            ("transfers", "suspension"): transferring.SUSPENSION,
            ("transfers", "termination"): transferring.TERMINATION,
        }[(parts[0], parts[-1])]
        if parts[0] == "negotiations":
            signer = DidDocument(id=str(caller.did), raw={})
            return self.negotiations.received(parts[1], caller, contract.read(body, kind), signer=signer)
        return self.transfers.received(parts[1], caller, transfer_messages.read(body, kind))

    # ---- looking ---------------------------------------------------------------------------------------------

    def all_negotiations(self) -> list[Negotiation]:
        with self.uow.read() as tx:
            return list(self.negotiations_store.select(tx, limit=100_000))

    def all_transfers(self) -> list[Transfer]:
        with self.uow.read() as tx:
            return list(self.transfers_store.select(tx, limit=100_000))

    def all_agreements(self) -> list[Agreement]:
        with self.uow.read() as tx:
            return list(self.agreements.select(tx, limit=100_000))

    def waiting(self) -> int:
        with self.uow.read() as tx:
            return self.outbox.waiting(tx)

    def exchanges(self, pid: str) -> list[Exchange]:
        with self.uow.read() as tx:
            return list(self.negotiations_store.exchanges(tx, pid)) + list(self.transfers_store.exchanges(tx, pid))

    def next_due(self) -> datetime | None:
        with self.uow.read() as tx:
            return self.outbox.next_due(tx)


def _payload(jws: str) -> bytes:
    """What a compact JWS says; who signed it is not this simulation's question."""
    part = jws.split(".")[1]
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def received(pid: str, at: datetime) -> Reception:
    """All bytes are here and verified."""
    return Reception(
        transfer=pid,
        state="done",
        name="data.csv",
        media_type="text/csv",
        sealed=False,
        expected=3,
        received=3,
        at=at,
        sha256="ab" * 32,
        manifest="signed",
    )


def record(iri: str, origin: str, at: datetime, number: int) -> Record:
    """A record that is on offer to everybody."""
    offer = {**copy.deepcopy(OFFER), "@id": f"{iri}#offer"}
    from node.semantics.model import File

    return Record(
        iri=iri,
        version=1,
        kind="dataset",
        audience="public",
        titles={"en": f"Dataset {number}"},
        descriptions={},
        publisher=origin,
        publisher_name=origin,
        origin=origin,
        nquads=b"",
        sha256=digest(iri),
        at=at,
        by="test",
        offer=offer,
        files=(File(name="data.csv", media_type="text/csv", size=3, sha256="ab" * 32),),
    )


__all__ = ["Role", "SimClock", "SimNode", "record"]
