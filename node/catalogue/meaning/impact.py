"""The impact of a new version of an ontology or a schema: its changes of meaning, and the assets that these concern.

The verdict is the same for everybody. The users are those that the caller may see, and are looked for at each
question: they are never stored with a version.
"""

from __future__ import annotations

import asyncio
from typing import Final

from node.base.work import UnitOfWork
from node.catalogue.meaning.difference import KINDS, meaning_difference
from node.catalogue.meaning.users import Users
from node.catalogue.model import Record
from node.catalogue.ports import RecordStore
from node.identity.model import Caller
from node.semantics.impact import BoundUsers, Impact, MeaningDifference, TermUser

MOST_VERSIONS: Final = 10
"""Earlier versions of a schema whose users are told apart, the newest."""


class Impacts:
    """Says what a new version changes, for whom."""

    def __init__(self, *, uow: UnitOfWork, records: RecordStore, users: Users) -> None:
        self._uow = uow
        self._records = records
        self._users = users

    async def of_draft(self, draft: Record, caller: Caller) -> Impact | None:
        """Return the impact of publishing ``draft`` after the newest version; None for other kinds of assets and for
        a first version."""
        if draft.kind not in KINDS:
            return None
        head = await asyncio.to_thread(self._head, draft.iri)
        if head is None or head.withdrawn or not self._users.sees(head, caller):
            return None
        return await self.between(head, draft, caller)

    async def between(self, before: Record, after: Record, caller: Caller) -> Impact | None:
        """Return the impact of ``after`` on the users of ``before``; None if nothing is compared by meaning."""
        difference = await asyncio.to_thread(meaning_difference, before, after) if after.kind in KINDS else None
        if difference is None:
            return None
        if after.kind == "ontology":
            changed = list(dict.fromkeys(change.subject for change in difference.changes if change.what != "added"))
            by_subject = await self._users.of_terms(changed, caller, apart_from=(after.iri,))
            users = {link.iri: link for links in by_subject.values() for link in links}
            return Impact(
                version=before.version,
                difference=difference,
                users=tuple(users.values()),
                by_subject=by_subject,
            )
        links = await self._users.of_asset(after.iri, caller)
        by_field = await asyncio.to_thread(self._users_by_field, difference, links, caller)
        bound = await asyncio.to_thread(self._bound, before, after, links, caller)
        return Impact(version=before.version, difference=difference, users=links, by_subject=by_field, bound=bound)

    def _bound(
        self, before: Record, after: Record, links: tuple[TermUser, ...], caller: Caller
    ) -> tuple[BoundUsers, ...]:
        """Return the users that were published while a version before ``before`` was the newest, with the changes
        since that version: nobody has looked at them since."""
        versions = [
            version
            for version in self._users.versions(after.iri, caller)
            if not version.withdrawn and not version.is_erased
        ]
        link_of = {link.iri: link for link in links}
        users: dict[int, list[TermUser]] = {}
        for head in self._users.heads(links, caller) if len(versions) > 1 else ():
            in_force = next((version for version in versions if version.at <= head.at), versions[-1])
            if in_force.version < before.version:
                users.setdefault(in_force.version, []).append(link_of[head.iri])
        bound: list[BoundUsers] = []
        for version in versions:
            if version.version not in users:
                continue
            difference = meaning_difference(version, after) if len(bound) < MOST_VERSIONS else None
            if difference is not None:
                bound.append(
                    BoundUsers(version=version.version, difference=difference, users=tuple(users[version.version]))
                )
        return tuple(bound)

    def _head(self, iri: str) -> Record | None:
        with self._uow.read() as tx:
            return self._records.get(tx, iri)

    def _users_by_field(
        self, difference: MeaningDifference, links: tuple[TermUser, ...], caller: Caller
    ) -> dict[str, tuple[TermUser, ...]]:
        """Return for each changed field the users whose descriptions name it: a column, a variable."""
        heads = {head.iri: head.nquads for head in self._users.heads(links, caller)}
        by_field = {}
        for change in difference.changes:
            name = f'"{change.subject.rpartition(".")[2].removesuffix("[]")}"'.encode()
            using = tuple(link for link in links if name in heads.get(link.iri, b""))
            if using and len(name) > 2:
                by_field[change.subject] = using
        return by_field
