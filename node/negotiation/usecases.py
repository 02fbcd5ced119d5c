"""Use cases of negotiation: the messages that peers send, and the negotiations that this node's people start.

Every method that takes ``tx`` runs in the caller's transaction and makes no network call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from node.base.clock import Clock
from node.base.errors import InvalidInput, NotFound
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
from node.identity.model import Caller, DidDocument
from node.identity.roles import UseCase, require
from node.negotiation import machine, messages
from node.negotiation.agreement_records import KeepAgreements
from node.negotiation.checks import Checks
from node.negotiation.model import Agreement, Negotiation
from node.negotiation.ports import NegotiationStore
from node.negotiation.reactions import Reactions
from node.negotiation.restatement import SETTLING, restates
from node.policy.templates import compile_terms, in_catalogue
from node.texts.catalogue import Catalogue
from node.vocab.dsp import version_of

TEXTS: Final = Catalogue("negotiation")

_ONE_MEANING: Final = (machine.AGREEMENT, machine.VERIFICATION, machine.FINALIZED_EVENT)
"""Messages that can have only one meaning in a negotiation: a repetition in the same words is a resend, whatever its
``@id`` (docs/reference/interoperability.md). A second offer in the same words is another offer."""


class Negotiations:
    """Contract negotiations of this node, in both roles."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        store: NegotiationStore,
        conversation: Conversation[Negotiation],
        reactions: Reactions,
        checks: Checks,
        agreements: KeepAgreements,
        clock: Clock,
        me: str,
        address: str,
        caps: Caps | None = None,
        stranger_limits: StrangerLimits | NoStrangerLimits = UNCOUNTED,
    ) -> None:
        self._uow, self._store = uow, store
        self._conversation, self._reactions = conversation, reactions
        self._checks, self._keeping = checks, agreements
        self._clock, self._me, self._address = clock, me, address
        self._caps, self._stranger_limits = caps or Caps(), stranger_limits

    # ---- called by consumers -----------------------------------------------------------------------------------

    @opens_once
    @taken_in_turn
    def receive_request(self, caller: Caller, message: IncomingMessage, *, purpose: str | None = None) -> Answer:
        """POST /negotiations/request: the consumer opens a negotiation (DSP 2025-1 §8.2.2).

        An offer that this caller may not see is answered exactly as one that does not exist. A repeated request
        returns the same negotiation.
        """
        peer, consumer_pid = peer_of(caller), str(message.body["consumerPid"])
        if "callbackAddress" not in message.body:
            raise InvalidInput("callbackAddress is missing: this address opens a negotiation")
        with self._uow.begin() as tx:
            earlier = self._store.by_peer(tx, peer, consumer_pid, Role.PROVIDER)
            if earlier is not None:
                return self._conversation.find_repeat(tx, earlier, message) or Answer(
                    201, messages.acknowledgement(earlier)
                )
            self._conversation.require_room(tx, peer, Role.PROVIDER, self._caps.negotiations, "negotiations")
            record = self._checks.offered_record(tx, caller, message.body["offer"])
            now = self._clock.now()
            negotiation = Negotiation(
                pid=new_urn(),
                role=Role.PROVIDER,
                peer=peer,
                peer_pid=consumer_pid,
                peer_address=str(message.body["callbackAddress"]).rstrip("/"),
                version=message.version.name,
                state=machine.TABLE.openings[machine.REQUEST].to,
                created=now,
                updated=now,
                dataset=record.iri,
                offer=dict(message.body["offer"]),
                offered_by=Role.CONSUMER,
                purpose=purpose,
            )
            self._stranger_limits.admit(tx, caller, negotiation.pid, self._conversation.table.name, message)
            self._store.add(tx, negotiation)
            self._conversation.tell(tx, negotiation, message.name)
            answer = self._conversation.accept(tx, negotiation, message, status=201)
            self._reactions.react(tx, negotiation, caller)
            return answer

    # ---- called by providers -------------------------------------------------------------------------------

    @opens_once
    @taken_in_turn
    def receive_offer(self, caller: Caller, message: IncomingMessage) -> Answer:
        """POST /negotiations/offers: a provider opens a negotiation by an offer (DSP 2025-1 §8.3.2).

        A repeated offer returns the same negotiation. The strategy decides whether an unrequested offer is accepted;
        the standard strategy leaves it to a person. Raises ``InvalidInput`` for an offer about an asset that is not
        the peer's own.
        """
        peer, provider_pid = peer_of(caller), str(message.body["providerPid"])
        if "callbackAddress" not in message.body:
            raise InvalidInput("callbackAddress is missing: this address opens a negotiation")
        with self._uow.begin() as tx:
            earlier = self._store.by_peer(tx, peer, provider_pid, Role.CONSUMER)
            if earlier is not None:
                return self._conversation.find_repeat(tx, earlier, message) or Answer(
                    201, messages.acknowledgement(earlier)
                )
            offer = dict(message.body["offer"])
            self._checks.own_asset(tx, peer, str(offer["target"]))
            waiting = frozenset({machine.OFFERED})
            self._conversation.require_room(tx, peer, Role.CONSUMER, self._caps.offers, "offers", states=waiting)
            now = self._clock.now()
            negotiation = Negotiation(
                pid=new_urn(),
                role=Role.CONSUMER,
                peer=peer,
                peer_pid=provider_pid,
                peer_address=str(message.body["callbackAddress"]).rstrip("/"),
                version=message.version.name,
                state=machine.TABLE.openings[machine.OFFER].to,
                created=now,
                updated=now,
                dataset=str(offer["target"]),
                offer=offer,
                offered_by=Role.PROVIDER,
            )
            self._stranger_limits.admit(tx, caller, negotiation.pid, self._conversation.table.name, message)
            self._store.add(tx, negotiation)
            self._conversation.tell(tx, negotiation, message.name)
            answer = self._conversation.accept(tx, negotiation, message, status=201)
            self._reactions.react(tx, negotiation, caller)
            return answer

    # ---- by both ----------------------------------------------------------------------------------------------

    @taken_in_turn
    def receive(
        self,
        pid: str,
        caller: Caller,
        message: IncomingMessage,
        *,
        role: Role | None = None,
        signer: DidDocument | None = None,
    ) -> Answer:
        """Handle any message within a negotiation; ``role`` is our role at the endpoint that received it, if the
        endpoint determines it.

        ``signer`` is the peer's DID document, for the signature that an agreement or its verification may have.
        Raises ``NotFound``, ``RemoteProtocolError`` or ``InvalidInput``, and then changes nothing.
        """
        peer = peer_of(caller)
        self._stranger_limits.charge(caller, pid, message)
        with self._conversation.noting_refusal(self._uow, pid, peer, message), self._uow.begin() as tx:
            negotiation = self._conversation.find(tx, pid, peer, role=role, lock=True)
            repeat = self._conversation.find_repeat(tx, negotiation, message)
            if repeat is None and message.name in _ONE_MEANING:
                repeat = self._conversation.repeated_answer(tx, negotiation, message)
            if repeat is not None:
                return repeat
            changes = self._checks.content(tx, negotiation, message, signer)
            if restates(negotiation, message):
                return self._replace_agreement(tx, negotiation, caller, message, changes)
            step = self._conversation.receive(tx, negotiation, message, **changes)
            process = step.process
            self._keeping.follow(
                tx, process, [effect.state for effect in step.effects if isinstance(effect, Entered)]
            )
            answer = self._conversation.accept(tx, process, message)
            self._reactions.settle(
                tx,
                process,
                approved=False,
                by=process.peer,
                reason=f"the other side has already moved on: {process.state}",
            )
            self._reactions.react(tx, process, caller)
            return answer

    def _replace_agreement(
        self,
        tx: Transaction,
        before: Negotiation,
        caller: Caller,
        message: IncomingMessage,
        changes: Mapping[str, Any],
    ) -> Answer:
        """Replace the current agreement by the provider's last draft, which is then verified."""
        instead = [*before.instead, str((before.agreement or {})["@id"])]
        process = self._conversation.take_back(tx, before, signatures={}, instead=instead, **changes)
        answer = self._conversation.hear(tx, process, message)
        self._keeping.supersede(tx, before, process)
        self._reactions.react(tx, process, caller, pause=SETTLING)
        return answer

    def show(self, pid: str, caller: Caller, *, role: Role | None = None) -> dict[str, Any]:
        """GET /negotiations/{pid}: return the state as the peer may see it."""
        with self._uow.read() as tx:
            return messages.acknowledgement(self._conversation.find(tx, pid, peer_of(caller), role=role))

    # ---- what we start ---------------------------------------------------------------------------------------

    @taken_in_turn
    def request(
        self,
        *,
        provider: str,
        address: str,
        dataset: str,
        offer: Mapping[str, Any],
        purpose: str | None = None,
        limits: Mapping[str, Any] | None = None,
    ) -> Negotiation:
        """Open a negotiation with ``provider`` about ``offer``; ``address`` is the provider's protocol base URL.

        By itself this node then accepts nothing less open than ``limits`` (``node.negotiation.limits``).
        """
        now = self._clock.now()
        terms = in_catalogue(offer)
        negotiation = Negotiation(
            pid=new_urn(),
            role=Role.CONSUMER,
            peer=provider,
            peer_pid=None,
            peer_address=address.rstrip("/"),
            version=version_of(address).name,
            state=machine.TABLE.openings[machine.REQUEST].to,
            created=now,
            updated=now,
            dataset=dataset,
            offer=terms,
            offered_by=Role.CONSUMER,
            asked=terms,
            purpose=purpose,
            limits=dict(limits) if limits is not None else None,
        )
        with self._uow.begin() as tx:
            body = messages.request(negotiation, terms, version_of(address).at(self._address))
            if purpose:
                body[messages.PURPOSE] = purpose
            return self._conversation.open(tx, negotiation, machine.REQUEST, body)

    @taken_in_turn
    def offer(self, *, consumer: str, address: str, dataset: str) -> Negotiation:
        """Open a negotiation with ``consumer`` by the current offer for ``dataset``; ``address`` is the consumer's
        protocol base URL. Raises ``NotFound`` if this node does not offer the asset or cannot deliver it."""
        now = self._clock.now()
        with self._uow.begin() as tx:
            terms = in_catalogue(self._checks.own_offer(tx, dataset))
            negotiation = Negotiation(
                pid=new_urn(),
                role=Role.PROVIDER,
                peer=consumer,
                peer_pid=None,
                peer_address=address.rstrip("/"),
                version=version_of(address).name,
                state=machine.TABLE.openings[machine.OFFER].to,
                created=now,
                updated=now,
                dataset=dataset,
                offer=terms,
                offered_by=Role.PROVIDER,
            )
            body = messages.offer(negotiation, terms, version_of(address).at(self._address))
            return self._conversation.open(tx, negotiation, machine.OFFER, body)

    def accept(self, pid: str, *, by: Caller) -> Negotiation:
        """Accept the provider's offer on behalf of a person. Raises ``NotAllowed``, ``NotFound``,
        ``LocalProtocolError``."""
        require(by, UseCase.NEGOTIATE)
        return self._send(pid, machine.ACCEPTED_EVENT, lambda n: messages.event(n, "ACCEPTED"), by)

    def counter(
        self, pid: str, conditions: Mapping[str, Any] | str, *, region: str | None, by: Caller
    ) -> Negotiation:
        """Request other terms than the offered ones for a person (DSP 2025-1 §7.2.1, the counter-offer of a
        consumer); an answer that gives them is then accepted, whatever limits were set before. ``conditions`` and
        ``region`` are as ``node.policy.templates.compile_terms`` takes them.

        Raises ``NotAllowed``, ``NotFound``, ``InvalidInput`` for terms that cannot be read, ``LocalProtocolError`` if
        the current offer is not the provider's.
        """
        require(by, UseCase.NEGOTIATE)
        with self._uow.read() as tx:
            negotiation = self._store.get(tx, pid)
        if negotiation is None or negotiation.role is not Role.CONSUMER:
            raise NotFound(
                "there is no such negotiation in which this node is the consumer",
                remedy="for all negotiations, see hansa negotiation list",
            )
        offer_id = str(negotiation.offer["@id"])
        terms = in_catalogue(compile_terms(conditions, target=negotiation.dataset, offer_id=offer_id, region=region))
        # The earlier limits no longer apply: the person would accept these terms.
        changes = {"offer": terms, "offered_by": Role.CONSUMER, "asked": terms, "limits": terms}
        return self._send(pid, machine.REQUEST, lambda n: messages.request(n, terms, None), by, **changes)

    def terminate(self, pid: str, code: str, reason: list[Any], *, by: Caller) -> Negotiation:
        """End the negotiation on behalf of a person. Raises ``NotAllowed``, ``NotFound``, ``LocalProtocolError``."""
        require(by, UseCase.NEGOTIATE)
        return self._send(
            pid, machine.TERMINATION, lambda n: messages.termination(n, code, reason), by, code=code, reason=reason
        )

    @taken_in_turn
    def _send(
        self, pid: str, name: str, body: Callable[[Negotiation], dict[str, Any]], by: Caller, **changes: Any
    ) -> Negotiation:
        with self._uow.begin() as tx:
            negotiation = self._store.get(tx, pid, lock=True)
            if negotiation is None:
                raise NotFound(
                    "there is no such negotiation", remedy="for all negotiations, see hansa negotiation list"
                )
            process = self._conversation.command(tx, negotiation, name, body(negotiation), **changes)
            approved = name == machine.ACCEPTED_EVENT
            self._reactions.settle(tx, process, approved=approved, by=by.name, reason=f"decided by {name}")
            return process

    def continue_after_decision(
        self, tx: Transaction, pid: str, *, approved: bool, by: str, reason: Mapping[str, str], caller: Caller
    ) -> None:
        """Continue after a decision of this node about the use requested, or the offer made, in ``pid``.

        ``reason``: language → text, ``und`` for what a person wrote; if it is empty, the peer is told what was
        decided."""
        negotiation = self._store.get(tx, pid, lock=True)
        if negotiation is None or negotiation.state in machine.TABLE.terminal:
            return
        if negotiation.role is Role.CONSUMER and approved:
            accepted = messages.event(negotiation, "ACCEPTED")
            self._conversation.command(tx, negotiation, machine.ACCEPTED_EVENT, accepted, approved_by=by)
        elif negotiation.role is Role.CONSUMER:
            declined = {"text": reason or TEXTS.in_all("declined")}
            self._reactions.terminate(tx, negotiation, "not-approved", [reason.get("und", declined)])
        elif approved:
            approved_one = self._conversation.amend(tx, negotiation, approved_by=by)
            self._reactions.react(tx, approved_one, caller)
        else:
            why = {"rule": "obtainConsent", "text": reason or TEXTS.in_all("no-consent")}
            self._reactions.terminate(tx, negotiation, "not-approved", [why])

    # ---- what the worker reports -----------------------------------------------------------------------------

    def hold(self, tx: Transaction, pid: str) -> None:
        """As ``node.dialogue.conversation.Conversation.hold``."""
        self._conversation.hold(tx, pid)

    def record_acknowledgement(
        self, tx: Transaction, pid: str, message_id: str, exchange: Exchange, peer_pid: str | None
    ) -> None:
        """Record that the peer accepted our message, and ask the strategy about the state that was entered."""
        step = self._conversation.record_acknowledgement(tx, pid, message_id, exchange, peer_pid)
        if step is not None and step.effects:
            self._keeping.follow(tx, step.process, [e.state for e in step.effects if isinstance(e, Entered)])
            self._reactions.react(tx, step.process)

    def overheard(self, tx: Transaction, exchange: Exchange) -> None:
        """Record the peer's answer to a message of ours without any effect on the negotiation."""
        self._conversation.overheard(tx, exchange)

    def record_refusal(
        self, tx: Transaction, pid: str, message_id: str, exchange: Exchange, code: str, reason: tuple[Any, ...]
    ) -> None:
        """Record that the peer refused our message for good; terminate if the two sides now differ in state."""
        step = self._conversation.record_refusal(tx, pid, message_id, exchange, code, reason)
        if step is None or step.process.state in machine.TABLE.terminal or step.process.pending is not None:
            return
        move = machine.TABLE.move(step.process.state, machine.TERMINATION)
        if move is not None and move.may_send(step.process.role):
            self._reactions.terminate(tx, step.process, "out-of-step", [f"{exchange.message} was refused: {code}"])

    def presume_finalized(self, tx: Transaction, agreement: Agreement, peer: str) -> Agreement:
        """As ``node.negotiation.agreement_records.KeepAgreements``."""
        return self._keeping.presume_finalized(tx, agreement, peer)
