"""The model of link checks: the addresses in descriptions, what they answered, and the points that follow from it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final, NamedTuple, Protocol
from urllib.parse import urlsplit

from node.base.work import Transaction

LONGEST: Final = 2048
"""The most characters of an address that is checked."""


class LinkState(StrEnum):
    """The state of an address. One that this node may not read, or that has not answered yet, is unknown."""

    WORKS = "works"
    BROKEN = "broken"
    UNKNOWN = "unknown"


class LinkUse(StrEnum):
    """The place of an address in a description."""

    ACCESS = "access"
    DOWNLOAD = "download"
    PAGE = "page"
    LICENCE = "licence"


COUNTING: Final[frozenset[LinkUse]] = frozenset({LinkUse.ACCESS, LinkUse.DOWNLOAD})
"""The uses that have points."""


def host_of(address: str) -> str:
    """Return the host of a web address, with its port if it has one; empty for any other address."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not parts.hostname or len(address) > LONGEST:
        return ""
    return parts.hostname.lower() + (f":{port}" if port else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordLink:
    """An address in a description. ``file`` is the number of the distribution that has it, -1 for the record itself.
    ``checked`` is false for addresses of this node, and for those that are not of the web."""

    use: LinkUse
    file: int
    address: str
    checked: bool = True

    @property
    def host(self) -> str:
        """Return the host of the address, with its port if it has one."""
        return host_of(self.address)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkCheck:
    """The last check of an address, and the moment of the next one.

    ``status`` is that of HTTP; 0 if there was no answer. ``reason`` says why in one word: ``status``,
    ``unreachable``, ``busy``, ``robots``, ``forbidden`` or ``exception``; empty before the first check. ``failures``
    counts checks in a row without a verdict.
    """

    address: str
    host: str
    due: datetime
    state: LinkState = LinkState.UNKNOWN
    status: int = 0
    reason: str = ""
    at: datetime | None = None
    failures: int = 0


class LinkPoints(NamedTuple):
    """The share of the files of a record whose addresses work, in thousandths, since ``at``; None if not known."""

    iri: str
    day: date
    at: datetime
    access: int | None
    download: int | None


class LinkStore(Protocol):
    """Links of records, checks of addresses, and points."""

    def versions(self, tx: Transaction, iris: Collection[str]) -> Mapping[str, int]:
        """Return IRI → the version whose links are stored."""

    def replace(
        self, tx: Transaction, iri: str, version: int, links: Sequence[RecordLink], now: datetime, *, source: str = ""
    ) -> None:
        """Store the links of a record, which was harvested from ``source``, if any; checks of new addresses are due
        ``now``, those that no record has are dropped."""

    def between(self, tx: Transaction, after: str, until: str) -> Mapping[str, int]:
        """Return the same for the records after one IRI up to another (empty: the last)."""

    def drop(self, tx: Transaction, iris: Collection[str]) -> None:
        """Drop the links and points of records, and the checks of addresses that no other record has."""

    def links(self, tx: Transaction, iris: Collection[str]) -> Mapping[str, Sequence[RecordLink]]:
        """Return IRI → the links of the record, in their order."""

    def checks(self, tx: Transaction, addresses: Collection[str]) -> Mapping[str, LinkCheck]:
        """Return address → its last check."""

    def listing(
        self,
        tx: Transaction,
        *,
        state: LinkState | None = None,
        source: str = "",
        after: str = "",
        limit: int = 100,
    ) -> Sequence[LinkCheck]:
        """Return checks in the order of addresses, beginning after the address ``after``; with ``source``, only those
        of addresses in records that were harvested from there."""

    def counts(self, tx: Transaction) -> Mapping[LinkState, int]:
        """Return the number of addresses in each state that occurs."""

    def counts_by_source(self, tx: Transaction) -> Mapping[str, Mapping[LinkState, int]]:
        """Return the same for each source of harvested records: an address in records of two counts for both."""

    def due_hosts(self, tx: Transaction, now: datetime, limit: int) -> Sequence[str]:
        """Return the hosts with checks that are due, the longest due first."""

    def due(self, tx: Transaction, host: str, now: datetime, limit: int) -> Sequence[LinkCheck]:
        """Return the checks of a host that are due, the longest due first."""

    def save(self, tx: Transaction, check: LinkCheck) -> None:
        """Replace the check of this address if it still exists."""

    def hasten(self, tx: Transaction, now: datetime, iri: str = "") -> int:
        """Make the checks of all addresses, or of those of one record, due ``now``, and return how many."""

    def records_with(
        self, tx: Transaction, address: str, *, uses: Collection[LinkUse] = (), after: str = "", limit: int = 100
    ) -> Sequence[str]:
        """Return the IRIs of records with this address, in their order, beginning after the IRI ``after``."""

    def save_points(self, tx: Transaction, points: LinkPoints) -> None:
        """Store the points of a record at a day; points of the same day are replaced."""

    def points_of(self, tx: Transaction, iri: str) -> Sequence[LinkPoints]:
        """Return the points of a record, oldest first."""

    def points(
        self, tx: Transaction, *, after: tuple[str, str] = ("", ""), limit: int = 1000
    ) -> Sequence[LinkPoints]:
        """Return points of all records ordered by IRI and day, beginning after this IRI and day (ISO 8601)."""

    def last_change(self, tx: Transaction) -> str:
        """Return a text that differs whenever points were stored or dropped."""
