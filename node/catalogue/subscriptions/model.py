"""Subscriptions, the people who have them, what is new, and the port of their store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol

from node.base.clock import stamp
from node.base.errors import InvalidInput
from node.base.work import Transaction
from node.catalogue.model import Record
from node.catalogue.search.areas import area, area_searched
from node.catalogue.search.periods import period
from node.catalogue.searches import Query

FACETS: Final = tuple(Query().facets)
_SINGLE: Final = ("q", "bbox", "place", "from", "to", "widen")
MAX_VALUES: Final = 20
MAX_VALUE: Final = 500
MAX_TEXT: Final = 300

Criteria = Mapping[str, Sequence[str]]
"""The parameters of a search, as its URL has them: name → values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A wish of one person to be informed: about the asset ``iri``, or, if that is empty, about new assets that match
    ``criteria``.

    What is later than ``version`` (of an asset) or ``place`` (in the order of publication) is new to the person. The
    other four numbers are the same for its last e-mail, and for the beginning of the subscription.
    """

    id: str
    login: str
    iri: str = ""
    criteria: Mapping[str, list[str]] = field(default_factory=dict)
    name: str = ""
    created: datetime
    version: int = 0
    place: int = 0
    mailed_version: int = 0
    mailed_place: int = 0
    first_version: int = 0
    first_place: int = 0

    @property
    def label(self) -> str:
        """Return the name that the person gave, else the words and values of the search."""
        return self.name or " · ".join(value for values in self.criteria.values() for value in values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """A person with subscriptions. ``feed_sha256`` is the hash of the secret in the address of the person's feed.

    ``mail`` is the address for e-mails, empty without one: its owner was asked at ``mail_asked`` and confirmed it at
    ``mail_confirmed``; the next digest, in ``language``, may be sent at ``mail_due``.
    """

    login: str
    feed_sha256: str | None = None
    feed_made: datetime | None = None
    mail: str = ""
    mail_asked: datetime | None = None
    mail_confirmed: datetime | None = None
    mail_due: datetime | None = None
    language: str = ""


class NewsKind(StrEnum):
    """The ways in which an asset is news."""

    CHANGED = "changed"
    WITHDRAWN = "withdrawn"
    APPEARED = "appeared"


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """An asset that is news for a person, in its newest version."""

    kind: NewsKind
    record: Record

    def to_json(self, language: str) -> dict[str, Any]:
        record = self.record
        return {
            "news": str(self.kind),
            "iri": record.iri,
            "kind": record.kind,
            "title": record.title(language),
            "publisherName": record.publisher_name,
            "version": record.version,
            "at": stamp(record.at),
            **({"reason": record.withdrawal_reason} if record.withdrawal_reason else {}),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionView:
    """A subscription with its first news (``more``: there are further ones). ``record`` is the newest version of its
    asset, if it has one that still exists."""

    subscription: Subscription
    news: tuple[News, ...] = ()
    more: bool = False
    record: Record | None = None

    def to_json(self, language: str) -> dict[str, Any]:
        subscription = self.subscription
        about: dict[str, Any] = (
            {"iri": subscription.iri, "title": self.record.title(language) if self.record else None}
            if subscription.iri
            else {"search": dict(subscription.criteria), "name": subscription.label}
        )
        return {
            "id": subscription.id,
            **about,
            "created": stamp(subscription.created),
            "news": [item.to_json(language) for item in self.news],
            "more": self.more,
        }


class SubscriptionStore(Protocol):
    """Subscriptions by their id, and the people who have them by their login."""

    def add(self, tx: Transaction, subscription: Subscription) -> None:
        """Add a subscription. Raises ``Conflict`` if its id exists."""

    def of_person(self, tx: Transaction, login: str) -> Sequence[Subscription]:
        """Return the subscriptions of a person, the newest first."""

    def save(self, tx: Transaction, subscription: Subscription) -> None:
        """Replace a subscription; one that was dropped in the meantime stays so."""

    def drop(self, tx: Transaction, login: str, subscription_id: str) -> bool:
        """Drop a subscription of this person; return whether there was one."""

    def drop_person(self, tx: Transaction, login: str) -> None:
        """Drop the subscriptions of a person, and their feed."""

    def hold(self, tx: Transaction, login: str) -> Subscriber:
        """Return the person, added if new, for a change of theirs or of their subscriptions: others who hold the same
        person wait for the end of the transaction."""

    def subscriber(self, tx: Transaction, login: str) -> Subscriber | None:
        """Return what is known about a person; None if nothing is."""

    def by_feed(self, tx: Transaction, feed_sha256: str) -> Subscriber | None:
        """Return the person with this feed."""

    def with_mail_due(self, tx: Transaction, now: datetime) -> Sequence[Subscriber]:
        """Return the persons whose next digest may be sent at ``now``, the longest due first."""

    def save_subscriber(self, tx: Transaction, subscriber: Subscriber) -> None:
        """Set or replace."""


def read_criteria(parameters: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return the criteria of a search, without empty ones. Raises ``InvalidInput`` for names that a search does not
    have, for too many or too long values, and for an invalid area or period."""
    names = ("q", *FACETS, *_SINGLE[1:])
    unknown = next((name for name in parameters if name not in names), None)
    if unknown is not None:
        raise InvalidInput(f"a search has no parameter {unknown[:60]!r}", remedy=f"use {', '.join(names)}")
    criteria = {}
    for name in names:
        values = [value.strip() for value in parameters.get(name, ()) if value.strip()]
        if len(values) > (1 if name in _SINGLE else MAX_VALUES):
            raise InvalidInput(f"the search has too many values for {name}", remedy="give fewer values")
        if any(len(value) > (MAX_TEXT if name == "q" else MAX_VALUE) for value in values):
            raise InvalidInput(f"a value for {name} is too long", remedy="give a shorter text")
        if values:
            criteria[name] = values
    if criteria.get("widen", ["false"]) != ["false"]:
        raise InvalidInput("“widen” is false or absent", remedy="leave it out to search for other labels too")
    if not criteria.keys() - {"widen"}:
        raise InvalidInput("the search is empty", remedy="give words or a filter", facts={"case": "empty-search"})
    query_of(criteria)
    return criteria


def query_of(criteria: Criteria, *, limit: int = 20) -> Query:
    """Return the search. Raises ``InvalidInput`` for an invalid area or period."""
    first = {name: next(iter(criteria.get(name, ())), "") for name in _SINGLE}
    values = {name: tuple(criteria.get(name, ())) for name in FACETS}
    return Query(
        text=first["q"],
        kinds=values["kind"],
        themes=values["theme"],
        keywords=values["keyword"],
        publishers=values["publisher"],
        access=values["access"],
        formats=values["format"],
        licences=values["license"],
        nodes=values["node"],
        spatials=values["spatial"],
        years=values["year"],
        qualities=values["quality"],
        bbox=area_searched(first["place"], area(first["bbox"])),
        period=period(first["from"], first["to"]),
        limit=limit,
        widens=first["widen"] != "false",
    )
