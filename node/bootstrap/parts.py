"""The technology of a node: its stores, its keys, its egress client. Everything here is behind a port."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from node.adapters.egress import Egress
from node.adapters.graph.store import OxigraphGraph
from node.adapters.keys import FileKeyRing, Outer
from node.adapters.planes.files import FolderAssets
from node.adapters.search import TantivyIndex
from node.adapters.sql.datasources.bridges import SqlBridgeStore
from node.adapters.sql.datasources.notifications import SqlPartnerSubscriptionStore
from node.adapters.sql.datasources.shipments import SqlShipmentStore
from node.adapters.sql.datasources.store import SqlDataSourceStore
from node.adapters.sql.datasources.streams import SqlStreamStore
from node.adapters.sql.datasources.subscriptions import SqlBrokerSubscriptionStore
from node.adapters.sql.engine import connect
from node.adapters.sql.identity import SqlIdentityStore
from node.adapters.sql.ledger import SqlLedgerStore
from node.adapters.sql.migrate import migrate
from node.adapters.sql.negotiation import (
    SqlAgreementStore,
    SqlDecisionStore,
    SqlLimitStore,
    SqlNegotiationStore,
    SqlUseStore,
)
from node.adapters.sql.node_state import SqlFollowStore, SqlMetaStore
from node.adapters.sql.operation.data_checks import SqlDataCheckStore
from node.adapters.sql.operation.link_checks import SqlLinkStore
from node.adapters.sql.outbox import SqlOutbox
from node.adapters.sql.people.questions import SqlQuestionStore
from node.adapters.sql.people.subscriptions import SqlSubscriptionStore
from node.adapters.sql.records import SqlRecordStore
from node.adapters.sql.scenarios import SqlJobStore, SqlLayerStore, SqlRunStore
from node.adapters.sql.schedules import SqlScheduleStore, SqlValueTableStore
from node.adapters.sql.stranger_processes import SqlStrangerProcessStore
from node.adapters.sql.transfer import (
    SqlConversionStore,
    SqlDeletionStore,
    SqlGrantStore,
    SqlReceptionStore,
    SqlTransferStore,
)
from node.adapters.sql.work import SqlUnitOfWork
from node.base.clock import Clock, SystemClock, WatchedClock
from node.cage.cage import Cage
from node.cage.libraries import Libraries
from node.cage.model import QUERY, Limits
from node.identity.did import base_url, check_identity
from node.ledger.checkpoints import LogKey
from node.scenarios.models.code import MODEL
from node.settings import Settings
from node.vocab.dsp import V2025_1


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The paths in the data folder."""

    keys: Path
    token: Path
    graph: Path
    search: Path
    blobs: Path
    drafts: Path
    uploads: Path
    inbox: Path
    conversions: Path
    backups: Path


def places(folder: Path) -> Places:
    """Return the paths of a data folder."""
    return Places(
        keys=folder / "keys",
        token=folder / "token",
        graph=folder / "graph",
        search=folder / "search",
        blobs=folder / "blobs",
        drafts=folder / "drafts",
        uploads=folder / "uploads",
        inbox=folder / "received",
        conversions=folder / "conversions",
        backups=folder / "backups",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueStores:
    """The stores of the catalogue."""

    records: SqlRecordStore
    follows: SqlFollowStore
    schedules: SqlScheduleStore
    links: SqlLinkStore
    data_checks: SqlDataCheckStore
    value_tables: SqlValueTableStore
    subscriptions: SqlSubscriptionStore
    questions: SqlQuestionStore


@dataclass(frozen=True, slots=True, kw_only=True)
class NegotiationStores:
    """The stores of negotiations and agreements."""

    negotiations: SqlNegotiationStore
    agreements: SqlAgreementStore
    decisions: SqlDecisionStore
    limits: SqlLimitStore
    uses: SqlUseStore
    stranger_processes: SqlStrangerProcessStore


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferStores:
    """The stores of transfers, and of what is received by them."""

    transfers: SqlTransferStore
    grants: SqlGrantStore
    conversions: SqlConversionStore
    receptions: SqlReceptionStore
    deletions: SqlDeletionStore
    shipments: SqlShipmentStore
    bridges: SqlBridgeStore
    subscriptions: SqlPartnerSubscriptionStore


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioStores:
    """The stores of scenarios."""

    jobs: SqlJobStore
    runs: SqlRunStore
    layers: SqlLayerStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """The database, and the stores in it: those that all rooms share, then those of each room."""

    uow: SqlUnitOfWork
    ledger: SqlLedgerStore
    outbox: SqlOutbox
    identity: SqlIdentityStore
    meta: SqlMetaStore
    catalogue: CatalogueStores
    negotiation: NegotiationStores
    transfer: TransferStores
    scenarios: ScenarioStores
    datasources: SqlDataSourceStore
    streams: SqlStreamStore
    broker_subscriptions: SqlBrokerSubscriptionStore


def open_stores(settings: Settings) -> Stores:
    """Open the database and bring its schema up to date, after a backup.

    Raises ``LocalFault`` if it is newer than this Hansa, or cannot keep data durably.
    """
    from node.adapters.sql.backup import BackupBefore

    engine = connect(settings.database)

    migrate(engine, backup=BackupBefore(settings.database, places(settings.folder).backups))
    return Stores(
        uow=SqlUnitOfWork(engine),
        ledger=SqlLedgerStore(),
        outbox=SqlOutbox(),
        identity=SqlIdentityStore(),
        meta=SqlMetaStore(),
        catalogue=CatalogueStores(
            records=SqlRecordStore(),
            follows=SqlFollowStore(),
            schedules=SqlScheduleStore(),
            links=SqlLinkStore(),
            data_checks=SqlDataCheckStore(),
            value_tables=SqlValueTableStore(),
            subscriptions=SqlSubscriptionStore(),
            questions=SqlQuestionStore(),
        ),
        negotiation=NegotiationStores(
            negotiations=SqlNegotiationStore(),
            agreements=SqlAgreementStore(),
            decisions=SqlDecisionStore(),
            limits=SqlLimitStore(),
            uses=SqlUseStore(),
            stranger_processes=SqlStrangerProcessStore(),
        ),
        transfer=TransferStores(
            transfers=SqlTransferStore(),
            grants=SqlGrantStore(),
            conversions=SqlConversionStore(),
            receptions=SqlReceptionStore(),
            deletions=SqlDeletionStore(),
            shipments=SqlShipmentStore(),
            bridges=SqlBridgeStore(),
            subscriptions=SqlPartnerSubscriptionStore(),
        ),
        scenarios=ScenarioStores(jobs=SqlJobStore(), runs=SqlRunStore(), layers=SqlLayerStore()),
        datasources=SqlDataSourceStore(),
        streams=SqlStreamStore(),
        broker_subscriptions=SqlBrokerSubscriptionStore(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """A node's technology, opened."""

    settings: Settings
    clock: WatchedClock
    places: Places
    stores: Stores
    keyring: FileKeyRing
    cage: Cage
    egress: Egress
    graph: OxigraphGraph
    index: TantivyIndex
    assets: FolderAssets

    @property
    def me(self) -> str:
        return self.keyring.did

    @property
    def base(self) -> str:
        return self.settings.public_url

    @property
    def dsp_address(self) -> str:
        """Return the base URL of the protocol: the address to which peers send messages."""
        return self.base + V2025_1.path

    def address_of(self, did: str) -> str:
        """Return the public URL of a participant."""
        return base_url(did, allow_loopback_http=self.settings.allow_loopback)

    @property
    def log_name(self) -> str:
        """Return the ledger's origin: the public URL without its scheme."""
        return self.base.split("://", 1)[1]

    @property
    def log_keys(self) -> list[LogKey]:
        """Return the present and former keys of the ledger."""
        return log_keys_of(self.keyring)

    @property
    def access_lifetime(self) -> timedelta:
        return timedelta(minutes=self.settings.access_minutes)

    @property
    def path(self) -> str:
        """Return the path of the public URL, if the node does not have a host of its own."""
        return urlsplit(self.base).path

    @property
    def closing(self) -> tuple[Callable[[], None], ...]:
        """Return what closes the views and the database, in this order, so that another process can open them."""
        return (self.graph.close, self.index.close, self.stores.uow.close)


def open_parts(settings: Settings, *, clock: Clock | None = None, cage: Cage | None = None) -> Parts:
    """Open everything that a node works with, including the views: one process at a time holds them."""
    where = places(settings.folder)
    keyring = open_keys(settings)
    check_identity(keyring.did, settings.public_url)
    own_cage = cage or cage_for(settings)
    return Parts(
        settings=settings,
        clock=WatchedClock(clock or SystemClock()),
        places=where,
        stores=open_stores(settings),
        keyring=keyring,
        cage=own_cage,
        egress=Egress(allow_loopback=settings.allow_loopback, allow_networks=settings.private_networks),
        graph=OxigraphGraph(where.graph, own_cage, limits=_query_limits(settings)),
        index=TantivyIndex(where.search),
        assets=FolderAssets(where.blobs),
    )


def cage_for(settings: Settings) -> Cage:
    """Return the cage of a node with these settings."""
    return Cage(
        width=settings.query_concurrency,
        widths={"scenarios": settings.model_concurrency, "profiles": 1, "tables": 2},
        libraries=model_libraries(settings),
    )


def model_libraries(settings: Settings) -> Libraries:
    """Return the modules that models may import at a node with these settings."""
    folder = settings.model_library_folder
    return Libraries(settings.model_libraries, "" if folder is None else str(folder.resolve()))


def open_keys(settings: Settings) -> FileKeyRing:
    """Return the node's keys. Raises ``LocalFault``, also if the outer key that wraps them cannot be read."""
    return FileKeyRing.open(places(settings.folder).keys, outer=outer_key(settings))


def outer_key(settings: Settings) -> Outer | None:
    """Return the outer key that the settings name. Raises ``LocalFault``."""
    return Outer.from_outside(settings.keys_wrapped_by_file, settings.keys_wrapped_by_command)


def log_keys_of(keyring: FileKeyRing) -> list[LogKey]:
    """Return the present and former keys of the ledger, under the name in its checkpoints."""
    return [LogKey(name=keyring.name, public_key=raw) for raw in keyring.log_public_keys()]


def model_limits(settings: Settings) -> Limits:
    """Return the bounds of one execution of a model."""
    seconds = settings.model_seconds
    return replace(
        MODEL, memory=settings.model_memory, wall=seconds, cpu=math.ceil(seconds) + 1, answer=settings.model_answer
    )


def _query_limits(settings: Settings) -> Limits:
    """Return the bounds of one query. Its processor time ends a little later than its wall-clock time."""
    return replace(QUERY, wall=settings.query_seconds, cpu=math.ceil(settings.query_seconds) + 1)
