"""Erase: the content of versions goes for good, here and at every node that follows this one.

For personal data that should not have been published (GDPR art. 17). A correction or a withdrawal keeps what was
there; this does not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

from node.base.errors import Conflict, InvalidInput
from node.base.jsons import read_object
from node.base.work import Transaction
from node.catalogue.envelope import SIGNATURE, withdrawal_of
from node.catalogue.model import ERASES, ERASURE_REASON, INTERNAL, OPENS_HISTORY, PUBLIC, Publication, Record
from node.catalogue.ports import RecordStore
from node.catalogue.publication.catalogue import Catalogue, Settled, settle
from node.catalogue.publication.withdraw import LONGEST_REASON
from node.catalogue.visibility import absent
from node.exchange.ports import AssetStore
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.ledger.model import EntryKind
from node.ledger.ports import LedgerStore

_OF_ONE_VERSION: Final = frozenset({SIGNATURE, OPENS_HISTORY, ERASES, ERASURE_REASON})
"""Members of ``Record.extra`` that a version does not take from the one before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """The result of erasing: the version that says so, the numbers of the versions that lost their content, and the
    SHA-256 of the files that were deleted because no version has them any more."""

    publication: Publication
    versions: tuple[int, ...]
    files: tuple[str, ...]


class EraseVersions:
    """Erases versions of this node's own assets."""

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        ledger: LedgerStore,
        assets: AssetStore,
        wait_for_views: Settled | None = None,
    ) -> None:
        self._catalogue = catalogue
        self._ledger = ledger
        self._assets = assets
        self._wait_for_views = wait_for_views

    def require_role(self, by: Caller) -> None:
        """Raise ``NotAllowed`` if ``erase`` would raise it: for a page that asks for the reason first."""
        require(by, UseCase.ERASE)

    async def erase(self, iri: str, by: Caller, *, reason: str, versions: Collection[int] | None = None) -> Erasure:
        """Erase ``versions`` of ``iri``; None for all of them, which withdraws the asset too.

        What is erased already is not erased again, but files that an interrupted call left are deleted. Everybody who
        could see a version can read the ``reason``. Raises ``NotFound`` for an asset of another node, ``NotAllowed``,
        ``InvalidInput`` without a reason, with one that is too long, or for a version that never was, and
        ``Conflict`` for the newest version of an asset that is to stay in the catalogue.
        """
        require(by, UseCase.ERASE)
        why = reason.strip()
        if not why:
            raise InvalidInput("say why the content is erased", remedy="name the reason, without personal data")
        if len(why) > LONGEST_REASON:
            raise InvalidInput(
                f"a reason has at most {LONGEST_REASON} characters",
                remedy="shorten it",
                facts={"case": "long-reason", "count": LONGEST_REASON},
            )
        numbers = None if versions is None else frozenset(versions)
        publication = await asyncio.to_thread(self._store, iri, by, why, numbers)
        files = await asyncio.to_thread(self._delete_files, iri)
        return Erasure(
            publication=await settle(publication, self._wait_for_views),
            versions=tuple(sorted(publication.record.erases)) if publication.created else (),
            files=files,
        )

    def _store(self, iri: str, by: Caller, reason: str, numbers: frozenset[int] | None) -> Publication:
        def work(tx: Transaction) -> Publication:
            versions = self._catalogue.records.versions(tx, iri)
            if not versions or versions[0].origin != self._catalogue.node.did:
                raise absent()
            head, choice = versions[0], _choose(versions, numbers)
            if not choice:
                return Publication(record=head, created=False)
            for version in _announcements(head, choice, reason):
                head = self._catalogue.keep(tx, version, by)
            return Publication(record=head, created=True)

        return self._catalogue.in_turn(iri, work)

    def _delete_files(self, iri: str) -> tuple[str, ...]:
        """Delete the files of erased versions that no version of any asset has."""
        with self._catalogue.uow.read() as tx:
            entries = self._ledger.history(tx, iri, EntryKind.RECORD)
            named = {sha256 for entry in entries for sha256 in _files_of(entry.body)}
            records = self._catalogue.records
            unused = sorted(sha256 for sha256 in named if not is_file_in_use(tx, records, sha256))
        return tuple(sha256 for sha256 in unused if self._assets.remove(sha256))


def is_file_in_use(tx: Transaction, records: RecordStore, sha256: str, *, origin: str | None = None) -> bool:
    """Return whether a version has a file with these bytes, or a model has them as its code; with ``origin``, one of
    that node."""
    if records.uses_file(tx, sha256, origin=origin):
        return True
    after = ""
    while models := records.current(tx, kinds=("model",), after=after, limit=100):
        if any(sha256.encode() in model.nquads for model in models if origin in (None, model.origin)):
            return True
        after = models[-1].iri
    return False


def _files_of(body: bytes) -> Sequence[str]:
    """Return the files that the entry with this body erased."""
    files: Sequence[str] = read_object(body).get("erasedFiles", ()) if b'"erasedFiles":[' in body else ()
    return files


def _choose(versions: Sequence[Record], numbers: frozenset[int] | None) -> list[Record]:
    """Return the versions to erase, the newest first. Raises ``InvalidInput``, ``Conflict``."""
    head = versions[0]
    if numbers is None:
        return [version for version in versions if not version.withdrawn]
    unknown = numbers - {version.version for version in versions}
    if unknown:
        raise InvalidInput(
            f"there is no version {min(unknown)}",
            remedy=f"the versions with content are: {_content_numbers(versions)}",
            facts={"case": "no-version", "version": min(unknown)},
        )
    if head.version in numbers and not head.withdrawn:
        raise Conflict(
            f"version {head.version} is the newest one, and the asset is in the catalogue",
            remedy="publish a corrected version first, or erase all versions",
            facts={"case": "newest", "version": head.version},
        )
    return [version for version in versions if version.version in numbers and not version.withdrawn]


def _content_numbers(versions: Sequence[Record]) -> str:
    return ", ".join(str(version.version) for version in versions if not version.withdrawn) or "none"


def _announcements(head: Record, versions: Sequence[Record], reason: str) -> list[Record]:
    """Return the versions that say that ``versions`` are erased: one in each chain of the feed that
    has any of them."""
    extra = {ERASES: sorted(version.version for version in versions), ERASURE_REASON: reason}
    announcements: list[Record] = []
    ends = head in versions or head.withdrawn
    # Whoever sees a version for others also sees what is public.
    others = {version.audience for version in versions} - {head.audience, INTERNAL} if head.audience != PUBLIC else ()
    for audience in sorted(others):
        last = withdrawal_of(announcements[-1] if announcements else head)
        announcements.append(replace(last, audience=audience, extra=extra))
    number = head.version + len(announcements) + 1
    last = withdrawal_of(head, reason) if ends else head
    kept = {name: value for name, value in last.extra.items() if name not in _OF_ONE_VERSION}
    announcements.append(replace(last, version=number, entry="", extra={**kept, **extra}))
    return announcements
