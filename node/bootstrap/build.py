"""Makes a node: parts, then use cases, then background work; ``application`` adds the end points."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING

import pluggy

from node.adapters.reasoner.python_classes import load_classes
from node.adapters.signed_head import require_newest
from node.adapters.sql.soundness import require_undamaged
from node.base.clock import Clock
from node.base.lazy import Lazy
from node.bootstrap.catalogue import CatalogueServices, catalogue_services
from node.bootstrap.datasources import DataSourceParts, data_source_parts
from node.bootstrap.foundation import Foundation, foundation
from node.bootstrap.node import HansaNode
from node.bootstrap.operation import (
    Operation,
    SubscriptionParts,
    agenda,
    checkup,
    dead_letters,
    proofs,
    status,
    storage,
    subscriptions,
)
from node.bootstrap.parts import Parts, open_parts
from node.bootstrap.people import admissions, change_keys
from node.bootstrap.protocol import Protocol, protocol
from node.bootstrap.region import region_parts, template_timer
from node.bootstrap.tasks import LENGTHY, NARROW, handlers, timers
from node.cage.cage import Cage
from node.catalogue.meaning.python_classes import OpenOntology
from node.identity.correspondence import Documents, Outgoing
from node.ledger.usecases import Prover
from node.negotiation.strategy import StandardStrategy, Strategy
from node.operation.audit import AuditTrail
from node.operation.configuration import Configuration
from node.operation.live_faults import LiveFaults
from node.plugins import AdmissionNews, Host, load, region_of, strategy_of
from node.settings import Settings
from node.settings.sources import settings_in_force
from node.transfer.strategy import Strategy as TransferStrategy
from node.web.callers import Authenticator, Callers
from node.worker.dead_letters import remains
from node.worker.lifecycle import Lifecycle, Surroundings, Work, check_start
from node.worker.loop import Pace, Worker
from node.worker.status import LiveFacts
from node.worker.timers import Timer

if TYPE_CHECKING:
    from node.bootstrap.models import ModelServices
    from node.bootstrap.scenarios import Scenarios


def build(
    settings: Settings,
    *,
    clock: Clock | None = None,
    cage: Cage | None = None,
    authenticators: tuple[Authenticator, ...] = (),
    strategy: Strategy | None = None,
    transfer_strategy: TransferStrategy | None = None,
    outgoing: Outgoing | None = None,
    documents: Documents | None = None,
    with_worker: bool = True,
    with_views: bool = True,
) -> HansaNode:
    """Make a node from its settings. Arguments replace the standard parts; ``authenticators``, ``outgoing`` and
    ``documents`` are for participants that authenticate in another way (``node.identity.correspondence``).

    Without ``with_views`` graph, search and feed stay closed: they belong to the process that answers from them.
    Raises ``LocalFault`` if the data folder, the keys or the database are not usable.
    """
    require_undamaged(settings.database)
    parts = open_parts(settings, clock=clock, cage=cage)
    check_start(lambda: _require_newest(parts), close=parts.closing)
    base = foundation(parts, outgoing=outgoing, documents=documents)
    keys = change_keys(parts.stores, parts.keyring, base.append, parts.clock)
    check_start(keys.settle, close=parts.closing)  # It enters changes that the ledger does not have yet.
    plugins = load(settings.plugins)
    news = AdmissionNews(manager=plugins, me=parts.me, address=parts.address_of)
    protocol_services = protocol(
        base,
        admissions=admissions(parts, base.people, wake=base.commit_hooks.wake_worker, on_admission=news),
        strategy=strategy or strategy_of(plugins, StandardStrategy()),
        transfers_strategy=transfer_strategy,
    )
    datasources = data_source_parts(base, plugins, protocol_services.transfer)
    catalogue = catalogue_services(base, with_views=with_views, portions_of=datasources.sources.portions)
    models = Lazy(lambda: _models(base, protocol_services))
    scenarios = Lazy(lambda: _scenarios(base, models, catalogue, datasources))
    pace = Pace(lease=settings.lease_seconds)
    wishes = subscriptions(base, catalogue, datasources.sources)
    questions = wishes.questions
    worker = _worker(base, protocol_services, catalogue, wishes, datasources, models, scenarios, pace)
    callers = _callers(base, authenticators)
    host = news.host = _host(base, catalogue, callers)
    wake = base.commit_hooks.wake_worker
    rounds = timers(parts, base.people, protocol_services, catalogue, wishes, datasources, questions, pace, wake)
    rounds.append(template_timer(base))
    background = _background(datasources, plugins, host)
    release = (catalogue.feed.waits.close, datasources.windows.moving.close)
    lifecycle = _lifecycle(base, catalogue, worker, background, rounds, release=release, with_worker=with_worker)
    facts = _live_facts(base, catalogue, lifecycle)
    windows = datasources.windows
    faults = LiveFaults(datasources.subscriptions, windows.bridges, windows.notifications.subscriptions)
    status_of_node = status(parts, catalogue.node, facts, worker=worker, following=catalogue.following)
    return HansaNode(
        foundation=base,
        catalogue=catalogue,
        protocol=protocol_services,
        datasources=datasources,
        running_models=models,
        running_scenarios=scenarios,
        operation=Operation(
            prover=Prover(parts.stores.uow, parts.stores.ledger),
            keys=keys,
            agenda=agenda(base, catalogue, protocol_services, wishes, faults, status_of_node),
            subscriptions=wishes,
            letters=dead_letters(parts, protocol_services, worker.wake),
            proofs=proofs(parts, base.people, base.requests),
            checkup=checkup(parts, status_of_node, faults),
            configuration=Configuration(settings_in_force(settings)),
            storage=storage(parts),
            audit=AuditTrail(parts.stores.uow, parts.stores.ledger, keyring=parts.keyring, clock=parts.clock),
            status=status_of_node,
            region=region_parts(base, protocol_services.transfer, catalogue.access, catalogue.browse),
        ),
        callers=callers,
        worker=worker,
        host=host,
        plugins=plugins,
        lifecycle=lifecycle,
    )


def _require_newest(parts: Parts) -> None:
    stores = parts.stores
    require_newest(parts.settings.folder, stores.uow, stores.ledger, parts.log_keys)


def _callers(base: Foundation, authenticators: tuple[Authenticator, ...]) -> Callers:
    return Callers(
        base.people.participants,
        base.people.users.persons,
        authenticators=authenticators,
        welcome=base.people.blocks.require_welcome,
        origin=base.parts.base,
    )


def _live_facts(base: Foundation, catalogue: CatalogueServices, lifecycle: Lifecycle) -> LiveFacts:
    return LiveFacts(
        region=lambda: base.people.allegiance.region,
        rulebook=base.rulebook,
        wrong=lifecycle.health,
        limits=lifecycle.limitations,
        followers=lambda: catalogue.feed.waits.count,
        inferences=base.parts.graph.inferences.status,
    )


def _models(base: Foundation, protocol_services: Protocol) -> ModelServices:
    # Imported with the first page, request or task that needs it, since many nodes never run a model.
    from node.bootstrap.models import model_services

    return model_services(base, protocol_services)


def _scenarios(
    base: Foundation, models: Lazy[ModelServices], catalogue: CatalogueServices, datasources: DataSourceParts
) -> Scenarios:
    # Imported here for the same reason.
    from node.bootstrap.scenarios import scenarios

    return scenarios(
        base,
        models.value,
        datasources=datasources,
        browse=catalogue.browse,
        publish=catalogue.publication.publish,
    )


def _worker(
    base: Foundation,
    protocol_services: Protocol,
    catalogue: CatalogueServices,
    wishes: SubscriptionParts,
    datasources: DataSourceParts,
    models: Lazy[ModelServices],
    scenarios: Lazy[Scenarios],
    pace: Pace,
) -> Worker:
    parts = base.parts
    worker = Worker(
        uow=parts.stores.uow,
        outbox=parts.stores.outbox,
        handlers=handlers(parts, base.people, protocol_services, catalogue, wishes, datasources, models, scenarios),
        clock=parts.clock,
        instance=secrets.token_hex(8),
        pace=pace,
        embedded=parts.settings.is_embedded,
        lengthy=LENGTHY,
        narrow=NARROW,
        remains=remains,
    )
    base.commit_hooks.worker = worker.wake
    return worker


def _host(base: Foundation, catalogue: CatalogueServices, callers: Callers) -> Host:
    """Return the interface of the node for plug-ins."""
    parts, people, settings = base.parts, base.people, base.parts.settings
    return Host(
        uow=parts.stores.uow,
        clock=parts.clock,
        records=parts.stores.catalogue.records,
        follows=parts.stores.catalogue.follows,
        versions=catalogue.publication.versions,
        append=base.append,
        peers=people.peers,
        fetch=base.requests.fetch,
        browse=catalogue.browse,
        did=parts.me,
        base=parts.base,
        polling=settings.follow_seconds,
        followed_records=settings.followed_records,
        followed_bytes=settings.followed_bytes,
        identify=callers.identify,
        report_change=catalogue.following.wake,
        audiences=base.visibility.audiences,
        region=lambda: region_of(people.allegiance, parts.me, parts.address_of),
        open_ontology=OpenOntology(imports=catalogue.browse.imports, load=load_classes),
    )


def _background(
    datasources: DataSourceParts, plugins: pluggy.PluginManager, host: Host
) -> Callable[[], Iterable[tuple[str, Work]]]:
    """Return the work that goes on beside requests: the connections to brokers, and that of plug-ins."""
    return lambda: chain(
        [
            ("brokers", datasources.listener.run),
            ("bridges", datasources.windows.carrier.run),
            ("notifications", datasources.windows.notifications.delivery.run),
        ],
        chain.from_iterable(plugins.hook.hansa_tasks(host=host)),
    )


def _lifecycle(
    base: Foundation,
    catalogue: CatalogueServices,
    worker: Worker,
    background: Callable[[], Iterable[tuple[str, Work]]],
    rounds: Sequence[Timer],
    *,
    release: Iterable[Callable[[], object]],
    with_worker: bool,
) -> Lifecycle:
    parts = base.parts
    return Lifecycle(
        Surroundings(
            cage=parts.cage,
            refresh=base.people.wallet.refresh,
            release=tuple(release),
            hang_up=parts.egress.close,
            close=(catalogue.chains.close, *parts.closing),
        ),
        following=catalogue.following,
        worker=worker,
        background=background,
        timers=rounds,
        with_worker=with_worker,
        grace=parts.settings.ending_seconds,
    )
