"""The ports of data sources: their register, their kinds, and a connection to one of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol, runtime_checkable

from node.base.errors import HansaError
from node.base.work import Transaction
from node.datasources.model import DataSource, Setup
from node.policy.portion import WHOLE, Portion

PLACES: Final = 16
"""The reads of one data source at a time, unless it bears more."""


class DataSourceStore(Protocol):
    """Data sources by name."""

    def put(self, tx: Transaction, source: DataSource) -> None:
        """Store it; one of the same name is replaced."""

    def get(self, tx: Transaction, name: str) -> DataSource | None: ...

    def all(self, tx: Transaction) -> Sequence[DataSource]:
        """Return all, by name."""

    def drop(self, tx: Transaction, name: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """The limits of a data source: whether it lists its items, gives parts of them by bytes, and answers questions.

    ``questions`` names the parameters that a question may have; ``*`` for any. ``portions`` names the limits of a
    part that it keeps exactly (``Portion.kinds``): whoever asks for another one gets nothing. ``places`` is how many
    may read it at a time. ``sends_messages`` says that it is a broker (``node.datasources.brokers.ports``), from
    which nobody reads.
    """

    lists: bool = True
    ranges: bool = False
    questions: tuple[str, ...] = ()
    portions: frozenset[str] = frozenset()
    places: int = PLACES
    sends_messages: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Something in a data source that can be shared: a file, an object, a table, a collection, a part of an API.

    ``path`` names it within the source. ``size``, in bytes, is None if it is unknown before it is read; ``entries``,
    such as the entities of a type, if the source does not count them.
    """

    path: str
    title: str = ""
    media_type: str = ""
    size: int | None = None
    entries: int | None = None


Parameters = tuple[tuple[str, str], ...]
"""The names and values of a query, in its order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Bytes from ``start`` to before ``end``, or to the last one without ``end``.

    A negative ``start`` asks for so many last bytes.
    """

    start: int
    end: int | None = None

    @property
    def header(self) -> str:
        """Return the value of a Range header (RFC 9110 §14.2)."""
        if self.start < 0:
            return f"bytes={self.start}"
        return f"bytes={self.start}-{'' if self.end is None else self.end - 1}"

    def within(self, size: int) -> tuple[int, int] | None:
        """Return first byte and end within ``size`` bytes; None if there are none."""
        start = max(size + self.start, 0) if self.start < 0 else self.start
        end = size if self.end is None else min(self.end, size)
        return (start, end) if start < end else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A request of a reader to an item.

    ``path`` is a place below the item, and ``parameters`` a query: both only where the source can. ``base`` is the
    address under which the reader knows the item: every link to the source is written as a link to it.
    ``media_type`` is the type in which the item is offered. ``wants_body`` is false for a reader who asks for the
    headers only. That is no use, so an answer to a question is then not made, and nothing is told of it. ``resume``
    names the place at which a reader goes on that was interrupted. ``portion`` is the part that the reader may have:
    nothing else leaves the source, and nothing that the reader asks or sees depends on the rest. ``asset`` is the IRI
    of the asset that offers the item, and ``ends`` the moment after which the agreement gives nothing; None if it
    states none.
    """

    path: str = ""
    parameters: Parameters = ()
    span: Span | None = None
    media_type: str = ""
    accept: str = ""
    resume: str = ""
    base: str = ""
    wants_body: bool = True
    portion: Portion = WHOLE
    asset: str = ""
    ends: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheRule:
    """The time for which a reader may keep an answer (the value of Cache-Control), and its entity tag."""

    tag: str
    control: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Extract:
    """The answer of a data source: bytes from ``start``, of ``total`` if the source states it.

    ``size`` is the number of bytes in ``chunks``, if the source states it. ``is_part`` says that they are the span
    that was asked for. ``etag`` changes with the bytes; None if the source has no strong one. ``headers`` are further
    headers for the reader. ``farewell`` makes the last bytes of a read that a lost permission ends, where the type
    has room for a reason. ``caching`` is None if no reader may keep the answer. ``chunks`` raises
    ``DataSourceUnreachable`` if the source breaks off or lies.
    """

    media_type: str
    chunks: AsyncIterator[bytes] = field(repr=False)
    start: int = 0
    size: int | None = None
    total: int | None = None
    is_part: bool = False
    etag: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    farewell: Callable[[HansaError], bytes] | None = None
    caching: CacheRule | None = None


class DataConnection(Protocol):
    """One data source, opened with its credentials. Nothing is fetched before a method is called.

    All methods raise ``DataSourceUnreachable`` (``DataSourceSlow``, ``DataSourceRefuses``), ``NotFound`` for an item
    that is not there, ``InvalidInput`` for a question that the source does not understand, ``TooLarge`` for a
    document that does not fit into memory, and ``ForbiddenAddress``.
    """

    @property
    def abilities(self) -> Abilities: ...

    async def items(self, limit: int) -> Sequence[Item]:
        """Return up to ``limit`` items; none if the source cannot list them."""

    def is_description(self, item: str, path: str, parameters: Parameters = ()) -> bool:
        """Return whether a place below the item, or a query, only asks for a description: reading it is no use of
        the data."""

    def read(self, item: str, question: Question) -> AbstractAsyncContextManager[Extract]:
        """Return the bytes of ``item``, whole or as the question says. Raises also ``NoSuchRange``. Leaving the
        context ends the read."""


@runtime_checkable
class ServiceConnection(DataConnection, Protocol):
    """A data source that is a service with requests of its own, such as a map server: its answers are not a file, and
    its clients expect errors in its own form."""

    async def sample(self, item: str) -> Parameters:
        """Return a query that reads a little of ``item``, to try it. Raises the errors of ``DataConnection``."""

    def error_document(self, error: HansaError, question: Question) -> tuple[str, bytes]:
        """Return the media type and the bytes of an error in the form of the service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamMark:
    """The place after the last observation of a stream, and the members of an observation with its time and its
    subject; None for a member that the reader may not have."""

    place: str
    time: str | None
    subject: str | None


class Connector(Protocol):
    """A kind of data source: makes connections. ``kind`` is its name, as in ``hansa source add``, and ``options`` are
    the names of the options that it understands, beside those of every kind."""

    kind: str
    options: tuple[str, ...]

    def check(self, setup: Setup) -> None:
        """Check address, options and credentials without a connection. Raises ``InvalidInput`` and
        ``ForbiddenAddress``."""

    def connect(self, setup: Setup) -> DataConnection:
        """Return a connection. Raises the errors of ``check``."""
