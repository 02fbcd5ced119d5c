"""Differences between two versions of an asset: description, files, conditions, and audience."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from node.base.errors import NotFound
from node.base.jsons import digest
from node.catalogue.browse import Browse
from node.catalogue.model import Record
from node.catalogue.recordview import version_json
from node.catalogue.versions.statements import Difference, differences
from node.identity.model import Caller
from node.semantics.impact import Impact


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """One difference of a file. ``what``: added, removed, changed (other bytes), opened (all who see the asset may
    download it now) or closed. Sizes are in bytes, None if the version does not have the file."""

    what: str
    name: str
    size_before: int | None = None
    size_after: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionDifference:
    """The differences between the versions ``before`` and ``after``. ``numbers`` are the numbers of all versions that
    can be compared, newest first. ``impact`` is there for ontologies and schemas."""

    before: Record
    after: Record
    numbers: tuple[int, ...]
    statements: tuple[Difference, ...]
    files: tuple[FileChange, ...]
    impact: Impact | None = None

    @property
    def conditions(self) -> bool:
        """Return whether the conditions of use differ."""
        return not same_conditions(self.before, self.after)

    @property
    def audience(self) -> bool:
        """Return whether the audience differs."""
        return self.before.audience != self.after.audience

    @property
    def is_renamed(self) -> bool:
        """Return whether the record has another IRI at its source."""
        return self.before.subject != self.after.subject

    @property
    def is_empty(self) -> bool:
        """Return whether nothing differs."""
        return not (self.statements or self.files or self.conditions or self.audience or self.is_renamed)

    def to_json(self) -> dict[str, Any]:
        """Return the differences for the API; members that do not differ are absent."""
        members: dict[str, Any] = {
            "iri": self.after.iri,
            "subject": self.after.subject,
            "from": version_json(self.before),
            "to": version_json(self.after),
            "statements": [
                {
                    "subject": difference.subject,
                    "path": list(difference.path),
                    "name": difference.name,
                    "removed": list(difference.removals),
                    "added": list(difference.additions),
                }
                for difference in self.statements
            ],
            "files": [
                {"what": file.what, "name": file.name, "sizeBefore": file.size_before, "sizeAfter": file.size_after}
                for file in self.files
            ],
        }
        if self.impact is not None:
            members["impact"] = self.impact.to_json()
        if self.is_renamed:
            members["renamed"] = {"from": self.before.subject, "to": self.after.subject}
        if self.audience:
            members["audience"] = {"from": self.before.audience, "to": self.after.audience}
        if self.conditions:
            members["offer"] = {"from": self.before.offer, "to": self.after.offer}
        return members


class CompareVersions:
    """Compare two versions of an asset, as far as the caller may see both."""

    def __init__(self, browse: Browse) -> None:
        self._browse = browse

    async def __call__(
        self, iri: str, caller: Caller, *, before: int | None = None, after: int | None = None
    ) -> VersionDifference:
        """Compare version ``before`` with version ``after``. Without numbers the newest version is compared with the
        one before it.

        Raises ``NotFound`` for an asset or a version that the caller may not see, and if there is no earlier version.
        """
        versions = [record for record in await self._browse.versions(iri, caller) if not record.withdrawn]
        by_number = {record.version: record for record in versions}

        def version_record(version: int) -> Record:
            if version not in by_number:
                known = ", ".join(map(str, sorted(by_number))) or "none"
                raise NotFound(f"there is no version {version} to compare", remedy=f"the versions are: {known}")
            return by_number[version]

        newer = version_record(after if after is not None else max(by_number, default=0))
        if before is None:
            before = max((number for number in by_number if number < newer.version), default=None)
            if before is None:
                raise NotFound(
                    f"version {newer.version} is the first that can be compared",
                    remedy="publish a new version, or name two versions",
                )
        older = version_record(before)
        # A record that was renamed at its source says the same of another IRI.
        former = older.nquads.replace(f"<{older.subject}>".encode(), f"<{newer.subject}>".encode())
        statements = await asyncio.to_thread(differences, former, newer.nquads)
        return VersionDifference(
            before=older,
            after=newer,
            numbers=tuple(by_number),
            statements=tuple(statements),
            files=tuple(file_changes(older, newer)),
            impact=await self._browse.impacts.between(older, newer, caller),
        )


def file_changes(before: Record, after: Record) -> Iterator[FileChange]:
    """Yield the differences of each file."""
    was = {file.name: file for file in before.files}
    now = {file.name: file for file in after.files}
    for name, file in was.items():
        if name not in now:
            yield FileChange(what="removed", name=name, size_before=file.size)
    for name, file in now.items():
        old = was.get(name)
        if old is None:
            yield FileChange(what="added", name=name, size_after=file.size)
        elif file.sha256 != old.sha256:
            yield FileChange(what="changed", name=name, size_before=old.size, size_after=file.size)
        if file.open != (old is not None and old.open):
            yield FileChange(what="opened" if file.open else "closed", name=name)


def same_conditions(left: Record, right: Record) -> bool:
    """Return whether two versions have the same conditions, except for identifiers, which every version gets anew."""
    return _terms(left) == _terms(right)


def _terms(record: Record) -> str:
    if record.offer is None:
        return ""
    return digest({name: value for name, value in record.offer.items() if name not in ("@id", "target")})
