"""Carrying out the strategy's actions: they become messages of ours, in the current transaction."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from node.base.clock import Clock
from node.base.ids import new_urn
from node.base.work import Transaction
from node.catalogue.deliverability import NOT_DELIVERABLE, OWN, WHY, DeliveryPlanes
from node.catalogue.model import Record
from node.catalogue.ports import RecordStore
from node.dialogue.caps import Caps
from node.dialogue.conversation import Conversation
from node.dialogue.process import Role
from node.dialogue.wire import settle
from node.identity.model import ANONYMOUS, Caller
from node.identity.ports import KeyRing
from node.ledger.model import EntryKind
from node.ledger.ports import Append
from node.negotiation import agreement, machine, messages, proposal, strategy
from node.negotiation.agreement import Party
from node.negotiation.limits import in_our_words
from node.negotiation.model import Negotiation, PendingDecision
from node.negotiation.ports import DecisionStore, LimitStore
from node.policy.comparison import asks_for, same_terms
from node.policy.decide import decide, principal_action
from node.policy.model import Decision, Situation
from node.policy.odrl import parse
from node.policy.summary import summary
from node.vocab.dsp import V2024_1, VERSIONS

log = logging.getLogger("hansa.negotiation")

_MESSAGES: Final[dict[type[strategy.Action], str]] = {
    strategy.Offer: machine.OFFER,
    strategy.Counter: machine.REQUEST,
    strategy.Accept: machine.ACCEPTED_EVENT,
    strategy.Agree: machine.AGREEMENT,
    strategy.Verify: machine.VERIFICATION,
    strategy.Finalize: machine.FINALIZED_EVENT,
    strategy.Terminate: machine.TERMINATION,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Facts about this node that agreements, offers and decisions need. ``address`` is the base of its 2025-1 paths.
    Callables are evaluated at the time of use."""

    me: Party
    address: str
    languages: tuple[str, ...]
    issuers: Callable[[], dict[str, tuple[str, ...]]]
    rulebook: Callable[[], Mapping[str, Any] | None]
    decision_days: int = 14
    longest: int = Caps().messages


class Reactions:
    """Reads the situation, asks the strategy, carries out its action."""

    def __init__(
        self,
        *,
        conversation: Conversation[Negotiation],
        records: RecordStore,
        decisions: DecisionStore,
        limits: LimitStore,
        keyring: KeyRing,
        append: Append,
        clock: Clock,
        strategy: strategy.Strategy,
        house: House,
        delivery_planes: DeliveryPlanes = OWN,
    ) -> None:
        self._conversation = conversation
        self._records = records
        self._decisions = decisions
        self._limits = limits
        self._keyring = keyring
        self._append = append
        self._clock = clock
        self._strategy = strategy
        self._house = house
        self._delivery_planes = delivery_planes

    def react(
        self, tx: Transaction, negotiation: Negotiation, caller: Caller = ANONYMOUS, *, pause: float = 0.0
    ) -> Negotiation:
        """Do what the strategy answers, now or ``pause`` seconds later. ``caller`` is the peer with its credentials,
        if it is known.

        If the strategy wants something that the table does not allow, nothing is done and the log has an error:
        neither the peer's message nor its acknowledgement caused it.
        """
        if negotiation.pending is not None or negotiation.state in machine.TABLE.terminal:
            return negotiation
        record = self._records.get(tx, negotiation.dataset) if negotiation.role is Role.PROVIDER else None
        look = self._look(tx, negotiation, record, caller)
        action = self._strategy.next(look)
        words = _own_words(look)
        if isinstance(action, strategy.Agree) and negotiation.role is Role.PROVIDER and words is None:
            log.error("the strategy accepts terms that this node cannot express")
            action = strategy.Terminate("other-terms", ["the terms cannot be read as an offer of this node"])
        if self._promises_in_vain(negotiation, record, action):
            # Whatever the strategy answers, a party that signs must be able to get the asset.
            action = strategy.Terminate(NOT_DELIVERABLE, [WHY])
        if (
            isinstance(action, strategy.Offer | strategy.Counter)
            and len(look.messages_so_far()) >= self._house.longest
        ):
            action = strategy.Terminate("no-end", [f"there was no agreement after {self._house.longest} messages"])
        message = _MESSAGES.get(type(action))
        sends = message is not None and self._conversation.may_send(negotiation, message)
        if look.decision is not None and negotiation.state == machine.REQUESTED:
            negotiation = self._with_decision(tx, negotiation, look.decision)
            if not sends:  # Otherwise it is saved with the message.
                negotiation = self._conversation.amend(tx, negotiation)
        if message is not None and not sends:
            log.error("the strategy asks for an impossible step: %s in %s", message, negotiation.state)
            return negotiation
        return self._act(tx, negotiation, action, record, caller, pause, words)

    def _promises_in_vain(self, negotiation: Negotiation, record: Record | None, action: strategy.Action) -> bool:
        """Return whether ``action`` would offer, agree to, or let a person agree to, an undeliverable asset."""
        promises = isinstance(action, strategy.Offer | strategy.Agree | strategy.Ask)
        if not promises or negotiation.role is not Role.PROVIDER or record is None:
            return False
        return not self._delivery_planes.deliver(record)

    def _look(
        self, tx: Transaction, negotiation: Negotiation, record: Record | None, caller: Caller
    ) -> strategy.Look:
        def messages_so_far() -> tuple[str, ...]:
            return self._conversation.accepted_messages(tx, negotiation)

        if negotiation.role is Role.CONSUMER:
            question = negotiation.asked
            return strategy.Look(
                negotiation=negotiation,
                decision=None,
                own_offer=None,
                same_terms=question is not None and same_terms(negotiation.offer, question),
                messages_so_far=messages_so_far,
                limits=negotiation.limits,
            )
        own = record.offer if record is not None and not record.withdrawn else None
        decision, limits, in_words = None, None, None
        same = own is not None and asks_for(negotiation.offer, own)
        if own is not None and negotiation.state in (machine.REQUESTED, machine.ACCEPTED):
            policy = parse(own)
            limits = None if same else self._within(tx, negotiation, own)
            in_words = own if same else in_our_words(negotiation.offer, negotiation.dataset)
            policy = parse(in_words) if limits and in_words else policy
            decision = decide(policy, self.situation(negotiation, caller), action=principal_action(policy))
        return strategy.Look(
            negotiation=negotiation,
            decision=decision,
            own_offer=own,
            same_terms=same,
            messages_so_far=messages_so_far,
            limits=limits,
            title=record.title("en") if record is not None else "",
            in_our_words=in_words,
        )

    def _within(self, tx: Transaction, negotiation: Negotiation, own: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the limits of the requested asset if they were set for the current offer."""
        limits = self._limits.get(tx, negotiation.dataset)
        return limits.terms if limits is not None and limits.stand_beside(own) else None

    def situation(self, negotiation: Negotiation, caller: Caller) -> Situation:
        """Return the situation that a decision about this negotiation needs."""
        rulebook = self._house.rulebook()
        return Situation(
            caller=caller,
            at=self._clock.now(),
            provider=self._house.me.did,
            purpose=negotiation.purpose,
            approved=negotiation.approved_by is not None,
            negotiating=True,
            rulebook=str(rulebook["iri"]) if rulebook else None,
            issuers=self._house.issuers(),
        )

    def _act(
        self,
        tx: Transaction,
        negotiation: Negotiation,
        action: strategy.Action,
        record: Record | None,
        caller: Caller,
        pause: float,
        words: Mapping[str, Any] | None,
    ) -> Negotiation:
        due = self._due(action, pause)
        match action:
            case strategy.Hold():
                return negotiation
            case strategy.Offer(terms):
                return self._conversation.command(
                    tx,
                    negotiation,
                    machine.OFFER,
                    messages.offer(negotiation, terms, self._callback(negotiation)),
                    due=due,
                    offer=terms,
                    offered_by=Role.PROVIDER,
                )
            case strategy.Counter(terms):
                body = messages.request(negotiation, terms, None)
                return self._conversation.command(
                    tx, negotiation, machine.REQUEST, body, due=due, offer=terms, offered_by=Role.CONSUMER
                )
            case strategy.Accept():
                return self._conversation.command(
                    tx, negotiation, machine.ACCEPTED_EVENT, messages.event(negotiation, "ACCEPTED"), due=due
                )
            case strategy.Agree():
                assert record is not None, "a provider agrees about a record of its own"
                assert words is not None, "what cannot be put into our own words was refused before"
                return self._agree(tx, negotiation, record, words, caller, due)
            case strategy.Verify():
                return self._verify(tx, negotiation, due)
            case strategy.Finalize():
                return self._conversation.command(
                    tx, negotiation, machine.FINALIZED_EVENT, messages.event(negotiation, "FINALIZED"), due=due
                )
            case strategy.Ask():
                self._ask(tx, negotiation, record, caller)
                return negotiation
            case strategy.Terminate(code, reason):
                return self.terminate(tx, negotiation, code, reason, due=due)

    def _callback(self, negotiation: Negotiation) -> str | None:
        """Return the address for the peer's answers to an offer of ours, which 2024/1 requires in every offer."""
        return V2024_1.at(self._house.address) if negotiation.version == V2024_1.name else None

    def _due(self, action: strategy.Action, pause: float) -> datetime | None:
        after = pause + (action.after if isinstance(action, strategy.PacedMessage) else 0.0)
        return self._clock.now() + timedelta(seconds=after) if after else None

    def terminate(
        self,
        tx: Transaction,
        negotiation: Negotiation,
        code: str,
        reason: list[Any],
        *,
        due: datetime | None = None,
    ) -> Negotiation:
        """End the negotiation from our side, with reasons that both sides store."""
        body = messages.termination(negotiation, code, reason)
        return self._conversation.command(
            tx, negotiation, machine.TERMINATION, body, due=due, code=code, reason=reason
        )

    def _agree(
        self,
        tx: Transaction,
        negotiation: Negotiation,
        record: Record,
        terms: Mapping[str, Any],
        caller: Caller,
        due: datetime | None,
    ) -> Negotiation:
        peer = Party(did=negotiation.peer, name=agreement.name_of(caller), contact=agreement.contact_of(caller))
        body = agreement.draft(
            negotiation,
            terms=terms,
            record=record,
            provider=self._house.me,
            consumer=peer,
            rulebook=self._house.rulebook(),
            languages=_languages(self._house.languages, caller),
            at=self._clock.now(),
        )
        # Both sides sign the content as the other end reads it, whatever version is used to send it.
        body = settle(body, VERSIONS[negotiation.version])
        signature = agreement.sign(self._keyring, body)
        return self._conversation.command(
            tx,
            negotiation,
            machine.AGREEMENT,
            messages.agreement(negotiation, body, signature),
            due=due,
            agreement=body,
            signatures={self._house.me.did: signature},
        )

    def _verify(self, tx: Transaction, negotiation: Negotiation, due: datetime | None) -> Negotiation:
        assert negotiation.agreement is not None, "AGREED comes with an agreement"
        # The provider's own additions are stored, and left out of our signature.
        unsigned = proposal.unsigned_members(negotiation, negotiation.agreement)
        signature = agreement.sign(self._keyring, negotiation.agreement, unsigned, negotiation.instead)
        return self._conversation.command(
            tx,
            negotiation,
            machine.VERIFICATION,
            messages.verification(negotiation, signature),
            due=due,
            signatures={**negotiation.signatures, self._house.me.did: signature},
        )

    def _ask(self, tx: Transaction, negotiation: Negotiation, record: Record | None, caller: Caller) -> None:
        asked = self._decisions.by_subject(tx, negotiation.pid)
        if asked is not None and asked.decided_at is None:
            return
        if record is None:
            # The consumer has the description of an asset only if it follows the provider.
            record = self._records.get(tx, negotiation.dataset)
        now = self._clock.now()
        policy = parse(negotiation.offer)
        self._decisions.add(
            tx,
            PendingDecision(
                id=new_urn(),
                kind="negotiation" if negotiation.role is Role.PROVIDER else "offer",
                subject=negotiation.pid,
                peer=negotiation.peer,
                peer_name=agreement.name_of(caller),
                summary={language: summary(policy, language) for language in ("en", *self._house.languages)},
                details={
                    "dataset": negotiation.dataset,
                    "title": record.titles if record else {},
                    "offer": negotiation.offer,
                    "purpose": negotiation.purpose,
                    "beside": self._beside(negotiation),
                },
                at=now,
                due=now + timedelta(days=self._house.decision_days),
            ),
        )

    def _beside(self, negotiation: Negotiation) -> list[dict[str, str]]:
        """Return what a provider's offer has beside its terms: we would sign it by accepting."""
        if negotiation.role is Role.PROVIDER:
            return []  # As provider we write the agreement ourselves.
        return proposal.beside(negotiation.offer, negotiation.asked)

    def settle(self, tx: Transaction, negotiation: Negotiation, *, approved: bool, by: str, reason: str) -> None:
        """Close the pending decision about this negotiation, which was settled without the person's answer."""
        asked = self._decisions.by_subject(tx, negotiation.pid)
        if asked is not None and asked.decided_at is None:
            self._decisions.decide(tx, asked.id, approved=approved, by=by, at=self._clock.now(), reason=reason)

    def _with_decision(self, tx: Transaction, negotiation: Negotiation, decision: Decision) -> Negotiation:
        """Note the decision in the ledger, and return the negotiation with it, which the caller saves."""
        content = decision.to_json()
        body = {"process": negotiation.pid, "peer": negotiation.peer, "decision": content}
        self._append(tx, EntryKind.DECISION, negotiation.dataset, "node", body)
        return replace(negotiation, decision=content)


def _own_words(look: strategy.Look) -> dict[str, Any] | None:
    """Return the terms of an agreement about the current offer: as this node writes them for our own offer and for a
    consumer's request, so that we sign nothing that a consumer wrote beside them."""
    if look.negotiation.offered_by == Role.CONSUMER or look.same_terms:
        return look.in_our_words
    return look.negotiation.offer


def _languages(ours: tuple[str, ...], caller: Caller) -> tuple[str, ...]:
    theirs = tuple(
        language
        for credential in caller.credentials
        for language in credential.claims.get("languages", [])
        if isinstance(language, str)
    )
    return tuple(dict.fromkeys((*ours, *theirs, "en")))
