"""Subscriptions that a test or the demonstration sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from node.base.errors import InvalidInput, NotFound
from node.catalogue.model import Record
from node.catalogue.subscriptions.mail import MailOwner
from node.catalogue.subscriptions.model import News, NewsKind, Subscriber, Subscription, SubscriptionView
from node.catalogue.subscriptions.usecases import SubscriptionList
from node.identity.model import Caller


class FakeSubscriptions:
    """What is in ``views``, for everybody; calls are counted in ``acts``."""

    def __init__(self, views: Sequence[SubscriptionView] = (), feed_made: datetime | None = None) -> None:
        self.views = tuple(views)
        self.feed_made = feed_made
        self.acts: list[tuple[str, Any]] = []
        self.mail = FakeSubscriptionMail()

    async def mine(self, by: Caller) -> SubscriptionList:
        return SubscriptionList(views=self.views, mark="mark", feed_made=self.feed_made)

    async def of_asset(self, iri: str, by: Caller) -> Subscription | None:
        return next((view.subscription for view in self.views if view.subscription.iri == iri), None)

    async def add_asset(self, iri: str, by: Caller) -> None:
        self.acts.append(("asset", iri))

    async def add_search(self, parameters: Mapping[str, Sequence[str]], by: Caller, *, name: str = "") -> None:
        self.acts.append(("search", parameters))

    async def mark_seen(self, mark: str, by: Caller, *, subscription_id: str = "") -> None:
        self.acts.append(("seen", (mark, subscription_id)))

    async def remove(self, subscription_id: str, by: Caller) -> None:
        self.acts.append(("remove", subscription_id))

    async def make_feed(self, by: Caller) -> str:
        self.acts.append(("feed", True))
        return "a-secret"

    async def end_feed(self, by: Caller) -> None:
        self.acts.append(("feed", False))

    async def owner_of_feed(self, secret: str) -> Caller:
        raise NotFound("there is no such feed")


class FakeSubscriptionMail:
    """An address that waits for its owner's answer."""

    is_available = True

    async def of(self, by: Caller) -> Subscriber:
        return Subscriber(login=str(by.account), mail="els@gent.example")

    async def set_address(self, address: str, by: Caller, *, language: str) -> None:
        if "@" not in address:
            raise InvalidInput("this is not an e-mail address")

    async def remove(self, by: Caller) -> None: ...

    async def owner(self, secret: str) -> MailOwner:
        if secret != "a-secret":
            raise NotFound("this link is no longer valid")
        return MailOwner(login="els", address="els@gent.example", confirmed=None)


def demo_subscriptions(records: Sequence[Record], at: datetime) -> FakeSubscriptions:
    """Return a subscription of each kind and state over ``records``."""

    def subscription(number: int, **members: Any) -> Subscription:
        return Subscription(id=f"urn:s:{number}", login="els", created=at, **members)

    if len(records) < 3:
        return FakeSubscriptions()
    first, second = records[0], records[1]
    appeared = tuple(News(kind=NewsKind.APPEARED, record=record) for record in records[:3])
    changed = News(kind=NewsKind.CHANGED, record=first)
    criteria = {"q": ["fiets"], "kind": ["dataset"], "theme": ["TRAN"]}
    return FakeSubscriptions(
        [
            SubscriptionView(subscription=subscription(1, iri=first.iri, version=1), news=(changed,), record=first),
            SubscriptionView(subscription=subscription(2, criteria=criteria), news=appeared, more=True),
            SubscriptionView(subscription=subscription(3, iri=second.iri), record=second),
            SubscriptionView(subscription=subscription(4, iri="urn:gone")),
        ],
        feed_made=at,
    )
