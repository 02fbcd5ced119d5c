"""The impact of a new version of an ontology or schema: its changes of meaning, and the assets that they concern."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

MOST: Final = 200
"""Changes that are listed; all are counted."""
MOST_FOR_BOUND: Final = 20
"""Breaking changes that are listed for the users of an earlier version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TermUser:
    """An asset that uses a term, a schema or an ontology, and the property by which it does."""

    iri: str
    predicate: str
    kind: str
    titles: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        return {"iri": self.iri, "kind": self.kind, "titles": dict(self.titles)}


@dataclass(frozen=True, slots=True, kw_only=True)
class MeaningChange:
    """A change of one term (``subject`` is its IRI) or of one field (its names, joined by dots)."""

    subject: str
    what: str
    breaking: bool
    text: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        return {"subject": self.subject, "what": self.what, "breaking": self.breaking, "text": dict(self.text)}


@dataclass(frozen=True, slots=True, kw_only=True)
class MeaningDifference:
    """The changes between two versions, the breaking ones first.

    ``verdict`` is ``same``, ``compatible`` or ``breaking`` for an ontology; for a schema ``same``, ``full``,
    ``backward``, ``forward`` or ``none``.
    """

    verdict: str
    changes: tuple[MeaningChange, ...]

    @property
    def breaking(self) -> bool:
        return any(change.breaking for change in self.changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundUsers:
    """Assets that were published while an earlier ``version`` of a schema was the newest, and the changes since then:
    they may differ from those since the last version."""

    version: int
    difference: MeaningDifference
    users: tuple[TermUser, ...]

    @property
    def changes(self) -> tuple[MeaningChange, ...]:
        """Return the first breaking changes."""
        return tuple(change for change in self.difference.changes if change.breaking)[:MOST_FOR_BOUND]

    def to_json(self) -> dict[str, Any]:
        return {
            "version": self.version,
            "verdict": self.difference.verdict,
            "breaking": self.difference.breaking,
            "changes": [change.to_json() for change in self.changes],
            "users": [user.to_json() for user in self.users],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """The changes since version ``version``, and by term or field the users that these concern. ``users`` are all who
    refer to the schema, or who use one of the changed terms; ``bound`` are those of them that go back to a version
    before ``version``, by that version, the newest first."""

    version: int
    difference: MeaningDifference
    users: tuple[TermUser, ...] = ()
    by_subject: Mapping[str, tuple[TermUser, ...]] = field(default_factory=dict)
    bound: tuple[BoundUsers, ...] = ()

    @property
    def changes(self) -> tuple[MeaningChange, ...]:
        """Return the first changes."""
        return self.difference.changes[:MOST]

    @property
    def more(self) -> int:
        """Return the number of changes that are not listed."""
        return len(self.difference.changes) - len(self.changes)

    def users_of(self, change: MeaningChange) -> tuple[TermUser, ...]:
        """Return the assets that use the term or field of ``change``."""
        return self.by_subject.get(change.subject, ())

    def to_json(self) -> dict[str, Any]:
        return {
            "since": self.version,
            "verdict": self.difference.verdict,
            "breaking": self.difference.breaking,
            "changes": [
                {**change.to_json(), "users": [user.to_json() for user in self.users_of(change)]}
                for change in self.changes
            ],
            "more": self.more,
            "users": [user.to_json() for user in self.users],
            "bound": [one.to_json() for one in self.bound],
        }
