"""Data sources of a node in memory, for its pages: a database with a password, a GIS server, and one that fails."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from node.datasources.brokers.model import BrokerSubscription, ConnectionState
from node.datasources.brokers.register import BrokerSubscriptions
from node.datasources.checkup import TryDataSource
from node.datasources.model import DataSource, Scheme
from node.datasources.register import DataSources
from node.datasources.streams.model import Stream
from node.datasources.streams.register import Streams
from tests.fakes.brokers import MemoryBroker
from tests.fakes.clock import FixedClock
from tests.fakes.data_sources import MemoryConnector
from tests.fakes.keys import MemoryKeyRing
from tests.fakes.stores.broker_subscriptions import MemoryBrokerSubscriptionStore
from tests.fakes.stores.data_sources import MemoryDataSourceStore
from tests.fakes.stores.streams import MemoryStreamStore
from tests.fakes.stores.work import MemoryUnitOfWork

SECRET: Final = "sealed-4711-never-shown"


def _connector(kind: str, contents: dict[str, bytes]) -> MemoryConnector:
    """A kind of data source in memory under the name of a real one."""
    connector = MemoryConnector(contents)
    connector.kind = kind
    connector.options = {"postgis": ("schema",)}.get(kind, ())
    return connector


def data_sources(now: datetime, text: str = "") -> tuple[DataSources, TryDataSource]:
    """The register and the trial; ``text`` goes to where texts of others stand."""
    uow, store, keyring = MemoryUnitOfWork(), MemoryDataSourceStore(), MemoryKeyRing("did:web:gent.example")

    def append(*_: Any) -> str:
        return "urn:entry"

    connectors = [
        _connector("postgis", {"points": b"id\n1\n", text or "berths": b"id\n1\n"}),
        _connector("features", {}),
        MemoryBroker(),
    ]
    register = DataSources(
        uow=uow, store=store, keyring=keyring, connectors=connectors, append=append, clock=FixedClock(now)
    )
    sealed = keyring.wrap(b'{"name":"reader","scheme":"basic","secret":"sealed-4711-never-shown"}')
    shown = {"scheme": str(Scheme.BASIC), "name": text or "reader"}
    options = {"reads_per_minute": text or "60"}
    with uow.begin() as tx:
        for name, kind, secret in (
            ("city-database", "postgis", sealed),
            ("gis", "features", None),
            ("sensors", "mqtt", None),
        ):
            store.put(
                tx,
                DataSource(
                    name=name,
                    kind=kind,
                    address="memory:here" if not text else f"memory:{text}",
                    options=options if secret else {},
                    shown=shown if secret else {},
                    secret=secret,
                    by=text or "els",
                    at=now,
                ),
            )
    return register, TryDataSource(register)


def streams(now: datetime, sources: DataSources, text: str = "") -> tuple[Streams, BrokerSubscriptions]:
    """A register of streams, of which none is published: two take messages of a broker, one of them in vain."""
    uow, store, clock = MemoryUnitOfWork(), MemoryStreamStore(), FixedClock(now)
    subscriptions = MemoryBrokerSubscriptionStore()
    session = {"source": "sensors", "by": text or "els", "at": now}
    states = {
        "air": ConnectionState(since=now, seen=now, messages=1234, is_lasting=False),
        "counters": ConnectionState(error=text or "the broker cannot be reached", remedy=text, error_at=now),
    }
    with uow.begin() as tx:
        for name in (*states, "noise"):
            schema = {"properties": {"at": {"type": "string"}}}
            store.put(
                tx, Stream(name=name, schema=schema, time_member="at", keep_seconds=60, most=9, by="els", at=now)
            )
        for name, state in states.items():
            members = {"at": "arrival", "value": f"text:{text}"}
            topic = text or f"city/{name}/+"
            subscriptions.put(
                tx, BrokerSubscription(stream=name, topic=topic, members=members, session=name, **session)
            )
            subscriptions.claim(tx, owner="fake", now=now, until=now)
            subscriptions.note(tx, name, state, owner="fake")
    return Streams(uow, store, append=lambda *_: "urn:entry", clock=clock), BrokerSubscriptions(
        uow, subscriptions, streams=store, sources=sources, append=lambda *_: "urn:entry", clock=clock
    )
