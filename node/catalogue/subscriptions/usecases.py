"""The acts of people on their subscriptions: begin and end them, read what is new, mark it as seen, make a feed."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from anyio.to_thread import run_sync

from node.base.clock import Clock
from node.base.errors import Conflict, NotAllowed, NotFound
from node.base.ids import new_urn
from node.base.work import Transaction, UnitOfWork
from node.catalogue.browse import Browse
from node.catalogue.model import Record
from node.catalogue.ports import RecordStore
from node.catalogue.search.cursors import Cursors
from node.catalogue.searches import Cursor, Order, Query
from node.catalogue.subscriptions.model import (
    News,
    NewsKind,
    Subscriber,
    Subscription,
    SubscriptionStore,
    SubscriptionView,
    query_of,
    read_criteria,
)
from node.catalogue.visibility import Visibility
from node.identity.accounts.hashes import token_hash
from node.identity.model import Caller

MOST: Final = 100
"""The subscriptions of one person."""
SHOWN: Final = 20
"""The news of one subscription that are read."""
LONGEST_NAME: Final = 200
LONGEST_SECRET: Final = 100
MAX_KEPT: Final = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionList:
    """The subscriptions of a person. ``mark`` names this moment, for ``Subscriptions.mark_seen``; ``feed_made`` is
    when the person's feed got its address, None without a feed."""

    views: tuple[SubscriptionView, ...]
    mark: str
    feed_made: datetime | None = None

    @property
    def total(self) -> int:
        """Return the number of news."""
        return sum(len(view.news) for view in self.views)


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestNews:
    """The subscriptions with news that were in no e-mail yet, and the place up to which the searches were asked."""

    views: tuple[SubscriptionView, ...]
    place: int


class Subscriptions:
    """The subscriptions of the caller. Every person of the node has their own; nobody sees those of others.

    What a person may not see is never news. Searches are asked for new assets only, in the order of publication, and
    only if the search index has changed since the last time.
    """

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        store: SubscriptionStore,
        browse: Browse,
        records: RecordStore,
        visibility: Visibility,
        cursors: Cursors,
        position: Callable[[], int],
        person: Callable[[str], Caller],
        clock: Clock,
    ) -> None:
        """``position`` returns the place in the ledger up to which searches see; ``person`` returns the person with
        an account, and their present roles."""
        self._uow = uow
        self._store = store
        self._browse = browse
        self._records = records
        self._visibility = visibility
        self._cursors = cursors
        self._position = position
        self._person = person
        self._clock = clock
        self._unchanged: dict[str, tuple[int, int]] = {}

    async def add_asset(self, iri: str, by: Caller) -> Subscription:
        """Subscribe to the changes of an asset; a second time changes nothing. Raises ``NotFound``, ``Conflict``
        beyond the most that a person may have."""
        login = login_of(by)
        record = await self._browse.record(iri, by)
        version = record.version
        return await run_sync(
            self._add,
            Subscription(
                id=new_urn(),
                login=login,
                iri=record.iri,
                created=self._clock.now(),
                version=version,
                mailed_version=version,
                first_version=version,
            ),
        )

    async def add_search(
        self, parameters: Mapping[str, Sequence[str]], by: Caller, *, name: str = ""
    ) -> Subscription:
        """Subscribe to new assets that match a search; a second time changes nothing. Raises ``InvalidInput``,
        ``Conflict`` beyond the most that a person may have."""
        login, criteria = login_of(by), read_criteria(parameters)
        place = self._place()
        return await run_sync(
            self._add,
            Subscription(
                id=new_urn(),
                login=login,
                criteria=criteria,
                name=" ".join(name.split())[:LONGEST_NAME],
                created=self._clock.now(),
                place=place,
                mailed_place=place,
                first_place=place,
            ),
        )

    def _add(self, subscription: Subscription) -> Subscription:
        with self._uow.begin() as tx:
            self._store.hold(tx, subscription.login)
            own = self._store.of_person(tx, subscription.login)
            for other in own:
                if (other.iri, dict(other.criteria)) == (subscription.iri, dict(subscription.criteria)):
                    return other
            if len(own) >= MOST:
                raise Conflict(
                    f"you have {MOST} subscriptions, which is the limit",
                    remedy="end one that you no longer need",
                    facts={"case": "most-subscriptions", "count": MOST},
                )
            self._store.add(tx, subscription)
        return subscription

    async def remove(self, subscription_id: str, by: Caller) -> None:
        """End a subscription of the caller. Raises ``NotFound``."""
        login = login_of(by)

        def drop() -> bool:
            with self._uow.begin() as tx:
                return self._store.drop(tx, login, subscription_id)

        if not await run_sync(drop):
            raise NotFound("there is no such subscription", remedy="see the list: hansa subscription list")

    async def mine(self, by: Caller) -> SubscriptionList:
        """Return the caller's subscriptions with their news."""
        login = login_of(by)
        # Before the searches: what appears in the meantime is not in this list, and must not count as seen.
        place = self._place()
        subscriptions, subscriber = await run_sync(self._read, login)
        return SubscriptionList(
            views=tuple([await self._view(subscription, by) for subscription in subscriptions]),
            mark=self._cursors.write(Cursor(place=place), Query()),
            feed_made=subscriber.feed_made if subscriber else None,
        )

    async def of_asset(self, iri: str, by: Caller) -> Subscription | None:
        """Return the caller's subscription to an asset; None without one, and for callers who have none."""
        if not by.is_person:
            return None
        subscriptions, _ = await run_sync(self._read, login_of(by))
        return next((one for one in subscriptions if one.iri == iri), None)

    async def mark_seen(self, mark: str, by: Caller, *, subscription_id: str = "") -> None:
        """Count as seen what was news in the list with this ``mark``, of one subscription or of all. Raises
        ``InvalidInput`` for a mark that is not one of this node, ``NotFound``."""
        login, place = login_of(by), self._cursors.read(mark, Query()).place

        def save() -> bool:
            with self._uow.begin() as tx:
                self._store.hold(tx, login)
                mine = [one for one in self._store.of_person(tx, login) if subscription_id in ("", one.id)]
                for one in mine:
                    self._store.save(tx, self._after_seeing(tx, one, place))
                return bool(mine) or not subscription_id

        if not await run_sync(save):
            raise NotFound("there is no such subscription", remedy="see the list: hansa subscription list")

    def _after_seeing(self, tx: Transaction, subscription: Subscription, place: int) -> Subscription:
        if not subscription.iri:
            return replace(subscription, place=max(subscription.place, place))
        head = self._records.get(tx, subscription.iri)
        return subscription if head is None else replace(subscription, version=head.version)

    # the feed ---------------------------------------------------------------------------------------------
    async def make_feed(self, by: Caller) -> str:
        """Return the secret of a new feed of the caller, which is shown once. The former address ends."""
        secret = secrets.token_urlsafe(32)
        await self._set_feed(login_of(by), token_hash(secret), self._clock.now())
        return secret

    async def end_feed(self, by: Caller) -> None:
        """End the feed of the caller: its address no longer answers."""
        await self._set_feed(login_of(by), None, None)

    async def _set_feed(self, login: str, sha256: str | None, at: datetime | None) -> None:
        def save() -> None:
            with self._uow.begin() as tx:
                known = self._store.hold(tx, login)
                self._store.save_subscriber(tx, replace(known, feed_sha256=sha256, feed_made=at))

        await run_sync(save)

    async def owner_of_feed(self, secret: str) -> Caller:
        """Return the person with this feed. Raises ``NotFound``, also if the account is blocked."""

        def find() -> Caller | None:
            with self._uow.read() as tx:
                subscriber = self._store.by_feed(tx, token_hash(secret))
            return None if subscriber is None else self._person(subscriber.login)

        owner = await run_sync(find) if 0 < len(secret) <= LONGEST_SECRET else None
        if owner is None or not (owner.roles or owner.withheld):
            raise NotFound("there is no such feed", remedy="make a new one on the page Subscriptions")
        return owner

    async def recent(self, by: Caller, *, limit: int = 50) -> Sequence[News]:
        """Return what was news since each of the caller's subscriptions began, seen or not, the newest first."""
        subscriptions, _ = await run_sync(self._read, login_of(by))
        recent: dict[str, News] = {}
        for one in subscriptions:
            news = await run_sync(self._versions, one, by, limit) if one.iri else await self._arrivals(one, by, limit)
            recent |= {item.record.version_iri: item for item in news}
        return sorted(recent.values(), key=lambda item: item.record.at, reverse=True)[:limit]

    def _versions(self, subscription: Subscription, by: Caller, limit: int) -> Sequence[News]:
        with self._uow.read() as tx:
            versions = self._records.versions(tx, subscription.iri, audiences=self._visibility.audiences(by))
        later = [one for one in versions if one.version > subscription.first_version and not one.is_erased]
        return [_change(one, versions) for one in later[:limit]]

    async def _arrivals(self, subscription: Subscription, by: Caller, limit: int) -> Sequence[News]:
        query = replace(query_of(subscription.criteria, limit=limit), order=Order.NEWEST)
        page = await self._browse.search(query, by)
        records = {hit.record.iri: hit.record for hit in page.hits}

        def read() -> Mapping[str, int]:
            with self._uow.read() as tx:
                return self._records.places(tx, list(records))

        places = await run_sync(read)
        return [
            News(kind=NewsKind.APPEARED, record=record)
            for iri, record in records.items()
            if places.get(iri, 0) > subscription.first_place
        ]

    def _place(self) -> int:
        """Return the place of the newest ledger entry that searches see; entries are counted from 0."""
        return max(0, self._position() - 1)

    async def news_for_digest(self, by: Caller) -> DigestNews:
        """Return the caller's subscriptions with news that were neither seen nor in an e-mail."""
        place = self._place()
        subscriptions, _ = await run_sync(self._read, login_of(by))
        views = [await self._view(_after_mail(subscription), by) for subscription in subscriptions]
        return DigestNews(views=tuple(view for view in views if view.news), place=place)

    def mark_mailed(self, tx: Transaction, login: str, news: DigestNews) -> None:
        """Note that the news of ``news`` are in an e-mail. The caller holds the person."""
        views = {view.subscription.id: view for view in news.views}
        for subscription in self._store.of_person(tx, login):
            view = views.get(subscription.id)
            if view is not None:
                version = view.record.version if view.record else subscription.mailed_version
                self._store.save(tx, replace(subscription, mailed_version=version, mailed_place=news.place))

    # news -------------------------------------------------------------------------------------------------
    def _read(self, login: str) -> tuple[Sequence[Subscription], Subscriber | None]:
        with self._uow.read() as tx:
            return self._store.of_person(tx, login), self._store.subscriber(tx, login)

    async def _view(self, subscription: Subscription, by: Caller) -> SubscriptionView:
        if subscription.iri:
            return await run_sync(self._asset, subscription, by)
        return await self._search(subscription, by)

    def _asset(self, subscription: Subscription, by: Caller) -> SubscriptionView:
        with self._uow.read() as tx:
            head = self._records.get(tx, subscription.iri)
            if head is None or not self._visibility.may_see(head, by):
                return SubscriptionView(subscription=subscription)
            versions = self._records.versions(tx, subscription.iri) if head.withdrawn else (head,)
        change = _change(head, versions)
        news = (change,) if head.version > subscription.version else ()
        return SubscriptionView(subscription=subscription, news=news, record=change.record)

    async def _search(self, subscription: Subscription, by: Caller) -> SubscriptionView:
        position = self._position()
        if self._unchanged.get(subscription.id) == (position, subscription.place):
            return SubscriptionView(subscription=subscription)
        query = replace(query_of(subscription.criteria, limit=SHOWN), order=Order.PUBLISHED)
        after = self._cursors.write(Cursor(place=subscription.place), query)
        page = await self._browse.search(replace(query, cursor=after), by)
        if not page.hits:
            if len(self._unchanged) >= MAX_KEPT:
                self._unchanged.clear()
            self._unchanged[subscription.id] = (position, subscription.place)
        news = tuple(News(kind=NewsKind.APPEARED, record=hit.record) for hit in page.hits)
        return SubscriptionView(subscription=subscription, news=news, more=bool(page.cursor))


def _after_mail(subscription: Subscription) -> Subscription:
    """Return the subscription as if what was in an e-mail had been seen."""
    return replace(
        subscription,
        version=max(subscription.version, subscription.mailed_version),
        place=max(subscription.place, subscription.mailed_place),
    )


def _change(record: Record, versions: Sequence[Record]) -> News:
    """Return the change of an asset with these ``versions``. A withdrawn one has the titles that it had before."""
    if not record.withdrawn:
        return News(kind=NewsKind.CHANGED, record=record)
    titles = next((one.titles for one in versions if one.version < record.version and one.titles), {})
    return News(kind=NewsKind.WITHDRAWN, record=replace(record, titles=titles))


def login_of(by: Caller) -> str:
    """Return the login of a person. Raises ``NotAllowed`` for everybody else."""
    if by.account is None:
        raise NotAllowed("only people of this node have subscriptions", remedy="sign in as a person of this node")
    return by.account
