"""A draft: a data file that a person has sent, what it says about itself, and the person's answers so far."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from node.base.clock import moment, stamp
from node.semantics.model import File
from node.semantics.profiles.model import Profile

Answers = Mapping[str, str]
"""Name of a field of the form → the text of the person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """The version of an asset that a draft was made from. Its texts are those in ``language`` where it has them."""

    iri: str
    version: int
    language: str

    def to_json(self) -> dict[str, Any]:
        return {"iri": self.iri, "version": self.version, "language": self.language}


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftChange:
    """An answer that a person changed, and the revision of the draft that this made. An empty text: no answer."""

    revision: int
    at: datetime
    account: str
    field: str
    before: str
    after: str

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "at": stamp(self.at)}

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> DraftChange:
        """Return the change that ``to_json`` wrote."""
        return cls(**{**members, "at": moment(members["at"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetDraft:
    """A dataset that is not published yet, or changes of an asset. ``profile`` is None for a file that cannot be
    profiled, and ``unread`` then says why, in English. ``at`` is when somebody saved it last.

    ``account`` is the person that began it. ``shared``: everyone who may publish here sees and changes it as well.
    ``revision`` counts the saves that changed an answer, and ``history`` has these changes, the newest last.

    ``original`` is the version that it was made from, if there is one. Without a ``file``, the draft is for the next
    version of that asset; with one, it is a copy: for another dataset.
    """

    id: str
    account: str
    at: datetime
    file: File | None
    profile: Profile | None = None
    unread: str = ""
    answers: Answers = field(default_factory=dict)
    original: Original | None = None
    shared: bool = False
    revision: int = 0
    history: tuple[DraftChange, ...] = ()

    @property
    def edits(self) -> bool:
        """Return whether it is for the next version of an asset."""
        return self.file is None

    @property
    def suspects(self) -> tuple[str, ...]:
        """Return the names of the columns that may hold personal data."""
        return tuple(column.name for _, column in self.profile.suspects) if self.profile else ()

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "account": self.account,
            "at": stamp(self.at),
            "file": self.file and self.file.to_json(),
            "profile": self.profile and self.profile.to_json(),
            "unread": self.unread,
            "answers": dict(self.answers),
            "original": self.original and self.original.to_json(),
            "shared": self.shared,
            "revision": self.revision,
            "history": [change.to_json() for change in self.history],
        }

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> DatasetDraft:
        """Return the draft that ``to_json`` wrote."""
        profile, file, original = members["profile"], members["file"], members.get("original")
        return cls(
            id=members["id"],
            account=members["account"],
            at=moment(members["at"]),
            file=File.from_json(file) if file else None,
            profile=Profile.from_json(profile) if profile else None,
            unread=members["unread"],
            answers=members["answers"],
            original=Original(**original) if original else None,
            # Drafts of earlier releases have none of these.
            shared=members.get("shared", False),
            revision=members.get("revision", 0),
            history=tuple(map(DraftChange.from_json, members.get("history", ()))),
        )


class DraftStore(Protocol):
    """Stores drafts and the bytes of their files. It blocks, except for ``take_in``."""

    async def take_in(self, draft_id: str, chunks: AsyncIterator[bytes], *, limit: int) -> tuple[str, int]:
        """Store the bytes of a new draft; return their SHA-256 and size. Raises ``TooLarge``, ``NoRoom``. Then
        nothing is left behind."""

    def path(self, draft_id: str) -> Path:
        """Return the path of the bytes. Raises ``NotFound``."""

    def save(self, draft: DatasetDraft) -> None:
        """Save the draft in place of its earlier state. Its bytes are there."""

    def draft(self, draft_id: str) -> DatasetDraft | None: ...

    def drafts(self) -> Sequence[DatasetDraft]:
        """Return all drafts, in no order."""

    def remove(self, draft_id: str) -> None:
        """Remove the draft and its bytes, if they are there."""

    def remember(self, account: str, answers: Answers) -> None:
        """Keep the answers that the person's next draft begins with, in place of earlier ones."""

    def recall(self, account: str) -> Answers:
        """Return the answers that ``remember`` kept; none if there are none."""

    def remove_rest(self, before: float) -> int:
        """Remove bytes without a draft, of uploads that broke off, if they were written before this time (seconds
        since 1970); return how many."""
