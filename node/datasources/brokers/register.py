"""Subscribe streams to topics of brokers, look at the connections, and end them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from node.base.clock import Clock
from node.base.errors import HansaError, InvalidInput, NotFound
from node.base.plaintext import word
from node.base.turns import taken_in_turn
from node.base.work import Transaction, UnitOfWork
from node.datasources.brokers.model import (
    BrokerSubscription,
    BrokerSubscriptionView,
    ConnectionState,
    Form,
    check_members,
)
from node.datasources.brokers.ports import BrokerSubscriptionStore, MessageConnection
from node.datasources.register import DataSources
from node.datasources.streams.intake import unknown
from node.datasources.streams.ports import StreamStore
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.ledger.model import EntryKind
from node.ledger.ports import Append


class BrokerSubscriptions:
    """The subscriptions of the streams of this node. Synchronous: call it in a thread."""

    def __init__(
        self,
        uow: UnitOfWork,
        store: BrokerSubscriptionStore,
        *,
        streams: StreamStore,
        sources: DataSources,
        append: Append,
        clock: Clock,
    ) -> None:
        self._uow = uow
        self._store = store
        self._streams = streams
        self._sources = sources
        self._append = append
        self._clock = clock
        self.wake: Callable[[], None] = lambda: None
        """Called after a change, from any thread."""
        self.live: Callable[[str], ConnectionState | None] = lambda _: None
        """Returns the state of the connection of a session, if this process keeps it up."""

    @taken_in_turn
    def subscribe(
        self,
        stream: str,
        source: str,
        topic: str,
        by: Caller,
        *,
        form: str = Form.JSON,
        members: Mapping[str, str] | None = None,
    ) -> BrokerSubscriptionView:
        """Let a stream take the messages of a topic; its earlier subscription is replaced. Of the same topic, the
        session with the broker goes on. Raises ``NotAllowed``, ``NotFound``, ``InvalidInput``."""
        require(by, UseCase.MANAGE_DATA_SOURCES)
        if form not in set(Form):
            raise InvalidInput(f"there is no format {form[:40]!r}", remedy=f"one of: {', '.join(Form)}")
        check_members(members or {}, Form(form))
        _, connection = self._sources.connect(source)
        if not isinstance(connection, MessageConnection):
            raise InvalidInput(
                f"{source} is no broker: it has no messages",
                remedy="register one: hansa source add NAME mqtt ADDRESS, or amqp, kafka, ngsi-ld",
            )
        connection.check_topic(topic)
        with self._uow.begin() as tx:
            if self._streams.get(tx, stream, lock=True) is None:
                raise unknown(stream)
            before = self._store.get(tx, stream)
            stays = before is not None and (before.subscription.source, before.subscription.topic) == (source, topic)
            subscription = BrokerSubscription(
                stream=stream,
                source=source,
                topic=topic,
                form=Form(form),
                members=dict(members or {}),
                session=before.subscription.session if before is not None and stays else secrets.token_hex(9),
                by=by.name,
                at=self._clock.now(),
            )
            self._store.put(tx, subscription)
            self._note(tx, subscription, by, "subscribed")
            tx.after_commit(self.wake)
        return BrokerSubscriptionView(subscription=subscription, state=ConnectionState())

    @taken_in_turn
    def unsubscribe(self, stream: str, by: Caller) -> None:
        """End a subscription; the observations of the stream stay. Raises ``NotAllowed``, ``NotFound``."""
        require(by, UseCase.MANAGE_DATA_SOURCES)
        with self._uow.begin() as tx:
            if self._streams.get(tx, stream, lock=True) is None:
                raise unknown(stream)
            view = self._store.get(tx, stream)
            if view is None:
                raise NotFound(
                    f"the stream {stream[:80]} takes no messages of a broker",
                    remedy=f"hansa stream show {word(stream[:80])}",
                )
            self._store.drop(tx, stream)
            self._note(tx, view.subscription, by, "unsubscribed")
            tx.after_commit(self.wake)

    def all(self, by: Caller) -> Sequence[BrokerSubscriptionView]:
        """Return all subscriptions, by stream. Raises ``NotAllowed``."""
        require(by, UseCase.KEEP_STREAMS)
        with self._uow.read() as tx:
            views = self._store.all(tx)
        return [self._with_live_state(view) for view in views]

    def failing(self) -> Sequence[BrokerSubscriptionView]:
        """Return those without a connection because of an error."""
        with self._uow.read() as tx:
            views = [self._with_live_state(view) for view in self._store.all(tx)]
        return [view for view in views if view.state.is_failing]

    def brokers(self, by: Caller) -> frozenset[str]:
        """Return the names of the data sources that are brokers. Raises ``NotAllowed``."""
        return frozenset(source.name for source in self._sources.all(by) if self._is_broker(source.name))

    def _is_broker(self, source: str) -> bool:
        try:
            _, connection = self._sources.connect(source)
        except HansaError:
            return False
        return isinstance(connection, MessageConnection)

    def of_stream(self, stream: str, by: Caller) -> BrokerSubscriptionView | None:
        """Return the subscription of a stream; None if it has none. Raises ``NotAllowed``."""
        require(by, UseCase.KEEP_STREAMS)
        with self._uow.read() as tx:
            view = self._store.get(tx, stream)
        return None if view is None else self._with_live_state(view)

    def _with_live_state(self, view: BrokerSubscriptionView) -> BrokerSubscriptionView:
        state = self.live(view.subscription.session)
        return view if state is None else replace(view, state=state)

    def _note(self, tx: Transaction, subscription: BrokerSubscription, by: Caller, change: str) -> None:
        body = {"stream": subscription.stream, "change": change, "dataSource": subscription.source}
        self._append(
            tx,
            EntryKind.NODE,
            f"stream {subscription.stream}",
            by.name,
            {**body, "topic": subscription.topic},
        )
