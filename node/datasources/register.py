"""Register data sources, and open connections to them.

The credentials are sealed by the node's keys before they are stored, and no use case returns them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from node.base.clock import Clock
from node.base.errors import Conflict, InvalidInput, NotFound
from node.base.jsons import canonical, read_object
from node.base.plaintext import word
from node.base.turns import taken_in_turn
from node.base.work import Transaction, UnitOfWork
from node.datasources.model import Credentials, DataSource, Scheme, Setup, check_name
from node.datasources.ports import Connector, DataConnection, DataSourceStore
from node.datasources.sinks import ALLOWED, SINK, SinkConnection
from node.identity.model import Caller
from node.identity.ports import KeyRing
from node.identity.roles import UseCase, require
from node.ledger.model import EntryKind
from node.ledger.ports import Append

MOST: Final = 200
"""The most data sources of a node."""
READS_PER_MINUTE: Final = "reads_per_minute"
"""The option, for every kind, that limits how often one transfer may read."""
COMMON: Final = (READS_PER_MINUTE, SINK)
"""The options of every kind."""
DEFAULT_READS: Final = 600
"""The limit without this option: ten reads a second, more than a map that is moved needs."""
_MOST_ADDRESS: Final = 2048


class DataSources:
    """The register. Synchronous: call it in a thread."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        store: DataSourceStore,
        keyring: KeyRing,
        connectors: Iterable[Connector],
        append: Append,
        clock: Clock,
        own: Mapping[str, DataConnection] | None = None,
    ) -> None:
        """Of several ``connectors`` of one kind, the first is used. ``own`` are data sources that the node keeps
        itself, by name."""
        self._own = dict(own or {})
        self._uow = uow
        self._store = store
        self._keyring = keyring
        self._connectors: dict[str, Connector] = {}
        for connector in connectors:
            self._connectors.setdefault(connector.kind, connector)
        self._append = append
        self._clock = clock

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of data sources that this node can read."""
        return tuple(sorted(self._connectors))

    @taken_in_turn
    def register(
        self,
        name: str,
        kind: str,
        address: str,
        by: Caller,
        *,
        options: Mapping[str, str] | None = None,
        credentials: Credentials | None = None,
    ) -> DataSource:
        """Store a data source; one of this name is replaced, with its credentials.

        Without ``credentials`` the earlier ones stay if kind and address do: they are never sent elsewhere. Raises
        ``NotAllowed``, ``InvalidInput``, ``ForbiddenAddress``, and ``Conflict`` if there are too many.
        """
        require(by, UseCase.MANAGE_DATA_SOURCES)
        check_name(name)
        if name in self._own:
            raise Conflict(f"every node has the data source {name} itself", remedy="choose another name")
        connector = self._connector(kind)
        address = address.strip()
        if len(address) > _MOST_ADDRESS:
            raise InvalidInput("the address is too long", remedy="give the address of the place, without a query")
        self._check_options(kind, options or {})
        with self._uow.begin() as tx:
            before = self._store.get(tx, name)
            if before is None and len(self._store.all(tx)) >= MOST:
                raise Conflict(f"this node has {MOST} data sources already", remedy="remove one that is not needed")
            stays = before is not None and (before.kind, before.address) == (kind, address)
            if credentials is None:
                credentials = self._credentials(before) if before is not None and stays else Credentials()
            credentials.check()
            setup = Setup(name=name, address=address, options=dict(options or {}), credentials=credentials)
            connector.check(setup)
            if SINK in setup.options:
                _require_sink(connector.connect(setup), kind)
            source = DataSource(
                name=name,
                kind=kind,
                address=address,
                options=dict(options or {}),
                shown={"scheme": str(credentials.scheme), "name": credentials.name},
                secret=self._seal(credentials),
                by=by.name,
                at=self._clock.now(),
            )
            self._store.put(tx, source)
            self._note(tx, source, by, "replaced" if before is not None else "registered")
        return source

    def all(self, by: Caller) -> Sequence[DataSource]:
        """Return all data sources, by name. Raises ``NotAllowed``: addresses inside a city are not for everybody."""
        require(by, UseCase.MANAGE_DATA_SOURCES)
        with self._uow.read() as tx:
            return self._store.all(tx)

    def source(self, name: str, by: Caller) -> DataSource:
        """Return one. Raises ``NotAllowed``, ``NotFound``."""
        require(by, UseCase.MANAGE_DATA_SOURCES)
        return self._require(name)

    @taken_in_turn
    def remove(self, name: str, by: Caller) -> None:
        """Forget a data source and its credentials: reads of what it shares end. Raises ``NotAllowed``,
        ``NotFound``."""
        require(by, UseCase.MANAGE_DATA_SOURCES)
        with self._uow.begin() as tx:
            source = self._store.get(tx, name)
            if source is None:
                raise _unknown(name)
            self._store.drop(tx, name)
            self._note(tx, source, by, "removed")

    def knows(self, name: str) -> bool:
        """Return whether there is a data source of this name."""
        with self._uow.read() as tx:
            return name in self._own or self._store.get(tx, name) is not None

    def registration(self, name: str) -> datetime | None:
        """Return when a data source was registered or changed last; None if there is none of this name."""
        with self._uow.read() as tx:
            source = self._store.get(tx, name)
        return None if source is None else source.at

    def portions(self, name: str) -> frozenset[str] | None:
        """Return the limits of a part that a data source keeps (``Abilities.portions``); None if there is no such
        data source. Raises ``InvalidInput`` for a broker, from which nobody reads, and the errors of
        ``Connector.check``."""
        try:
            _, connection = self.connect(name)
        except NotFound:
            return None
        if connection.abilities.sends_messages:
            raise InvalidInput(
                f"{name[:80]} is a broker: its messages go into a stream, and the stream is shared",
                remedy=f"hansa stream connect STREAM {word(name[:80])} TOPIC",
            )
        return connection.abilities.portions

    def connect(self, name: str) -> tuple[DataSource, DataConnection]:
        """Return a data source and a connection to it, for the node itself: who may read is decided before. Raises
        ``NotFound``, and the errors of ``Connector.check``."""
        source = self._require(name)
        if _is_own(source):
            return source, self._own[name]
        setup = Setup(
            name=source.name, address=source.address, options=source.options, credentials=self._credentials(source)
        )
        return source, self._connector(source.kind).connect(setup)

    def sinks(self) -> Sequence[DataSource]:
        """Return the data sources to which received data may be sent, by name. Whoever asks shows no addresses."""
        with self._uow.read() as tx:
            return [source for source in self._store.all(tx) if SINK in source.options]

    def sink(self, name: str) -> tuple[DataSource, SinkConnection]:
        """Return a sink and a connection to it, for the node itself. Raises ``NotFound`` if no data may be sent
        there, and the errors of ``Connector.check``."""
        with self._uow.read() as tx:
            source = self._store.get(tx, name)
        if source is None or SINK not in source.options:
            raise NotFound(
                f"no data may be sent to {name[:80]}",
                remedy="a steward allows it: hansa source add NAME KIND ADDRESS --sink",
            )
        _, connection = self.connect(name)
        return source, _require_sink(connection, source.kind)

    def _require(self, name: str) -> DataSource:
        with self._uow.read() as tx:
            source = self._store.get(tx, name)
        if source is not None:
            return source  # Also where a steward gave a name that has become one of the node's own.
        if name not in self._own:
            raise _unknown(name)
        return DataSource(name=name, kind=name, address=_own_address(name), by="", at=self._clock.now())

    def options_of(self, kind: str) -> tuple[str, ...]:
        """Return the names of the options of a kind, beside those of every kind. Raises ``InvalidInput``."""
        return self._connector(kind).options

    def _check_options(self, kind: str, options: Mapping[str, str]) -> None:
        """Raise ``InvalidInput`` for options that the kind does not have, and for values that none can have."""
        names = (*self.options_of(kind), *COMMON)
        if unknown := sorted(set(options) - set(names)):
            raise InvalidInput(
                f"a data source of the kind {kind} has no option {unknown[0][:80]!r}",
                remedy=f"its options: {', '.join(names)}",
            )
        rate = options.get(READS_PER_MINUTE, "0")
        if not (rate.isascii() and rate.isdigit() and len(rate) < 8):
            raise InvalidInput(f"{READS_PER_MINUTE} is a number", remedy=f"such as {READS_PER_MINUTE}=60")
        if options.get(SINK, ALLOWED) != ALLOWED:
            raise InvalidInput(f"{SINK} is {ALLOWED}, or left out", remedy=f"such as {SINK}={ALLOWED}")
        if any(len(value) > 200 or not value.isprintable() for value in options.values()):
            raise InvalidInput("an option is longer than 200 characters", remedy="see hansa source add --help")

    def _connector(self, kind: str) -> Connector:
        connector = self._connectors.get(kind)
        if connector is None:
            raise InvalidInput(f"there is no kind of data source {kind!r}", remedy=f"one of: {', '.join(self.kinds)}")
        return connector

    def _seal(self, credentials: Credentials) -> bytes | None:
        if credentials.scheme is Scheme.NONE:
            return None
        return self._keyring.wrap(canonical(credentials.to_json()))

    def _credentials(self, source: DataSource) -> Credentials:
        if source.secret is None:
            return Credentials()
        return Credentials.from_json(read_object(self._keyring.unwrap(source.secret)))

    def _note(self, tx: Transaction, source: DataSource, by: Caller, change: str) -> None:
        body: dict[str, Any] = {"dataSource": source.name, "kind": source.kind, "change": change}
        self._append(tx, EntryKind.NODE, subject_of(source.name), by.name, body)


def subject_of(name: str) -> str:
    """Return the subject of entries of the ledger about the data source of this name."""
    return f"data source {name}"


def reads_per_minute(source: DataSource) -> int:
    """Return how often one transfer may read this source in a minute; 0 for no limit, which the steward states."""
    return int(source.options.get(READS_PER_MINUTE, DEFAULT_READS))


def _require_sink(connection: object, kind: str) -> SinkConnection:
    if not isinstance(connection, SinkConnection):
        raise InvalidInput(
            f"a data source of the kind {kind} takes no data",
            remedy="use a folder, a bucket (s3), a database (postgis) or a web server (http)",
        )
    return connection


def _own_address(name: str) -> str:
    return f"{name}:"


def _is_own(source: DataSource) -> bool:
    """Return whether the node keeps a source itself: the sources of stewards have other addresses."""
    return source.address == _own_address(source.name)


def _unknown(name: str) -> NotFound:
    return NotFound(
        f"there is no data source {name[:80]}", remedy=f"hansa source list, or hansa source add {word(name[:80])} …"
    )
