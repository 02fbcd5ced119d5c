"""The versions of a schema as the registry has them, each with its verdict against the one before, for people."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from node.base.clock import stamp
from node.base.errors import InvalidInput
from node.base.jsons import read_json
from node.catalogue.meaning.schema_registry import JSON, RegisteredSchema, SchemaRegistry, SchemaSubject
from node.catalogue.meaning.strictness import BREAKING_CHANGES, REFUSE, strictness
from node.identity.model import Caller
from node.semantics.schemas.changes import SchemaChange, compare, compatibility
from node.semantics.schemas.languages.json_schemas import remote_references

MOST_VERSIONS: Final = 50
"""Versions that are compared, the newest ones."""
MOST_CHANGES: Final = 20
"""Changes of a version that are shown; all are counted."""
MOST_REFERENCES: Final = 100
_IMPORT: Final = re.compile(r'^[ \t]*import[ \t]+(?:public[ \t]+|weak[ \t]+)?"([^"\n]{1,500})"', re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaVersion:
    """A version, its ``verdict`` against the one before (``first``, ``same``, ``full``, ``backward``, ``forward`` or
    ``none``, in the words of registries; empty if it is not compared) with its changes, and the addresses of other
    schemas that it names."""

    schema: RegisteredSchema
    verdict: str
    changes: Sequence[SchemaChange]
    references: Sequence[str]

    @property
    def shown_changes(self) -> Sequence[SchemaChange]:
        """Return the changes that are shown."""
        return self.changes[:MOST_CHANGES]

    @property
    def more(self) -> int:
        """Return the number of changes that are not shown."""
        return len(self.changes) - len(self.shown_changes)

    def to_json(self) -> dict[str, Any]:
        return {
            "version": self.schema.version,
            "id": self.schema.number,
            "schemaType": self.schema.type,
            "at": stamp(self.schema.at),
            "verdict": self.verdict,
            "changes": [change.to_json() for change in self.shown_changes],
            "moreChanges": self.more,
            "references": list(self.references),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaHistory:
    """A subject and its versions, the newest first. ``refuses``: a new version that breaks data is refused, unless
    whoever publishes it says that it may break them; ``older`` versions are left out."""

    subject: SchemaSubject
    refuses: bool
    versions: Sequence[SchemaVersion]
    older: int

    def to_json(self) -> dict[str, Any]:
        return {
            **self.subject.to_json(),
            "onBreakingChange": "refuse" if self.refuses else "warn",
            "versions": [version.to_json() for version in self.versions],
            "olderVersions": self.older,
        }


class SchemaHistories:
    """Compares the versions of subjects."""

    def __init__(self, registry: SchemaRegistry) -> None:
        self._registry = registry

    async def subjects(self, caller: Caller, *, text: str = "") -> Sequence[SchemaSubject]:
        """Return the subjects whose name or title has ``text``, in the order of their names. Raises ``TooMany``."""
        part = text.strip().casefold()
        return [
            subject
            for subject in await self._registry.listing(caller)
            if part in subject.name.casefold() or any(part in title.casefold() for title in subject.titles.values())
        ]

    async def __call__(self, subject: str, caller: Caller) -> SchemaHistory:
        """Return the versions of ``subject``. Raises ``NoSubject``, and ``TooMany`` if many ask at once."""
        async with self._registry.turn():
            head, schemas = await self._registry.head_and_versions(subject, caller)
            return await asyncio.to_thread(
                lambda: SchemaHistory(
                    subject=head.subject,
                    refuses=strictness(head.record, BREAKING_CHANGES) == REFUSE,
                    versions=list(_versions(schemas[-MOST_VERSIONS - 1 :]))[:MOST_VERSIONS],
                    older=max(0, len(schemas) - MOST_VERSIONS),
                )
            )


def _versions(schemas: Sequence[RegisteredSchema]) -> Iterator[SchemaVersion]:
    """Yield the versions, the newest first, each compared with the one before."""
    for place in reversed(range(len(schemas))):
        schema, before = schemas[place], schemas[place - 1] if place else None
        verdict, changes = _verdict(before, schema)
        yield SchemaVersion(schema=schema, verdict=verdict, changes=changes, references=references(schema))


def _verdict(before: RegisteredSchema | None, schema: RegisteredSchema) -> tuple[str, Sequence[SchemaChange]]:
    if before is None:
        return "first", ()
    try:
        changes = compare(before.rows, schema.rows)
    except InvalidInput:
        return "", ()
    return compatibility(changes) if changes else "same", changes


def references(schema: RegisteredSchema) -> Sequence[str]:
    """Return the addresses of other schemas that ``schema`` names: nothing is fetched from them."""
    if schema.type == "PROTOBUF":
        return list(dict.fromkeys(_IMPORT.findall(schema.text)))[:MOST_REFERENCES]
    if schema.type != JSON:
        return []
    try:
        document = read_json(schema.text)
    except InvalidInput:
        return []
    return sorted(remote_references(document))[:MOST_REFERENCES]
