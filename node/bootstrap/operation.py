"""Builds the parts that inform operators of a node, and the checks that they can run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from node import __version__
from node.adapters.peers.requests import PeerRequests
from node.bootstrap.catalogue import CatalogueServices
from node.bootstrap.foundation import Foundation
from node.bootstrap.parts import Parts
from node.bootstrap.people import People
from node.bootstrap.protocol import Protocol
from node.bootstrap.questions import QuestionParts, question_parts
from node.bootstrap.region import RegionParts
from node.bootstrap.webhooks import WebhookParts, webhook_parts
from node.catalogue.model import NodeFacts
from node.catalogue.search.cursors import Cursors
from node.catalogue.subscriptions.letters import Letters
from node.catalogue.subscriptions.mail import SubscriptionMail
from node.catalogue.subscriptions.usecases import Subscriptions
from node.datasources.register import DataSources
from node.evidence.checks import Proofs
from node.evidence.collection import ExportAgreement
from node.evidence.proof import ProveAgreement
from node.identity.documents import verify_signature
from node.identity.rotation import ChangeKeys
from node.ledger.usecases import Prover
from node.ledger.verification import ledger_checks
from node.operation.agenda import Agenda
from node.operation.agreements import DueDeletions, EndingAgreements
from node.operation.audit import AuditTrail
from node.operation.configuration import Configuration
from node.operation.consumption import Consumption
from node.operation.endings import EndingCredentials
from node.operation.failures import (
    FailedDeliveries,
    FailedHarvests,
    FailedWebhooks,
    FillingViews,
    UnreachablePeers,
)
from node.operation.health import Checkup
from node.operation.live_faults import FailedLiveData, LiveFaults
from node.operation.news import SubscribedNews
from node.operation.questions import AnsweredQuestions, AssetTitles, OpenQuestions
from node.operation.storage import Storage
from node.operation.tasks import OpenRequests, OwnDrafts
from node.worker.dead_letters import DeadLetters
from node.worker.loop import Worker
from node.worker.status import LiveFacts, NodeStatus
from node.worker.views import FollowLedger


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionParts:
    """The parts for subscriptions: people's own, e-mails about them, questions on assets, and webhooks of
    programs."""

    own: Subscriptions
    mail: SubscriptionMail
    questions: QuestionParts
    webhooks: WebhookParts


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """The parts with which people watch over a node: its ledger, its keys, undelivered messages, its region."""

    prover: Prover
    keys: ChangeKeys
    agenda: Agenda
    subscriptions: SubscriptionParts
    checkup: Checkup
    configuration: Configuration
    storage: Storage
    audit: AuditTrail
    letters: DeadLetters
    proofs: Proofs
    status: NodeStatus
    region: RegionParts


def proofs(parts: Parts, people: People, requests: PeerRequests) -> Proofs:
    """Return the parts with which this node verifies, and exports agreements with their evidence."""
    stores = parts.stores
    prove = ProveAgreement(
        uow=stores.uow,
        agreements=stores.negotiation.agreements,
        notes=stores.meta,
        peers=people.peers,
        get=requests.evidence,
        verify_jws=verify_signature,
        clock=parts.clock,
        me=parts.me,
        allow_loopback=parts.settings.allow_loopback,
    )
    return Proofs(
        ledger=lambda: ledger_checks(stores.uow, stores.ledger, parts.log_keys),
        prove=prove,
        export=ExportAgreement(
            uow=stores.uow,
            agreements=stores.negotiation.agreements,
            negotiations=stores.negotiation.negotiations,
            records=stores.catalogue.records,
            ledger=stores.ledger,
            notes=stores.meta,
            keyring=parts.keyring,
            own_document=lambda: people.document.raw,
            evidence=prove.evidence,
            clock=parts.clock,
            me=parts.me,
        ),
    )


def dead_letters(parts: Parts, protocol_services: Protocol, wake: Callable[[], None]) -> DeadLetters:
    """Return the outbox as its operators see it."""
    return DeadLetters(
        uow=parts.stores.uow,
        outbox=parts.stores.outbox,
        negotiations=protocol_services.negotiation.negotiations,
        transfers=protocol_services.transfer.transfers,
        clock=parts.clock,
        wake=wake,
    )


def subscriptions(base: Foundation, catalogue: CatalogueServices, sources: DataSources) -> SubscriptionParts:
    """Return the parts for subscriptions of people to assets and searches."""
    stores, settings = base.parts.stores, base.parts.settings
    own = Subscriptions(
        uow=stores.uow,
        store=stores.catalogue.subscriptions,
        browse=catalogue.browse,
        records=stores.catalogue.records,
        visibility=base.visibility,
        cursors=Cursors(base.parts.keyring),
        position=base.parts.index.position,
        person=base.people.users.persons.by_account,
        clock=base.parts.clock,
    )
    letters = Letters(name=settings.name, base=base.parts.base, sender=settings.mail_from)
    mail = SubscriptionMail(
        uow=stores.uow,
        store=stores.catalogue.subscriptions,
        outbox=stores.outbox,
        subscriptions=own,
        letters=letters if settings.mail_server else None,
        box=base.parts.keyring,
        person=base.people.users.persons.by_account,
        clock=base.parts.clock,
        wake=base.commit_hooks.wake_worker,
    )
    return SubscriptionParts(
        own=own,
        mail=mail,
        questions=question_parts(base, catalogue.browse, mail),
        webhooks=webhook_parts(base, sources),
    )


def agenda(
    base: Foundation,
    catalogue: CatalogueServices,
    protocol_services: Protocol,
    wishes: SubscriptionParts,
    faults: LiveFaults,
    status_of_node: NodeStatus,
) -> Agenda:
    """Return what waits for people, ends soon, or fails."""
    parts, stores = base.parts, base.parts.stores
    titles = AssetTitles(stores.uow, stores.catalogue.records)
    return Agenda(
        waiting=(
            OpenRequests(protocol_services.negotiation.decisions),
            OpenQuestions(wishes.questions.answers, titles),
            OwnDrafts(catalogue.publication.drafts),
            DueDeletions(
                stores.uow,
                stores.negotiation.agreements,
                protocol_services.transfer.deletions.duties,
                parts.clock,
            ),
        ),
        ending=(
            EndingAgreements(stores.uow, stores.negotiation.agreements, parts.clock),
            EndingCredentials(stores.uow, stores.identity, parts.clock, catalogue.access.names),
        ),
        failing=(
            FillingViews(status_of_node),
            FailedDeliveries(stores.uow, stores.outbox),
            FailedHarvests(stores.uow, stores.catalogue.schedules),
            FailedLiveData(faults),
            FailedWebhooks(wishes.webhooks.webhooks),
            UnreachablePeers(stores.uow, stores.catalogue.follows),
        ),
        news=(SubscribedNews(wishes.own), AnsweredQuestions(wishes.questions.asking, titles)),
    )


def checkup(parts: Parts, status_of_node: NodeStatus, faults: LiveFaults) -> Checkup:
    """Return the checks of the running node."""
    stores, is_embedded = parts.stores, parts.settings.is_embedded
    return Checkup(
        status_of_node,
        uow=stores.uow,
        outbox=stores.outbox,
        follows=stores.catalogue.follows,
        clock=parts.clock,
        folder=parts.settings.folder,
        backups=parts.places.backups if is_embedded else None,
        has_wrapped_keys=lambda: parts.keyring.is_wrapped,
        consumption=Consumption(parts.clock),
        live_faults=faults,
    )


def storage(parts: Parts) -> Storage:
    """Return the use of the disk."""
    stores = parts.stores
    return Storage(
        stores.uow,
        stores.catalogue.records,
        parts.clock,
        folder=parts.settings.folder,
        backups=parts.places.backups,
        me=parts.me,
    )


def status(parts: Parts, node: NodeFacts, live: LiveFacts, *, worker: Worker, following: FollowLedger) -> NodeStatus:
    """Return the status report of the node."""
    stores, settings = parts.stores, parts.settings
    return NodeStatus(
        {
            "did": parts.me,
            "name": settings.name,
            "url": parts.base,
            "version": __version__,
            "epoch": node.epoch,
            "store": "sqlite" if settings.is_embedded else "postgresql",
            "issuer": settings.issuer,
        },
        live,
        uow=stores.uow,
        ledger=stores.ledger,
        records=stores.catalogue.records,
        outbox=stores.outbox,
        worker=worker,
        following=following,
    )
