"""The Dataspace Protocol put together: negotiations, transfers, decisions, bytes under contract."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from node.adapters.peers.catalogues import RemoteCatalogues
from node.adapters.planes.http import HttpPlane
from node.base.work import Transaction
from node.bootstrap.foundation import Foundation
from node.catalogue.model import Record
from node.dialogue.caps import Caps
from node.dialogue.conversation import Conversation
from node.dialogue.guests import Budgets, Guests
from node.identity.correspondence import Correspondence
from node.identity.documents import UnknownKey, key_for, verify_signature
from node.identity.model import Caller
from node.identity.periods import document_at
from node.negotiation import machine as negotiating
from node.negotiation import messages as contract
from node.negotiation.acquire import Acquire
from node.negotiation.agreement import Party
from node.negotiation.decisions import Admissions, Decisions
from node.negotiation.limits import SetLimits
from node.negotiation.model import Agreement, Negotiation
from node.negotiation.reactions import House, Reactions
from node.negotiation.strategy import Strategy
from node.negotiation.usecases import Negotiations
from node.negotiation.uses import Uses
from node.policy.decide import decide
from node.policy.model import Decision, Situation
from node.policy.odrl import parse
from node.semantics.model import File
from node.transfer import machine as transferring
from node.transfer import messages as transfer_messages
from node.transfer import strategy as transfer_strategy
from node.transfer.access import AuthoriseAccess
from node.transfer.counted import CountedReceptions
from node.transfer.deletions import Deletions
from node.transfer.deliveries import OpenDelivery, SignManifest
from node.transfer.grants import GrantAccess, RefreshToken
from node.transfer.inbox import TakePush
from node.transfer.model import Transfer
from node.transfer.overview import Overview
from node.transfer.push import PushBytes
from node.transfer.reception import Receive
from node.transfer.usecases import Transfers


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """Everything between two participants."""

    correspondence: Correspondence
    negotiations: Negotiations
    transfers: Transfers
    decisions: Decisions
    acquire: Acquire
    limits: SetLimits
    region: Callable[[], str | None]
    overview: Overview
    authorise: AuthoriseAccess
    deliveries: OpenDelivery
    manifests: SignManifest
    refresh: RefreshToken
    receive: Receive
    push: PushBytes
    inbox: TakePush
    uses: Uses
    deletions: Deletions


def protocol(
    base: Foundation,
    *,
    admissions: Admissions | None,
    strategy: Strategy,
    transfers_strategy: transfer_strategy.Strategy | None = None,
) -> Protocol:
    """Put it together. The strategies are what plug-ins may replace."""
    parts, people, append, courier = base.parts, base.people, base.append, base.courier
    correspondence, visibility, ourselves = base.correspondence, base.visibility, base.ourselves
    rulebook_in_force, situations = base.rulebook, base.situations
    stores, clock, settings = parts.stores, parts.clock, parts.settings

    def region() -> str | None:
        return people.allegiance.authority

    talk: Conversation[Negotiation] = Conversation(
        table=negotiating.TABLE,
        store=stores.negotiations,
        courier=courier,
        append=append,
        clock=clock,
        acknowledge=contract.acknowledgement,
        path=contract.path,
        refusal=contract.refusal,
    )
    house = House(
        me=Party(did=parts.me, name=settings.name, contact=settings.contact),
        address=parts.dsp_address,
        languages=settings.languages,
        issuers=people.trust.to_json,
        rulebook=rulebook_in_force,
        decision_days=settings.decision_days,
        longest=settings.messages_per_negotiation,
    )
    caps = Caps(
        negotiations=settings.open_negotiations_per_peer,
        offers=settings.waiting_offers_per_peer,
        transfers=settings.open_transfers_per_peer,
        messages=settings.messages_per_negotiation,
    )
    budgets = Budgets(
        open_per_host=settings.strangers_open_per_host,
        open_in_all=settings.strangers_open,
        bytes_per_host=settings.strangers_bytes_per_host,
        bytes_in_all=settings.strangers_bytes,
    )

    def vouched(did: str) -> bool:
        return any(did in dids for dids in people.trust.to_json().values())

    guests = Guests(stores.uow, stores.guests, clock, budgets, vouched)
    negotiations = Negotiations(
        uow=stores.uow,
        store=stores.negotiations,
        agreements=stores.agreements,
        records=stores.records,
        conversation=talk,
        reactions=Reactions(
            conversation=talk,
            records=stores.records,
            decisions=stores.decisions,
            limits=stores.limits,
            keyring=parts.keyring,
            append=append,
            clock=clock,
            strategy=strategy,
            house=house,
        ),
        may_see=visibility.may_see,
        verify_jws=verify_signature,
        append=append,
        clock=clock,
        me=parts.me,
        address=parts.dsp_address,
        caps=caps,
        guests=guests,
    )
    grants = GrantAccess(stores.grants, parts.keyring, clock, public_url=parts.base, lifetime=parts.access_lifetime)

    uses = Uses(stores.uses, stores.agreements, clock)

    def situation(agreement: Agreement, caller: Caller) -> Situation:
        return situations.under_agreement(caller, provider=parts.me)

    receptions = CountedReceptions(stores.receptions, stores.transfers, uses)

    def granting(
        tx: Transaction,
        transfer: Transfer,
        agreement: Agreement,
        record: Record,
        file: File | None,
        seal_key: bytes | None,
    ) -> dict[str, Any]:
        return grants.grant(tx, transfer, agreement, record, file, recipient_seal_key=seal_key)[1]

    carry: Conversation[Transfer] = Conversation(
        table=transferring.TABLE,
        store=stores.transfers,
        courier=courier,
        append=append,
        clock=clock,
        acknowledge=transfer_messages.acknowledgement,
        path=transfer_messages.path,
        refusal=transfer_messages.refusal,
        dated=True,
        kept=transfer_messages.kept,
        brief=transfer_messages.BRIEF,
    )
    transfers = Transfers(
        uow=stores.uow,
        store=stores.transfers,
        agreements=stores.agreements,
        negotiations=stores.negotiations,
        records=stores.records,
        grants=stores.grants,
        receptions=stores.receptions,
        conversation=carry,
        courier=courier,
        granting=granting,
        situation=situation,
        uses=uses,
        presume=negotiations.presume_finalized,
        strategy=transfers_strategy or transfer_strategy.StandardStrategy(),
        append=append,
        clock=clock,
        me=parts.me,
        address=parts.dsp_address,
        public_url=parts.base,
        caps=caps,
        guests=guests,
    )

    def judge(agreement: Agreement, caller: Caller, at: datetime, action: str, facts: Mapping[str, Any]) -> Decision:
        asked = situations.under_agreement(caller, provider=parts.me, at=at, facts=facts)
        return decide(parse(agreement.body), asked, action=action)

    async def key_of(did: str, kid: str) -> dict[str, Any]:
        # What comes now was signed now, or while the key was being replaced: a key that had its time counts no more.
        now = clock.now()
        try:
            return key_for(document_at(await people.peers.did_document(did), now), kid, "assertionMethod")
        except UnknownKey:
            # The provider may have changed its keys since we last looked.
            document = await people.peers.did_document(did, fresh=True)
            return key_for(document_at(document, now), kid, "assertionMethod")

    async def token_for(did: str) -> str:
        return correspondence.authorization(did)

    authorise = AuthoriseAccess(
        stores.uow,
        transfers=stores.transfers,
        agreements=stores.agreements,
        grants=stores.grants,
        clock=clock,
        recheck=people.participants.recheck,
        decide=judge,
        append=append,
        uses=uses,
    )
    deliveries = OpenDelivery(parts.assets, parts.keyring)
    manifests = SignManifest(stores.uow, stores.records, parts.keyring, clock)
    return Protocol(
        correspondence=correspondence,
        negotiations=negotiations,
        transfers=transfers,
        decisions=Decisions(
            uow=stores.uow,
            store=stores.decisions,
            negotiations=negotiations,
            admissions=admissions,
            recheck=people.participants.recheck,
            append=append,
            clock=clock,
        ),
        acquire=Acquire(
            uow=stores.uow,
            records=stores.records,
            agreements=stores.agreements,
            processes=stores.negotiations,
            negotiations=negotiations,
            catalogue=RemoteCatalogues(correspondence, parts.egress),
            wallet=ourselves.look,
            issuers=people.trust.to_json,
            clock=clock,
            me=parts.me,
            require_not_blocked=people.blocks.require_not_blocked,
            region=region,
        ),
        region=region,
        limits=SetLimits(
            uow=stores.uow,
            store=stores.limits,
            records=stores.records,
            region=region,
            append=append,
            clock=clock,
            me=parts.me,
        ),
        overview=Overview(
            uow=stores.uow,
            negotiations=stores.negotiations,
            transfers=stores.transfers,
            agreements=stores.agreements,
            decisions=stores.decisions,
            receptions=stores.receptions,
            ledger=stores.ledger,
            uses=uses,
        ),
        authorise=authorise,
        deliveries=deliveries,
        manifests=manifests,
        refresh=RefreshToken(
            stores.uow,
            transfers=stores.transfers,
            agreements=stores.agreements,
            grants=stores.grants,
            access=grants,
            clock=clock,
        ),
        receive=Receive(
            stores.uow,
            transfers=stores.transfers,
            receptions=receptions,
            plane=HttpPlane(parts.egress),
            keyring=parts.keyring,
            clock=clock,
            folder=parts.places.received,
            key_of=key_of,
            token_for=token_for,
        ),
        push=PushBytes(
            authorise=authorise, deliveries=deliveries, manifests=manifests, plane=HttpPlane(parts.egress)
        ),
        inbox=TakePush(
            stores.uow,
            transfers=stores.transfers,
            receptions=receptions,
            keyring=parts.keyring,
            clock=clock,
            folder=parts.places.received,
            key_of=key_of,
            finished=transfers.finished,
            limit=settings.upload_limit,
        ),
        uses=uses,
        deletions=Deletions(
            uow=stores.uow,
            store=stores.deletions,
            agreements=stores.agreements,
            negotiations=stores.negotiations,
            transfers=stores.transfers,
            receptions=stores.receptions,
            ledger=stores.ledger,
            keyring=parts.keyring,
            courier=courier,
            verify_jws=verify_signature,
            append=append,
            clock=clock,
            received=parts.places.received,
            me=parts.me,
        ),
    )
