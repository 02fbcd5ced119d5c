"""Drafts in memory, and the drafts of a node in memory for its pages."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any, Final, cast
from weakref import finalize

from node.base.errors import Conflict, InvalidDescription, InvalidInput, NotFound, Overloaded, TooLarge
from node.catalogue.access import Access
from node.catalogue.drafts.joint_changes import ChangeSeveral
from node.catalogue.drafts.model import Answers, DatasetDraft
from node.catalogue.drafts.usecases import DatasetDrafts, ReadRecord
from node.catalogue.model import Publication, Record
from node.catalogue.nquads import is_literal, language_of, statements, text_of
from node.catalogue.publication.publish import BatchOutcome
from node.catalogue.publication.submission_check import PublishOrder
from node.exchange.resumable import ResumableUploads
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.policy.gallery import HANSA
from node.semantics.model import File, Finding, Submission
from node.semantics.profiles.model import ColumnProfile, Profile, TableProfile
from node.vocab.namespaces import DCT
from tests.fakes.clock import FixedClock
from tests.fakes.stores.assets import MemoryAssets

DRAFT: Final = "0192f3a0-4444-7a55-9d7c-3b1f0a6e2c55"
LIMIT: Final = 100_000


class MemoryDrafts:
    """``DraftStore`` in dictionaries. Bytes are written to a folder when somebody asks for their path."""

    def __init__(self) -> None:
        self._drafts: dict[str, DatasetDraft] = {}
        self._bytes: dict[str, bytes] = {}
        self._answers: dict[str, Answers] = {}
        self._folder = Path(mkdtemp())
        finalize(self, rmtree, self._folder, ignore_errors=True)

    async def take_in(self, draft_id: str, chunks: AsyncIterator[bytes], *, limit: int) -> tuple[str, int]:
        content = bytearray()
        async for chunk in chunks:
            content += chunk
            if len(content) > limit:
                raise TooLarge(f"it is larger than {limit} bytes", facts={"case": "file", "megabytes": 0.1})
        self._bytes[draft_id] = bytes(content)
        return hashlib.sha256(content).hexdigest(), len(content)

    def path(self, draft_id: str) -> Path:
        if draft_id not in self._bytes:
            raise NotFound
        path = self._folder / draft_id
        path.write_bytes(self._bytes[draft_id])
        return path

    def save(self, draft: DatasetDraft) -> None:
        self._drafts[draft.id] = draft

    def draft(self, draft_id: str) -> DatasetDraft | None:
        return self._drafts.get(draft_id)

    def drafts(self) -> Sequence[DatasetDraft]:
        return list(self._drafts.values())

    def remove(self, draft_id: str) -> None:
        self._drafts.pop(draft_id, None)
        self._bytes.pop(draft_id, None)

    def remember(self, account: str, answers: Answers) -> None:
        self._answers[account] = dict(answers)

    def recall(self, account: str) -> Answers:
        return self._answers.get(account, {})

    def remove_rest(self, before: float) -> int:
        rest = [] if before < 1 else [draft_id for draft_id in self._bytes if draft_id not in self._drafts]
        for draft_id in rest:
            del self._bytes[draft_id]
        return len(rest)


class _Publish:
    """Publishes copies of an asset, if a description is there."""

    def __init__(self, records: dict[str, list[Record]], base: str) -> None:
        self._records = records
        self._base = base

    async def publish(
        self, submission: Submission, by: Caller, *, dry_run: bool = False, follows: int | None = None
    ) -> Publication:
        require(by, UseCase.PUBLISH)
        if follows is not None:
            return self._publish_next(submission, follows, dry_run=dry_run)
        fields = submission.fields or {}
        if not fields.get("description"):
            finding = Finding(severity="violation", message="description is missing", remedy="", rule="r")
            raise InvalidDescription("1 error", findings=[replace(finding, field="description").to_json()])
        like = next(versions[0] for versions in self._records.values() if versions[0].kind == "dataset")
        iri = f"{self._base}/datasets/{fields.get('id', 'new-one')}"
        texts = {"titles": {"en": fields["title"]}, "descriptions": {"en": fields["description"]}}
        known = self._records.get(iri, [])
        record = replace(like, iri=iri, version=len(known) + 1, files=submission.files, warnings=(), **texts)
        if not dry_run:
            self._records[iri] = [record, *known]
        warning = Finding(severity="warning", message="place is missing", remedy="", rule="r", field="spatial")
        return Publication(record=record, created=True, findings=(warning,))

    def _publish_next(self, submission: Submission, follows: int, *, dry_run: bool) -> Publication:
        """Publish a document; only its titles are read."""
        versions = self._records[str(submission.iri)]
        if versions[0].version != follows:
            facts = {"case": "newer-version", "version": versions[0].version}
            raise Conflict("another version", remedy="begin again", facts=facts)
        nquads = submission.document or b""
        terms = [one.object for one in statements(nquads) if one.predicate == f"<{DCT}title>"]
        titles = {language_of(term): text_of(term) for term in terms if is_literal(term)}
        record = replace(versions[0], version=follows + 1, nquads=nquads, titles=titles)
        if not dry_run:
            versions.insert(0, record)
        return Publication(record=record, created=record.titles != versions[-1].titles)

    async def publish_all(
        self, orders: Sequence[PublishOrder], by: Caller, *, dry_run: bool = False, wait: bool = True
    ) -> BatchOutcome:
        require(by, UseCase.PUBLISH)
        return BatchOutcome(
            outcomes=[self._publish_next(one.submission, one.follows or 0, dry_run=dry_run) for one in orders]
        )


async def _profile(path: Path, name: str) -> Profile:
    if name == "busy.csv":
        raise Overloaded("many files are being read", remedy="try again", facts={"limit": "queue"})
    if not name.endswith(".csv"):
        raise InvalidInput("files of this format are not read")
    suspects = "mail" in path.read_text("utf-8", errors="replace").partition("\n")[0]
    columns = [ColumnProfile(name="time", type="datetime"), ColumnProfile(name="speed", type="number", unit="km/h")]
    if suspects:
        columns.append(ColumnProfile(name="mail", type="text", personal="e-mail"))
    return Profile(format="CSV", tables=(TableProfile(rows=3, columns=tuple(columns)),), begins="2026", ends="2027")


def dataset_drafts(now: datetime, base: str, records: dict[str, list[Record]], record: ReadRecord) -> DatasetDrafts:
    """The drafts of a node, with one of ``els``."""
    drafts = DatasetDrafts(
        store=MemoryDrafts(),
        profile_of=_profile,
        publish=cast("Any", _Publish(records, base)),
        assets=MemoryAssets(),
        uploads=ResumableUploads(Path(tempfile.gettempdir()) / "no-uploads", clock=FixedClock(now), limit=LIMIT),
        clock=FixedClock(now),
        limit=LIMIT,
        region=lambda: None,
        gallery=HANSA,
        record=record,
    )
    add_draft(drafts, now)
    return drafts


def joint_changes(
    base: str, records: dict[str, list[Record]], drafts: DatasetDrafts, access: Access
) -> ChangeSeveral:
    """The same changes in several assets of a node in memory."""
    return ChangeSeveral(drafts=drafts, publish=cast("Any", _Publish(records, base)), access=access)


def add_draft(drafts: DatasetDrafts, now: datetime, text: str = "") -> None:
    """Add the draft ``DRAFT`` of ``els``; ``text`` goes to where texts of others stand, but for terms and dates: they
    could not be published."""
    column = ColumnProfile(name=text or "mail", type="text", personal="e-mail", unit=text)
    names = ("title", "description", "keywords", "spatial", "contact.name", "contact.email", "column.0.0")
    answers = dict.fromkeys(names, text or "Speeds")
    answers |= {"license": "CC0-1.0", "theme": "TRAN", "frequency": "DAILY", "language": "en", "from": "2026-11-01"}
    answers |= {"west": "3.6", "south": "51", "east": "3.85", "north": "51.15"}
    store = cast("Any", drafts)._store
    store._bytes[DRAFT] = b"a,b\n1,2\n"
    store.save(
        DatasetDraft(
            id=DRAFT,
            account="els",
            at=now,
            file=File(name=text or "speeds.csv", media_type="text/csv", size=8, sha256="0" * 64),
            profile=Profile(
                format=text or "CSV",
                tables=(TableProfile(rows=1, columns=(column,), name=text),),
                notes=(text or "dates are read as day, month, year",),
            ),
            unread=text,
            answers={**answers, "personal_data": "no", "conditions": "open", "open.attribution": text or "yes"},
        )
    )
