"""Witnesses: compares the heads that a member showed to others with those that it showed to us.

A node that shows one history to one follower and another to the next signs both. Each follower keeps the last head
that it was shown; callers who may see an audience may read those heads at ``/federation/heads``. A follower reads
them at every node that it follows and at its region. Heads of one chain and epoch are consistent if the roots are
equal at the same size, or if the member proves that the shorter history is the beginning of the longer. Everything
else is a fork.

A witness cannot accuse anybody falsely: the heads that it shows count only with the signature of the member.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Final

from federation.cursor import Chain, Cursor, SeenHead
from federation.forks import EPOCH_BACK, NO_PROOF, SAME_SIZE, Fork
from federation.members import Members
from federation.replicate.client import Replicate
from federation.replicate.model import Fetch
from node.api import QUARANTINE, Followed, HansaError, head_key, open_head, read_object, stated_at

log = logging.getLogger("hansa.federation")

PATH: Final = "/federation/heads"
MAX_BYTES: Final = 4 << 20
MAX_HEADS: Final = 2_000
"""The number of heads of one witness that are read at once."""

REMEMBERED: Final = 20_000
"""The number of heads remembered as consistent with ours, so that no proof is requested twice."""


class Witness:
    """Shows the heads that this node has seen, and compares those that others have seen."""

    def __init__(self, *, members: Members, replicate: Replicate, fetch: Fetch) -> None:
        self._members = members
        self._replicate = replicate
        self._fetch = fetch
        self._agreed: set[tuple[str, str, int, int, bytes]] = set()

    async def heads(self, audiences: Collection[str] | None) -> list[dict[str, Any]]:
        """Return the last head of each chain that this node has seen, of the chains for ``audiences`` (None: all).

        For a member in quarantine both heads of the fork are shown, so that others learn of it too.
        """
        heads_to_show: list[dict[str, Any]] = []
        for member in await self._members.all():
            cursor = Cursor.from_json(member.cursor)
            for audience, jws in _heads_of(cursor, quarantined=member.state == QUARANTINE):
                if audiences is None or audience in audiences:
                    heads_to_show.append({"did": member.did, "audience": audience, "head": jws})
        return heads_to_show

    async def listen(self, url: str, did: str) -> list[Fork]:
        """Read the heads that the node ``did`` at ``url`` has seen, compare them, and quarantine members that forked.

        A witness that does not answer, or answers nonsense, is skipped: the check is not about the witness.
        """
        try:
            heads_of_member = await self._read(url, did)
        except HansaError as error:
            log.info("the heads that %s has seen cannot be read: %s", url, error.detail)
            return []
        members = {member.did: member for member in await self._members.all() if member.did is not None}
        forks = []
        for head in heads_of_member:
            if not isinstance(head, Mapping) or not all(isinstance(head.get(n), str) for n in ("did", "head")):
                continue
            member = members.get(head["did"])
            if member is None or member.did == did or member.state == QUARANTINE:
                continue
            try:
                fork = await self._compare(member, head["head"], did)
            except HansaError as error:
                log.info("a head of %s that %s has seen was not compared: %s", member.url, url, error.detail)
                continue
            if fork is not None:
                log.warning("%s is in quarantine: %s, as %s has seen", member.url, fork.sentence, did)
                await self._replicate.quarantine(member, fork)
                members[head["did"]] = replace(member, state=QUARANTINE)
                forks.append(fork)
        return forks

    async def _read(self, url: str, did: str) -> list[Any]:
        status, _, body = await self._fetch(f"{url}{PATH}", {"Accept": "application/json"}, audience=did)
        if status != 200 or len(body) > MAX_BYTES:
            # An older node does not have this end point.
            return []
        shown = (await asyncio.to_thread(read_object, body)).get("heads")
        return shown[:MAX_HEADS] if isinstance(shown, list) else []

    async def _compare(self, member: Followed, jws: str, witness: str) -> Fork | None:
        """Return the fork between ``jws`` and our last head; None where they are consistent or not comparable."""
        kid = head_key(jws)
        if kid.partition("#")[0] != member.did:
            return None
        head = open_head(jws, await self._replicate.key(str(member.did), kid, at=stated_at(jws)))
        chain = Cursor.from_json(member.cursor).chains.get(head.audience)
        if head.root is None or chain is None or chain.head is None:
            return None
        theirs, ours = SeenHead.of(head, jws), chain.head
        if chain.since is not None and theirs.at <= chain.since:
            # Signed before a person accepted another history: known, and already decided.
            return None
        key = (str(member.did), head.audience, theirs.epoch, theirs.size, theirs.root)
        if key in self._agreed:
            return None
        fork = await self._against(member, head.audience, chain, ours, theirs)
        if fork is not None:
            return replace(fork, witness=witness)
        if theirs.epoch == ours.epoch:
            if len(self._agreed) >= REMEMBERED:
                self._agreed.clear()
            self._agreed.add(key)
        return None

    async def _against(
        self, member: Followed, audience: str, chain: Chain, ours: SeenHead, theirs: SeenHead
    ) -> Fork | None:
        def fork(kind: str, proof: Mapping[str, Any] | None = None) -> Fork:
            return Fork(
                audience=audience,
                kind=kind,
                first=ours.jws,
                second=theirs.jws,
                found_at=self._replicate.now(),
                proof=proof or {},
            )

        if theirs.epoch != ours.epoch:
            earlier, later = sorted((ours, theirs), key=lambda head: head.epoch)
            # The other order is no fork: one of the two heads was simply read before the restore.
            return fork(EPOCH_BACK) if earlier.at > later.at else None
        if theirs.size == ours.size:
            return None if theirs.root == ours.root else fork(SAME_SIZE)
        old, new = sorted((ours, theirs), key=lambda head: head.size)
        proof = await self._replicate.proof(str(member.did), chain.proofs, old.size, new.size)
        return None if proof.holds(old.size, new.size, old.root, new.root) else fork(NO_PROOF, proof.to_json())


def _heads_of(cursor: Cursor, *, quarantined: bool) -> list[tuple[str, str]]:
    heads = [(audience, chain.head.jws) for audience, chain in cursor.chains.items() if chain.head is not None]
    if quarantined:
        heads += [
            (fork["audience"], fork[which])
            for fork in cursor.forks
            if not fork.get("decided")
            for which in ("first", "second")
        ]
    return list(dict.fromkeys(heads))
