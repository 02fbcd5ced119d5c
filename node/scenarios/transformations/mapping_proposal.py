"""The values of a proposed mapping: for each field of the target, the column that fills it, and the reasons."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from node.scenarios.transformations.schema_fields import MappingEnd, SchemaField
from node.texts.catalogue import Catalogue

TEXTS: Final = Catalogue("meaning")

SURE: Final = "sure"
LIKELY: Final = "likely"
DOUBTFUL: Final = "doubtful"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """A reason, by its code, with the values of its sentence."""

    code: str
    values: Mapping[str, str]

    def words(self, language: str) -> str:
        return TEXTS.say(language, f"mapping.{self.code}", **self.values)

    def to_json(self, language: str) -> dict[str, Any]:
        return {
            "code": self.code,
            "text": self.words(language),
            **({"values": dict(self.values)} if self.values else {}),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnProposal:
    """A field of the target with what fills it: ``source``, or a constant if that is None; none without ``rule``.
    ``reasons`` say why, or why nothing fills it."""

    field: SchemaField
    source: SchemaField | None = None
    rule: Mapping[str, Any] | None = None
    certainty: str = ""
    reasons: tuple[Reason, ...] = ()

    def to_json(self, language: str) -> dict[str, Any]:
        members = {**self.field.to_json(), "reasons": [reason.to_json(language) for reason in self.reasons]}
        if self.source is not None:
            members["source"] = self.source.to_json()
        if self.rule is not None:
            members |= {"rule": dict(self.rule), "certainty": self.certainty}
        return members


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingProposal:
    """A mapping between two ends, as far as it can be drafted. ``notes`` concern it as a whole."""

    source: MappingEnd
    target: MappingEnd
    columns: tuple[ColumnProposal, ...]
    notes: tuple[Reason, ...] = ()

    @property
    def gaps(self) -> tuple[ColumnProposal, ...]:
        """Return the fields of the target that nothing fills."""
        return tuple(column for column in self.columns if column.rule is None)

    @property
    def covers(self) -> bool:
        """Return whether every field that the target demands is filled."""
        return bool(self.definition) and not any(column.field.required for column in self.gaps)

    @property
    def unread(self) -> tuple[str, ...]:
        """Return the columns of the source that the mapping does not read."""
        names = {
            column.source.name for column in self.columns if column.source is not None and column.rule is not None
        }
        return tuple(field.name for field in self.source.fields if field.name not in names)

    @property
    def definition(self) -> dict[str, Any]:
        """Return the definition as a column mapping; empty if nothing can be mapped."""
        rules = {column.field.name: dict(column.rule) for column in self.columns if column.rule is not None}
        if not rules:
            return {}
        units = {
            column.source.name: column.source.unit
            for column in self.columns
            if column.rule is not None and column.source is not None and column.source.unit
        }
        return {**({"units": units} if units else {}), **rules}

    def to_json(self, language: str) -> dict[str, Any]:
        return {
            "from": self.source.iri,
            "to": self.target.iri,
            "covers": self.covers,
            "columns": [column.to_json(language) for column in self.columns],
            "gaps": [column.field.name for column in self.gaps],
            "unread": list(self.unread),
            "notes": [note.to_json(language) for note in self.notes],
            "definition": self.definition,
        }


def text_of(definition: Mapping[str, Any]) -> str:
    """Return a definition as JSON with one member on each line, for people who correct it."""
    lines = (
        f"  {json.dumps(name, ensure_ascii=False)}: {json.dumps(value, ensure_ascii=False)}"
        for name, value in definition.items()
    )
    return "{\n" + ",\n".join(lines) + "\n}" if definition else ""
