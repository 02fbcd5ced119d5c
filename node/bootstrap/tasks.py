"""The background work of a node: the outbox's tasks and the timers."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from anyio.to_thread import run_sync

from node.adapters.peers.requests import PostMessages
from node.base.heap import FreeMemory
from node.base.lazy import Lazy
from node.bootstrap.parts import Parts
from node.bootstrap.people import People
from node.bootstrap.protocol import Protocol
from node.catalogue.accession import Allegiance
from node.catalogue.harvest.schedule import TOPIC as HARVEST_TOPIC
from node.catalogue.publication.trial_files import ForgetTrialFiles
from node.catalogue.questions.delivery import TOPIC as QUESTION_TOPIC
from node.catalogue.questions.delivery import refusal_of as refusal_of_question
from node.catalogue.subscriptions.mail import TOPIC as MAIL_TOPIC
from node.identity.replay import UsedTokens
from node.negotiation import machine as negotiating
from node.operation.webhooks.model import TOPIC as WEBHOOK_TOPIC
from node.scenarios.ports import JOB_TOPIC, RUN_TOPIC
from node.semantics.schemas.file_check import FileCheck
from node.transfer import machine as transferring
from node.transfer.conversions.model import CONVERT_TOPIC
from node.transfer.deletion.confirm import refusal_of as refusal_of_deletion
from node.transfer.deletion.model import TOPIC as DELETION_TOPIC
from node.transfer.receiving.data_checks import CheckReceivedData
from node.transfer.receiving.late_checks import LATE_CHECK_TOPIC, ROWS, LateCheck
from node.transfer.shipments.model import TOPIC as SHIPMENT_TOPIC
from node.transfer.usecases import PUSH_TOPIC, RECEIVE_TOPIC
from node.worker.deliveries import SendMessages
from node.worker.executions import ExecutionHandler
from node.worker.harvests import HarvestHandler
from node.worker.mail import MailHandler
from node.worker.notifications import CredentialHandler, NoticeHandler
from node.worker.outcomes import Handler
from node.worker.pace import Pace
from node.worker.queue_repair import QueueRepair
from node.worker.shipments import ShipmentHandler
from node.worker.sole_work import SoleWork
from node.worker.timers import Timer
from node.worker.transfers import ConversionHandler, LateCheckHandler, PushHandler, ReceptionHandler

if TYPE_CHECKING:
    from node.adapters.mail.smtp import SmtpServer
    from node.bootstrap.catalogue import CatalogueServices
    from node.bootstrap.datasources import DataSourceParts
    from node.bootstrap.models import ModelServices
    from node.bootstrap.operation import SubscriptionParts
    from node.bootstrap.questions import QuestionParts
    from node.bootstrap.scenarios import Scenarios

LENGTHY: Final = frozenset(
    {
        RECEIVE_TOPIC,
        PUSH_TOPIC,
        CONVERT_TOPIC,
        LATE_CHECK_TOPIC,
        SHIPMENT_TOPIC,
        JOB_TOPIC,
        RUN_TOPIC,
        HARVEST_TOPIC,
        WEBHOOK_TOPIC,
    }
)
"""Topics with tasks that move bytes or compute, for hours if a peer is slow: they must not keep messages waiting."""
NARROW: Final = frozenset({RECEIVE_TOPIC, PUSH_TOPIC, CONVERT_TOPIC, SHIPMENT_TOPIC, HARVEST_TOPIC, WEBHOOK_TOPIC})
"""Topics with tasks that can take as long as one peer likes: each lane has few of them at a time."""


def handlers(
    parts: Parts,
    people: People,
    protocol_services: Protocol,
    catalogue: CatalogueServices,
    wishes: SubscriptionParts,
    datasources: DataSourceParts,
    models: Lazy[ModelServices],
    scenarios: Lazy[Scenarios],
) -> dict[str, Handler]:
    """Return the handlers of the outbox's tasks, by topic."""

    stores = parts.stores
    post = PostMessages(
        parts.egress, protocol_services.correspondence.authorization, seconds=parts.settings.peer_seconds
    )
    send = SendMessages(
        post=post,
        protocols={
            negotiating.TABLE.name: protocol_services.negotiation.negotiations,
            transferring.TABLE.name: protocol_services.transfer.transfers,
        },
        clock=parts.clock,
    )
    return {
        "dsp": send,
        RECEIVE_TOPIC: ReceptionHandler(
            stores.uow,
            stores.transfer.transfers,
            protocol_services.transfer.receive,
            protocol_services.transfer.transfers,
        ),
        PUSH_TOPIC: PushHandler(
            stores.uow,
            stores.transfer.transfers,
            protocol_services.transfer.provision.push,
            protocol_services.transfer.transfers,
        ),
        CONVERT_TOPIC: ConversionHandler(
            stores.uow,
            stores.transfer.transfers,
            protocol_services.transfer.provision.conversions,
            protocol_services.transfer.transfers,
        ),
        LATE_CHECK_TOPIC: LateCheckHandler(_late_check(parts)),
        DELETION_TOPIC: NoticeHandler(post, protocol_services.transfer.deletions.confirm, refusal_of_deletion),
        QUESTION_TOPIC: NoticeHandler(post, wishes.questions.post, refusal_of_question),
        SHIPMENT_TOPIC: ShipmentHandler(datasources.shipments.send, parts.clock, is_exhausted=Pace().is_exhausted),
        WEBHOOK_TOPIC: wishes.webhooks.handler,
        "credential": CredentialHandler(people.deliver),
        MAIL_TOPIC: MailHandler(_mail_server(parts)),
        HARVEST_TOPIC: HarvestHandler(catalogue.harvests.scheduled_runs),
        JOB_TOPIC: ExecutionHandler(Lazy(lambda: models.value.job_execution)),
        RUN_TOPIC: ExecutionHandler(Lazy(lambda: scenarios.value.run_execution), is_exhausted=Pace().is_exhausted),
    }


def _late_check(parts: Parts) -> LateCheck:
    stores = parts.stores
    compare = FileCheck(parts.cage, rows=ROWS)
    return LateCheck(
        work=stores.uow,
        receptions=stores.transfer.receptions,
        check=CheckReceivedData(stores.uow, stores.catalogue.records, compare, largest=sys.maxsize),
        folder=parts.places.inbox,
    )


def _mail_server(parts: Parts) -> SmtpServer | None:
    settings = parts.settings
    if not settings.mail_server:
        return None
    # Imported here: most nodes send no e-mails.
    from node.adapters.mail.smtp import SmtpServer

    return SmtpServer(settings.mail_server, settings.mail_password_file)


def timers(
    parts: Parts,
    people: People,
    protocol_services: Protocol,
    catalogue: CatalogueServices,
    wishes: SubscriptionParts,
    datasources: DataSourceParts,
    questions: QuestionParts,
    pace: Pace,
    wake: Callable[[], None],
) -> list[Timer]:
    """Return the tasks done every so many seconds. ``wake`` is called where the worker may have something to do."""
    stores = parts.stores
    set_right = QueueRepair(uow=stores.uow, outbox=stores.outbox, clock=parts.clock, pace=pace, wake=wake)
    tokens = UsedTokens(stores.uow, stores.identity, parts.clock)
    memory = FreeMemory()
    trials = ForgetTrialFiles(stores.uow, records=stores.catalogue.records, assets=parts.assets, clock=parts.clock)
    alone = partial(_alone, parts, secrets.token_hex(8))
    # Other processes of this node may join or leave a region; an embedded database has no others.
    membership = [] if parts.settings.is_embedded else [region_timer(people.allegiance)]
    return [
        *membership,
        # Only the process that queued tasks while its clock was ahead knows that their times are wrong.
        Timer("clock", pace.lease / 3, lambda: run_sync(set_right), each_process=True),
        Timer("inferences", 5.0, parts.graph.draw_missing, each_process=True),
        Timer("idle graph", 30.0, lambda: run_sync(parts.graph.rest), each_process=True),
        Timer("free memory", 5.0, lambda: run_sync(memory.settle), each_process=True),
        Timer("idle search", 30.0, lambda: run_sync(parts.index.rest), each_process=True),
        Timer("used tokens", 300.0, lambda: run_sync(tokens.forget)),
        Timer("webhooks", 1.0, lambda: run_sync(wishes.webhooks.queue)),
        Timer("harvests", 30.0, lambda: run_sync(catalogue.harvests.schedules.queue_due)),
        Timer("links", 10.0, alone("links", catalogue.publication.links.checker.check_due)),
        Timer("harvested data", 20.0, alone("harvested data", catalogue.publication.links.data_checker.check_due)),
        Timer("old observations", 60.0, lambda: run_sync(datasources.streams.forget_old)),
        Timer("old drafts", 3600.0, lambda: run_sync(catalogue.publication.drafts.forget_old)),
        Timer("old versions", 3600.0, lambda: run_sync(protocol_services.transfer.deletions.old_versions)),
        Timer("old trials", 3600.0, lambda: run_sync(trials)),
        Timer("old keys", 3600.0, lambda: run_sync(wishes.webhooks.repetitions.forget_old)),
        Timer("subscription mail", 60.0, wishes.mail.queue_due),
        Timer("question mail", 60.0, questions.mail.queue_due),
        Timer("late decisions", 60.0, protocol_services.negotiation.decisions.expire),
    ]


def _alone(
    parts: Parts, owner: str, name: str, work: Callable[[], Coroutine[Any, Any, object]]
) -> Callable[[], Awaitable[object]]:
    """Return ``work`` as one process of the node does it at a time; an embedded database has no other processes."""
    if parts.settings.is_embedded:
        return work
    stores = parts.stores
    return SoleWork(name, work, uow=stores.uow, marks=stores.meta, clock=parts.clock, owner=owner)


def region_timer(allegiance: Allegiance) -> Timer:
    """Return the task by which a process learns that another one has joined or left a region."""
    return Timer("region", 1.0, lambda: run_sync(allegiance.load), each_process=True)
