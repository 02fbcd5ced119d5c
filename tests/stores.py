"""Every store with its unit of work, on memory, SQLite and PostgreSQL: what contract tests run against."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Engine

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
from node.adapters.sql.operation.repetitions import SqlKeyedRequestStore
from node.adapters.sql.operation.webhooks import SqlWebhookStore
from node.adapters.sql.outbox import SqlOutbox
from node.adapters.sql.people.questions import SqlQuestionStore
from node.adapters.sql.people.subscriptions import SqlSubscriptionStore
from node.adapters.sql.records import SqlRecordStore
from node.adapters.sql.scenarios import SqlJobStore, SqlLayerStore, SqlRunStore
from node.adapters.sql.schedules import SqlScheduleStore, SqlValueTableStore
from node.adapters.sql.schema import metadata
from node.adapters.sql.stranger_processes import SqlStrangerProcessStore
from node.adapters.sql.transfer import (
    SqlConversionStore,
    SqlDeletionStore,
    SqlGrantStore,
    SqlReceptionStore,
    SqlTransferStore,
)
from node.adapters.sql.work import SqlUnitOfWork
from node.base.work import Outbox
from node.catalogue.harvest.schedule import ScheduleStore
from node.catalogue.harvest.value_tables import ValueTableStore
from node.catalogue.measurement.data_checks import DataCheckStore
from node.catalogue.measurement.link_model import LinkStore
from node.catalogue.ports import FollowStore, RecordStore
from node.catalogue.questions.model import QuestionStore
from node.catalogue.subscriptions.model import SubscriptionStore
from node.datasources.brokers.ports import BrokerSubscriptionStore
from node.datasources.ports import DataSourceStore
from node.datasources.streams.ports import StreamStore
from node.dialogue.process import ProcessStore
from node.dialogue.stranger_limits import StrangerProcessStore
from node.identity.ports import IdentityStore
from node.ledger.ports import LedgerStore
from node.negotiation.model import Negotiation
from node.negotiation.ports import AgreementStore, DecisionStore, LimitStore
from node.negotiation.uses import UseStore
from node.operation.repetitions.model import KeyedRequestStore
from node.operation.webhooks.model import WebhookStore
from node.scenarios.ports import JobStore, LayerStore, RunStore
from node.transfer.bridges.model import BridgeStore
from node.transfer.conversions.model import ConversionStore
from node.transfer.deletion.model import DeletionStore
from node.transfer.notifications.model import PartnerSubscriptionStore
from node.transfer.ports import GrantStore, ReceptionStore, TransferStore
from node.transfer.shipments.model import ShipmentStore
from tests.fakes.stores.bridges import MemoryBridgeStore
from tests.fakes.stores.broker_subscriptions import MemoryBrokerSubscriptionStore
from tests.fakes.stores.data_checks import MemoryDataCheckStore
from tests.fakes.stores.data_sources import MemoryDataSourceStore
from tests.fakes.stores.identity import MemoryIdentityStore
from tests.fakes.stores.keyed_requests import MemoryKeyedRequestStore
from tests.fakes.stores.ledger import MemoryLedgerStore
from tests.fakes.stores.links import MemoryLinkStore
from tests.fakes.stores.negotiation import (
    MemoryAgreementStore,
    MemoryDecisionStore,
    MemoryLimitStore,
    MemoryNegotiationStore,
    MemoryUseStore,
)
from tests.fakes.stores.node_state import MemoryFollowStore, MemoryMetaStore
from tests.fakes.stores.partner_subscriptions import MemoryPartnerSubscriptionStore
from tests.fakes.stores.questions import MemoryQuestionStore
from tests.fakes.stores.records import MemoryRecordStore
from tests.fakes.stores.scenarios import MemoryJobStore, MemoryLayerStore, MemoryRunStore
from tests.fakes.stores.schedules import MemoryScheduleStore, MemoryValueTableStore
from tests.fakes.stores.shipments import MemoryShipmentStore
from tests.fakes.stores.stranger_processes import MemoryStrangerProcessStore
from tests.fakes.stores.streams import MemoryStreamStore
from tests.fakes.stores.subscriptions import MemorySubscriptionStore
from tests.fakes.stores.transfer import (
    MemoryConversionStore,
    MemoryDeletionStore,
    MemoryGrantStore,
    MemoryReceptionStore,
    MemoryTransferStore,
)
from tests.fakes.stores.webhooks import MemoryWebhookStore
from tests.fakes.stores.work import MemoryOutbox, MemoryUnitOfWork
from tests.postgres import fresh_schema


@dataclass(frozen=True, kw_only=True)
class Stores:
    """A database, whatever it is, and the stores over it."""

    kind: str
    uow: Any
    outbox: Outbox
    ledger: LedgerStore
    records: RecordStore
    negotiations: ProcessStore[Negotiation]
    transfers: TransferStore
    agreements: AgreementStore
    decisions: DecisionStore
    limits: LimitStore
    uses: UseStore
    deletions: DeletionStore
    grants: GrantStore
    conversions: ConversionStore
    stranger_processes: StrangerProcessStore
    receptions: ReceptionStore
    shipments: ShipmentStore
    jobs: JobStore
    runs: RunStore
    layers: LayerStore
    identity: IdentityStore
    followed: FollowStore
    schedules: ScheduleStore
    links: LinkStore
    data_checks: DataCheckStore
    value_tables: ValueTableStore
    subscriptions: SubscriptionStore
    questions: QuestionStore
    datasources: DataSourceStore
    streams: StreamStore
    broker_subscriptions: BrokerSubscriptionStore
    bridges: BridgeStore
    partner_subscriptions: PartnerSubscriptionStore
    webhooks: WebhookStore
    keyed_requests: KeyedRequestStore
    meta: Any

    @property
    def catalogue(self) -> Stores:
        """These, as the stores of one room: a node groups its stores by room."""
        return self

    @property
    def negotiation(self) -> Stores:
        """These, as the stores of one room."""
        return self

    @property
    def transfer(self) -> Stores:
        """These, as the stores of one room."""
        return self

    @property
    def scenarios(self) -> Stores:
        """These, as the stores of one room."""
        return self


def memory_stores() -> Stores:
    """The stores in memory."""
    return Stores(
        kind="memory",
        uow=MemoryUnitOfWork(),
        outbox=MemoryOutbox(),
        ledger=MemoryLedgerStore(),
        records=MemoryRecordStore(),
        negotiations=MemoryNegotiationStore(),
        transfers=MemoryTransferStore(),
        agreements=MemoryAgreementStore(),
        decisions=MemoryDecisionStore(),
        limits=MemoryLimitStore(),
        uses=MemoryUseStore(),
        deletions=MemoryDeletionStore(),
        grants=MemoryGrantStore(),
        conversions=MemoryConversionStore(),
        stranger_processes=MemoryStrangerProcessStore(),
        receptions=MemoryReceptionStore(),
        shipments=MemoryShipmentStore(),
        jobs=MemoryJobStore(),
        runs=MemoryRunStore(),
        layers=MemoryLayerStore(),
        identity=MemoryIdentityStore(),
        followed=MemoryFollowStore(),
        schedules=MemoryScheduleStore(),
        links=MemoryLinkStore(),
        data_checks=MemoryDataCheckStore(),
        value_tables=MemoryValueTableStore(),
        subscriptions=MemorySubscriptionStore(),
        questions=MemoryQuestionStore(),
        datasources=MemoryDataSourceStore(),
        streams=MemoryStreamStore(),
        broker_subscriptions=MemoryBrokerSubscriptionStore(),
        bridges=MemoryBridgeStore(),
        partner_subscriptions=MemoryPartnerSubscriptionStore(),
        webhooks=MemoryWebhookStore(),
        keyed_requests=MemoryKeyedRequestStore(),
        meta=MemoryMetaStore(),
    )


def sql_stores(engine: Engine) -> Stores:
    """The stores of the SQL adapter over a migrated database."""
    return Stores(
        kind=engine.dialect.name,
        uow=SqlUnitOfWork(engine),
        outbox=SqlOutbox(),
        ledger=SqlLedgerStore(),
        records=SqlRecordStore(),
        negotiations=SqlNegotiationStore(),
        transfers=SqlTransferStore(),
        agreements=SqlAgreementStore(),
        decisions=SqlDecisionStore(),
        limits=SqlLimitStore(),
        uses=SqlUseStore(),
        deletions=SqlDeletionStore(),
        grants=SqlGrantStore(),
        conversions=SqlConversionStore(),
        stranger_processes=SqlStrangerProcessStore(),
        receptions=SqlReceptionStore(),
        shipments=SqlShipmentStore(),
        jobs=SqlJobStore(),
        runs=SqlRunStore(),
        layers=SqlLayerStore(),
        identity=SqlIdentityStore(),
        followed=SqlFollowStore(),
        schedules=SqlScheduleStore(),
        links=SqlLinkStore(),
        data_checks=SqlDataCheckStore(),
        value_tables=SqlValueTableStore(),
        subscriptions=SqlSubscriptionStore(),
        questions=SqlQuestionStore(),
        datasources=SqlDataSourceStore(),
        streams=SqlStreamStore(),
        broker_subscriptions=SqlBrokerSubscriptionStore(),
        bridges=SqlBridgeStore(),
        partner_subscriptions=SqlPartnerSubscriptionStore(),
        webhooks=SqlWebhookStore(),
        keyed_requests=SqlKeyedRequestStore(),
        meta=SqlMetaStore(),
    )


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite database without rows, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "template.sqlite"
    engine = connect(f"sqlite:///{path}")
    migrate(engine)
    engine.dispose()
    return path


@pytest.fixture
def sqlite_engine(sqlite_template: Path, tmp_path: Path) -> Iterator[Engine]:
    """An engine over a migrated SQLite database of this test's own."""
    path = tmp_path / "hansa.sqlite"
    shutil.copy(sqlite_template, path)
    engine = connect(f"sqlite:///{path}")
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def _postgres_database(postgres_server: str) -> Iterator[Engine]:
    with fresh_schema(postgres_server) as url:
        engine = connect(url)
        migrate(engine)
        yield engine
        engine.dispose()


@pytest.fixture
def postgres_engine(_postgres_database: Engine) -> Iterator[Engine]:
    """An engine over a migrated PostgreSQL schema without rows; shared with other tests, one after the other."""
    yield _postgres_database
    tables = reversed(metadata.sorted_tables)
    with _postgres_database.begin() as connection:
        connection.execute(text(";".join(f"DELETE FROM {table.name}" for table in tables)))


_SQLITE = "sqlite"
_POSTGRES = pytest.param("postgres", marks=pytest.mark.postgres)


@pytest.fixture(params=["memory", _SQLITE, _POSTGRES])
def stores(request: pytest.FixtureRequest) -> Stores:
    """Stores of each implementation in turn."""
    return _stores(request.param, request.getfixturevalue)


@pytest.fixture(params=[_SQLITE, _POSTGRES])
def database_stores(request: pytest.FixtureRequest) -> Stores:
    """Stores of each database in turn, where memory has nothing to say (threads, durability)."""
    return _stores(request.param, request.getfixturevalue)


def _stores(kind: str, fixture: Callable[[str], Any]) -> Stores:
    return memory_stores() if kind == "memory" else sql_stores(fixture(f"{kind}_engine"))
