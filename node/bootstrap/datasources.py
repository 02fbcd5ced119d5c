"""Puts data sources together: the kinds that this node reads, the register, the trial."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import pluggy

from node.adapters.datasources.folder import FolderConnector
from node.adapters.datasources.ngsi_ld import NgsiLdConnector
from node.adapters.datasources.ngsi_v2 import NgsiV2Connector
from node.adapters.datasources.postgis import PostgisConnector
from node.adapters.planes.http import HttpPlane
from node.adapters.planes.stream_events import ReadStream
from node.adapters.planes.stream_windows import FetchWindow
from node.adapters.planes.table_queries import SendQuestion
from node.bootstrap.foundation import Foundation
from node.bootstrap.shipments import ShipmentParts, shipment_parts
from node.bootstrap.transfer import TransferParts, conversation_of
from node.bootstrap.webhooks import NotificationParts, notification_parts
from node.datasources.brokers.connections import ListenToBrokers
from node.datasources.brokers.notices import TakeNotices
from node.datasources.brokers.register import BrokerSubscriptions
from node.datasources.checkup import TryDataSource
from node.datasources.register import DataSources
from node.datasources.streams.connection import NAME as STREAMS
from node.datasources.streams.connection import StreamConnection
from node.datasources.streams.cursors import Cursors
from node.datasources.streams.intake import TakeObservations
from node.datasources.streams.register import Streams
from node.datasources.streams.tails import Tails
from node.datasources.streams.windows import StreamWindows
from node.identity.model import Caller, UserRole
from node.semantics.profiles.feature_queries_client import FeatureQuestions
from node.semantics.profiles.graph_queries_client import StoredGraphs
from node.semantics.profiles.table_queries_client import StoredQuestions
from node.transfer.bridges.carriers import CarryBridges
from node.transfer.bridges.usecases import Bridges
from node.transfer.live.access import LiveAccess
from node.transfer.live.event_streams.pages import ReadEventStream
from node.transfer.live.partner_streams import PartnerStreams
from node.transfer.live.reads import ReadDataSource
from node.transfer.live.windows import PartnerWindows
from node.transfer.notifications.parts import StreamUseCases
from node.transfer.openings import OpenData, Openings
from node.transfer.queries.answers import AnswerQuestions, AskedFiles
from node.transfer.queries.requests import PATIENCE, AskPartner
from node.transfer.queries.unions import AnswerAboutGraphs
from node.vocab.dsp import LIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowParts:
    """Windows of the streams of this node and of those of others, the latter as they move, and the bridges by which
    they go on to brokers, and who is notified of ours."""

    own: StreamWindows
    partner: PartnerWindows
    moving: PartnerStreams
    bridges: Bridges
    carrier: CarryBridges
    notifications: NotificationParts
    uses: StreamUseCases


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryParts:
    """Questions of others to our tables and graphs, one by one and to all graphs together, and ours to theirs."""

    answers: AnswerQuestions
    graphs: AnswerAboutGraphs
    ask: AskPartner


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSourceParts:
    """All parts for data sources: the register, the trial, reads of others here, our access to theirs, questions, and
    what is sent to data sources."""

    sources: DataSources
    trial: TryDataSource
    reads: ReadDataSource
    access: LiveAccess
    streams: Streams
    take: TakeObservations
    questions: QueryParts
    windows: WindowParts
    subscriptions: BrokerSubscriptions
    listener: ListenToBrokers
    notices: TakeNotices
    shipments: ShipmentParts


def data_source_parts(base: Foundation, plugins: pluggy.PluginManager, transfer: TransferParts) -> DataSourceParts:
    """Put data sources together. Plug-ins bring the kinds, ours last: no other plug-in replaces them."""
    parts, settings = base.parts, base.parts.settings
    folders = FolderConnector([Path(folder) for folder in settings.data_source_folders], settings.folder)
    # The call order of hooks is last registered first, and ours are registered last.
    sources_of_plugins = chain.from_iterable(plugins.hook.hansa_data_sources(egress=parts.egress, clock=parts.clock))
    tails = Tails(parts.stores.uow, parts.stores.streams, parts.clock)
    cursors = Cursors(seal=parts.keyring.wrap, unseal=parts.keyring.unwrap)
    event_stream = ReadEventStream(parts.stores.uow, parts.stores.streams, parts.clock)
    connection = StreamConnection(parts.stores.uow, parts.stores.streams, parts.clock, tails, cursors, event_stream)
    sources = DataSources(
        uow=parts.stores.uow,
        store=parts.stores.datasources,
        keyring=parts.keyring,
        connectors=(
            folders,
            PostgisConnector(parts.egress, parts.cage),
            NgsiLdConnector(parts.egress, parts.cage, base=parts.base, clock=parts.clock),
            NgsiV2Connector(parts.egress, base=parts.base, clock=parts.clock),
            *sources_of_plugins,
        ),
        append=base.append,
        clock=parts.clock,
        own={STREAMS: connection},
    )
    streams = Streams(
        parts.stores.uow, parts.stores.streams, append=base.append, clock=parts.clock, report=tails.report
    )
    access = LiveAccess(
        parts.stores.uow,
        transfers=parts.stores.transfer.transfers,
        conversation=conversation_of(base),
        plane=HttpPlane(parts.egress),
        token_for=base.correspondence.header,
        clock=parts.clock,
    )
    openings = Openings(watch=base.commit_hooks.changes.watch, patience=PATIENCE)
    open_streams = OpenData(
        overview=transfer.overview,
        requests=transfer.transfer_requests,
        openings=openings,
        form=LIVE,
        name="stream",
    )
    take = TakeObservations(parts.stores.uow, parts.stores.streams, parts.clock, report=tails.report)
    subscriptions, listener = _broker_parts(base, sources, take)
    reads = ReadDataSource(sources, parts.keyring.derive)
    notifications = notification_parts(base, transfer.authorise, reads)
    return DataSourceParts(
        streams=streams,
        take=take,
        subscriptions=subscriptions,
        listener=listener,
        notices=TakeNotices(parts.stores.uow, parts.stores.broker_subscriptions, take),
        sources=sources,
        shipments=shipment_parts(base, transfer, sources),
        questions=_query_parts(base, transfer, access, openings),
        trial=TryDataSource(sources),
        reads=reads,
        access=access,
        windows=_window_parts(
            base,
            transfer,
            connection,
            open_streams,
            access,
            sources,
            notifications,
        ),
    )


def _query_parts(base: Foundation, transfer: TransferParts, access: LiveAccess, openings: Openings) -> QueryParts:
    """Return what answers questions, and what asks them."""
    parts = base.parts
    files = AskedFiles(parts.stores.uow, parts.stores.catalogue.records)
    answers = AnswerQuestions(
        files,
        authorise=transfer.authorise,
        ask=StoredQuestions(parts.cage, parts.assets.place),
        ask_graphs=StoredGraphs(parts.cage, parts.assets.place),
        ask_features=FeatureQuestions(parts.cage, parts.assets.place),
        secrets=parts.keyring.derive,
    )
    return QueryParts(
        answers=answers,
        graphs=AnswerAboutGraphs(transfer.authorise, files, answers),
        ask=AskPartner(
            parts.stores.uow,
            overview=transfer.overview,
            requests=transfer.transfer_requests,
            access=access,
            send=SendQuestion(parts.egress),
            uses=transfer.uses,
            openings=openings,
        ),
    )


def _window_parts(
    base: Foundation,
    transfer: TransferParts,
    connection: StreamConnection,
    open_streams: OpenData,
    access: LiveAccess,
    sources: DataSources,
    notifications: NotificationParts,
) -> WindowParts:
    """Return the windows of streams, the streams of others as people look at them, and the bridges."""
    parts, reading = base.parts, ReadStream(base.parts.egress)
    bridges = Bridges(
        parts.stores.uow,
        parts.stores.transfer.bridges,
        agreements=parts.stores.negotiation.agreements,
        sources=sources,
        append=base.append,
        clock=parts.clock,
    )
    carrier = CarryBridges(
        parts.stores.uow,
        parts.stores.transfer.bridges,
        bridges,
        sources=sources,
        streams=open_streams,
        access=access,
        events=reading.events,
        agent=lambda person: Caller(did=parts.me, account=person, roles=frozenset({UserRole.STEWARD})),
        clock=parts.clock,
        owner=secrets.token_hex(8),
        alone=parts.settings.is_embedded,
    )
    bridges.wake, bridges.live = carrier.wake, carrier.progress
    moving = PartnerStreams(
        parts.stores.uow,
        overview=transfer.overview,
        streams=open_streams,
        access=access,
        events=reading.events,
        latest=reading.latest,
        uses=transfer.uses,
        clock=parts.clock,
    )
    return WindowParts(
        bridges=bridges,
        carrier=carrier,
        own=connection.windows,
        partner=PartnerWindows(
            parts.stores.uow,
            streams=open_streams,
            access=access,
            fetch=FetchWindow(parts.egress),
            uses=transfer.uses,
            clock=parts.clock,
        ),
        moving=moving,
        notifications=notifications,
        uses=StreamUseCases(moving, bridges, notifications.subscriptions, notifications.resend),
    )


def _broker_parts(
    base: Foundation, sources: DataSources, take: TakeObservations
) -> tuple[BrokerSubscriptions, ListenToBrokers]:
    """Return the subscriptions to brokers, and what keeps up their connections."""
    parts = base.parts
    subscriptions = BrokerSubscriptions(
        parts.stores.uow,
        parts.stores.broker_subscriptions,
        streams=parts.stores.streams,
        sources=sources,
        append=base.append,
        clock=parts.clock,
    )
    listener = ListenToBrokers(
        parts.stores.uow,
        parts.stores.broker_subscriptions,
        sources=sources,
        take=take,
        clock=parts.clock,
        owner=secrets.token_hex(8),
        alone=parts.settings.is_embedded,
    )
    subscriptions.wake, subscriptions.live = listener.wake, listener.state
    return subscriptions, listener
