"""Puts negotiation together: contracts, decisions that wait for a person, requests of a consumer."""

from __future__ import annotations

from dataclasses import dataclass

from node.adapters.peers.catalogues import RemoteCatalogues
from node.bootstrap.foundation import Foundation
from node.dialogue.caps import Caps
from node.dialogue.conversation import Conversation
from node.dialogue.stranger_limits import Budgets, StrangerLimits
from node.identity.documents import verify_signature
from node.negotiation import machine, messages
from node.negotiation.acquire import Acquire
from node.negotiation.agreement import Party
from node.negotiation.agreement_records import KeepAgreements
from node.negotiation.checks import Checks
from node.negotiation.decisions import Admissions, Decisions
from node.negotiation.limits import SetLimits
from node.negotiation.model import Negotiation
from node.negotiation.reactions import House, Reactions
from node.negotiation.strategy import Strategy
from node.negotiation.usecases import Negotiations
from node.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class NegotiationParts:
    """All parts for contracts, and those that transfers share."""

    negotiations: Negotiations
    decisions: Decisions
    acquire: Acquire
    limits: SetLimits
    caps: Caps
    stranger_limits: StrangerLimits


def negotiating(base: Foundation, *, admissions: Admissions | None, strategy: Strategy) -> NegotiationParts:
    """Put negotiation together. Plug-ins may replace the strategy."""
    parts, people, stores, clock = base.parts, base.people, base.parts.stores, base.parts.clock
    caps, stranger_limits = _caps(parts.settings), _stranger_limits(base)
    negotiations = _negotiations(base, strategy, caps, stranger_limits)
    return NegotiationParts(
        negotiations=negotiations,
        decisions=Decisions(
            uow=stores.uow,
            store=stores.negotiation.decisions,
            negotiations=negotiations,
            admissions=admissions,
            recheck=people.participants.recheck,
            append=base.append,
            clock=clock,
        ),
        acquire=Acquire(
            uow=stores.uow,
            records=stores.catalogue.records,
            agreements=stores.negotiation.agreements,
            processes=stores.negotiation.negotiations,
            negotiations=negotiations,
            catalogue=RemoteCatalogues(base.correspondence, parts.egress),
            wallet=base.ourselves.look,
            issuers=people.trust.to_json,
            clock=clock,
            me=parts.me,
            require_not_blocked=people.blocks.require_not_blocked,
            region=lambda: people.allegiance.authority,
        ),
        limits=SetLimits(
            uow=stores.uow,
            store=stores.negotiation.limits,
            records=stores.catalogue.records,
            region=lambda: people.allegiance.authority,
            append=base.append,
            clock=clock,
            me=parts.me,
        ),
        caps=caps,
        stranger_limits=stranger_limits,
    )


def _negotiations(base: Foundation, strategy: Strategy, caps: Caps, stranger_limits: StrangerLimits) -> Negotiations:
    parts, stores, clock, settings = base.parts, base.parts.stores, base.parts.clock, base.parts.settings
    talk: Conversation[Negotiation] = Conversation(
        table=machine.TABLE,
        store=stores.negotiation.negotiations,
        outbox_writer=base.outbox_writer,
        append=base.append,
        clock=clock,
        acknowledge=messages.acknowledgement,
        path=messages.path,
        refusal=messages.refusal,
    )
    house = House(
        me=Party(did=parts.me, name=settings.name, contact=settings.contact),
        address=parts.dsp_address,
        languages=settings.languages,
        issuers=base.people.trust.to_json,
        rulebook=base.rulebook,
        decision_days=settings.decision_days,
        longest=settings.messages_per_negotiation,
    )
    return Negotiations(
        uow=stores.uow,
        store=stores.negotiation.negotiations,
        conversation=talk,
        reactions=Reactions(
            conversation=talk,
            records=stores.catalogue.records,
            decisions=stores.negotiation.decisions,
            limits=stores.negotiation.limits,
            keyring=parts.keyring,
            append=base.append,
            clock=clock,
            strategy=strategy,
            house=house,
        ),
        checks=Checks(
            store=stores.negotiation.negotiations,
            agreements=stores.negotiation.agreements,
            records=stores.catalogue.records,
            may_see=base.visibility.may_see,
            verify_jws=verify_signature,
            clock=clock,
            me=parts.me,
            caps=caps,
        ),
        agreements=KeepAgreements(
            store=stores.negotiation.negotiations,
            agreements=stores.negotiation.agreements,
            conversation=talk,
            append=base.append,
            clock=clock,
            me=parts.me,
        ),
        clock=clock,
        me=parts.me,
        address=parts.dsp_address,
        caps=caps,
        stranger_limits=stranger_limits,
    )


def _caps(settings: Settings) -> Caps:
    return Caps(
        negotiations=settings.open_negotiations_per_peer,
        offers=settings.waiting_offers_per_peer,
        transfers=settings.open_transfers_per_peer,
        messages=settings.messages_per_negotiation,
    )


def _stranger_limits(base: Foundation) -> StrangerLimits:
    """Return how much of this node strangers may use: participants without a trusted credential."""
    stores, settings = base.parts.stores, base.parts.settings
    budgets = Budgets(
        open_per_host=settings.strangers_open_per_host,
        open_in_all=settings.strangers_open,
        bytes_per_host=settings.strangers_bytes_per_host,
        bytes_in_all=settings.strangers_bytes,
    )
    return StrangerLimits(
        stores.uow, stores.negotiation.stranger_processes, base.parts.clock, budgets, base.people.trust.vouches
    )
