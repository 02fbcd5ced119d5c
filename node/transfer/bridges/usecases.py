"""Begin bridges from streams of partners to topics of brokers, look at them, and end them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, Protocol

from node.base.clock import Clock
from node.base.errors import Conflict, InvalidInput, NotFound
from node.base.plaintext import word
from node.base.turns import taken_in_turn
from node.base.work import Transaction, UnitOfWork
from node.datasources.brokers.ports import EventConnection
from node.datasources.model import DataSource
from node.datasources.ports import DataConnection
from node.dialogue.process import Role
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.ledger.model import EntryKind
from node.ledger.ports import Append
from node.negotiation.ports import AgreementStore
from node.negotiation.uses import limits_uses
from node.transfer.bridges.model import (
    Bridge,
    BridgeProgress,
    BridgeStore,
    BridgeView,
    identify,
    read_destination,
)

MOST: Final = 100
"""The most bridges of a node."""


class Sources(Protocol):
    """The data sources of this node (``node.datasources.register.DataSources``)."""

    def connect(self, name: str) -> tuple[DataSource, DataConnection]: ...

    def all(self, by: Caller) -> Sequence[DataSource]: ...


class Bridges:
    """The bridges of this node. Synchronous: call it in a thread."""

    def __init__(
        self,
        uow: UnitOfWork,
        store: BridgeStore,
        *,
        agreements: AgreementStore,
        sources: Sources,
        append: Append,
        clock: Clock,
    ) -> None:
        self._uow = uow
        self._store = store
        self._agreements = agreements
        self._sources = sources
        self._append = append
        self._clock = clock
        self.wake: Callable[[], None] = lambda: None
        """Called after a change, from any thread."""
        self.live: Callable[[str], BridgeProgress | None] = lambda _: None
        """Returns the progress of a bridge, if this process carries it."""

    @taken_in_turn
    def begin(
        self,
        agreement_id: str,
        address: str,
        by: Caller,
        *,
        file: str = "",
        key: str = "",
        start: datetime | None = None,
    ) -> BridgeView:
        """Pass the stream under an agreement on to ``address`` (``broker:NAME/TOPIC``) from now on, or go on with an
        earlier bridge that ended. Raises ``NotAllowed``, ``NotFound``, ``InvalidInput``, ``ForbiddenAddress`` and
        ``Conflict``."""
        require(by, UseCase.MANAGE_DATA_SOURCES)
        require(by, UseCase.READ_RECEIVED)
        source, topic = read_destination(address)
        open_destination(self._sources, source, topic)
        now = self._clock.now()
        with self._uow.begin() as tx:
            self._require_agreement(tx, agreement_id)
            bridge_id = identify(agreement_id, file, source, topic)
            before = self._store.get(tx, bridge_id, lock=True)
            if before is not None and before.progress.ended is None and before.bridge.key == key:
                return before
            if before is None and len(self._store.all(tx)) >= MOST:
                raise Conflict(f"this node has {MOST} bridges already", remedy="end one: hansa stream bridges")
            bridge = Bridge(
                id=bridge_id,
                agreement=agreement_id,
                file=file,
                source=source,
                topic=topic,
                key=key,
                start=start,
                by=by.name,
                at=now if before is None else before.bridge.at,
            )
            progress = BridgeProgress()
            if before is not None:
                # It goes on where it was.
                earlier = before.progress
                progress = replace(
                    progress,
                    place=earlier.place,
                    deliveries=earlier.deliveries,
                    refusals=earlier.refusals,
                    gaps=earlier.gaps,
                )
            self._store.put(tx, bridge, progress)
            self.note(tx, bridge, by.name, "bridge-begun")
            tx.after_commit(self.wake)
        return BridgeView(bridge=bridge, progress=progress)

    @taken_in_turn
    def end(self, bridge_id: str, by: Caller) -> None:
        """End a bridge and forget its place; what the broker has stays there. Raises ``NotAllowed``, ``NotFound``."""
        require(by, UseCase.MANAGE_DATA_SOURCES)
        with self._uow.begin() as tx:
            view = self._store.get(tx, bridge_id, lock=True)
            if view is None:
                raise NotFound("there is no such bridge", remedy="for all bridges, see hansa stream bridges")
            self._store.drop(tx, bridge_id)
            self.note(tx, view.bridge, by.name, "bridge-removed")
            tx.after_commit(self.wake)

    def all(self, by: Caller, agreement_id: str | None = None) -> Sequence[BridgeView]:
        """Return the bridges, those of one agreement if it is given. Raises ``NotAllowed``."""
        require(by, UseCase.READ_RECEIVED)
        with self._uow.read() as tx:
            views = self._store.all(tx)
        return [self._with_live_progress(view) for view in views if agreement_id in (None, view.bridge.agreement)]

    def failing(self) -> Sequence[BridgeView]:
        """Return those that are tried again, or have ended by themselves."""
        with self._uow.read() as tx:
            views = [self._with_live_progress(view) for view in self._store.all(tx)]
        return [view for view in views if view.progress.state in ("failing", "ended")]

    def brokers(self, by: Caller) -> Sequence[str]:
        """Return the names of the data sources that take messages. Raises ``NotAllowed``."""
        return [source.name for source in self._sources.all(by) if source.kind in _BROKERS]

    def is_in_force(self, agreement_id: str) -> bool:
        """Return whether an agreement is in force."""
        with self._uow.read() as tx:
            agreement = self._agreements.get(tx, agreement_id)
        return agreement is not None and agreement.in_force

    def note(self, tx: Transaction, bridge: Bridge, by: str, event: str, **facts: str) -> None:
        """Enter into the ledger what happened to a bridge."""
        body: Mapping[str, Any] = {"event": event, "source": bridge.source, "place": bridge.topic, **facts}
        self._append(tx, EntryKind.AGREEMENT, bridge.agreement, by, dict(body))

    def _with_live_progress(self, view: BridgeView) -> BridgeView:
        progress = self.live(view.bridge.id)
        return view if progress is None else replace(view, progress=progress)

    def _require_agreement(self, tx: Transaction, agreement_id: str) -> None:
        agreement = self._agreements.get(tx, agreement_id)
        if agreement is None or agreement.finalized is None or agreement.role != Role.CONSUMER:
            raise NotFound(
                "this node receives nothing under such an agreement", remedy="for all, see hansa agreement list"
            )
        if not agreement.in_force:
            raise Conflict("the agreement is not in force", remedy="ask for the asset again: hansa get --agree-only")
        if limits_uses(agreement.body):
            raise Conflict(
                "each reading is a use of this agreement, and a bridge reads again after each interruption",
                remedy=f"follow it yourself: hansa stream follow {word(agreement_id)}",
            )


_BROKERS: Final = ("kafka", "mqtt")


def open_destination(sources: Sources, source: str, topic: str) -> EventConnection:
    """Return a connection to a broker that takes messages for a topic. Raises ``InvalidInput``, ``NotFound``,
    ``ForbiddenAddress``."""
    try:
        _, connection = sources.connect(source)
    except NotFound as error:
        raise InvalidInput(
            f"there is no data source {source[:80]}",
            remedy=f"register the broker first: hansa source add {word(source[:80])} kafka ADDRESS, or mqtt",
        ) from error
    if not isinstance(connection, EventConnection):
        raise InvalidInput(f"{source[:80]} takes no messages", remedy="name a data source of the kind kafka or mqtt")
    connection.check_destination(topic)
    return connection
