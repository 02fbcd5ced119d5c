"""The nodes that this node follows: added by a person, by their URL, checked by their DID document."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from federation.cursor import Cursor
from federation.forks import Fork
from node.api import (
    QUARANTINE,
    Append,
    Caller,
    Clock,
    Conflict,
    EntryKind,
    Followed,
    FollowStore,
    InvalidInput,
    NotFound,
    Peers,
    Transaction,
    UnitOfWork,
    UseCase,
    did_of,
    require,
    stamp,
)

NEW = "new"
FOLLOWING = "following"
TROUBLED = "troubled"
STOPPED = "stopped"
"""The records of this node have reached their limit here: no more are read."""


class Members:
    """Adds, lists and removes followed nodes. The ledger records who did it."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        store: FollowStore,
        append: Append,
        peers: Peers,
        clock: Clock,
        me: str,
    ) -> None:
        self._uow = uow
        self._store = store
        self._append = append
        self._peers = peers
        self._clock = clock
        self._me = me
        self.wake: Callable[[], None] = _nobody
        """Called when a new node is followed. The poller sets this function."""

    async def add(self, url: str, by: Caller) -> Followed:
        """Follow the node at ``url`` from now on.

        Its DID follows from the URL (``did:web``), and the DID document there must state the same DID. Raises
        ``InvalidInput`` if the URL is not a node's or is our own, ``Conflict`` if the node is followed already,
        ``PeerUnreachable`` and ``ForbiddenAddress`` if the document cannot be fetched, ``NotAllowed``.
        """
        self.require_operator(by)
        base = url.strip().rstrip("/")
        did = did_of(base)
        if did == self._me:
            raise InvalidInput("this node cannot follow itself")
        document = await self._peers.did_document(did, fresh=True)
        if document.id != did:
            raise InvalidInput(f"the DID document at {base} is about another DID")
        member = Followed(
            url=base,
            did=did,
            name=urlsplit(base).netloc,
            state=NEW,
            at=self._clock.now(),
        )
        await asyncio.to_thread(self._add, member, by)
        self.wake()
        return member

    async def follow_admitted(self, url: str, by: Caller) -> None:
        """Follow the node at ``url``, which ``by`` has just admitted; a node that is followed already stays followed.

        Its document was checked when it applied, so it need not answer at this moment. Raises ``InvalidInput`` if the
        URL cannot be a node's.
        """
        base = url.strip().rstrip("/")
        member = Followed(url=base, did=did_of(base), name=urlsplit(base).netloc, state=NEW, at=self._clock.now())
        if member.did == self._me:
            return
        try:
            await asyncio.to_thread(self._add, member, by)
        except Conflict:
            return
        self.wake()

    async def remove(self, url: str, by: Caller) -> None:
        """Stop following a node. Records from it stay. Raises ``NotFound``, ``NotAllowed``."""
        self.require_operator(by)

        def drop() -> None:
            with self._uow.begin() as tx:
                member = self._store.get(tx, url.strip().rstrip("/"))
                if member is None:
                    raise NotFound("this node does not follow that node")
                self._store.drop(tx, member.url)
                self._note(tx, member, by, "unfollow")

        await asyncio.to_thread(drop)

    def require_operator(self, by: Caller) -> None:
        """Raise ``NotAllowed`` for callers who may not follow other nodes."""
        require(by, UseCase.FOLLOW)

    async def all(self) -> Sequence[Followed]:
        """Return all followed nodes, sorted by URL."""

        def read() -> Sequence[Followed]:
            with self._uow.read() as tx:
                return self._store.all(tx)

        return await asyncio.to_thread(read)

    def stored_member(self, tx: Transaction, url: str) -> Followed | None:
        """Return the node as it is stored now."""
        return self._store.get(tx, url)

    def save(self, tx: Transaction, member: Followed) -> None:
        """Save the changes that following made, in the caller's transaction.

        Does nothing if the node was removed or put into quarantine since: a run that was in progress meanwhile does
        not know of it.
        """
        stored = self._store.get(tx, member.url)
        if stored is not None and stored.state != QUARANTINE:
            self._store.save(tx, member)

    def quarantine(self, member: Followed, fork: Fork) -> None:
        """Stop reading from ``member``; keep ``fork`` as evidence with the member and in the ledger."""
        with self._uow.begin() as tx:
            member_before = self._store.get(tx, member.url)
            if member_before is None or member_before.state == QUARANTINE:
                return
            cursor = Cursor.from_json(member_before.cursor)
            body = {"type": "fork", "url": member.url, "did": member.did, **fork.to_json()}
            entry = self._append(tx, EntryKind.NODE, str(member.did), self._me, body, self._clock.now())
            cursor.note_fork({**fork.to_json(), "entry": entry.id})
            member_after = replace(
                member_before,
                cursor=cursor.to_json(),
                state=QUARANTINE,
                last_error=f"in quarantine: {fork.sentence}. Received records are kept; no new ones are accepted",
            )
            self._store.save(tx, member_after)

    async def find(self, name: str) -> Followed:
        """Return the followed node with this URL, DID or name. Raises ``NotFound``."""
        wanted = name.strip().rstrip("/")
        for member in await self.all():
            if wanted in (member.url, member.did, member.name):
                return member
        raise NotFound("this node does not follow that node", remedy="see the list: hansa members")

    async def accept(self, name: str, by: Caller) -> Followed:
        """Accept the history that a node in quarantine shows now, from its beginning.

        Received records stay; a version is put aside if the node now states it differently. The decision stands in
        the ledger beside the evidence. Raises ``NotFound``, ``NotAllowed``, and ``Conflict`` for a node that is not
        in quarantine.
        """
        self.require_operator(by)
        member = await self.find(name)
        accepted = await asyncio.to_thread(self._accept, member.url, by)
        self.wake()
        return accepted

    def _accept(self, url: str, by: Caller) -> Followed:
        with self._uow.begin() as tx:
            member = self._store.get(tx, url)
            if member is None:
                raise NotFound("this node does not follow that node")
            if member.state != QUARANTINE:
                raise Conflict(f"{member.name} is not in quarantine: no decision is needed")
            at = self._clock.now()
            cursor = Cursor.from_json(member.cursor)
            decision = {"what": "accepted", "by": by.name, "at": stamp(at)}
            forks = [fork for fork in cursor.forks if not fork.get("decided")]
            for audience in dict.fromkeys(fork["audience"] for fork in forks):
                cursor.begin(audience, since=at)
            cursor.epoch = 0
            cursor.forks = [fork if fork.get("decided") else {**fork, "decided": decision} for fork in cursor.forks]
            body = {"type": "fork-accepted", "url": url, "did": member.did, "evidence": [f["entry"] for f in forks]}
            self._append(tx, EntryKind.NODE, str(member.did), by.name, body, at)
            accepted = replace(member, cursor=cursor.to_json(), state=NEW, last_error=None)
            self._store.save(tx, accepted)
            return accepted

    def introduce(self, member: Followed, name: str, place: Mapping[str, str | float]) -> Followed:
        """Return ``member`` under the name that its node gives itself, at the place that it states."""
        clean = " ".join(name.split())[:120]
        return replace(member, name=clean or member.name, place=dict(place))

    def _add(self, member: Followed, by: Caller) -> None:
        with self._uow.begin() as tx:
            if any(known.did == member.did for known in self._store.all(tx)):
                raise Conflict("this node already follows that node")
            self._store.add(tx, member)
            self._note(tx, member, by, "follow")

    def _note(self, tx: Transaction, member: Followed, by: Caller, what: str) -> None:
        body = {"type": what, "url": member.url, "did": member.did}
        self._append(tx, EntryKind.NODE, str(member.did), by.name, body, self._clock.now())


def _nobody() -> None:
    """Wake no waiter."""
