"""One run over one node's feed: what is new there, verified, into this node's ledger.

The client follows LDES 1.0: it begins at the root, which must be the one view of the stream; it never fetches
what cannot hold anything new (positions before its cursor, unchanged pages by their entity tags); it takes the
members of a chain in the order of their positions. Every page is one transaction: its records and the cursor
that says they are here.

What a hostile or broken feed can do is bounded: pages must lie below the feed's root and are visited once, their
number and size is limited, and a chain whose signed head goes back is not read. One malformed member costs one
entry in the quarantine, and the feed goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from federation.members import FOLLOWING, Members
from federation.replicate.cursor import Cursor
from federation.replicate.model import STALE, Fetch, HostileFeed, Limits, Outcome, QuotaReached
from federation.replicate.pages import MemberText, Page, Relation, read_page, within
from federation.replicate.verify import verify_member
from node.api import (
    Append,
    Clock,
    EntryKind,
    Followed,
    HansaError,
    Head,
    InvalidInput,
    Peers,
    PeerUnreachable,
    Record,
    RecordStore,
    Transaction,
    UnitOfWork,
    canonical,
    envelope_of,
    head_key,
    key_for,
    ledger_body,
    open_head,
    signing_key,
)

ACCEPT = "application/n-quads"

_TAG = 256
_KEPT = 1 << 20
"""How long an entity tag, and how large a page (bytes), may be to be kept in memory until the next run."""

_TRY_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})


class Replicate:
    """Reads feeds. Keeps entity tags in memory: after a restart each changing page is fetched once more."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        records: RecordStore,
        append: Append,
        members: Members,
        peers: Peers,
        fetch: Fetch,
        clock: Clock,
        me: str,
        own_base: str,
        limits: Limits | None = None,
    ) -> None:
        self._uow = uow
        self._records = records
        self._append = append
        self._members = members
        self._peers = peers
        self._fetch = fetch
        self._clock = clock
        self._me = me
        self._own_base = own_base
        self._limits = limits or Limits()
        self._seen: dict[str, dict[str, tuple[str, Page]]] = {}

    async def run(self, member: Followed) -> Outcome:
        """Read what is new in the feed of ``member``.

        Raises ``PeerUnreachable`` where the feed cannot be read, ``HostileFeed`` where it must not be; what
        was read before that stays, and the next run continues there.
        """
        others = [other.url for other in await self._members.all() if other.url != member.url]
        run = _Run(self, member, (self._own_base, *others), self._seen.get(member.url, {}))
        await run.whole()
        self._seen[member.url] = run.tags
        return run.outcome

    async def get(self, run: _Run, url: str, *, keep: bool = False) -> Page | None:
        """The page at ``url``; None for one that is gone (410). ``keep`` it for a conditional request next time."""
        run.count(url)
        known = run.known.get(url)
        headers = {"Accept": ACCEPT, **({"If-None-Match": known[0]} if known else {})}
        status, answer, body = await self._fetch(url, headers, audience=run.did)
        if status == 304 and known is not None:
            run.tags[url] = known
            return known[1]
        if status == 410:
            return None
        if status != 200:
            later = " and may answer later" if status in _TRY_LATER else ""
            raise PeerUnreachable(f"{url} answers with status {status}{later}")
        fields = {name.lower(): value for name, value in answer.items()}
        if fields.get("content-type", "").partition(";")[0].strip().lower() != ACCEPT:
            raise HostileFeed(f"{url} does not answer in {ACCEPT}")
        try:
            page = await asyncio.to_thread(read_page, url, body)
        except InvalidInput as error:
            raise HostileFeed(f"{url}: {error.detail}") from error
        tag = fields.get("etag", "")
        if keep and 0 < len(tag) <= _TAG and len(body) <= _KEPT:
            run.tags[url] = (tag, page)
        return page

    async def key(self, did: str, kid: str, *, fresh: bool = False) -> dict[str, Any]:
        """The key ``kid`` of ``did``, from its DID document; ``fresh`` reads that anew."""
        return key_for(await self._peers.did_document(did, fresh=fresh), kid, "assertionMethod")

    def keep(
        self, run: _Run, members: Sequence[MemberText], found: Sequence[Record | str], cursor: Cursor
    ) -> Followed:
        """Records, quarantine and cursor of one page, in one transaction. Raises ``QuotaReached`` and keeps nothing
        where the node would have more here than it may."""
        outcome = run.outcome
        with self._uow.begin() as tx:
            number, size = self._records.held(tx, run.did) if cursor.held is None else cursor.held
            for text, record in zip(members, found, strict=True):
                before = outcome.added
                reason = record if isinstance(record, str) else self._take(tx, record, outcome)
                if not isinstance(record, str) and outcome.added > before:
                    number, size = number + 1, size + len(record.nquads)
                    self._require_room(number, size)
                if reason:
                    outcome.quarantined += 1
                    cursor.quarantine(text.iri, reason, self._clock.now())
            cursor.held = (number, size)
            member = replace(outcome.member, cursor=cursor.to_json(), did=run.did)
            self._members.save(tx, member)
        return member

    def _require_room(self, number: int, size: int) -> None:
        limits = self._limits
        if number > limits.held_records:
            raise QuotaReached(
                f"it has {limits.held_records:,} versions of records here, which is the most that one node may",
                remedy="if that is well, raise followed_records in hansa.toml",
            )
        if size > limits.held_bytes:
            raise QuotaReached(
                f"its records have {limits.held_bytes:,} bytes here, which is the most that one node may",
                remedy="if that is well, raise followed_bytes in hansa.toml",
            )

    def _take(self, tx: Transaction, record: Record, outcome: Outcome) -> str:
        """Keep ``record`` unless it is known; the reason where it must not be kept."""
        known = self._records.get(tx, record.iri, version=record.version)
        if known is not None:
            if canonical(envelope_of(known)) != canonical(envelope_of(record)):
                return "its origin has signed something else as this version before"
            outcome.known += 1
            return ""
        entry = self._append(tx, EntryKind.RECORD, record.iri, record.origin, ledger_body(record), self._clock.now())
        self._records.add(tx, replace(record, entry=entry.id))
        outcome.added += 1
        return ""

    def now(self) -> datetime:
        return self._clock.now()

    @property
    def limits(self) -> Limits:
        return self._limits

    def renamed(self, member: Followed, name: str) -> Followed:
        return self._members.renamed(member, name)

    async def save(self, member: Followed) -> None:
        def write() -> None:
            with self._uow.begin() as tx:
                self._members.save(tx, member)

        await asyncio.to_thread(write)


class _Run:
    """The state of one run."""

    def __init__(
        self,
        client: Replicate,
        member: Followed,
        others: Sequence[str],
        known: Mapping[str, tuple[str, Page]],
    ) -> None:
        if member.did is None:
            raise InvalidInput("the node that is followed has no DID yet")
        self.did: str = member.did
        self.base = member.url
        self.root = f"{member.url}/feed"
        self.outcome = Outcome(member=member)
        self.known = known
        self.tags: dict[str, tuple[str, Page]] = {}
        self._saved = member
        self._client = client
        self._others = others
        self._cursor = Cursor.from_json(member.cursor)
        self._visited: set[str] = set()
        self._keys: dict[str, dict[str, Any] | HansaError] = {}
        self._refreshed = False

    def count(self, url: str) -> None:
        if url in self._visited:
            raise HostileFeed(f"{url} is linked to from below itself, or twice")
        self._visited.add(url)
        self.outcome.pages += 1
        if self.outcome.pages > self._client.limits.pages:
            raise _Enough

    async def whole(self) -> None:
        client = self._client
        page = await client.get(self, self.root, keep=True)
        if page is None or not page.is_root:
            raise HostileFeed(f"{self.root} is not the view of an event stream")
        if page.publisher != self.did:
            raise HostileFeed("the stream says that somebody else publishes it")
        if len(page.relations) > client.limits.chains:
            raise HostileFeed(f"the feed has more than {client.limits.chains} chains")
        self.outcome.member = client.renamed(self.outcome.member, page.publisher_name)
        try:
            for relation in page.relations:
                self._require_below(relation.url)
                await self._chain(relation.url)
        except _Enough:
            self.outcome.more = True
        troubles = "; ".join(self.outcome.troubles) or None
        self.outcome.member = replace(
            self.outcome.member, cursor=self._cursor.to_json(), state=FOLLOWING, last_error=troubles
        )
        if self.outcome.member != self._saved:
            await client.save(self.outcome.member)

    async def _chain(self, url: str) -> None:
        index = await self._client.get(self, url, keep=True)
        if index is None:
            return
        head = await self._head(index)
        self._check_head(head)
        if self._cursor.position(head.audience) >= head.size:
            return
        try:
            await self._below(index, head, depth=1)
        except _PageGone:
            # Members have been taken off a page since the index was read: the next run sees the new one.
            self.tags.pop(url, None)
            self.outcome.more = True
            return
        if self._cursor.position(head.audience) < head.size:
            # What was missing at the end has been taken off its page; there is nothing more to wait for.
            self._cursor.advance(head.audience, head.size)

    async def _head(self, index: Page) -> Head:
        if not index.head:
            raise HostileFeed(f"{index.url} has no signed head")
        try:
            head = open_head(index.head, await self._key(head_key(index.head)))
        except HansaError as error:
            raise HostileFeed(f"the head in {index.url} does not verify: {error.detail}") from error
        if head.origin != self.did or head.audience != index.audience:
            raise HostileFeed(f"the head in {index.url} is one of another chain")
        return head

    def _check_head(self, head: Head) -> None:
        epoch = self._cursor.epoch
        if head.epoch < epoch:
            raise HostileFeed(f"the feed has gone back from epoch {epoch} to epoch {head.epoch}")
        if head.epoch > epoch:
            # The node was restored from a backup: its chains begin anew. What we hold stays, and a version
            # that it now states differently ends up in the quarantine.
            self._cursor = self._cursor.restarted(head.epoch)
        position = self._cursor.position(head.audience)
        if head.size < position:
            raise HostileFeed(
                f"the feed has gone back: it had {position} members for {head.audience}, now it has {head.size}"
            )
        age = self._client.now() - head.at
        if age > STALE:
            self.outcome.troubles.append(f"the feed stands still: its head was signed {head.at.isoformat()}")

    async def _below(self, page: Page, head: Head, *, depth: int) -> None:
        if depth > self._client.limits.depth:
            raise HostileFeed("the pages of the feed are nested too deep")
        for relation in sorted(page.relations, key=lambda one: one.first):
            self._require_below(relation.url)
            if relation.end is not None and relation.end <= self._cursor.position(head.audience):
                continue
            found = await self._client.get(self, relation.url)
            if found is None:
                raise _PageGone
            if found.members:
                await self._members(found, relation, head)
            elif relation.end is not None and not found.relations:
                self._cursor.advance(head.audience, min(relation.end, head.size))
            if found.relations:
                await self._below(found, head, depth=depth + 1)

    async def _members(self, page: Page, relation: Relation, head: Head) -> None:
        cursor = self._cursor.position(head.audience)
        new = [member for member in page.members if member.position is None or member.position >= cursor]
        found = [await self._checked(member, relation, head) for member in new]
        last = max((member.position or 0 for member in new), default=cursor - 1)
        # A page may have grown since its index was read; what is beyond the signed head waits for the next.
        reached = last + 1 if relation.end is None else relation.end
        self._cursor.advance(head.audience, min(reached, head.size))
        self.outcome.member = self._saved = await asyncio.to_thread(self._client.keep, self, new, found, self._cursor)
        if self.outcome.added + self.outcome.quarantined >= self._client.limits.members:
            raise _Enough

    async def _checked(self, member: MemberText, relation: Relation, head: Head) -> Record | str:
        """The record, or the reason why the member is put aside."""
        position = member.position
        if position is not None and (
            position < relation.first or (relation.end is not None and position >= relation.end)
        ):
            return "its position is not one of the page it stands on"
        try:
            kid = signing_key(member.envelope) if member.envelope else ""
            if kid and kid.partition("#")[0] != self.did:
                return f"it is signed by {kid.partition('#')[0][:200]}, not by the node that is followed"
            key = await self._key(kid) if kid else {}
            return await asyncio.to_thread(
                verify_member,
                member,
                key_jwk=key,
                did=self.did,
                base=self.base,
                audience=head.audience,
                others=self._others,
                now=self._client.now(),
            )
        except PeerUnreachable:
            raise
        except HansaError as error:
            return error.detail

    async def _key(self, kid: str) -> dict[str, Any]:
        if kid.partition("#")[0] != self.did:
            raise InvalidInput("it is signed by somebody else than the node that is followed")
        known = self._keys.get(kid)
        if known is None:
            known = self._keys[kid] = await self._found(kid)
        if isinstance(known, HansaError):
            raise known
        return known

    async def _found(self, kid: str) -> dict[str, Any] | HansaError:
        """The key, or why there is none. A key that is new brings one fresh look a run, not one a member."""
        try:
            return await self._client.key(self.did, kid)
        except HansaError as error:
            if self._refreshed:
                return error
        self._refreshed = True
        try:
            return await self._client.key(self.did, kid, fresh=True)
        except PeerUnreachable:
            raise
        except HansaError as error:
            return error

    def _require_below(self, url: str) -> None:
        if not within(url, self.root):
            raise HostileFeed(f"the feed links to {url[:200]}, which is not below it")


class _Enough(Exception):
    """The run has reached its limit."""


class _PageGone(Exception):
    """A page that the index named is gone."""
