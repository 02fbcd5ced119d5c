"""The event stream: every version of this node's own records, as LDES 1.0 over TREE.

``{base}/feed`` is the root: the stream's description and one relation to the index of each audience's chain that
the caller may see. An index relates to the full groups and the newest pages of its chain, each by
position and by time; a group relates to its pages. Full groups and pages are immutable. A member is
``{iri}#v{N}``: its metadata are in the default graph, its description in the named graph of that IRI. The signed
envelope is beside them, so that a follower need not trust the nodes in between.

The feed has only this node's own records. Copies of other nodes' records are read from the feeds of those nodes, so
followers can require that every record in a feed belongs to its node.

Addresses, counts, positions and marks depend only on the caller's chains. A caller's pages are therefore the same
bytes whether or not something is hidden from it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from anyio.to_thread import run_sync

from node.base.clock import Clock
from node.base.errors import LocalFault, Overloaded, RemoteFault
from node.base.work import Transaction, UnitOfWork
from node.catalogue.envelope import signature_of
from node.catalogue.feed.chains import ChainMember, Chains, Span
from node.catalogue.feed.commitment import hash_text
from node.catalogue.feed.heads import Head, seal_head
from node.catalogue.feed.lines import (
    POSITION,
    TIME,
    TYPE,
    integer_term,
    join_lines,
    page_lines,
    place_lines,
    relation,
    relation_lines,
    rename_blank,
)
from node.catalogue.feed.waits import Waits
from node.catalogue.model import PUBLIC, NodeFacts, Record
from node.catalogue.nquads import iri_term, line, literal_term, statements
from node.catalogue.ports import RecordStore
from node.catalogue.region.place import NodePlace
from node.catalogue.visibility import Visibility, absent
from node.identity.model import Caller
from node.identity.ports import KeyRing
from node.ledger.model import ConsistencyProof
from node.vocab.namespaces import DCT, FOAF, HANSA, LDES, TREE, XSD

HEARTBEAT: Final = 900
"""Seconds after which the head of a chain is signed anew even though nothing has changed."""

POLLING: Final = 60
"""Seconds that we advise followers to wait between runs (``ldes:pollingInterval``)."""

PATIENCE: Final = 50
PAUSE: Final = 0.02
"""The number of waits of an answer for the chains to catch up with the ledger, and the seconds of each."""

FORMAT: Final = "2"
"""Part of every entity tag: raised when the form in which members are written changes."""


class PageGone(RemoteFault):
    """Members were removed from this page. The remaining members are at a new address (LDES 1.0: 410)."""

    code = "gone"
    status = 410
    title = "This page has a new address"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPage:
    """A resource of the feed. ``nquads`` makes its body, so that a conditional request can be answered without it.

    ``tag`` changes with the content. Caches may keep ``immutable`` pages for ever; shared caches may keep ``public``
    pages.
    """

    url: str
    tag: str
    immutable: bool
    public: bool
    nquads: Callable[[], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedHeads:
    """The heads of the chains of one caller: ``tag`` changes with any of them, ``content`` makes their list with
    the members ``audience``, ``index`` (address) and ``head`` (JWS)."""

    tag: str
    content: Callable[[], list[dict[str, str]]]


class Feed:
    """Makes the pages for callers."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        records: RecordStore,
        chains: Chains,
        visibility: Visibility,
        keyring: KeyRing,
        clock: Clock,
        node: NodeFacts,
        waits: Waits,
        ledger_size: Callable[[Transaction], int] | None = None,
        place: Callable[[], NodePlace | None] = lambda: None,
    ) -> None:
        """``waits`` are told of each change of ``chains``; ``ledger_size`` returns the number of entries
        (``LedgerStore.size``); ``place`` returns the place that this node states.

        Every process of a node takes the chains from a snapshot and the ledger at its start. An answer waits until
        its process has read all numbered entries: to followers, a head signed over fewer entries would look like a
        feed that goes back.
        """
        self.waits = waits
        self._ledger_size = ledger_size
        self._place = place
        self._uow = uow
        self._records = records
        self._chains = chains
        self._visibility = visibility
        self._keyring = keyring
        self._clock = clock
        self._node = node
        self._root = f"{node.base}/feed"
        self._stream = iri_term(f"{self._root}#stream")
        self._signed: dict[str, tuple[Head, str]] = {}

    async def root(self, caller: Caller) -> FeedPage:
        """The root node, with one relation for each chain that ``caller`` may see."""
        await self._require_caught_up()
        audiences = self._chains.audiences(self._visibility.audiences(caller))
        place = await run_sync(self._place)
        return FeedPage(
            url=self._root,
            tag=_tag("root", self._node.name, str(self._chains.epoch), str(place or ""), *audiences),
            immutable=False,
            public=caller.is_anonymous,
            nquads=lambda: self._root_lines(audiences, place),
        )

    async def index(self, caller: Caller, audience: str = PUBLIC) -> FeedPage:
        """Return the index of a chain. Raises ``NotFound`` if there is no such chain for ``caller``."""
        await self._require(caller, audience)
        beat, size = self._beat(), self._chains.size(audience)
        return FeedPage(
            url=self._url(audience, "index"),
            tag=_tag("index", str(beat), *self._marks(audience)),
            immutable=False,
            public=audience == PUBLIC,
            nquads=lambda: self._index_lines(audience, size, beat),
        )

    async def heads(self, caller: Caller) -> FeedHeads:
        """Return the signed heads of the chains that ``caller`` may see."""
        await self._require_caught_up()
        audiences = self._chains.audiences(self._visibility.audiences(caller))
        marks = [mark for audience in audiences for mark in self._marks(audience)]
        beat = self._beat()
        return FeedHeads(
            tag=_tag("heads", str(beat), *marks),
            content=lambda: [
                {
                    "audience": audience,
                    "index": self._url(audience, "index"),
                    "head": self._head(audience, self._chains.size(audience), beat),
                }
                for audience in audiences
            ],
        )

    async def group(self, caller: Caller, name: str, audience: str = PUBLIC) -> FeedPage:
        """Return a full group of pages. Raises ``NotFound``, or ``PageGone`` for an earlier edition."""
        await self._require(caller, audience)
        span = _edition(name, {span.number: span for span in self._chains.groups(audience)})
        return FeedPage(
            url=self._url(audience, f"groups/{span.name}"),
            tag=_tag("group", audience, span.name),
            immutable=True,
            public=audience == PUBLIC,
            nquads=lambda: self._group_lines(audience, span),
        )

    async def page(self, caller: Caller, name: str, audience: str = PUBLIC) -> FeedPage:
        """Return a page of members. Raises ``NotFound``, or ``PageGone`` for an earlier edition."""
        await self._require(caller, audience)
        page = self._chains.page(audience, _number(name))
        if page is None:
            raise absent()
        span, members = page
        _edition(name, {span.number: span})
        return FeedPage(
            url=self._url(audience, f"pages/{span.name}"),
            tag=_tag("page", audience, span.name, str(span.end)),
            immutable=span.full,
            public=audience == PUBLIC,
            nquads=lambda: self._page_lines(audience, span, members),
        )

    async def consistency(self, caller: Caller, old: int, new: int, audience: str = PUBLIC) -> ConsistencyProof:
        """Return the proof that the chain of ``new`` members begins with that of ``old`` (RFC 9162 §2.1.4).

        Raises ``NotFound`` if there is no such chain for ``caller``, ``InvalidInput`` for a size that the chain
        has not had.
        """
        await self._require(caller, audience)
        return ConsistencyProof(old=old, new=new, path=self._chains.consistency(audience, old, new))

    async def body(self, page: FeedPage) -> bytes:
        """The N-Quads of ``page``."""
        return await asyncio.to_thread(page.nquads)

    async def _require_caught_up(self) -> None:
        entries = await asyncio.to_thread(self._entries)
        for _ in range(PATIENCE):
            if self._chains.position() >= entries:
                return
            await asyncio.sleep(PAUSE)
        raise Overloaded("the feed is being put together", remedy="try again in a moment")

    def _entries(self) -> int:
        if self._ledger_size is None:
            return 0
        with self._uow.read() as tx:
            return self._ledger_size(tx)

    async def _require(self, caller: Caller, audience: str) -> None:
        await self._require_caught_up()
        if audience not in self._chains.audiences(self._visibility.audiences(caller)):
            raise absent()

    def _beat(self) -> int:
        """Return the moment of a head signed now: rounded down, so that heads and tags do not change all the time."""
        return int(self._clock.now().timestamp()) // HEARTBEAT * HEARTBEAT

    def _marks(self, audience: str) -> tuple[str, ...]:
        """Return texts that change with the chain. The root is one of them: a node that was restored and grew to the
        same length again has another chain."""
        size = self._chains.size(audience)
        root = hash_text(self._chains.root(audience, size))
        return audience, str(self._chains.epoch), root, str(size), self._chains.retractions(audience)

    def _url(self, audience: str, rest: str) -> str:
        if audience == PUBLIC:
            return f"{self._root}/{rest}"
        return f"{self._root}/audiences/{quote(audience, safe='')}/{rest}"

    # bodies -------------------------------------------------------------------------------------------------

    def _root_lines(self, audiences: list[str], place: NodePlace | None) -> bytes:
        root, publisher = iri_term(self._root), iri_term(self._node.did)
        lines = [
            line(self._stream, TYPE, iri_term(f"{LDES}EventStream")),
            line(self._stream, iri_term(f"{TREE}view"), root),
            line(self._stream, iri_term(f"{LDES}timestampPath"), iri_term(TIME)),
            line(self._stream, iri_term(f"{LDES}sequencePath"), iri_term(POSITION)),
            line(self._stream, iri_term(f"{LDES}versionOfPath"), iri_term(f"{DCT}isVersionOf")),
            line(self._stream, iri_term(f"{LDES}versionDeletePath"), TYPE),
            line(self._stream, iri_term(f"{LDES}versionDeleteObject"), iri_term(f"{HANSA}Withdrawn")),
            line(self._stream, iri_term(f"{LDES}pollingInterval"), integer_term(POLLING)),
            line(self._stream, iri_term(f"{DCT}publisher"), publisher),
            line(self._stream, iri_term(f"{HANSA}epoch"), integer_term(self._chains.epoch)),
            line(publisher, iri_term(f"{FOAF}name"), literal_term(self._node.name)),
            line(root, TYPE, iri_term(f"{TREE}Node")),
        ]
        if place is not None:
            lines += place_lines(publisher, iri_term(f"{self._root}#place"), place)
        for number, audience in enumerate(audiences):
            # The bound excludes nothing: it is there because some clients do not know relations without a bound.
            bound = ("GreaterThanOrEqualToRelation", POSITION, integer_term(0))
            lines += relation(root, f"_:r{number}", self._url(audience, "index"), *bound)
        return join_lines(lines)

    def _index_lines(self, audience: str, size: int, beat: int) -> bytes:
        url = self._url(audience, "index")
        index = iri_term(url)
        lines = [
            line(index, TYPE, iri_term(f"{TREE}Node")),
            line(index, iri_term(f"{HANSA}audience"), literal_term(audience)),
            line(index, iri_term(f"{HANSA}head"), literal_term(self._head(audience, size, beat))),
            line(index, iri_term(f"{HANSA}consistency"), iri_term(self._url(audience, "consistency"))),
        ]
        spans = [(self._url(audience, f"groups/{span.name}"), span) for span in self._chains.groups(audience)]
        spans += [(self._url(audience, f"pages/{span.name}"), span) for span in self._chains.pages(audience)]
        return join_lines(lines + relation_lines(index, spans))

    def _group_lines(self, audience: str, group: Span) -> bytes:
        url = self._url(audience, f"groups/{group.name}")
        spans = [
            (self._url(audience, f"pages/{span.name}"), span) for span in self._chains.pages(audience, group.number)
        ]
        return join_lines([*page_lines(url, full=True), *relation_lines(iri_term(url), spans)])

    def _page_lines(self, audience: str, span: Span, members: list[ChainMember]) -> bytes:
        with self._uow.read() as tx:
            by_entry = {
                record.entry: record for record in self._records.by_entry(tx, [member.entry for member in members])
            }
        url = self._url(audience, f"pages/{span.name}")
        leaves = " ".join(hash_text(leaf) for leaf in self._chains.leaves(audience, span.first, span.end))
        lines = [
            *page_lines(url, full=span.full),
            line(iri_term(url), iri_term(f"{HANSA}leaves"), literal_term(leaves)),
        ]
        for member in members:
            record = by_entry.get(member.entry)
            if record is None:
                raise LocalFault(f"the ledger has the record of entry {member.entry}, the record store has not")
            if record.is_erased:
                # The chains learn it in a moment, from the entry that erased it.
                continue
            lines += self._member_lines(member, record)
        return join_lines(lines)

    def _member_lines(self, member: ChainMember, record: Record) -> list[str]:
        iri = iri_term(record.version_iri)
        lines = [
            line(self._stream, iri_term(f"{TREE}member"), iri),
            line(iri, iri_term(f"{DCT}isVersionOf"), iri_term(record.iri)),
            line(iri, iri_term(TIME), literal_term(member.time, datatype=f"{XSD}dateTime")),
            line(iri, iri_term(POSITION), integer_term(member.position)),
            line(iri, iri_term(f"{HANSA}sha256"), literal_term(record.sha256)),
            line(iri, iri_term(f"{HANSA}envelope"), literal_term(signature_of(record))),
        ]
        if record.withdrawn:
            lines.append(line(iri, TYPE, iri_term(f"{HANSA}Withdrawn")))
        for statement in statements(record.nquads):
            lines.append(
                line(
                    rename_blank(statement.subject, member.position),
                    statement.predicate,
                    rename_blank(statement.object, member.position),
                    iri,
                )
            )
        return lines

    def _head(self, audience: str, size: int, beat: int) -> str:
        head = Head(
            origin=self._node.did,
            audience=audience,
            epoch=self._chains.epoch,
            size=size,
            at=datetime.fromtimestamp(beat, UTC),
            root=self._chains.root(audience, size),
            restarts=self._chains.restarts(audience),
        )
        last_signature = self._signed.get(audience)
        if last_signature is None or last_signature[0] != head:
            # ES256 signatures of the same text differ; this one is kept, so that the page stays the same bytes.
            last_signature = self._signed[audience] = (head, seal_head(self._keyring, head))
        return last_signature[1]


def _number(name: str) -> int:
    number = name.partition(".")[0]
    # Only the canonical spelling: "07" or "٧" would be other addresses of the same page.
    if not number.isascii() or not number.isdigit() or len(number) > 12 or str(int(number)) != number:
        raise absent()
    return int(number)


def _edition(name: str, spans: dict[int, Span]) -> Span:
    span = spans.get(_number(name))
    if span is None:
        raise absent()
    if span.name != name:
        raise PageGone(
            "some of its members are no longer public to its audience, and the page has a new address",
            remedy="read the index of the feed again",
        )
    return span


def _tag(*parts: str) -> str:
    return hashlib.sha256("\n".join((FORMAT, *parts)).encode()).hexdigest()[:32]
