"""Publish from a page: send a file, answer questions about it, look at the result, publish it.

Between these steps the file and the answers are kept as a draft of the person. A draft is no asset: it is in no
ledger, no search and no backup, and it is removed when it is published, or when nobody has touched it for two weeks.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final, Protocol
from weakref import WeakValueDictionary

from node.base.clock import Clock
from node.base.errors import Conflict, InvalidInput, TooMany
from node.base.ids import new_uuid
from node.catalogue.drafts.answer_faults import AnswerFault, answer_faults, refuse
from node.catalogue.drafts.answer_forms import uniform
from node.catalogue.drafts.answers import KEPT, changed_answers, copied_answers, next_version, submission_of
from node.catalogue.drafts.collaboration import Merge, merge
from node.catalogue.drafts.file_drafts import DraftOfFile, Profiled
from node.catalogue.drafts.model import DatasetDraft, DraftStore, Original
from node.catalogue.drafts.originals import KEEP, OriginalDescription, original_of
from node.catalogue.drafts.rulebook_answers import rulebook_faults
from node.catalogue.drafts.terms import DraftTerms
from node.catalogue.model import Publication, Record
from node.catalogue.publication.publish import Publish
from node.catalogue.visibility import absent
from node.exchange.names import safe_name
from node.exchange.ports import AssetStore
from node.exchange.resumable import ResumableUploads
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.policy.gallery import Gallery
from node.semantics.model import Submission

MOST: Final = 10
"""Drafts of one person."""
AGE: Final = timedelta(days=14)
"""Drafts that were saved longer ago are removed."""


class ReadRecord(Protocol):
    """Returns a version of an asset, by default the newest (``node.catalogue.browse.Browse.record``)."""

    async def __call__(self, iri: str, caller: Caller, *, version: int | None = None) -> Record: ...


class DatasetDrafts:
    """The drafts of all people. Each person sees their own, and those that others share."""

    def __init__(
        self,
        *,
        store: DraftStore,
        profile_of: Profiled,
        publish: Publish,
        assets: AssetStore,
        uploads: ResumableUploads,
        clock: Clock,
        limit: int,
        region: Callable[[], str | None],
        gallery: Gallery,
        record: ReadRecord,
    ) -> None:
        """``limit`` is of one file, in bytes. ``region`` returns the DID of the region that conditions refer to."""
        self.uploads = uploads
        self._record = record
        self._store = store
        self._draft_of_file = DraftOfFile(store, profile_of, clock)
        self._publish = publish
        self._assets = assets
        self._clock = clock
        self.terms = DraftTerms(region, gallery, self.original, clock)
        self._gallery = gallery
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self.limit = limit

    async def mine(self, by: Caller) -> Sequence[DatasetDraft]:
        """Return the drafts that ``by`` began, the newest first. Raises ``NotAllowed``."""
        return [draft for draft in await self._open_to(by) if draft.account == by.account]

    async def of_colleagues(self, by: Caller) -> Sequence[DatasetDraft]:
        """Return the drafts that others share, the newest first. Raises ``NotAllowed``."""
        return [draft for draft in await self._open_to(by) if draft.account != by.account]

    async def _open_to(self, by: Caller) -> list[DatasetDraft]:
        require(by, UseCase.PUBLISH)
        drafts = [draft for draft in await asyncio.to_thread(self._store.drafts) if self._is_open(draft, by)]
        return sorted(drafts, key=lambda draft: draft.at, reverse=True)

    async def begin(
        self, name: str, chunks: AsyncIterator[bytes], by: Caller, *, like: Original | None = None
    ) -> DatasetDraft:
        """Store a file and return the draft that it makes; ``like`` is a dataset of this node whose description the
        draft begins with. Nothing of ``chunks`` is read before ``by`` is authorised.

        Raises ``NotAllowed``, ``NotFound``, ``TooMany`` drafts, ``TooLarge``, ``InvalidInput`` for an empty file,
        ``Overloaded`` if many files are being profiled. A file that cannot be profiled makes a draft without columns.
        """
        _require_room(await self.mine(by))
        original = await self.own(like.iri, by, version=like.version) if like else None
        fit, draft_id = safe_name(name), str(new_uuid())
        sha256, size = await self._store.take_in(draft_id, chunks, limit=self.limit)
        try:
            if not size:
                raise InvalidInput("the file is empty", remedy="choose another file", facts={"case": "empty-file"})
            draft = replace(await self._draft_of_file(draft_id, fit, sha256, size, by), original=like)
            if original is not None:
                draft = replace(draft, answers=copied_answers(draft, original))
            await asyncio.to_thread(self._store.save, draft)
        except BaseException:
            await asyncio.to_thread(self._store.remove, draft_id)
            raise
        return draft

    async def begin_with(self, upload_id: str, by: Caller, *, like: Original | None = None) -> DatasetDraft:
        """Return the draft of a file that arrived in pieces, and forget these. Raises the errors of ``begin`` and of
        ``ResumableUploads.take``."""
        name, chunks = await self.uploads.take(upload_id, by)
        draft = await self.begin(name, chunks, by, like=like)
        await self.uploads.remove(upload_id, by)
        return draft

    async def edit(self, iri: str, language: str, by: Caller) -> DatasetDraft:
        """Return the draft in which ``by`` changes an asset of this node, or else one that a colleague shares; texts
        of a new one are those in ``language``.

        Raises ``NotAllowed``, ``NotFound``, ``TooMany`` drafts, ``Conflict`` for an imported record.
        """
        mine = await self.mine(by)
        for draft in (*mine, *await self.of_colleagues(by)):
            if draft.edits and draft.original is not None and draft.original.iri == iri:
                return draft
        _require_room(mine)
        record = await self.own(iri, by)
        answers = {**OriginalDescription(record, language).answers, "conditions": KEEP}
        draft = DatasetDraft(
            id=str(new_uuid()),
            account=str(by.account),
            at=self._clock.now(),
            file=None,
            answers=answers,
            original=original_of(record, language),
        )
        await asyncio.to_thread(self._store.save, draft)
        return draft

    async def renew(self, draft_id: str, by: Caller) -> DatasetDraft:
        """Put the changes of a draft into the newest version of its asset. Raises the errors of ``edit``."""
        draft = await self.find(draft_id, by)
        if draft.original is None:
            raise absent()
        language = draft.original.language
        before = OriginalDescription(await self.original(draft, by), language)
        newest = await self.own(draft.original.iri, by)
        changes = before.changes(draft.answers)
        # Neither answers about the description: those about the conditions.
        others = {
            name: text for name, text in draft.answers.items() if name not in {*before.answers, *before.missing}
        }
        answers = {**OriginalDescription(newest, language).answers, **others, **changes}
        outcome = await self.save(draft_id, answers, by, since=draft.revision, original=original_of(newest, language))
        return outcome.draft

    async def own(self, iri: str, by: Caller, *, version: int | None = None) -> Record:
        """Return a version of an asset that this node publishes itself. Raises ``NotAllowed``, ``NotFound``, and
        ``Conflict`` for an imported record, which changes at its source."""
        require(by, UseCase.PUBLISH)
        record = await self._record(iri, by, version=version)
        if record.origin != by.did:
            raise absent()
        if record.harvest_origin is not None:
            raise Conflict(
                f"{iri} was imported, and each import describes it again",
                remedy="change it at its source",
                facts={"case": "imported"},
            )
        return record

    async def original(self, draft: DatasetDraft, by: Caller) -> Record:
        """Return the version that ``draft`` was made from. Raises the errors of ``own``."""
        if draft.original is None:
            raise absent()
        return await self.own(draft.original.iri, by, version=draft.original.version)

    async def find(self, draft_id: str, by: Caller) -> DatasetDraft:
        """Return a draft that is open to ``by``. Raises ``NotAllowed``, and ``NotFound`` also for other drafts."""
        require(by, UseCase.PUBLISH)
        draft = await asyncio.to_thread(self._store.draft, draft_id)
        if draft is None or not self._is_open(draft, by):
            raise absent()
        # Earlier releases kept the edges of a place in one answer.
        return replace(draft, answers=uniform(draft.answers))

    async def save(
        self,
        draft_id: str,
        answers: Mapping[str, str],
        by: Caller,
        *,
        since: int | None = None,
        original: Original | None = None,
    ) -> Merge:
        """Save what ``by`` changed in revision ``since``; None: in the newest one. An answer that a colleague has
        changed since then stays, and is a clash. ``original``: the version that the draft changes from now on.
        Raises the errors of ``find``."""
        async with self._lock(draft_id):
            draft = await self.find(draft_id, by)
            outcome = merge(
                replace(draft, original=original or draft.original),
                uniform(answers),
                since=since,
                account=str(by.account),
                at=self._clock.now(),
            )
            await asyncio.to_thread(self._store.save, outcome.draft)
        return outcome

    async def share(self, draft_id: str, by: Caller, *, shared: bool) -> DatasetDraft:
        """Let everyone who may publish here work on a draft of ``by``, or nobody else any more. Raises the errors of
        ``find``, and ``NotFound`` for a draft that somebody else began."""
        async with self._lock(draft_id):
            draft = replace(await self._own_draft(draft_id, by), shared=shared)
            await asyncio.to_thread(self._store.save, draft)
        return draft

    async def _own_draft(self, draft_id: str, by: Caller) -> DatasetDraft:
        draft = await self.find(draft_id, by)
        if draft.account != by.account:
            raise absent()
        return draft

    def _lock(self, draft_id: str) -> asyncio.Lock:
        """Return the lock of a draft: between reading and saving it, nobody else may save it."""
        return self._locks.setdefault(draft_id, asyncio.Lock())

    async def with_answers(self, draft_id: str, answers: Mapping[str, str], by: Caller) -> DatasetDraft:
        """Return the draft as it would be with these answers; nothing is saved. Raises the errors of ``find``."""
        return replace(await self.find(draft_id, by), answers=uniform(answers))

    async def faults(self, draft: DatasetDraft, by: Caller) -> list[AnswerFault]:
        """Return the answers that cannot be used; of a draft that changes an asset, only those that it changes.
        Raises the errors of ``own``."""
        if not draft.edits:
            return answer_faults(draft.answers)
        record = await self.original(draft, by)
        return await asyncio.to_thread(_changed_faults, draft, record)

    async def remove(self, draft_id: str, by: Caller) -> None:
        """Remove a draft of ``by`` and its file. Raises the errors of ``share``."""
        async with self._lock(draft_id):
            await asyncio.to_thread(self._store.remove, (await self._own_draft(draft_id, by)).id)

    async def check(self, draft: DatasetDraft, by: Caller) -> Publication:
        """Return what publishing ``draft`` would make. Raises the errors of ``Publish.publish``, and ``Conflict`` if
        its address is that of another asset, if it changes nothing, or if there is a newer version by now."""
        if draft.edits:
            return await self._publish_edit(draft, by, dry_run=True)
        if not draft.answers.get("conditions"):
            raise InvalidInput(
                "no conditions were chosen",
                remedy="choose conditions",
                facts={"case": "no-conditions", "field": "conditions"},
            )
        publication = await self._publish.publish(await self._submission(draft, by), by, dry_run=True)
        refuse(await self.faults(draft, by))
        if not publication.created or publication.record.version > 1:
            raise Conflict(
                f"{publication.record.iri} is published already",
                remedy="choose another address",
                facts={"case": "address-used", "iri": publication.record.iri, "field": "id"},
            )
        return publication

    async def publish(self, draft_id: str, by: Caller, *, revision: int | None = None) -> Publication:
        """Publish a draft and remove it. ``revision`` is the one that ``by`` has looked at.

        Raises the errors of ``find`` and ``check``, and ``Conflict`` if there is a newer revision. Then nothing is
        published, and the draft stays.
        """
        async with self._lock(draft_id):
            draft = await self.find(draft_id, by)
            if revision not in (None, draft.revision):
                raise Conflict(
                    "somebody has changed the draft since you looked at it",
                    remedy="look at it again, then publish it",
                    facts={"case": "draft-changed"},
                )
            return await self._publish_draft(draft, by)

    async def _publish_draft(self, draft: DatasetDraft, by: Caller) -> Publication:
        if draft.edits:
            publication = await self._publish_edit(draft, by)
            await asyncio.to_thread(self._store.remove, draft.id)
            return publication
        await self.check(draft, by)
        stored = await self._assets.adopt(await asyncio.to_thread(self._store.path, draft.id), limit=self.limit)
        file = draft.file and replace(draft.file, sha256=stored.sha256, size=stored.size)
        publication = await self._publish.publish(await self._submission(replace(draft, file=file), by), by)
        kept = {name: draft.answers[name] for name in KEPT if draft.answers.get(name)}
        await asyncio.to_thread(self._store.remember, draft.account, kept)
        await asyncio.to_thread(self._store.remove, draft.id)
        return publication

    async def _submission(self, draft: DatasetDraft, by: Caller) -> Submission:
        original = await self.original(draft, by) if draft.original else None
        return submission_of(draft, original, self._gallery)

    async def _publish_edit(self, draft: DatasetDraft, by: Caller, *, dry_run: bool = False) -> Publication:
        record = await self.original(draft, by)
        refuse(await self.faults(draft, by))
        # The description of a large asset is long.
        submission = await asyncio.to_thread(next_version, draft, record, self._gallery)
        publication = await self._publish.publish(submission, by, dry_run=dry_run, follows=record.version)
        if not publication.created:
            raise Conflict(
                "nothing was changed",
                remedy="change an answer, or remove the draft",
                facts={"case": "nothing-changed"},
            )
        return publication

    async def revise(
        self, original: Original, changes: Mapping[str, str], by: Caller, *, dry_run: bool = False
    ) -> Publication:
        """Publish the next version of ``original`` with some answers changed, without a draft. Raises the errors of
        ``edit`` and ``publish``, ``InvalidInput`` for answers that the asset does not have, and ``Conflict`` if
        ``original`` is not the newest version."""
        newest = await self.own(original.iri, by)
        if newest.version != original.version:
            raise Conflict(
                f"{newest.iri} has version {newest.version} by now",
                remedy=f"read version {newest.version}, and make your changes in it",
                facts={"case": "not-newest", "version": newest.version},
            )
        draft = DatasetDraft(
            id=str(new_uuid()),
            account=str(by.account),
            at=self._clock.now(),
            file=None,
            answers=await asyncio.to_thread(changed_answers, newest, original.language, changes),
            original=original,
        )
        return await self._publish_edit(draft, by, dry_run=dry_run)

    def forget_old(self) -> int:
        """Remove drafts that nobody has saved for two weeks, and what uploads left that nobody goes on with; return
        how many."""
        old = [draft.id for draft in self._store.drafts() if self._is_old(draft)]
        for draft_id in old:
            self._store.remove(draft_id)
        rest = self._store.remove_rest((self._clock.now() - timedelta(days=1)).timestamp())
        return len(old) + rest + self.uploads.forget_old()

    def _is_open(self, draft: DatasetDraft, by: Caller) -> bool:
        return (draft.shared or draft.account == by.account) and not self._is_old(draft)

    def _is_old(self, draft: DatasetDraft) -> bool:
        return draft.at < self._clock.now() - AGE


def _changed_faults(draft: DatasetDraft, record: Record) -> list[AnswerFault]:
    language = draft.original.language if draft.original else "en"
    changed = OriginalDescription(record, language).changes(draft.answers).keys()
    return answer_faults(draft.answers, changed) + (
        rulebook_faults(draft.answers, changed) if record.kind == "rulebook" else []
    )


def _require_room(mine: Sequence[DatasetDraft]) -> None:
    if len(mine) >= MOST:
        raise TooMany(
            f"you have {len(mine)} drafts already",
            remedy="publish or remove one of them first",
            facts={"case": "drafts", "count": len(mine)},
        )
