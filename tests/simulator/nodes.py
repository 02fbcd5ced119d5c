"""A node without network, disk or clock, as far as a conversation needs one.

Everything that decides is the real thing: tables, use cases, strategies, policies, grants, the worker, the outbox.
Replaced are the stores (the fakes that pass the stores' contract tests), the keys, and the network, which the
scenario plays.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from node.base.delivery import OutboxWriter
from node.base.errors import HansaError, LocalFault, NotAllowed, NotFound, PeerUnreachable
from node.base.jsons import canonical, digest
from node.base.work import Task
from node.catalogue.model import Record
from node.dialogue.conversation import Conversation
from node.dialogue.process import Exchange, Role
from node.exchange.ports import AssetStore
from node.identity.model import ANONYMOUS, Caller, DidDocument
from node.ledger.usecases import LedgerWriter
from node.negotiation import machine as negotiating
from node.negotiation import messages as contract
from node.negotiation.agreement import Party
from node.negotiation.agreement_records import KeepAgreements
from node.negotiation.checks import Checks
from node.negotiation.decisions import Decisions
from node.negotiation.model import Agreement, Negotiation
from node.negotiation.reactions import House, Reactions
from node.negotiation.strategy import Accept, Action, Counter, Look, StandardStrategy
from node.negotiation.usecases import Negotiations
from node.negotiation.uses import Uses
from node.policy.model import Situation
from node.semantics.model import File
from node.transfer import machine as transferring
from node.transfer import messages as transfer_messages
from node.transfer import strategy as transfer_strategy
from node.transfer.addresses import read_address
from node.transfer.conversions.content import Contents
from node.transfer.conversions.steps import OfferedSteps
from node.transfer.grants import GrantAccess, RefreshToken
from node.transfer.model import Reception, Transfer
from node.transfer.preconditions import Access, require_standing
from node.transfer.reactions import Reactions as TransferReactions
from node.transfer.reissue import Reissue
from node.transfer.requests import TransferRequests
from node.transfer.tokens import token_hash
from node.transfer.usecases import RECEIVE_TOPIC, Transfers
from node.web.problems import again_later
from node.worker.deliveries import Outcomes, PeerAnswer, SendMessages
from node.worker.outcomes import Again, Done, Handler, Outcome
from tests.fakes.provider import SeedKeyRing
from tests.fakes.stores.ledger import MemoryLedgerStore
from tests.fakes.stores.negotiation import (
    MemoryAgreementStore,
    MemoryDecisionStore,
    MemoryLimitStore,
    MemoryNegotiationStore,
    MemoryUseStore,
)
from tests.fakes.stores.records import MemoryRecordStore
from tests.fakes.stores.transfer import (
    MemoryConversionStore,
    MemoryGrantStore,
    MemoryReceptionStore,
    MemoryTransferStore,
)
from tests.fakes.stores.work import MemoryOutbox
from tests.simulator.database import Change, SimUnitOfWork
from tests.simulator.workers import Wire

START: Final = datetime(2026, 11, 20, 9, tzinfo=UTC)
DATA: Final = "ab" * 32
_BASE: Final[dict[str, Any]] = {"@type": "Offer", "profile": "https://w3id.org/hansa/policy"}
_PAST: Final = [{"leftOperand": "odrl:dateTime", "operator": "lt", "rightOperand": "2020-01-01T00:00:00Z"}]
_FUTURE: Final = [{"leftOperand": "odrl:dateTime", "operator": "lt", "rightOperand": "2036-01-01T00:00:00Z"}]
OFFERS: Final[dict[str, dict[str, Any]]] = {
    "open": {**_BASE, "permission": [{"action": "odrl:use"}]},
    "asks": {**_BASE, "permission": [{"action": "odrl:use", "duty": [{"action": "odrl:obtainConsent"}]}]},
    "refuses": {**_BASE, "permission": [{"action": "odrl:use", "constraint": _PAST}]},
}
OTHER_TERMS: Final[dict[str, Any]] = {"permission": [{"action": "odrl:use", "constraint": _FUTURE}]}


class Time:
    """The world's time; a node's clock may differ from it."""

    def __init__(self) -> None:
        self.at = START


class SimClock:
    """A node's clock: the world's time and an error that the scenario sets."""

    def __init__(self, time: Time) -> None:
        self._time = time
        self.error = timedelta()

    def now(self) -> datetime:
        return self._time.at + self.error


class SimKeyRing(SeedKeyRing):
    """Signatures that are the same in each run: ECDSA's are not, and what is signed is not this simulation's
    question."""

    def sign_jws(self, header: dict[str, Any], payload: bytes) -> str:
        signature = hashlib.sha256(self.did.encode() + payload).digest()
        parts = (canonical(header), payload, signature)
        return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def verify_jws(jws: str, signer: DidDocument) -> bytes:
    """The payload, where ``signer`` signed it."""
    payload, signature = (base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in jws.split(".")[1:])
    if hashlib.sha256(signer.id.encode() + payload).digest() != signature:
        raise NotAllowed("the signature does not hold")
    return payload


class Bargaining(StandardStrategy):
    """The standard strategy, but for a consumer whose terms the provider did not take: it accepts the provider's,
    or counters with its own terms twice before it does."""

    def __init__(self, manner: str) -> None:
        self._counters = {"accepts": 0, "haggles": 2}[manner]

    def next(self, look: Look) -> Action:
        negotiation = look.negotiation
        unwelcome = negotiation.state == negotiating.OFFERED and not look.same_terms and negotiation.asked is not None
        if negotiation.role is not Role.CONSUMER or not unwelcome:
            return super().next(look)
        countered = look.messages_so_far().count(negotiating.REQUEST) - 1
        return Counter(negotiation.asked or {}) if countered < self._counters else Accept()


@dataclass(frozen=True, slots=True)
class NodePlan:
    """``workers``: how many share the queue; 0 for the embedded one. ``manner``: how it bargains as a consumer."""

    name: str
    workers: int
    manner: str

    def datasets(self) -> dict[str, str]:
        """Kind of offer → IRI."""
        return {kind: f"https://{self.name}.example/datasets/{kind}" for kind in OFFERS}


class SimNode:
    """One node: what it kept survives ``restart``, and nothing else does."""

    def __init__(
        self,
        plan: NodePlan,
        time: Time,
        *,
        committed: Callable[[SimNode, Sequence[Change]], None],
        woken: Callable[[SimNode], None],
    ) -> None:
        self.plan = plan
        self.name = plan.name
        self.time = time
        self.clock = SimClock(time)
        self.up = True
        self.did = f"did:web:{self.name}.example"
        self.base = f"https://{self.name}.example"
        self.address = f"{self.base}/dsp/2025-1"
        self.keyring = SimKeyRing(self.did)
        self.uow = SimUnitOfWork(lambda changes: committed(self, changes))
        self._woken = woken
        self.negotiations_store = MemoryNegotiationStore()
        self.transfers_store = MemoryTransferStore()
        self.agreements = MemoryAgreementStore()
        self.decisions_store = MemoryDecisionStore()
        self.records = MemoryRecordStore()
        self.ledger = MemoryLedgerStore()
        self.outbox = MemoryOutbox()
        self.grants = MemoryGrantStore()
        self.receptions = MemoryReceptionStore()
        self.restart()
        with self.uow.begin() as tx:
            for number, (kind, iri) in enumerate(plan.datasets().items()):
                self.records.add(tx, record(iri, self.did, time.at, number, OFFERS[kind]))

    def restart(self) -> None:
        """The process begins again, with what was committed."""
        append = LedgerWriter(self.ledger, self.clock)
        outbox_writer = OutboxWriter(self.outbox, lambda: self._woken(self))
        talk: Conversation[Negotiation] = Conversation(
            table=negotiating.TABLE,
            store=self.negotiations_store,
            outbox_writer=outbox_writer,
            append=append,
            clock=self.clock,
            acknowledge=contract.acknowledgement,
            path=contract.path,
            refusal=contract.refusal,
        )
        carry: Conversation[Transfer] = Conversation(
            table=transferring.TABLE,
            store=self.transfers_store,
            outbox_writer=outbox_writer,
            append=append,
            clock=self.clock,
            acknowledge=transfer_messages.acknowledgement,
            path=transfer_messages.path,
            refusal=transfer_messages.refusal,
            dated=True,
            storable=transfer_messages.storable,
            brief=transfer_messages.BRIEF,
        )
        self.talk, self.carry = talk, carry
        self.negotiations = Negotiations(
            uow=self.uow,
            store=self.negotiations_store,
            conversation=talk,
            reactions=Reactions(
                conversation=talk,
                records=self.records,
                decisions=self.decisions_store,
                limits=MemoryLimitStore(),
                keyring=self.keyring,
                append=append,
                clock=self.clock,
                strategy=StandardStrategy() if self.plan.manner == "waits" else Bargaining(self.plan.manner),
                house=House(
                    me=Party(did=self.did, name=self.name),
                    address=self.address,
                    languages=("en",),
                    issuers=dict,
                    rulebook=lambda: None,
                ),
            ),
            checks=Checks(
                store=self.negotiations_store,
                agreements=self.agreements,
                records=self.records,
                may_see=lambda record, caller: True,
                verify_jws=verify_jws,
                clock=self.clock,
                me=self.did,
                # Clocks in the simulation are wrong by up to an hour each.
                leeway=timedelta(hours=3),
            ),
            agreements=KeepAgreements(
                store=self.negotiations_store,
                agreements=self.agreements,
                conversation=talk,
                append=append,
                clock=self.clock,
                me=self.did,
            ),
            clock=self.clock,
            me=self.did,
            address=self.address,
        )
        self.decisions = Decisions(
            uow=self.uow,
            store=self.decisions_store,
            negotiations=self.negotiations,
            admissions=None,
            recheck=_recheck,
            append=append,
            clock=self.clock,
        )
        grants = GrantAccess(self.grants, self.keyring, self.clock, public_url=self.base)
        self.transfer_requests = TransferRequests(
            uow=self.uow,
            agreements=self.agreements,
            negotiations=self.negotiations_store,
            transfers=self.transfers_store,
            conversation=carry,
            clock=self.clock,
            me=self.did,
            address=self.address,
        )
        transfer_reactions = TransferReactions(
            conversation=carry,
            agreements=self.agreements,
            contents=Contents(
                records=self.records,
                conversions=MemoryConversionStore(),
                assets=cast("AssetStore", None),  # Nothing is converted here.
                secrets=self.keyring.derive,
                steps=OfferedSteps(self.records, lambda dataset, schema, transformations: ()),
            ),
            grants=self.grants,
            outbox_writer=outbox_writer,
            granting=grants.open,
            uses=Uses(MemoryUseStore(), self.agreements, self.clock),
            situation=lambda agreement, caller: Situation(
                caller=caller, at=self.clock.now(), provider=self.did, agreed=True
            ),
            strategy=transfer_strategy.StandardStrategy(),
            append=append,
            clock=self.clock,
        )
        self.transfers = Transfers(
            uow=self.uow,
            store=self.transfers_store,
            agreements=self.agreements,
            conversation=carry,
            reactions=transfer_reactions,
            reissue=Reissue(
                store=self.transfers_store, conversation=carry, reactions=transfer_reactions, public_url=self.base
            ),
            presume=self.negotiations.presume_finalized,
            clock=self.clock,
            me=self.did,
        )
        self._refresh = RefreshToken(
            self.uow,
            transfers=self.transfers_store,
            agreements=self.agreements,
            grants=self.grants,
            access=grants,
            clock=self.clock,
        )

    # ---- the worker's side -----------------------------------------------------------------------------------

    def handlers(self) -> dict[str, Handler]:
        """What a worker of this node does with its tasks."""

        async def post(url: str, body: bytes, *, audience: str) -> PeerAnswer:
            return await Wire(url, body, audience=audience)

        protocols: dict[str, Outcomes] = {
            negotiating.TABLE.name: self.negotiations,
            transferring.TABLE.name: self.transfers,
        }
        return {
            "dsp": SendMessages(post=post, protocols=protocols, clock=self.clock),
            RECEIVE_TOPIC: self._receive,
        }

    async def _receive(self, task: Task) -> Outcome:
        """As ``node.bootstrap.tasks``; the bytes come in one piece, which has simulations of its own."""
        with self.uow.read() as tx:
            transfer = self.transfers_store.get(tx, task.subject)
            reception = self.receptions.get(tx, task.subject)
        if transfer is None or transfer.state in transferring.TABLE.terminal:
            return Done()
        if reception is None or reception.state not in ("done", "failed"):
            address = read_address(transfer.data_address)
            try:
                answer = await Wire(
                    address.endpoint, (address.authorization or "").encode(), audience=transfer.peer, read=True
                )
            except PeerUnreachable as away:
                return Again(away.detail, lane_down=True)
            if answer.status == 423:
                return Done()
            if answer.status >= 500:
                return Again(f"the provider answers {answer.status}")
            reception = received(transfer, answer, self.clock.now())
            with self.uow.begin() as tx:
                self.receptions.put(tx, reception)
        settled = reception
        return Done(lambda tx: self.transfers.notify_provider(tx, task.subject, settled))

    # ---- the doors -------------------------------------------------------------------------------------------

    def receive(self, sender: str, path: str, body: bytes) -> PeerAnswer:
        """An HTTP request as the protocol's door would serve it."""
        try:
            answer = self._route(Caller(did=sender), path, body)
        except LocalFault as fault:
            return _error(fault.status if fault.status >= 500 else 400, fault)
        except HansaError as error:
            return _error(error.status, error)
        return PeerAnswer(answer.status, json.dumps(answer.body).encode())

    def _route(self, caller: Caller, path: str, body: bytes) -> Any:
        parts = path.strip("/").split("/")
        if path == "/negotiations/request":
            return self.negotiations.receive_request(caller, contract.read(body, negotiating.REQUEST))
        if path == "/negotiations/offers":
            return self.negotiations.receive_offer(caller, contract.read(body, negotiating.OFFER))
        if path == "/transfers/request":
            return self.transfers.receive_request(caller, transfer_messages.read(body, transferring.REQUEST))
        kind = _KINDS[parts[0], parts[-1]]
        if parts[0] == "negotiations":
            message = contract.read(body, kind)
            signer = DidDocument(id=str(caller.did), raw={})
            return self.negotiations.receive(parts[1], caller, message, signer=signer, role=_role(message.name))
        return self.transfers.receive(parts[1], caller, transfer_messages.read(body, kind))

    def read(self, sender: str, path: str, bearer: str) -> PeerAnswer:
        """GET /data/{pid}: as ``AuthoriseAccess``, but that the policy admits everybody. An expired or replaced
        token is renewed as the consumer would renew it."""
        pid = path.rsplit("/", 1)[1]
        try:
            with self.uow.read() as tx:
                grant = self.grants.by_token(tx, token_hash(bearer.removeprefix("Bearer ")))
            if grant is None or grant.expires <= self.clock.now():
                self._refresh._renew(Caller(did=sender), pid)
            with self.uow.read() as tx:
                grant = self.grants.by_transfer(tx, pid)
                transfer = self.transfers_store.get(tx, pid)
                agreement = self.agreements.get(tx, grant.agreement) if grant is not None else None
                if grant is None or transfer is None or agreement is None or grant.recipient != sender:
                    raise NotFound
                access = Access(transfer=transfer, grant=grant, agreement=agreement, at=self.clock.now())
                require_standing(access)
            with self.uow.begin() as tx:
                self.grants.count_access(tx, pid)
        except NotAllowed as refusal:
            suspended = refusal.facts.get("transferState") == transferring.SUSPENDED
            return _error(423 if suspended else 403, refusal)
        except HansaError as error:
            return _error(error.status, error)
        return PeerAnswer(200, DATA.encode())

    # ---- people ----------------------------------------------------------------------------------------------

    def decide(self, decision: str, *, approve: bool) -> None:
        """A person of this node decides."""
        with self.uow.read() as tx:
            record = self.decisions_store.get(tx, decision)
        assert record is not None, "only a decision that waits is taken"
        caller = Caller(did=record.peer) if approve else ANONYMOUS
        self.decisions._carry_out(record, approve, "person", {}, caller)

    def withdraw(self, iri: str) -> None:
        """The dataset is offered no longer."""
        with self.uow.begin() as tx:
            now = self.records.get(tx, iri)
            if now is not None and not now.withdrawn:
                self.records.add(tx, replace(now, version=now.version + 1, withdrawn=True, offer=None))

    # ---- looking ---------------------------------------------------------------------------------------------

    def all_negotiations(self) -> list[Negotiation]:
        return list(self.uow.peek("negotiations").values())

    def all_transfers(self) -> list[Transfer]:
        return list(self.uow.peek("transfers").values())

    def all_agreements(self) -> list[Agreement]:
        return list(self.uow.peek("agreements").values())

    def exchanges(self, pid: str) -> list[Exchange]:
        tables = ("negotiations messages", "transfers messages")
        return [one for table in tables for one in self.uow.peek(table).get(pid, ())]


_KINDS: Final[dict[tuple[str, str], str]] = {
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
}


def _role(message: str) -> Role | None:
    """Our role at the door of this message, where the door tells it."""
    if message in (negotiating.REQUEST, negotiating.VERIFICATION, negotiating.ACCEPTED_EVENT):
        return Role.PROVIDER
    return None if message == negotiating.TERMINATION else Role.CONSUMER


def _error(status: int, error: HansaError) -> PeerAnswer:
    body = json.dumps({"code": error.code, "reason": [error.detail]}).encode()
    return PeerAnswer(status, body, again_later(error).get("Retry-After"))


async def _recheck(did: str) -> Caller:
    return Caller(did=did)


def received(transfer: Transfer, answer: PeerAnswer, at: datetime) -> Reception:
    """All bytes are here and verified, or they never will be."""
    done = answer.status == 200
    return Reception(
        transfer=transfer.pid,
        state="done" if done else "failed",
        name="data.csv",
        media_type="text/csv",
        sealed=False,
        expected=3,
        received=3 if done else 0,
        at=at,
        sha256=answer.body.decode() if done else None,
        manifest="signed" if done else None,
        error=None if done else f"the provider answered {answer.status}",
    )


def record(iri: str, origin: str, at: datetime, number: int, offer: Mapping[str, Any] = OFFERS["open"]) -> Record:
    """A record that is on offer to everybody under these terms."""
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
        offer={**offer, "@id": f"{iri}#offer"},
        files=(File(name="data.csv", media_type="text/csv", size=3, sha256=DATA),),
    )


__all__ = ["OFFERS", "NodePlan", "SimClock", "SimNode", "Time", "record"]
