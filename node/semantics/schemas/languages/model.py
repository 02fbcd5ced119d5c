"""The values of a schema that was read: its language, its rows as JSON Schema, its fields, and what is lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from node.base.errors import InvalidInput
from node.semantics.findings.words import FINDINGS
from node.semantics.schemas.languages.names import LANGUAGES

MAX_DEPTH: Final = 16
"""Rows inside rows that are read."""
MAX_FIELDS: Final = 2000
"""Fields of one schema that are read, those of rows inside rows included."""

UNIT: Final = "x-ogc-unit"
TERM: Final = "x-jsonld-id"
UNIT_WORDS: Final = (UNIT, "unit", "x-unit", "unitCode")
TERM_WORDS: Final = (TERM, "x-ogc-definition", "x-term", "@id", "propertyUrl", "rdfType")


OPTIONAL: Final = "optional"
"""The loss of a field that may be missing, and can only be null in the other language."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Something that a conversion does not keep: the field (empty: the schema), and the word of the language."""

    path: str
    what: str

    def words(self, language: str) -> str:
        """Return the loss in one sentence."""
        if not self.path:
            return FINDINGS.say(language, "schema-loss.all", what=self.what)
        if self.what == OPTIONAL:
            return FINDINGS.say(language, "schema-loss.optional", field=self.path)
        return FINDINGS.say(language, "schema-loss.field", field=self.path, what=self.what)

    def to_json(self, language: str) -> dict[str, Any]:
        return {"field": self.path, "what": self.what, "text": self.words(language)}


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRow:
    """One line of the table of fields. ``name``: names inside each other joined by dots, ``[]`` after a list;
    ``constraints``: the rules on its values, as short texts."""

    name: str
    type: str = ""
    unit: str = ""
    term: str = ""
    title: str = ""
    description: str = ""
    required: bool = False
    constraints: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        members: dict[str, Any] = {"name": self.name, "type": self.type, "required": self.required}
        for name in ("unit", "term", "title", "description"):
            if getattr(self, name):
                members[name] = getattr(self, name)
        if self.constraints:
            members["constraints"] = list(self.constraints)
        return members


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaDocument:
    """A schema that was read. ``schema`` describes one row as JSON Schema; ``part`` is the message, shape, component
    or table that was read, ``parts`` are all that the document has; ``losses`` what JSON Schema cannot say."""

    language: str
    schema: Mapping[str, Any]
    part: str = ""
    parts: tuple[str, ...] = ()
    losses: tuple[Loss, ...] = ()


class Reader:
    """The common part of the readers of all languages: the losses so far, and the number of fields."""

    def __init__(self) -> None:
        self.losses: dict[Loss, None] = {}
        self._count = 0

    def lose(self, path: str, what: str) -> None:
        """Note that the word ``what`` at ``path`` is not kept."""
        if len(self.losses) < MAX_FIELDS:
            self.losses[Loss(path=path[:200], what=what[:200])] = None

    def count(self, depth: int) -> None:
        """Count one field. Raises ``InvalidInput`` beyond the limits."""
        self._count += 1
        if self._count > MAX_FIELDS:
            raise InvalidInput(f"the schema has more than {MAX_FIELDS} fields", remedy="divide it")
        if depth > MAX_DEPTH:
            raise InvalidInput(
                f"the schema has more than {MAX_DEPTH} rows inside each other", remedy="make it flatter"
            )


def choose(parts: Mapping[str, Any], part: str, roots: tuple[str, ...], kind: str) -> str:
    """Return the name in ``parts`` that is meant: ``part``, else the first of ``roots``, else the first.

    Raises ``InvalidInput`` if there is none.
    """
    if part and part not in parts:
        names = ", ".join(list(parts)[:20])
        raise InvalidInput(f"the schema has no {kind} {part[:80]}", remedy=f"name one of: {names}")
    if not parts:
        raise InvalidInput(f"the schema has no {kind}", remedy="choose another file")
    return part or next(iter(roots), next(iter(parts)))


def schema_fault(name: str, why: str) -> InvalidInput:
    """Return the error for a schema in language ``name`` that cannot be read."""
    return InvalidInput(f"the schema is no {LANGUAGES[name]}: {why}", remedy="correct the schema at that place")
