"""Look up statements of a record's description by subject and property, and read literals by their datatypes.

This is the only reader for lookups in a record; ``nquads.statements`` yields all statements in order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from node.base.errors import InvalidInput
from node.base.jsons import read_json
from node.catalogue.model import Record
from node.catalogue.nquads import iri_of, is_iri, is_literal, language_of, statements, text_of
from node.vocab.namespaces import RDF, XSD

_LITERAL_TYPE: Final = re.compile(r'\^\^<([^<>"]*)>$')


class Statements:
    """The statements of one record: subject → property → terms. Subjects and nodes are terms as written."""

    def __init__(self, record: Record) -> None:
        self.about = record.title()
        self._own = f"<{record.subject}>"
        self._terms: dict[str, dict[str, list[str]]] = {}
        for statement in statements(record.nquads):
            self._terms.setdefault(statement.subject, {}).setdefault(statement.predicate, []).append(statement.object)

    def objects(self, subject: str, property_: str) -> list[str]:
        return self._terms.get(subject, {}).get(f"<{property_}>", [])

    def own(self, property_: str) -> list[str]:
        """Return the values of ``property_`` of the asset itself, as terms."""
        return self.objects(self._own, property_)

    def everywhere(self, property_: str) -> list[str]:
        """Return the values of ``property_`` of all subjects, as terms."""
        return [term for properties in self._terms.values() for term in properties.get(f"<{property_}>", ())]

    def nodes(self, subject: str, property_: str) -> list[str]:
        return sorted(term for term in self.objects(subject, property_) if not is_literal(term))

    def iris(self, subject: str, property_: str) -> tuple[str, ...]:
        return tuple(sorted(iri_of(term) for term in self.objects(subject, property_) if is_iri(term)))

    def iri(self, subject: str, property_: str) -> str | None:
        return next(iter(self.iris(subject, property_)), None)

    def texts(self, subject: str, property_: str) -> dict[str, str]:
        literals = sorted(term for term in self.objects(subject, property_) if is_literal(term))
        return {language_of(term) or "und": text_of(term) for term in reversed(literals)}

    def values(self, subject: str, property_: str) -> list[Any]:
        return [_value(term) for term in sorted(self.objects(subject, property_)) if is_literal(term)]

    def value(self, subject: str, property_: str) -> Any:
        return next(iter(self.values(subject, property_)), None)

    def text(self, subject: str, property_: str) -> str | None:
        value = self.value(subject, property_)
        return None if value is None else str(value)

    def number(self, subject: str, property_: str) -> float | None:
        value = self.value(subject, property_)
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None

    def require(self, subject: str, property_: str, what: str) -> str:
        value = self.text(subject, property_)
        if not value:
            raise InvalidInput(f"the description of {self.about} has {what}", remedy="its owner publishes it again")
        return value


def _value(term: str) -> Any:
    """Return the value of a literal by its datatype; its text if it does not have the form of the datatype."""
    text = text_of(term)
    typed = _LITERAL_TYPE.search(term)
    read = _READERS.get(typed[1]) if typed else None
    if read is None:
        return text
    try:
        return read(text)
    except (InvalidInput, KeyError, ValueError):
        return text


def _finite(text: str) -> Any:
    return read_json(str(float(text)))


_READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    **{f"{XSD}{name}": int for name in ("integer", "int", "long", "short", "nonNegativeInteger", "positiveInteger")},
    **{f"{XSD}{name}": _finite for name in ("decimal", "double", "float")},
    f"{XSD}boolean": lambda text: {"true": True, "1": True, "false": False, "0": False}[text],
    f"{RDF}JSON": read_json,
}
