"""One run over one feed: from the root to the pages, chain by chain, member by member."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from federation.cursor import Cursor, SeenHead
from federation.members import FOLLOWING
from federation.replicate.history import History, Proof, WrongPages
from federation.replicate.model import STALE, HostileFeed, Limits, Outcome
from federation.replicate.pages import MemberText, Page, Relation, within
from federation.replicate.verify import verify_member
from node.api import (
    Followed,
    HansaError,
    Head,
    InvalidInput,
    PeerUnreachable,
    Record,
    head_key,
    leaf_of,
    open_head,
    signing_key,
    stated_at,
)


class Client(Protocol):
    """The port of a run to the node that follows (``federation.replicate.client.Replicate``)."""

    @property
    def limits(self) -> Limits: ...

    def now(self) -> datetime: ...

    async def get(self, run: Run, url: str, *, keep: bool = False) -> Page | None: ...

    async def key(self, did: str, kid: str, *, at: datetime | None = None, fresh: bool = False) -> dict[str, Any]: ...

    async def proof(self, did: str, url: str, old: int, new: int) -> Proof: ...

    def keep(
        self, run: Run, members: Sequence[MemberText], records: Sequence[Record | str], cursor: Cursor
    ) -> Followed: ...

    def note_restarts(self, member: Followed, cursor: Cursor, restarts: Sequence[Mapping[str, Any]]) -> Followed: ...

    def introduce(self, member: Followed, page: Page) -> Followed: ...

    async def save(self, member: Followed) -> None: ...


class Run:
    """One run over the feed of ``member``, with the state that lasts for this run."""

    def __init__(
        self,
        client: Client,
        member: Followed,
        others: Sequence[str],
        pages: Mapping[str, tuple[str, Page]],
    ) -> None:
        if member.did is None:
            raise InvalidInput("the followed node has no DID yet")
        self.did: str = member.did
        self.base = member.url
        self.root = f"{member.url}/feed"
        self.outcome = Outcome(member=member)
        self.known = pages
        self.tags: dict[str, tuple[str, Page]] = {}
        self._saved = member
        self._client = client
        self._others = others
        self._cursor = Cursor.from_json(member.cursor)
        self._visited: set[str] = set()
        self._keys: dict[tuple[str, datetime | None], dict[str, Any] | HansaError] = {}
        self._refreshed = False

    def count(self, url: str) -> None:
        if url in self._visited:
            raise HostileFeed(f"the feed links to {url} twice, or from the same page")
        self._visited.add(url)
        self.outcome.pages += 1
        if self.outcome.pages > self._client.limits.pages:
            raise _Enough

    async def whole(self) -> None:
        client = self._client
        page = await client.get(self, self.root, keep=True)
        if page is None or not page.is_root:
            raise HostileFeed(f"{self.root} is not a view of an event stream")
        if page.publisher != self.did:
            raise HostileFeed("the stream states another publisher")
        if len(page.relations) > client.limits.chains:
            raise HostileFeed(f"the feed has more than {client.limits.chains} chains")
        self.outcome.member = client.introduce(self.outcome.member, page)
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
        history = await self._history(index, head)
        if self._cursor.position(head.audience) >= head.size:
            return
        try:
            await self._below(index, head, history, depth=1)
            if history is not None:
                await self._finish(history)
                if self._cursor.position(head.audience) < head.size:
                    self.outcome.troubles.append("its pages do not show all that the head of its feed commits to")
        except WrongPages:
            # The page was damaged on its way, or by a cache: the next run fetches it again.
            self.outcome.troubles.append("its pages do not show what the head of its feed commits to")
            self.tags.pop(url, None)
            return
        except _Enough:
            if history is not None:
                await self._finish(history)
            raise
        except _PageGone:
            # Members have been taken off a page since the index was read: the next run sees the new index.
            self.tags.pop(url, None)
            self.outcome.more = True
            return
        if history is None and self._cursor.position(head.audience) < head.size:
            # The members missing at the end have been taken off their page; the run need not wait for them.
            self._cursor.advance(head.audience, head.size)

    async def _head(self, index: Page) -> Head:
        if not index.head:
            raise HostileFeed(f"{index.url} has no signed head")
        try:
            head = open_head(index.head, await self._key(head_key(index.head), partial(stated_at, index.head)))
        except HansaError as error:
            raise HostileFeed(f"the head in {index.url} does not verify: {error.detail}") from error
        if head.origin != self.did or head.audience != index.audience:
            raise HostileFeed(f"the head in {index.url} belongs to another chain")
        return head

    def _check_head(self, head: Head) -> None:
        """Check a head on its own; a head that does not commit to content gets no further check."""
        age = self._client.now() - head.at
        if age > STALE:
            self.outcome.troubles.append(f"the feed has not changed: its head was signed {head.at.isoformat()}")
        epoch, chain = self._cursor.epoch, self._cursor.chains.get(head.audience)
        if head.root is None and chain is not None:
            raise HostileFeed("the heads of its feed no longer commit to its content, as they did before")
        if chain is not None:
            return
        if head.epoch < epoch:
            raise HostileFeed(f"the feed has gone back from epoch {epoch} to epoch {head.epoch}")
        if head.root is not None:
            return
        if head.epoch > epoch:
            # The node was restored from a backup: its chains begin anew. What we hold stays, and a version
            # that it now states differently ends up in the quarantine.
            self._cursor = self._cursor.restart(head.epoch)
        position = self._cursor.position(head.audience)
        if head.size < position:
            raise HostileFeed(
                f"the feed has gone back: it had {position} members for {head.audience}, now it has {head.size}"
            )

    async def _history(self, index: Page, head: Head) -> History | None:
        """Return the history of the new head, compared with the last one; None if heads do not commit to content."""
        if head.root is None:
            return None
        self._require_below(index.consistency)
        history = History(
            cursor=self._cursor,
            head=head,
            last_head=SeenHead.of(head, index.head),
            proofs=index.consistency,
            prove=partial(self._client.proof, self.did),
            now=self._client.now,
        )
        await history.begin()
        if history.announcements:
            self.outcome.member = self._saved = await asyncio.to_thread(
                self._client.note_restarts, self.outcome.member, self._cursor, history.announcements
            )
        return history

    async def _finish(self, history: History) -> None:
        try:
            await history.finish()
        finally:
            self.outcome.member = replace(self.outcome.member, cursor=self._cursor.to_json())

    async def _below(self, page: Page, head: Head, history: History | None, *, depth: int) -> None:
        if depth > self._client.limits.depth:
            raise HostileFeed("the pages of the feed are nested too deeply")
        for relation in sorted(page.relations, key=lambda one: one.first):
            self._require_below(relation.url)
            if relation.end is not None and relation.end <= self._cursor.position(head.audience):
                continue
            below = await self._client.get(self, relation.url)
            if below is None:
                raise _PageGone
            if below.members or (history is not None and below.leaves):
                await self._members(below, relation, head, history)
            elif history is None and relation.end is not None and not below.relations:
                self._cursor.advance(head.audience, min(relation.end, head.size))
            if below.relations:
                await self._below(below, head, history, depth=depth + 1)

    async def _members(self, page: Page, relation: Relation, head: Head, history: History | None) -> None:
        cursor = self._cursor.position(head.audience)
        new = [member for member in page.members if member.position is None or member.position >= cursor]
        if history is None:
            records = await self._check(new, relation, head)
            last = max((member.position or 0 for member in new), default=cursor - 1)
            # A page may have grown since its index was read; members beyond the signed head wait for the next run.
            reached = last + 1 if relation.end is None else relation.end
            self._cursor.advance(head.audience, min(reached, head.size))
        else:
            # A page may have grown since its index was read; the head does not cover the members beyond it.
            if relation.end is None:
                new = [member for member in new if member.position is None or member.position < head.size]
            leaves = page.leaves or _leaves(page, relation.first)
            members = await self._check(new, relation, head)
            records = [
                record if isinstance(record, str) else _check_leaf(member, record, leaves, relation.first)
                for member, record in zip(new, members, strict=True)
            ]
            try:
                self._cursor.grow(head.audience, await history.take(relation.first, leaves))
            except WrongPages:
                await self._put_aside(new, records)
                await self._finish(history)
                raise
        self.outcome.member = self._saved = await asyncio.to_thread(
            self._client.keep, self, new, records, self._cursor
        )
        if self.outcome.added + self.outcome.quarantines >= self._client.limits.members:
            raise _Enough

    async def _put_aside(self, members: Sequence[MemberText], records: Sequence[Record | str]) -> None:
        """Record the errors of single members of a rejected page, each error once."""
        wrong = [
            (member, reason)
            for member, reason in zip(members, records, strict=True)
            if isinstance(reason, str) and not self._cursor.has_put_aside(member.iri, reason)
        ]
        if wrong:
            texts, reasons = [member for member, _ in wrong], [reason for _, reason in wrong]
            self.outcome.member = self._saved = await asyncio.to_thread(
                self._client.keep, self, texts, reasons, self._cursor
            )

    async def _check(self, members: Sequence[MemberText], relation: Relation, head: Head) -> list[Record | str]:
        """Return for each member the record, or the reason why it is put aside."""
        keys = [await self._key_of(member, relation) for member in members]
        verify = partial(
            verify_member,
            did=self.did,
            base=self.base,
            audience=head.audience,
            others=self._others,
            now=self._client.now(),
        )
        # One call for the whole page: to hand each member to a thread costs as much as to check its signature.
        return await asyncio.to_thread(_verify_all, verify, members, keys)

    async def _key_of(self, member: MemberText, relation: Relation) -> dict[str, Any] | str:
        """Return the key with which the member is signed, or the reason why it is put aside."""
        position = member.position
        if position is not None and (
            position < relation.first or (relation.end is not None and position >= relation.end)
        ):
            return "its position is outside the range of its page"
        try:
            kid = signing_key(member.envelope) if member.envelope else ""
            if kid and kid.partition("#")[0] != self.did:
                return f"it is signed by {kid.partition('#')[0][:200]}, not by the followed node"
            return await self._key(kid, partial(stated_at, member.envelope)) if kid else {}
        except PeerUnreachable:
            raise
        except HansaError as error:
            return error.detail

    async def _key(self, kid: str, moment_of: Callable[[], datetime | None]) -> dict[str, Any]:
        """Return the key ``kid``, used at the moment that ``moment_of`` returns. Raises ``HansaError``."""
        if kid.partition("#")[0] != self.did:
            raise InvalidInput("it is not signed by the followed node")
        # A key in use is valid for any moment, which then need not be read. A former key is looked up for each.
        key = self._keys.get((kid, None))
        if key is None:
            at = moment_of()
            key = self._keys.get((kid, at))
            if key is None:
                key, moment = await self._published_key(kid, at)
                self._keys[kid, moment] = key
        if isinstance(key, HansaError):
            raise key
        return key

    async def _published_key(
        self, kid: str, at: datetime | None
    ) -> tuple[dict[str, Any] | HansaError, datetime | None]:
        """Return the key or the reason why none was found, and the moment for which this is true (None: for any).

        The document is fetched again only if the cached one has no answer, and once a run, not for each member: after
        a fetch that shows nothing new, the next new key has to wait.
        """
        refusal: HansaError | None = None
        for fresh in (False,) if self._refreshed else (False, True):
            self._refreshed = self._refreshed or fresh
            for moment in dict.fromkeys((None, at)):
                try:
                    return await self._client.key(self.did, kid, at=moment, fresh=fresh and moment is None), moment
                except PeerUnreachable as failure:
                    if fresh:
                        raise
                    refusal = failure
                except HansaError as failure:
                    refusal = failure
        assert refusal is not None
        return refusal, at

    def _require_below(self, url: str) -> None:
        if not within(url, self.root):
            raise HostileFeed(f"the feed links to {url[:200]}, which is outside the feed's address")


def _verify_all(
    verify: Callable[..., Record], members: Sequence[MemberText], keys: Sequence[dict[str, Any] | str]
) -> list[Record | str]:
    """Return the record of each member, or the reason why it is put aside, which may stand in place of its key."""
    results: list[Record | str] = []
    for member, key in zip(members, keys, strict=True):
        try:
            results.append(key if isinstance(key, str) else verify(member, key_jwk=key))
        except HansaError as error:
            results.append(error.detail)
    return results


def _leaves(page: Page, first: int) -> list[bytes]:
    """Return the leaves of a page that does not list them, up to the first gap between its members."""
    envelopes = {member.position: member.envelope for member in page.members if member.envelope}
    leaves: list[bytes] = []
    while first + len(leaves) in envelopes:
        leaves.append(leaf_of(envelopes[first + len(leaves)]))
    return leaves


def _check_leaf(member: MemberText, record: Record, leaves: Sequence[bytes], first: int) -> Record | str:
    """Return the record if the leaf at its position is that of its envelope; else the reason for putting it aside."""
    place = (member.position or 0) - first
    if 0 <= place < len(leaves) and leaves[place] == leaf_of(member.envelope):
        return record
    return "the signed head of the feed commits to another member at this position"


class _Enough(Exception):
    """The run has reached its limit."""


class _PageGone(Exception):
    """A page is gone that the index named."""
