"""Carry out the decisions of the strategy and of people about a transfer, and the consequences of its states.

Everything happens in the current transaction. The access of a provider's transfer is opened when a start is decided.
It is closed as soon as anything else is decided, before the consumer knows: a peer that does not answer keeps no
access.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from node.base.clock import Clock
from node.base.delivery import OutboxWriter
from node.base.errors import Conflict
from node.base.jsons import canonical, read_object
from node.base.work import Transaction
from node.dialogue.conversation import Conversation
from node.dialogue.process import Role
from node.identity.model import Caller
from node.ledger.model import EntryKind
from node.ledger.ports import Append
from node.negotiation.model import Agreement
from node.negotiation.ports import AgreementStore
from node.negotiation.strategy import PacedMessage
from node.negotiation.uses import Uses
from node.policy.decide import decide
from node.policy.model import Decision, Situation
from node.policy.odrl import parse
from node.policy.portion import ENFORCED
from node.transfer import machine, messages, strategy
from node.transfer.access import action_of
from node.transfer.addresses import without_token
from node.transfer.conversions.content import Content, Contents, Shut, Unmade
from node.transfer.conversions.model import CONVERT_TOPIC
from node.transfer.model import Transfer
from node.transfer.ports import GrantStore
from node.transfer.resumption import NotResumed, resumable
from node.vocab.dsp import ASKED, EXECUTE, LIVE, PUSH

log = logging.getLogger("hansa.transfer")

RECEIVE_TOPIC: Final = "receive"
PUSH_TOPIC: Final = "push"


class AccessGrants(Protocol):
    """Opens the access of one transfer to ``content``: stores the grant in ``tx`` and returns the DSP DataAddress."""

    def __call__(
        self,
        tx: Transaction,
        transfer: Transfer,
        agreement: Agreement,
        content: Content,
    ) -> dict[str, Any]: ...


Judge = Callable[[Agreement, Caller], Situation]

_MESSAGES: Final[dict[type[strategy.Action], str]] = {
    strategy.Start: machine.START,
    strategy.Complete: machine.COMPLETION,
    strategy.Suspend: machine.SUSPENSION,
    strategy.Terminate: machine.TERMINATION,
}


_MADE_NO_MORE: Final = Shut(
    "conversion-gone", "the converted file is no longer kept: request it again, in a transfer of its own"
)


class Reactions:
    """Reads the state, asks the strategy, and acts."""

    def __init__(
        self,
        *,
        conversation: Conversation[Transfer],
        agreements: AgreementStore,
        contents: Contents,
        grants: GrantStore,
        outbox_writer: OutboxWriter,
        granting: AccessGrants,
        situation: Judge,
        strategy: strategy.Strategy,
        append: Append,
        clock: Clock,
        uses: Uses,
    ) -> None:
        self._uses = uses
        self._conversation = conversation
        self._agreements = agreements
        self._contents = contents
        self._grants = grants
        self._outbox_writer = outbox_writer
        self._granting = granting
        self._situation = situation
        self._strategy = strategy
        self._append = append
        self._clock = clock

    # ---- what the strategy wants -----------------------------------------------------------------------------

    def react(self, tx: Transaction, transfer: Transfer, caller: Caller | None = None) -> None:
        """Carry out the strategy's current decision. ``caller`` is the peer with its credentials, if they are
        available.

        If a strategy wants an action that the table does not allow, the transfer holds, with an error in the log:
        neither the peer's message nor its acknowledgement is to blame for it.
        """
        if transfer.pending is not None or transfer.state in machine.TABLE.terminal:
            return
        agreement = self._agreements.get(tx, transfer.agreement) if transfer.role is Role.PROVIDER else None
        decision = None
        if agreement is not None and caller is not None:
            decision = self._decision(tx, transfer, agreement, caller)
        look = strategy.Look(
            transfer=transfer,
            decision=decision,
            messages_so_far=lambda: self._conversation.accepted_messages(tx, transfer),
        )
        action = self._strategy.next(look)
        message = _MESSAGES.get(type(action))
        forbidden = message == machine.START and transfer.role is Role.CONSUMER and not resumable(transfer)
        if message is not None and (forbidden or not self._conversation.may_send(transfer, message)):
            log.error("the strategy asks for an impossible step: %s in %s", message, transfer.state)
            return
        self._act(tx, transfer, action, agreement)

    def _act(self, tx: Transaction, transfer: Transfer, action: strategy.Action, agreement: Agreement | None) -> None:
        after = action.after if isinstance(action, PacedMessage) else 0.0
        due = self._clock.now() + timedelta(seconds=after) if after else None
        match action:
            case strategy.Hold():
                return
            case strategy.Start() if transfer.role is Role.PROVIDER:
                access = self._open(tx, transfer, agreement)
                if isinstance(access, Unmade):
                    self._hand_over(tx, transfer, CONVERT_TOPIC, "convert")
                elif isinstance(access, Shut):
                    self._refuse(tx, transfer, access.code, [access.why], due=due)
                else:
                    self._send_start(tx, transfer, access, due=due)
            case strategy.Start():
                self.command(tx, transfer, machine.START, due=due)
            case strategy.Receive():
                self._hand_over(tx, transfer, RECEIVE_TOPIC, "receive")
            case strategy.Push():
                self._hand_over(tx, transfer, PUSH_TOPIC, "push")
            case strategy.Complete():
                self.command(tx, transfer, machine.COMPLETION, due=due)
            case strategy.Suspend(code):
                self.command(tx, transfer, machine.SUSPENSION, code=code, due=due)
            case strategy.Terminate(code, reason) if transfer.role is Role.PROVIDER:
                self._refuse(tx, transfer, code, reason, due=due)
            case strategy.Terminate(code, reason):
                self.command(tx, transfer, machine.TERMINATION, code=code, reason=reason, due=due)

    def _decision(self, tx: Transaction, transfer: Transfer, agreement: Agreement, caller: Caller) -> Decision:
        action = action_of(executes=transfer.format == EXECUTE)
        situation = self._situation(agreement, caller)
        # A stored file of which the agreement gives a part is not opened at all.
        enforced = {} if transfer.format == EXECUTE else ENFORCED
        facts = {**situation.facts, **enforced, **self._uses.facts(tx, agreement, transfer.pid)}
        return decide(parse(agreement.body), replace(situation, facts=facts), action=action)

    # ---- what people want ------------------------------------------------------------------------------------

    def resume(self, tx: Transaction, transfer: Transfer) -> Transfer:
        """Let the transfer go on, with a new token, as its provider. Raises ``Conflict`` if it cannot go on."""
        access = self._reopen(tx, transfer)
        if isinstance(access, Shut):
            raise Conflict(access.why, remedy="terminate the transfer")
        return self._send_start(tx, transfer, access)

    def require_permission(self, tx: Transaction, transfer: Transfer, caller: Caller) -> None:
        """Check the current conditions, because the consumer wants to go on. Raises ``NotResumed``."""
        agreement = self._agreements.get(tx, transfer.agreement)
        if agreement is None:
            return
        decision = self._decision(tx, transfer, agreement, caller)
        if not decision.permits:
            unmet = [reason.to_json() for reason in decision.unmet]
            raise NotResumed("the conditions no longer allow this transfer", facts={"reasons": unmet})

    def reopen(self, tx: Transaction, transfer: Transfer) -> Transfer:
        """Let the transfer go on, as its consumer (DSP 2025-1 §9.1: after a suspension the start may be the
        consumer's). No message can give it a new token: it renews the one that it has."""
        opened = self._reopen(tx, transfer)
        if isinstance(opened, Shut):
            return self._refuse(tx, transfer, opened.code, [opened.why])
        return transfer

    def answer_resumption(self, tx: Transaction, transfer: Transfer) -> None:
        """Start the transfer with a new address for a consumer that has asked for it, or end it if it cannot go
        on."""
        if not self._conversation.may_send(transfer, machine.START):
            return
        access = self._reopen(tx, transfer)
        if isinstance(access, Shut):
            self._refuse(tx, transfer, access.code, [access.why])
        else:
            self._send_start(tx, transfer, access)

    def command(
        self,
        tx: Transaction,
        transfer: Transfer,
        name: str,
        *,
        code: str = "",
        reason: list[Any] | None = None,
        due: datetime | None = None,
    ) -> Transfer:
        """Send a message that opens no access, not before ``due``. Raises ``LocalProtocolError``, and ``Conflict`` if
        a consumer wants to resume a transfer that the provider has suspended."""
        command, why = self._conversation.command, reason or []
        match name:
            case machine.COMPLETION:
                next_process = command(tx, transfer, name, messages.completion(transfer), due=due)
            case machine.SUSPENSION:
                body = messages.suspension(transfer, code, why)
                who = str(transfer.role)
                next_process = command(tx, transfer, name, body, due=due, code=code, reason=why, suspended_by=who)
            case machine.TERMINATION:
                body = messages.termination(transfer, code, why)
                next_process = command(tx, transfer, name, body, due=due, code=code, reason=why)
            case _:
                if not resumable(transfer):
                    raise Conflict(
                        "the provider has suspended this transfer; only the provider can resume it",
                        remedy="ask the provider, or terminate",
                    )
                next_process = command(tx, transfer, machine.START, messages.start(transfer, None), due=due)
        if due is None:
            self._close(tx, next_process)
        return next_process

    # ---- what follows ----------------------------------------------------------------------------------------

    def follow(self, tx: Transaction, transfer: Transfer, states: list[str]) -> None:
        """Carry out the consequences of the ``states`` that the transfer has entered."""
        if transfer.state != machine.STARTED:
            self._close(tx, transfer)
        if transfer.state in machine.TABLE.terminal and transfer.data_address:
            # The token is no longer needed.
            self._conversation.amend(tx, transfer, data_address=without_token(transfer.data_address))
        if transfer.role is Role.PROVIDER and machine.COMPLETED in states:
            body = {"transfer": transfer.pid, "asset": transfer.dataset, "outcome": "completed"}
            self._append(tx, EntryKind.ACCESS, transfer.agreement, transfer.peer, body)
        receives = transfer.role is Role.CONSUMER and transfer.format not in (EXECUTE, LIVE, *ASKED)
        if receives and transfer.state in machine.TABLE.terminal and transfer.manifest is None:
            # Not everything was received and verified, or this is unknown: the receiver checks which bytes it has.
            self._hand_over(tx, transfer, RECEIVE_TOPIC, "receive")

    def _close(self, tx: Transaction, transfer: Transfer) -> None:
        if transfer.role is Role.PROVIDER:
            self._grants.close(tx, transfer.pid)

    def _open(
        self, tx: Transaction, transfer: Transfer, agreement: Agreement | None
    ) -> dict[str, Any] | Shut | Unmade:
        """Open the access; return its data address with the token, or the reason why it cannot be opened (yet)."""
        content = self._contents.find(tx, transfer, agreement)
        if isinstance(content, Content) and agreement is not None:
            return self._granting(tx, transfer, agreement, content)
        return content if isinstance(content, Shut | Unmade) else _MADE_NO_MORE

    def _reopen(self, tx: Transaction, transfer: Transfer) -> dict[str, Any] | Shut:
        """Open the access of a transfer that goes on. A converted file is not made again for it."""
        access = self._open(tx, transfer, self._agreements.get(tx, transfer.agreement))
        return _MADE_NO_MORE if isinstance(access, Unmade) else access

    def start(self, tx: Transaction, transfer: Transfer) -> None:
        """Start a transfer whose content has been made, as its provider, unless it has gone on already."""
        if transfer.pending is None and transfer.state == machine.REQUESTED and transfer.role is Role.PROVIDER:
            access = self._reopen(tx, transfer)
            if isinstance(access, Shut):
                self._refuse(tx, transfer, access.code, [access.why])
            else:
                self._send_start(tx, transfer, access)

    def refuse_request(self, tx: Transaction, transfer: Transfer, code: str, why: str) -> None:
        """End a transfer whose content could not be made, as its provider."""
        if transfer.pending is None and transfer.state == machine.REQUESTED and transfer.role is Role.PROVIDER:
            self._refuse(tx, transfer, code, [why])

    def _send_start(
        self, tx: Transaction, transfer: Transfer, address: dict[str, Any], *, due: datetime | None = None
    ) -> Transfer:
        if transfer.format == PUSH:
            # The grant is for our own reading; the address is the consumer's.
            return self._conversation.command(tx, transfer, machine.START, messages.start(transfer, None), due=due)
        public = {name: value for name, value in address.items() if name != "endpointProperties"}
        body = messages.start(transfer, address)
        return self._conversation.command(tx, transfer, machine.START, body, due=due, data_address=public)

    def reissue(self, tx: Transaction, transfer: Transfer, body: bytes) -> bytes:
        """Return the start message ``body`` with a new address. Raises ``Conflict`` if the transfer cannot be
        started."""
        access = self._reopen(tx, transfer)
        if isinstance(access, Shut):
            raise Conflict(access.why, remedy="give up the message: the transfer then ends")
        return canonical({**read_object(body), "dataAddress": access})

    def _refuse(
        self, tx: Transaction, transfer: Transfer, code: str, reason: list[Any], *, due: datetime | None = None
    ) -> Transfer:
        body: Mapping[str, Any] = {
            "transfer": transfer.pid,
            "asset": transfer.dataset,
            "outcome": "refused",
            "code": code,
            "reason": reason,
        }
        self._append(tx, EntryKind.ACCESS, transfer.agreement, transfer.peer, body)
        return self.command(tx, transfer, machine.TERMINATION, code=code, reason=reason, due=due)

    def _hand_over(self, tx: Transaction, transfer: Transfer, topic: str, word: str) -> None:
        """Let the worker move the bytes: in a separate task for each time that the transfer starts."""
        self._outbox_writer.deliver(
            tx,
            topic=topic,
            lane=f"{word} {transfer.peer}",
            subject=transfer.pid,
            body=b"",
            due=self._clock.now(),
            task_id=f"{word} {transfer.pid} {transfer.revision}",
        )
