"""One run over one node's feed: verifies new members and adds them to this node's ledger.

The client follows LDES 1.0: it begins at the root, which must be the one view of the stream; it never fetches pages
that cannot hold new members (positions before its cursor, unchanged pages by their entity tags); it takes the members
of a chain in the order of their positions. Every page is one transaction: its records, and the cursor that states
that they are here.

Limits bound what a hostile or broken feed can do: pages must lie below the feed's root and are visited once, their
number and size are limited, and a chain is not read if its signed head does not continue the last one: a node that
signed two histories is put into quarantine (``federation.forks``). One malformed member is put aside with the reason,
and the rest of the feed is read.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from federation.cursor import Cursor
from federation.forks import Fork
from federation.members import Members
from federation.replicate.history import Proof
from federation.replicate.model import Fetch, ForkedFeed, HostileFeed, Limits, Outcome, QuotaReached
from federation.replicate.pages import MemberText, Page, read_page
from federation.replicate.run import Run
from node.api import (
    QUARANTINE,
    Append,
    Clock,
    EntryKind,
    Followed,
    HansaError,
    InvalidInput,
    Peers,
    PeerUnreachable,
    Record,
    RecordStore,
    Transaction,
    UnitOfWork,
    VersionStorage,
    canonical,
    document_at,
    envelope_of,
    head_key,
    key_for,
    read_object,
    stamp,
    stated_at,
)

log = logging.getLogger("hansa.federation")

ACCEPT = "application/n-quads"

_TAG = 256
_KEPT = 1 << 20
"""The longest entity tag, and the largest page (bytes), that is kept in memory until the next run."""

_PROOF = 64 << 10
"""The largest answer that is a proof, in bytes: 128 hashes take less than a tenth of it."""

_TRY_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})


class Replicate:
    """Reads feeds. Keeps entity tags in memory: after a restart each changing page is fetched once more."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        records: RecordStore,
        versions: VersionStorage,
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
        self._versions = versions
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

        Raises ``PeerUnreachable`` if the feed cannot be read, ``HostileFeed`` if it must not be read; what was read
        before that stays, and the next run continues there.
        """
        if member.state == QUARANTINE:
            raise HostileFeed(
                "it is in quarantine: it signed two different histories",
                remedy="to see them, run hansa members evidence; then accept its history or unfollow it",
            )
        others = [other.url for other in await self._members.all() if other.url != member.url]
        run = Run(self, member, (self._own_base, *others), self._seen.get(member.url, {}))
        try:
            await run.whole()
        except ForkedFeed as error:
            await self.quarantine(run.outcome.member, error.fork)
            raise
        self._seen[member.url] = run.tags
        return run.outcome

    async def get(self, run: Run, url: str, *, keep: bool = False) -> Page | None:
        """Return the page at ``url``; None if it is gone (410). ``keep`` stores it for a conditional request."""
        run.count(url)
        cached_page = run.known.get(url)
        headers = {"Accept": ACCEPT, **({"If-None-Match": cached_page[0]} if cached_page else {})}
        status, answer, body = await self._fetch(url, headers, audience=run.did)
        if status == 304 and cached_page is not None:
            run.tags[url] = cached_page
            return cached_page[1]
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

    async def key(self, did: str, kid: str, *, at: datetime | None = None, fresh: bool = False) -> dict[str, Any]:
        """Return the key ``kid`` of ``did`` in force ``at``, from its DID document; ``fresh`` fetches that again."""
        document = await self._peers.did_document(did, fresh=fresh)
        return key_for(document_at(document, at), kid, "assertionMethod")

    async def proof(self, did: str, url: str, old: int, new: int) -> Proof:
        """Return the answer of the node ``did`` to the request to prove that its chain of ``new`` members begins with
        that of ``old`` members. Raises ``PeerUnreachable`` if the node may answer differently later."""
        address = f"{url}?old={old}&new={new}"
        status, _, body = await self._fetch(address, {"Accept": "application/json"}, audience=did)
        if status in _TRY_LATER or status in (401, 403):
            raise PeerUnreachable(f"{url} answers with status {status}")
        if status != 200 or len(body) > _PROOF:
            return Proof(address, status, None)
        try:
            return Proof(address, status, read_object(body))
        except InvalidInput:
            return Proof(address, status, None)

    async def quarantine(self, member: Followed, fork: Fork) -> None:
        """Put ``member`` into quarantine. The evidence is kept with it and in the ledger; nothing is removed."""
        keys = {}
        for jws in (fork.first, fork.second):
            kid = head_key(jws)
            try:
                keys[kid] = await self.key(kid.partition("#")[0], kid, at=stated_at(jws))
            except HansaError as error:
                # The heads were verified on arrival; a key that cannot be fetched now must not lose the evidence.
                log.warning("the key %s cannot be kept with the evidence: %s", kid, error.detail)
        await asyncio.to_thread(self._members.quarantine, member, replace(fork, keys=keys))

    def note_restarts(self, member: Followed, cursor: Cursor, restarts: Sequence[Mapping[str, Any]]) -> Followed:
        """Record that a node announced the loss of members that we had read, in the ledger and with the node."""
        at = self._clock.now()
        with self._uow.begin() as tx:
            for restart in restarts:
                cursor.note_restart({**restart, "found": stamp(at)})
                body = {"type": "restart", "url": member.url, "did": member.did, **restart}
                self._append(tx, EntryKind.NODE, str(member.did), self._me, body, at)
            noted = replace(member, cursor=cursor.to_json())
            self._members.save(tx, noted)
        return noted

    def keep(
        self, run: Run, members: Sequence[MemberText], records: Sequence[Record | str], cursor: Cursor
    ) -> Followed:
        """Save the records, the quarantine and the cursor of one page in one transaction. Raises ``QuotaReached`` and
        saves nothing if the records of the node would exceed their limit here."""
        outcome = run.outcome
        with self._uow.begin() as tx:
            number, size = self._records.count_of(tx, run.did) if cursor.counts is None else cursor.counts
            for text, record in zip(members, records, strict=True):
                before = outcome.added
                reason = record if isinstance(record, str) else self._take(tx, record, outcome)
                if not isinstance(record, str) and outcome.added > before:
                    number, size = number + 1, size + len(record.nquads)
                    self._require_room(number, size)
                if reason:
                    outcome.quarantines += 1
                    cursor.quarantine(text.iri, reason, self._clock.now())
            cursor.counts = (number, size)
            member = replace(outcome.member, cursor=cursor.to_json(), did=run.did)
            self._members.save(tx, member)
        return member

    def _require_room(self, number: int, size: int) -> None:
        limits = self._limits
        if number > limits.held_records:
            raise QuotaReached(
                f"this node stores {limits.held_records:,} versions of its records, the limit for one node",
                remedy="to allow more, raise followed_records in hansa.toml",
            )
        if size > limits.held_bytes:
            raise QuotaReached(
                f"this node stores {limits.held_bytes:,} bytes of its records, the limit for one node",
                remedy="to allow more, raise followed_bytes in hansa.toml",
            )

    def _take(self, tx: Transaction, record: Record, outcome: Outcome) -> str:
        """Save ``record`` unless it is known; return the reason if it must not be saved."""
        newest = self._records.get(tx, record.iri)
        if newest is not None and newest.origin != record.origin:
            return f"this address already belongs to {newest.origin}; an address belongs to one node"
        record_before = newest and self._records.get(tx, record.iri, version=record.version)
        if record_before is not None:
            # An erased version that comes again, from a page that somebody kept, stays erased.
            if not record_before.is_erased and canonical(envelope_of(record_before)) != canonical(
                envelope_of(record)
            ):
                return "its origin already signed different content for this version"
            outcome.known += 1
            return ""
        self._versions.add(tx, record, by=record.origin, at=self._clock.now())
        outcome.added += 1
        return ""

    def now(self) -> datetime:
        return self._clock.now()

    @property
    def limits(self) -> Limits:
        return self._limits

    def introduce(self, member: Followed, page: Page) -> Followed:
        return self._members.introduce(member, page.publisher_name, page.publisher_place)

    async def save(self, member: Followed) -> None:
        def write() -> None:
            with self._uow.begin() as tx:
                self._members.save(tx, member)

        await asyncio.to_thread(write)
