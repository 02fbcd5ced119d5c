"""The rulebook of a region as a text that people change: the newest version, and a preview of the next one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from anyio.to_thread import run_sync

from node.base.errors import NotFound
from node.catalogue.drafts.model import Original
from node.catalogue.drafts.originals import OriginalDescription
from node.catalogue.drafts.usecases import DatasetDrafts, ReadRecord
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.operation.region.acceptances import Acceptance, ReadAcceptances


@dataclass(frozen=True, slots=True, kw_only=True)
class RulebookText:
    """A version of the rulebook. ``fields`` are its texts in ``language``, and its particulars; what it does not say
    is empty there."""

    iri: str
    version: int
    sha256: str
    language: str
    fields: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        return {
            "rulebook": self.iri,
            "version": self.version,
            "sha256": self.sha256,
            "language": self.language,
            "fields": dict(self.fields),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RulebookRevision:
    """The next version of a rulebook, which is ``published`` or only foreseen: the fields that change, with the text
    before and after, and the members that must accept it."""

    iri: str
    version: int
    published: bool
    valid_from: str
    changes: Mapping[str, tuple[str, str]]
    must_accept: Sequence[Acceptance]
    findings: Sequence[Mapping[str, Any]] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "rulebook": self.iri,
            "version": self.version,
            "published": self.published,
            "validFrom": self.valid_from or None,
            "changes": [
                {"field": name, "before": before, "after": after} for name, (before, after) in self.changes.items()
            ],
            "mustAccept": [
                {"holder": member.holder, "name": member.name, "version": member.version or None}
                for member in self.must_accept
            ],
            "warnings": [dict(finding) for finding in self.findings],
        }


class EditRulebook:
    """Shows the newest version of the rulebook of this node, and publishes the next one."""

    def __init__(
        self,
        *,
        drafts: DatasetDrafts,
        record: ReadRecord,
        acceptances: ReadAcceptances,
        rulebook: Callable[[], Mapping[str, Any] | None],
    ) -> None:
        """``rulebook`` returns the rulebook of this node, as ``RulebookInForce`` does."""
        self._drafts = drafts
        self._record = record
        self._acceptances = acceptances
        self._rulebook = rulebook

    async def read(self, language: str, by: Caller) -> RulebookText:
        """Return the newest version, with texts in ``language`` if it has them. Raises ``NotFound`` without one."""
        record = await self._record(self._iri(), by)
        description = await run_sync(OriginalDescription, record, language)
        empty = dict.fromkeys(sorted(description.missing), "")
        return RulebookText(
            iri=record.iri,
            version=record.version,
            sha256=record.sha256,
            language=description.language,
            fields={**empty, **description.answers},
        )

    async def change(
        self, changes: Mapping[str, str], by: Caller, *, follows: int, language: str, dry_run: bool = False
    ) -> RulebookRevision:
        """Publish version ``follows`` with ``changes`` (name of a field → its text) as the next version; with
        ``dry_run`` only return what that would do.

        Raises ``NotAllowed``, ``NotFound`` without a rulebook, ``Conflict`` if ``follows`` is not the newest version
        or nothing changes, ``InvalidInput`` and ``InvalidDescription`` for texts that cannot be used.
        """
        require(by, UseCase.PUBLISH)
        original = Original(iri=self._iri(), version=follows, language=language)
        members = (await self._acceptances.read()).acceptances
        publication = await self._drafts.revise(original, changes, by, dry_run=dry_run)
        record = await self._record(original.iri, by, version=follows)
        before = (await run_sync(OriginalDescription, record, language)).answers
        after = (await run_sync(OriginalDescription, publication.record, language)).answers
        names = [name for name in {**before, **after} if before.get(name, "") != after.get(name, "")]
        return RulebookRevision(
            iri=record.iri,
            version=publication.record.version,
            published=not dry_run,
            valid_from=after.get("valid_from", ""),
            changes={name: (before.get(name, ""), after.get(name, "")) for name in names},
            must_accept=members,
            findings=[finding.to_json() for finding in publication.findings if finding.severity == "warning"],
        )

    def _iri(self) -> str:
        rulebook = self._rulebook()
        if rulebook is None:
            raise NotFound("this region has no rulebook", remedy="publish one: hansa publish rulebook.yaml")
        return str(rulebook["iri"])
