"""The stores, the keys and the clock that publications share, and the rules for the next version of an asset.

One publication is one transaction: it writes ledger entry and record row, or nothing. It assigns the number of the
version, one publication of an asset at a time. If another process was quicker, the store refuses the number
(``Conflict``) and the publication is tried again after what is then the newest version.
"""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any

from node.base.clock import Clock
from node.base.errors import Conflict
from node.base.jsons import canonical
from node.base.work import Transaction, UnitOfWork
from node.catalogue.envelope import sign
from node.catalogue.model import INTERNAL, PUBLIC, NodeFacts, Publication, Record, Settlement, WiderAudience
from node.catalogue.ports import RecordStore
from node.catalogue.versions.storage import VersionStorage
from node.identity.model import Caller
from node.identity.ports import KeyRing
from node.policy.gallery import HANSA, Gallery
from node.semantics.kinds import KINDS

Settled = Callable[[str], Awaitable[Settlement]]
"""Waits until the entry with this id is numbered and the views show it, but not for views that are far behind."""


ATTEMPTS = 8
"""The attempts of a publication that loses the race for a version number, before its ``Conflict`` is raised."""

PAUSE = 0.02
"""The longest wait, in seconds, before the first repetition."""

PLURALS: Mapping[str, str] = {name: kind.plural for name, kind in KINDS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """The stores, the keys and the clock that publishing and withdrawing share."""

    uow: UnitOfWork
    versions: VersionStorage
    records: RecordStore
    keyring: KeyRing
    clock: Clock
    node: NodeFacts
    region: Callable[[], str | None] = lambda: None
    """Returns the DID of the region that the templates of conditions refer to for credentials."""
    gallery: Gallery = HANSA
    """The templates that conditions may name."""

    _turns: tuple[Lock, ...] = field(default_factory=lambda: tuple(Lock() for _ in range(64)))

    def in_turn(self, iri: str, work: Callable[[Transaction], Publication]) -> Publication:
        """Do ``work`` on the asset ``iri`` in a transaction.

        Within this process, works on an asset run one at a time. Another process may still take the version number
        first; then ``work`` is repeated after what is now the newest version. Raises ``Conflict`` after too many
        repetitions.
        """
        with self._turns[hash(iri) % len(self._turns)]:
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    with self.uow.begin() as tx:
                        return work(tx)
                except Conflict:
                    if attempt == ATTEMPTS:
                        raise
                    time.sleep(random.uniform(0, PAUSE * attempt))  # noqa: S311 - to part two who collide
        raise AssertionError("the last attempt returns or raises")

    def keep(self, tx: Transaction, version: Record, by: Caller, change: WiderAudience | None = None) -> Record:
        """Sign ``version`` and put it into the ledger and the store, in the caller's transaction.

        ``change`` describes a wider audience from now on; the ledger entry records it.
        """
        now = self.clock.now()
        record = replace(sign(self.keyring, replace(version, at=now)), by=by.name)
        return self.versions.add(tx, record, by=by.name, at=now, change=change)


async def settle(publication: Publication, wait_for_views: Settled | None) -> Publication:
    """Return ``publication`` with its place in the ledger, after the views show it or are known to be far behind."""
    if not publication.created or wait_for_views is None:
        return publication
    settlement = await wait_for_views(publication.record.entry)
    return replace(publication, position=settlement.position, behind=settlement.behind)


def require_made_from(follows: int | None, head: Record | None) -> None:
    """Raise ``Conflict`` if a version that was made from version ``follows`` of an asset was made from another than
    ``head``, the newest. With None it was made from no particular one."""
    if follows is None or (head is not None and head.version == follows):
        return
    newest = 0 if head is None else head.version
    raise Conflict(
        f"your changes were made from version {follows}, but the newest version is {newest}",
        remedy="read the newest version, and make your changes in it",
        facts={"case": "newer-version", "version": newest, "follows": follows},
    )


def narrows(head: Record, audience: str) -> bool:
    """Return whether the new ``audience`` may exclude people who see ``head``.

    Audiences have no order among themselves. So every change counts, except one to the public audience, or one from
    our own people, who see every record.
    """
    return not head.withdrawn and head.audience not in (audience, INTERNAL) and audience != PUBLIC


def same_content(head: Record, draft: Record) -> bool:
    """Return whether ``draft`` has the same description, offer, files and audience as ``head``."""
    opens = draft.opens_history and not head.opens_history
    return not head.withdrawn and not opens and canonical(_content(head)) == canonical(_content(draft))


def _content(record: Record) -> dict[str, Any]:
    return {
        "sha256": record.sha256,
        "kind": record.kind,
        "audience": record.audience,
        "offer": record.offer,
        "sealed": record.sealed,
        "files": [file.to_json() for file in record.files],
    }
