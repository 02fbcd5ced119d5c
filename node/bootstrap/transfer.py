"""Puts transfers together: access under an agreement, outgoing and incoming bytes, deletions."""

from __future__ import annotations

from dataclasses import dataclass

from node.adapters.planes.http import HttpPlane
from node.adapters.profiles.conversions.converter import ConfinedConverter
from node.bootstrap.foundation import Foundation
from node.bootstrap.negotiation import NegotiationParts
from node.bootstrap.parts import Parts
from node.dialogue.conversation import Conversation
from node.identity.documents import verify_signature
from node.identity.signing_keys import SigningKeys
from node.negotiation.uses import Uses
from node.scenarios.transformations.on_the_way import ConvertThrough, chain_to_schema
from node.scenarios.transformations.transformer import Transformer
from node.semantics.schemas.file_check import FileCheck
from node.transfer import machine, messages
from node.transfer import strategy as transfer_strategy
from node.transfer.access import AuthoriseAccess
from node.transfer.conversions.content import Contents
from node.transfer.conversions.steps import OfferedSteps
from node.transfer.conversions.workshop import MakeConversion
from node.transfer.deletion.confirm import ConfirmDeletion, ReceivedFiles, SendConfirmation
from node.transfer.deletion.due import DeletionDuties
from node.transfer.deletion.old_versions import RemoveOldFiles
from node.transfer.deletion.receipts import Receipts
from node.transfer.deletion.receive import ReceiveConfirmation
from node.transfer.deliveries import OpenDelivery, SignManifest
from node.transfer.grants import GrantAccess, RefreshToken
from node.transfer.inbox import TakePush
from node.transfer.model import Transfer
from node.transfer.overview import Overview
from node.transfer.push import PushBytes
from node.transfer.reactions import Reactions
from node.transfer.receiving.data_checks import LARGEST, LARGEST_PUSH, CheckReceivedData, ReceptionChecks
from node.transfer.receiving.late_checks import QueueLateCheck
from node.transfer.receiving.reception import ReceiveBytes
from node.transfer.receiving.use_count import CountedReceptions
from node.transfer.receiving.version_checks import CheckVersion
from node.transfer.reissue import Reissue
from node.transfer.requests import TransferRequests
from node.transfer.shipments.arrivals import OrderedReceptions
from node.transfer.shipments.queue import ShipmentQueue
from node.transfer.shipments.removal import CopiesAtSinks
from node.transfer.usecases import Transfers


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletions:
    """Deletion under agreements: the duties, the consumer's side, the provider's side."""

    duties: DeletionDuties
    confirm: ConfirmDeletion
    receive: ReceiveConfirmation
    old_versions: RemoveOldFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class Provision:
    """The provider's work on bytes beside reads: pushes and conversions."""

    push: PushBytes
    conversions: MakeConversion


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferParts:
    """All parts for bytes under an agreement."""

    transfers: Transfers
    transfer_requests: TransferRequests
    overview: Overview
    authorise: AuthoriseAccess
    deliveries: OpenDelivery
    manifests: SignManifest
    refresh: RefreshToken
    receive: ReceiveBytes
    provision: Provision
    inbox: TakePush
    uses: Uses
    deletions: Deletions


def transferring(
    base: Foundation, contracts: NegotiationParts, strategy: transfer_strategy.Strategy
) -> TransferParts:
    """Put transfers together. Plug-ins may replace the strategy."""
    parts, stores, clock = base.parts, base.parts.stores, base.parts.clock
    uses = Uses(stores.negotiation.uses, stores.negotiation.agreements, clock)
    grants = GrantAccess(
        stores.transfer.grants, parts.keyring, clock, public_url=parts.base, lifetime=parts.access_lifetime
    )
    conversation = conversation_of(base)
    contents = Contents(
        records=stores.catalogue.records,
        conversions=stores.transfer.conversions,
        assets=parts.assets,
        secrets=parts.keyring.derive,
        steps=OfferedSteps(stores.catalogue.records, chain_to_schema),
    )
    reactions = _reactions(base, conversation, grants, contents, uses, strategy)
    transfers = _transfers(base, contracts, conversation, reactions)
    authorise = _authorise(base, uses)
    deliveries = OpenDelivery(stores.uow, stores.catalogue.records, parts.assets, parts.keyring)
    manifests = SignManifest(stores.uow, stores.catalogue.records, parts.keyring, clock)
    return TransferParts(
        transfers=transfers,
        transfer_requests=TransferRequests(
            uow=stores.uow,
            agreements=stores.negotiation.agreements,
            negotiations=stores.negotiation.negotiations,
            transfers=stores.transfer.transfers,
            conversation=conversation,
            clock=clock,
            me=parts.me,
            address=parts.dsp_address,
            public_url=parts.base,
        ),
        overview=Overview(
            uow=stores.uow,
            negotiations=stores.negotiation.negotiations,
            transfers=stores.transfer.transfers,
            agreements=stores.negotiation.agreements,
            decisions=stores.negotiation.decisions,
            receptions=stores.transfer.receptions,
            ledger=stores.ledger,
            uses=uses,
        ),
        authorise=authorise,
        deliveries=deliveries,
        manifests=manifests,
        refresh=RefreshToken(
            stores.uow,
            transfers=stores.transfer.transfers,
            agreements=stores.negotiation.agreements,
            grants=stores.transfer.grants,
            access=grants,
            clock=clock,
        ),
        receive=_receive(base, uses),
        provision=Provision(
            push=PushBytes(
                authorise=authorise, deliveries=deliveries, manifests=manifests, plane=HttpPlane(parts.egress)
            ),
            conversions=_conversions(base, contents),
        ),
        inbox=_inbox(base, transfers, uses),
        uses=uses,
        deletions=_deletions(base),
    )


def conversation_of(base: Foundation) -> Conversation[Transfer]:
    """Return what writes the steps of transfers."""
    return Conversation(
        table=machine.TABLE,
        store=base.parts.stores.transfer.transfers,
        outbox_writer=base.outbox_writer,
        append=base.append,
        clock=base.parts.clock,
        acknowledge=messages.acknowledgement,
        path=messages.path,
        refusal=messages.refusal,
        dated=True,
        storable=messages.storable,
        brief=messages.BRIEF,
    )


def _reactions(
    base: Foundation,
    conversation: Conversation[Transfer],
    grants: GrantAccess,
    contents: Contents,
    uses: Uses,
    strategy: transfer_strategy.Strategy,
) -> Reactions:
    stores, me = base.parts.stores, base.parts.me
    return Reactions(
        conversation=conversation,
        agreements=stores.negotiation.agreements,
        contents=contents,
        grants=stores.transfer.grants,
        outbox_writer=base.outbox_writer,
        granting=grants.open,
        situation=lambda agreement, caller: base.situations.under_agreement(caller, provider=me),
        uses=uses,
        strategy=strategy,
        append=base.append,
        clock=base.parts.clock,
    )


def _conversions(base: Foundation, contents: Contents) -> MakeConversion:
    parts, stores, settings = base.parts, base.parts.stores, base.parts.settings
    return MakeConversion(
        work=stores.uow,
        contents=contents,
        agreements=stores.negotiation.agreements,
        conversions=stores.transfer.conversions,
        assets=parts.assets,
        convert=ConvertThrough(
            convert=ConfinedConverter(
                assets=parts.assets,
                place=parts.assets.place,
                folder=parts.places.conversions,
                clock=parts.clock,
                most_bytes=settings.conversion_limit,
                seconds=settings.conversion_seconds,
            ),
            transformer=Transformer(parts.cage),
            assets=parts.assets,
            place=parts.assets.place,
            work=stores.uow,
            records=stores.catalogue.records,
        ),
        clock=parts.clock,
        space=settings.conversion_space,
    )


def _transfers(
    base: Foundation, contracts: NegotiationParts, conversation: Conversation[Transfer], reactions: Reactions
) -> Transfers:
    parts, stores = base.parts, base.parts.stores
    return Transfers(
        uow=stores.uow,
        store=stores.transfer.transfers,
        agreements=stores.negotiation.agreements,
        conversation=conversation,
        reactions=reactions,
        reissue=Reissue(
            store=stores.transfer.transfers, conversation=conversation, reactions=reactions, public_url=parts.base
        ),
        presume=contracts.negotiations.presume_finalized,
        clock=parts.clock,
        me=parts.me,
        caps=contracts.caps,
        stranger_limits=contracts.stranger_limits,
    )


def _authorise(base: Foundation, uses: Uses) -> AuthoriseAccess:
    stores, me = base.parts.stores, base.parts.me
    return AuthoriseAccess(
        stores.uow,
        transfers=stores.transfer.transfers,
        agreements=stores.negotiation.agreements,
        grants=stores.transfer.grants,
        clock=base.parts.clock,
        recheck=base.people.participants.recheck,
        decide=lambda agreement, caller, at, action, facts: base.situations.judge(
            agreement.body, caller, provider=me, action=action, at=at, facts=facts
        ),
        append=base.append,
        uses=uses,
    )


def _checks(parts: Parts, *, largest: int) -> ReceptionChecks:
    uow, records = parts.stores.uow, parts.stores.catalogue.records
    return ReceptionChecks(
        version=CheckVersion(uow, records),
        data=CheckReceivedData(uow, records, FileCheck(parts.cage), largest=largest),
    )


def _receive(base: Foundation, uses: Uses) -> ReceiveBytes:
    parts, stores, clock = base.parts, base.parts.stores, base.parts.clock
    return ReceiveBytes(
        stores.uow,
        transfers=stores.transfer.transfers,
        receptions=_receptions(base, uses),
        plane=HttpPlane(parts.egress),
        keyring=parts.keyring,
        clock=clock,
        folder=parts.places.inbox,
        key_of=SigningKeys(base.people.peers, clock),
        token_for=base.correspondence.header,
        checks=_checks(parts, largest=LARGEST),
    )


def shipment_queue(base: Foundation) -> ShipmentQueue:
    """Return what queues received files for data sources."""
    stores = base.parts.stores
    return ShipmentQueue(
        stores.transfer.shipments,
        transfers=stores.transfer.transfers,
        agreements=stores.negotiation.agreements,
        outbox_writer=base.outbox_writer,
        append=base.append,
        clock=base.parts.clock,
    )


def _receptions(base: Foundation, uses: Uses) -> CountedReceptions:
    """Return the store of receptions that counts uses, and sends on what orders ask for."""
    stores = base.parts.stores.transfer
    late = QueueLateCheck(outbox_writer=base.outbox_writer, clock=base.parts.clock)
    ordered = OrderedReceptions(stores.receptions, shipment_queue(base), late)
    return CountedReceptions(ordered, stores.transfers, uses)


def _inbox(base: Foundation, transfers: Transfers, uses: Uses) -> TakePush:
    parts, stores, clock = base.parts, base.parts.stores, base.parts.clock
    return TakePush(
        stores.uow,
        transfers=stores.transfer.transfers,
        receptions=_receptions(base, uses),
        keyring=parts.keyring,
        clock=clock,
        folder=parts.places.inbox,
        key_of=SigningKeys(base.people.peers, clock),
        checks=_checks(parts, largest=LARGEST_PUSH),
        on_end=transfers.notify_provider,
        limit=parts.settings.upload_limit,
    )


def _deletions(base: Foundation) -> Deletions:
    parts, stores = base.parts, base.parts.stores
    receipts = Receipts(stores.transfer.receptions)
    duties = DeletionDuties(
        uow=stores.uow,
        store=stores.transfer.deletions,
        agreements=stores.negotiation.agreements,
        receipts=receipts,
        ledger=stores.ledger,
        clock=parts.clock,
        me=parts.me,
    )
    return Deletions(
        duties=duties,
        old_versions=RemoveOldFiles(
            stores.uow,
            records=stores.catalogue.records,
            agreements=stores.negotiation.agreements,
            grants=stores.transfer.grants,
            assets=parts.assets,
            append=base.append,
            clock=parts.clock,
            me=parts.me,
        ),
        confirm=ConfirmDeletion(
            uow=stores.uow,
            store=stores.transfer.deletions,
            agreements=stores.negotiation.agreements,
            duties=duties,
            files=ReceivedFiles(
                receipts,
                parts.places.inbox,
                assets=parts.assets,
                records=stores.catalogue.records,
                me=parts.me,
            ),
            copies=CopiesAtSinks(stores.transfer.shipments, parts.clock),
            send=SendConfirmation(stores.negotiation.negotiations, base.outbox_writer),
            keyring=parts.keyring,
            append=base.append,
            clock=parts.clock,
            me=parts.me,
        ),
        receive=ReceiveConfirmation(
            uow=stores.uow,
            store=stores.transfer.deletions,
            agreements=stores.negotiation.agreements,
            verify_jws=verify_signature,
            append=base.append,
            clock=parts.clock,
            me=parts.me,
        ),
    )
