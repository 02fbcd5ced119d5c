"""Transfers under way: the entry points for messages, and the actions of people and the worker.

Every method that takes ``tx`` belongs to the caller's transaction and makes no network call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from node.base.clock import Clock
from node.base.errors import LocalProtocolError, NotAllowed, NotFound
from node.base.ids import new_urn
from node.base.turns import taken_in_turn
from node.base.work import Transaction, UnitOfWork
from node.dialogue.caps import Caps
from node.dialogue.conversation import Answer, Conversation, peer_of
from node.dialogue.machine import Entered
from node.dialogue.message import IncomingMessage
from node.dialogue.opening import opens_once
from node.dialogue.process import Exchange, Role
from node.dialogue.stranger_limits import UNCOUNTED, NoStrangerLimits, StrangerLimits
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.negotiation.model import Agreement
from node.negotiation.ports import AgreementStore
from node.transfer import machine, messages
from node.transfer.addresses import without_unused
from node.transfer.model import Reception, Transfer
from node.transfer.ports import TransferStore
from node.transfer.reactions import PUSH_TOPIC, RECEIVE_TOPIC, Reactions
from node.transfer.reissue import Reissue
from node.transfer.resumption import (
    TURNS,
    NotResumed,
    answers_resumption,
    asks_to_resume,
    is_halted,
    require_resumable,
    require_turn,
)

__all__ = ["PUSH_TOPIC", "RECEIVE_TOPIC", "Presume", "Transfers"]

Presume = Callable[[Transaction, Agreement, str], Agreement]


class Transfers:
    """Transfer processes of this node, both roles."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        store: TransferStore,
        agreements: AgreementStore,
        conversation: Conversation[Transfer],
        reactions: Reactions,
        reissue: Reissue,
        presume: Presume,
        clock: Clock,
        me: str,
        caps: Caps | None = None,
        stranger_limits: StrangerLimits | NoStrangerLimits = UNCOUNTED,
    ) -> None:
        self._uow = uow
        self._caps = caps or Caps()
        self._stranger_limits = stranger_limits
        self._store = store
        self._agreements = agreements
        self._conversation = conversation
        self._reactions = reactions
        self._presume = presume
        self._clock = clock
        self._me = me
        self.reissue = reissue

    # ---- by peers -----------------------------------------------------------------------------------------------

    @opens_once
    @taken_in_turn
    def receive_request(self, caller: Caller, message: IncomingMessage, *, seal_key: bytes | None = None) -> Answer:
        """Handle POST /transfers/request (DSP 2025-1 §10.2.2): ``seal_key`` is the caller's X25519 key, if it has
        one.

        If an agreement is not this caller's, the answer is the same as for one that does not exist. A repeated
        request leads to the same transfer.
        """
        peer, consumer_pid = peer_of(caller), str(message.body["consumerPid"])
        with self._uow.begin() as tx:
            earlier = self._store.by_peer(tx, peer, consumer_pid, Role.PROVIDER)
            if earlier is not None:
                return self._conversation.find_repeat(tx, earlier, message) or Answer(
                    201, messages.acknowledgement(earlier)
                )
            self._conversation.require_room(tx, peer, Role.PROVIDER, self._caps.transfers, "transfers")
            agreement = self._agreement(tx, str(message.body["agreementId"]), peer)
            now = self._clock.now()
            transfer = Transfer(
                pid=new_urn(),
                role=Role.PROVIDER,
                peer=peer,
                peer_pid=consumer_pid,
                peer_address=str(message.body["callbackAddress"]).rstrip("/"),
                version=message.version.name,
                state=machine.TABLE.openings[machine.REQUEST].to,
                created=now,
                updated=now,
                agreement=agreement.id,
                dataset=agreement.dataset,
                format=str(message.body["format"]),
                file=message.text(messages.FILE),
                asset_version=messages.requested_version(message),
                wish=messages.requested_conversion(message),
                seal_key=seal_key.hex() if seal_key is not None else None,
                data_address=messages.push_target(message),
            )
            self._stranger_limits.admit(tx, caller, transfer.pid, self._conversation.table.name, message)
            self._store.add(tx, transfer)
            self._conversation.tell(tx, transfer, message.name)
            answer = self._conversation.accept(tx, transfer, message, status=201)
            self._reactions.react(tx, transfer, caller)
            return answer

    def _agreement(self, tx: Transaction, agreement_id: str, peer: str) -> Agreement:
        agreement = self._agreements.get(tx, agreement_id)
        if agreement is not None:
            agreement = self._presume(tx, agreement, peer)
        if (
            agreement is None
            or agreement.provider != self._me
            or agreement.consumer != peer
            or agreement.finalized is None
        ):
            raise NotFound("you have no such agreement with this node")
        return agreement

    @taken_in_turn
    def receive(self, pid: str, caller: Caller, message: IncomingMessage, *, role: Role | None = None) -> Answer:
        """Handle any message within a transfer of ours. Raises ``NotFound``, ``RemoteProtocolError``,
        ``InvalidInput``."""
        try:
            return self._receive(pid, caller, message, role)
        except NotResumed as refusal:
            with self._uow.begin() as tx:
                transfer = self._store.get(tx, pid, lock=True)
                if transfer is not None and transfer.state == machine.SUSPENDED:
                    why = {"code": refusal.code, "reason": refusal.reasons}
                    self._conversation.amend(tx, transfer, suspended_by=str(Role.PROVIDER), **why)
            raise

    def _receive(self, pid: str, caller: Caller, message: IncomingMessage, role: Role | None) -> Answer:
        peer = peer_of(caller)
        self._stranger_limits.charge(caller, pid, message)
        with self._conversation.noting_refusal(self._uow, pid, peer, message), self._uow.begin() as tx:
            transfer = self._conversation.find(tx, pid, peer, role=role, lock=True)
            repeated = self._conversation.find_repeat(tx, transfer, message)
            if repeated is not None:
                return repeated
            if message.name in TURNS:
                require_turn(self._store.count_exchanges(tx, transfer.pid), self._caps.messages)
            content = _settled_by(message, transfer)
            if message.name == machine.START and is_halted(transfer):  # The table refuses all else.
                self._reactions.require_permission(tx, transfer, caller)
            if asks_to_resume(transfer, message):
                answer = self._conversation.hear(tx, transfer, message)
                self._reactions.answer_resumption(tx, transfer)
                return answer
            if answers_resumption(transfer, message, lambda: self._conversation.accepted_messages(tx, transfer)):
                answer = self._conversation.hear(tx, transfer, message)
                if content:
                    self._reactions.react(tx, self._conversation.amend(tx, transfer, **content))
                return answer
            step = self._conversation.receive(tx, transfer, message, **content)
            process = step.process
            self._reactions.follow(tx, process, [e.state for e in step.effects if isinstance(e, Entered)])
            answer = self._conversation.accept(tx, process, message)
            if message.name == machine.START and process.role is Role.PROVIDER:
                process = self._reactions.reopen(tx, process)
            self._reactions.react(tx, process, caller)
            return answer

    def show(self, pid: str, caller: Caller) -> dict[str, Any]:
        """Return the answer to GET /transfers/{pid}: the state as the peer may see it."""
        with self._uow.read() as tx:
            return messages.acknowledgement(self._conversation.find(tx, pid, peer_of(caller)))

    # ---- what people and the node do ----------------------------------------------------------------------------

    def command(
        self, pid: str, name: str, by: Caller, *, code: str = "", reason: list[Any] | None = None
    ) -> Transfer:
        """Suspend, resume, complete or terminate a transfer for a person. Raises ``NotAllowed``, and the errors of
        ``_command``."""
        require(by, UseCase.STEER_TRANSFERS)
        return self._command(pid, name, code=code, reason=reason)

    @taken_in_turn
    def _command(self, pid: str, name: str, *, code: str = "", reason: list[Any] | None = None) -> Transfer:
        """Move a transfer on, for a person or for the node.

        A provider that resumes opens a new access and sends its address; a consumer that resumes sends none, and goes
        on with the address that it has, but renews its token. Raises ``LocalProtocolError`` if the state does not
        allow it, ``Conflict`` if the transfer cannot be resumed any more.
        """
        with self._uow.begin() as tx:
            transfer = self._store.get(tx, pid, lock=True)
            if transfer is None:
                raise NotFound("there is no such transfer", remedy="for all transfers, see hansa transfer list")
            if name == machine.START and transfer.role is Role.PROVIDER:
                return self._reactions.resume(tx, transfer)
            return self._reactions.command(tx, transfer, name, code=code, reason=reason or [])

    def suspend_all(self, tx: Transaction, peer: str, reason: str) -> int:
        """Suspend the active transfers between ``peer`` and this node, on either side; return how many there are."""
        running = self._store.select(tx, state=machine.STARTED, peer=peer, limit=10_000)
        count = 0
        for pid in sorted(transfer.pid for transfer in running):
            transfer = self._store.get(tx, pid, lock=True)
            if transfer is None:
                continue
            try:
                self._reactions.command(tx, transfer, machine.SUSPENSION, code="blocked", reason=[reason])
                count += 1
            except LocalProtocolError:
                continue  # It has ended meanwhile, or is about to.
        return count

    def notify_provider(self, tx: Transaction, pid: str, reception: Reception) -> None:
        """Notify the provider that the bytes are here and verified, or that they never will be.

        If that is not possible now (the transfer is suspended, or a message of ours is on its way), the next start
        requests the bytes again, finds them here, and notifies the provider then. If the provider has refused the
        bytes because the transfer is over, it ends the transfer itself: its message is on its way, and gives the
        reason.
        """
        if (reception.facts or {}).get("transferState") in machine.TABLE.terminal:
            return
        transfer = self._store.get(tx, pid, lock=True)
        name = machine.COMPLETION if reception.state == "done" else machine.TERMINATION
        if transfer is None or transfer.pending is not None or machine.TABLE.move(transfer.state, name) is None:
            return
        if name == machine.COMPLETION:
            amended = self._conversation.amend(tx, transfer, manifest=reception.manifest)
            self._reactions.command(tx, amended, machine.COMPLETION)
        else:
            self._reactions.command(
                tx, transfer, machine.TERMINATION, code="not-received", reason=[reception.error or "not received"]
            )

    def notify_consumer(self, tx: Transaction, pid: str) -> None:
        """Notify the consumer, which has taken the last byte, that all is done. If that is not possible now, the
        bytes are pushed again after the next start."""
        transfer = self._store.get(tx, pid, lock=True)
        if transfer is not None and self._conversation.may_send(transfer, machine.COMPLETION):
            self._reactions.command(tx, transfer, machine.COMPLETION)

    def not_pushed(self, tx: Transaction, pid: str, code: str, reason: list[Any]) -> None:
        """End the transfer because its bytes will never be moved."""
        transfer = self._store.get(tx, pid, lock=True)
        if transfer is not None and self._conversation.may_send(transfer, machine.TERMINATION):
            self._reactions.command(tx, transfer, machine.TERMINATION, code=code, reason=reason)

    def start_converted(self, tx: Transaction, pid: str) -> None:
        """Start a transfer as its provider, whose file has been converted."""
        transfer = self._store.get(tx, pid, lock=True)
        if transfer is not None:
            self._reactions.start(tx, transfer)

    def not_converted(self, tx: Transaction, pid: str, code: str, why: str) -> None:
        """End a transfer as its provider, whose file cannot be converted."""
        transfer = self._store.get(tx, pid, lock=True)
        if transfer is not None:
            self._reactions.refuse_request(tx, transfer, code, why)

    # ---- what the worker reports -----------------------------------------------------------------------------

    def hold(self, tx: Transaction, pid: str) -> None:
        """Lock the process, as ``node.dialogue.conversation.Conversation.hold``."""
        self._conversation.hold(tx, pid)

    def record_acknowledgement(
        self, tx: Transaction, pid: str, message_id: str, exchange: Exchange, peer_pid: str | None
    ) -> None:
        """Note that the peer took our message: a state was entered, and the strategy may react to it."""
        step = self._conversation.record_acknowledgement(tx, pid, message_id, exchange, peer_pid)
        if step is not None and step.effects:
            self._reactions.follow(tx, step.process, [e.state for e in step.effects if isinstance(e, Entered)])
            self._reactions.react(tx, step.process)

    def overheard(self, tx: Transaction, exchange: Exchange) -> None:
        """Record the peer's answer to a message of ours, with its fate, if nothing follows from it."""
        self._conversation.overheard(tx, exchange)

    def record_refusal(
        self, tx: Transaction, pid: str, message_id: str, exchange: Exchange, code: str, reason: tuple[Any, ...]
    ) -> None:
        """Note that the peer refused our message for good. If the two sides then disagree about the state, end the
        transfer cleanly."""
        step = self._conversation.record_refusal(tx, pid, message_id, exchange, code, reason)
        if step is None or step.process.pending is not None:
            return
        self._reactions.follow(tx, step.process, [e.state for e in step.effects if isinstance(e, Entered)])
        message = self._store.last_accepted(tx, pid) if step.process.role is Role.PROVIDER else None
        if message is not None and exchange.message == message.message == machine.START:
            # The consumer did not wait for our start after its own, because its own was sufficient.
            resumed = self._conversation.receive(tx, step.process, messages.read(message.body, machine.START))
            self._reactions.react(tx, self._reactions.reopen(tx, resumed.process))
            return
        if exchange.message == machine.START and code == NotAllowed.code:
            # The provider keeps the transfer suspended, so it is suspended on both sides.
            self._conversation.amend(tx, step.process, suspended_by=str(Role.PROVIDER))
            return
        if step.process.state not in machine.TABLE.terminal:
            self._reactions.command(
                tx,
                step.process,
                machine.TERMINATION,
                code="out-of-step",
                reason=[f"{exchange.message} was refused: {code}"],
            )


def _settled_by(message: IncomingMessage, transfer: Transfer) -> dict[str, Any]:
    """Return the fields of ``transfer`` that ``message`` changes.

    Raises ``NotAllowed`` if the consumer's start would lift a suspension by this node as provider.
    """
    if message.name == machine.START and transfer.role is Role.PROVIDER:
        require_resumable(transfer)
    elif message.name == machine.START and message.body.get("dataAddress"):
        return {"data_address": without_unused(message.body["dataAddress"])}
    elif message.name == machine.TERMINATION:
        return message.why
    elif message.name == machine.SUSPENSION:
        # If both sides want a suspension, it is the provider's: its access is closed.
        ours = transfer.pending is not None and transfer.pending.message == machine.SUSPENSION
        provider = transfer.role is Role.CONSUMER or ours
        return {**message.why, "suspended_by": str(Role.PROVIDER if provider else Role.CONSUMER)}
    return {}
