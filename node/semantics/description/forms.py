"""The forms of field values, and the definition of a field. The fields themselves are in ``fields``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from node.semantics.codelists.lookup import CodeList


class Form(StrEnum):
    """The form of a value."""

    TEXT = "text"
    """Text in one language, or a map of language tags to texts."""
    PLAIN = "plain"
    """Text without a language: identifiers, version numbers, units."""
    WORDS = "words"
    """Several short texts: a list, a text with commas, or a map of language tags to lists."""
    LINK = "link"
    """An IRI, or ``<kind>/<name>`` of an asset of the same node."""
    CODE = "code"
    """A value of a code list."""
    DATE = "date"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DURATION = "duration"
    MAIL = "mail"
    PHONE = "phone"
    CRS = "crs"
    """A coordinate reference system: ``EPSG:31370``."""
    VALUE = "value"
    """Any number, truth value or text; lists and objects are kept as JSON."""
    JSON = "json"
    """An object or a list, kept as JSON."""
    TEXT_OR_LINK = "text or link"
    STATEMENT = "statement"
    """A text that RDF requires wrapped in a node of its own; a link to such a node elsewhere is accepted too."""
    SOURCE = "source"
    """The text of a program or query, or an object, which is kept as JSON."""
    PERIOD = "period"
    PLACE = "place"
    NODE = "node"
    """An object with fields of its own."""
    GROUP = "group"
    """Fields under a common heading that belong to the asset itself."""
    BINDINGS = "bindings"
    """A map of roles to the assets that fill them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field: ``name`` in YAML, ``property`` in RDF.

    ``also``: other names that people write. ``many``: the value may be a list, and a single value means a list with
    that value. ``classes`` and ``fields`` describe a node; ``key`` is the subfield that names it, and a bare text is
    the value of that subfield; the order of ``ordered`` nodes is stored as their position.
    """

    name: str
    form: Form
    property: str = ""
    also: tuple[str, ...] = ()
    many: bool = False
    codes: CodeList | None = None
    classes: tuple[str, ...] = ()
    fields: tuple[Field, ...] = ()
    key: str = ""
    ordered: bool = False


def find(fields: tuple[Field, ...], name: str) -> Field | None:
    """Return the field that ``name`` means, whether written with hyphens, spaces or underscores."""
    key = name.strip().casefold().replace("-", "_").replace(" ", "_")
    for field in fields:
        if key == field.name or key in field.also:
            return field
    return None


def spellings(fields: tuple[Field, ...]) -> Iterator[str]:
    """Yield every name that ``fields`` accept, for suggestions."""
    for field in fields:
        yield field.name
        yield from field.also
