"""Transferring: the doors that messages come in by, and what this node's own people start.

Every method that takes ``tx`` belongs to the caller's transaction and makes no network call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from node.base.clock import Clock
from node.base.delivery import Courier
from node.base.errors import Conflict, NotFound
from node.base.ids import new_urn
from node.base.machine import Entered
from node.base.process import Exchange, Role
from node.base.work import Transaction, UnitOfWork
from node.catalogue.model import Record
from node.catalogue.ports import RecordStore
from node.identity.model import Caller
from node.ledger.model import EntryKind
from node.negotiation.conversation import Answer, Conversation, Note
from node.negotiation.messages import Incoming
from node.negotiation.model import Agreement
from node.negotiation.ports import AgreementStore, NegotiationStore
from node.policy.decide import decide
from node.policy.model import Decision, Situation
from node.policy.odrl import parse
from node.semantics.model import File
from node.transfer import machine, messages, strategy
from node.transfer.model import Reception, Transfer
from node.transfer.ports import GrantStore, ReceptionStore, TransferStore
from node.vocab.dsp import PULL, V2025_1

RECEIVE_TOPIC = "receive"


class Granting(Protocol):
    """Opens the access of one transfer: the grant is stored in ``tx``, the DSP DataAddress is returned."""

    def __call__(
        self,
        tx: Transaction,
        transfer: Transfer,
        agreement: Agreement,
        record: Record,
        file: File,
        seal_key: bytes | None,
    ) -> dict[str, Any]: ...


Judge = Callable[[Agreement, Caller], Situation]
Presume = Callable[[Transaction, Agreement, str], Agreement]


class Transfers:
    """Transfer processes of this node, both roles."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        store: TransferStore,
        agreements: AgreementStore,
        negotiations: NegotiationStore,
        records: RecordStore,
        grants: GrantStore,
        receptions: ReceptionStore,
        conversation: Conversation[Transfer],
        courier: Courier,
        granting: Granting,
        situation: Judge,
        presume: Presume,
        strategy: strategy.Strategy,
        note: Note,
        clock: Clock,
        me: str,
        address: str,
    ) -> None:
        self._uow = uow
        self._store = store
        self._agreements = agreements
        self._negotiations = negotiations
        self._records = records
        self._grants = grants
        self._receptions = receptions
        self._conversation = conversation
        self._courier = courier
        self._granting = granting
        self._situation = situation
        self._presume = presume
        self._strategy = strategy
        self._note = note
        self._clock = clock
        self._me = me
        self._address = address

    # ---- doors -----------------------------------------------------------------------------------------------

    def requested(self, caller: Caller, message: Incoming, *, seal_key: bytes | None = None) -> Answer:
        """POST /transfers/request (DSP 2025-1 §10.2.2): ``seal_key`` is the caller's X25519 key, where it has one.

        An agreement that is not this caller's is answered as one that does not exist. The same request again is
        the same transfer.
        """
        peer, consumer_pid = _did(caller), str(message.body["consumerPid"])
        with self._uow.begin() as tx:
            known = self._store.by_peer(tx, peer, consumer_pid, Role.PROVIDER)
            if known is not None:
                return self._conversation.repeated(tx, known, message) or Answer(201, messages.acknowledgement(known))
            agreement = self._agreement(tx, str(message.body["agreementId"]), peer)
            now = self._clock.now()
            transfer = Transfer(
                pid=new_urn(),
                role=Role.PROVIDER,
                peer=peer,
                peer_pid=consumer_pid,
                peer_address=str(message.body["callbackAddress"]).rstrip("/"),
                version=V2025_1.name,
                state=machine.TABLE.openings[machine.REQUEST].to,
                created=now,
                updated=now,
                agreement=agreement.id,
                dataset=agreement.dataset,
                format=str(message.body["format"]),
                file=message.text(messages.FILE),
            )
            self._store.add(tx, transfer)
            self._conversation.tell(tx, transfer, message.name)
            answer = self._conversation.accept(tx, transfer, message, status=201)
            self._react(tx, transfer, caller, seal_key)
            return answer

    def _agreement(self, tx: Transaction, agreement_id: str, peer: str) -> Agreement:
        found = self._agreements.get(tx, agreement_id)
        if found is not None:
            found = self._presume(tx, found, peer)
        if found is None or found.provider != self._me or found.consumer != peer or found.finalized is None:
            raise NotFound("there is no such agreement between you and this node")
        return found

    def received(
        self, pid: str, caller: Caller, message: Incoming, *, role: Role | None = None, seal_key: bytes | None = None
    ) -> Answer:
        """Any message within a transfer of ours. Raises ``NotFound``, ``RemoteProtocolError``, ``InvalidInput``."""
        with self._uow.begin() as tx:
            transfer = self._conversation.find(tx, pid, _did(caller), role=role, lock=True)
            repeated = self._conversation.repeated(tx, transfer, message)
            if repeated is not None:
                return repeated
            step = self._conversation.receive(tx, transfer, message, **self._content(transfer, message))
            moved = step.process
            self._follow(tx, moved, [effect.state for effect in step.effects if isinstance(effect, Entered)])
            answer = self._conversation.accept(tx, moved, message)
            self._react(tx, moved, caller, seal_key)
            return answer

    def _content(self, transfer: Transfer, message: Incoming) -> dict[str, Any]:
        body = message.body
        if message.name == machine.START and transfer.role is Role.CONSUMER and body.get("dataAddress"):
            return {"data_address": dict(body["dataAddress"])}
        if message.name in (machine.TERMINATION, machine.SUSPENSION):
            reason = body.get("reason")
            return {
                "code": message.text("code"),
                "reason": reason if isinstance(reason, list) else [reason] if reason else [],
            }
        return {}

    def shown(self, pid: str, caller: Caller) -> dict[str, Any]:
        """GET /transfers/{pid}: the state as the peer may see it."""
        with self._uow.read() as tx:
            return messages.acknowledgement(self._conversation.find(tx, pid, _did(caller)))

    # ---- what we start ---------------------------------------------------------------------------------------

    def request(self, agreement_id: str, *, format: str = PULL, file: str | None = None) -> Transfer:  # noqa: A002
        """Ask the provider for the bytes under an agreement of ours as consumer.

        Raises ``NotFound`` or ``Conflict`` (not final yet, or ended).
        """
        now = self._clock.now()
        with self._uow.begin() as tx:
            agreement = self._agreements.get(tx, agreement_id)
            if agreement is None or agreement.consumer != self._me:
                raise NotFound("this node is not the consumer of such an agreement")
            if agreement.finalized is None or agreement.ended is not None:
                raise Conflict("the agreement is not in force", remedy="negotiate a new one: hansa get")
            negotiation = self._negotiations.get(tx, agreement.negotiation)
            if negotiation is None:
                raise NotFound("the negotiation of this agreement is not at hand")
            transfer = Transfer(
                pid=new_urn(),
                role=Role.CONSUMER,
                peer=agreement.provider,
                peer_pid=None,
                peer_address=negotiation.peer_address,
                version=V2025_1.name,
                state=machine.TABLE.openings[machine.REQUEST].to,
                created=now,
                updated=now,
                agreement=agreement.id,
                dataset=agreement.dataset,
                format=format,
                file=file,
            )
            body = messages.request(transfer, self._address, file=file)
            return self._conversation.open(tx, transfer, machine.REQUEST, body)

    def command(self, pid: str, name: str, *, code: str = "", reason: list[Any] | None = None) -> Transfer:
        """A person or the node suspends, resumes, completes or terminates a transfer."""
        with self._uow.begin() as tx:
            transfer = self._store.get(tx, pid, lock=True)
            if transfer is None:
                raise NotFound("there is no such transfer")
            return self._command(tx, transfer, name, code=code, reason=reason or [])

    def _command(self, tx: Transaction, transfer: Transfer, name: str, *, code: str, reason: list[Any]) -> Transfer:
        match name:
            case machine.COMPLETION:
                return self._conversation.command(tx, transfer, name, messages.completion(transfer))
            case machine.SUSPENSION:
                body = messages.suspension(transfer, code, reason)
                return self._conversation.command(tx, transfer, name, body, code=code, reason=reason)
            case machine.TERMINATION:
                body = messages.termination(transfer, code, reason)
                return self._conversation.command(tx, transfer, name, body, code=code, reason=reason)
            case _:
                body = messages.start(transfer, transfer.data_address)
                return self._conversation.command(tx, transfer, machine.START, body)

    def finished(self, tx: Transaction, pid: str, reception: Reception) -> None:
        """The bytes are here and verified, or they never will be: tell the provider."""
        transfer = self._store.get(tx, pid, lock=True)
        if transfer is None or transfer.state in machine.TABLE.terminal or transfer.pending is not None:
            return
        if reception.state == "done":
            amended = self._conversation.amend(tx, transfer, manifest=reception.manifest)
            self._command(tx, amended, machine.COMPLETION, code="", reason=[])
        else:
            self._command(
                tx, transfer, machine.TERMINATION, code="not-received", reason=[reception.error or "not received"]
            )

    # ---- what the worker reports -----------------------------------------------------------------------------

    def acknowledged(
        self, tx: Transaction, pid: str, message_id: str, exchange: Exchange, peer_pid: str | None
    ) -> None:
        """The peer took our message."""
        step = self._conversation.acknowledged(tx, pid, message_id, exchange, peer_pid)
        if step is not None:
            self._follow(tx, step.process, [e.state for e in step.effects if isinstance(e, Entered)])

    def refused(
        self, tx: Transaction, pid: str, message_id: str, exchange: Exchange, code: str, reason: tuple[Any, ...]
    ) -> None:
        """The peer refused our message for good. Where that leaves the two sides apart, we end it cleanly."""
        step = self._conversation.refused(tx, pid, message_id, exchange, code, reason)
        if step is None or step.process.pending is not None:
            return
        self._follow(tx, step.process, [e.state for e in step.effects if isinstance(e, Entered)])
        if step.process.state not in machine.TABLE.terminal:
            self._command(
                tx,
                step.process,
                machine.TERMINATION,
                code="out-of-step",
                reason=[f"{exchange.message} was refused: {code}"],
            )

    # ---- consequences ----------------------------------------------------------------------------------------

    def _follow(self, tx: Transaction, transfer: Transfer, states: list[str]) -> None:
        if transfer.role is Role.PROVIDER and transfer.state != machine.STARTED:
            # Whatever is not STARTED gives no access; the grant of a suspended transfer opens again with a new token.
            self._grants.close(tx, transfer.pid)
        if transfer.role is Role.PROVIDER and machine.COMPLETED in states:
            self._note(
                tx,
                EntryKind.ACCESS,
                transfer.agreement,
                transfer.peer,
                {"transfer": transfer.pid, "asset": transfer.dataset, "outcome": "completed"},
            )

    def _react(self, tx: Transaction, transfer: Transfer, caller: Caller, seal_key: bytes | None) -> None:
        if transfer.pending is not None:
            return
        agreement = self._agreements.get(tx, transfer.agreement)
        decision = self._decision(agreement, caller) if transfer.role is Role.PROVIDER and agreement else None
        match self._strategy.next(strategy.Look(transfer=transfer, decision=decision)):
            case strategy.Hold():
                return
            case strategy.Start():
                self._start(tx, transfer, agreement, seal_key)
            case strategy.Receive():
                self._receive(tx, transfer)
            case strategy.Complete():
                self._command(tx, transfer, machine.COMPLETION, code="", reason=[])
            case strategy.Suspend(code):
                self._command(tx, transfer, machine.SUSPENSION, code=code, reason=[])
            case strategy.Terminate(code, reason):
                self._refuse(tx, transfer, code, reason)

    def _decision(self, agreement: Agreement, caller: Caller) -> Decision:
        return decide(parse(agreement.body), self._situation(agreement, caller))

    def _start(
        self, tx: Transaction, transfer: Transfer, agreement: Agreement | None, seal_key: bytes | None
    ) -> None:
        record = self._records.get(tx, transfer.dataset)
        file = _wanted(record, transfer.file) if record is not None else None
        if agreement is None or agreement.ended is not None or record is None or record.withdrawn or file is None:
            self._refuse(tx, transfer, "not-available", ["the asset or the agreement is not available any more"])
            return
        if record.sealed and seal_key is None:
            why = "the offer demands sealing, and your DID document names no X25519 key under keyAgreement"
            self._refuse(tx, transfer, "no-seal-key", [why])
            return
        address = self._granting(tx, transfer, agreement, record, file, seal_key if record.sealed else None)
        public = {name: value for name, value in address.items() if name != "endpointProperties"}
        self._conversation.command(
            tx, transfer, machine.START, messages.start(transfer, address), data_address=public
        )

    def _refuse(self, tx: Transaction, transfer: Transfer, code: str, reason: list[Any]) -> None:
        body: Mapping[str, Any] = {
            "transfer": transfer.pid,
            "asset": transfer.dataset,
            "outcome": "refused",
            "code": code,
            "reason": reason,
        }
        self._note(tx, EntryKind.ACCESS, transfer.agreement, transfer.peer, body)
        self._command(tx, transfer, machine.TERMINATION, code=code, reason=reason)

    def _receive(self, tx: Transaction, transfer: Transfer) -> None:
        self._courier.deliver(
            tx,
            topic=RECEIVE_TOPIC,
            lane=f"receive {transfer.peer}",
            subject=transfer.pid,
            body=b"",
            due=self._clock.now(),
            task_id=f"receive {transfer.pid} {transfer.revision}",
        )


def _wanted(record: Record, name: str | None) -> File | None:
    """The file that a transfer is about: the one named, else the first that is not open to everybody anyway."""
    if name is not None:
        return next((file for file in record.files if file.name == name), None)
    restricted = [file for file in record.files if not file.open]
    return next(iter(restricted or record.files), None)


def _did(caller: Caller) -> str:
    if caller.did is None:
        raise NotFound("there is no such process between you and this node")
    return caller.did
