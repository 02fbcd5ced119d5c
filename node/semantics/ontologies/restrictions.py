"""Restrictions of classes in OWL: what a class demands of its members, as a value and in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from pyoxigraph import BlankNode, Dataset

from node.semantics.findings.words import FINDINGS
from node.semantics.triples import Node, iris, objects, types
from node.vocab.namespaces import OWL, RDFS, local_name

MOST: Final = 60
"""Restrictions of one class that are read."""

_KINDS: Final[Mapping[str, str]] = {
    "someValuesFrom": "some",
    "allValuesFrom": "only",
    "hasValue": "value",
    "minCardinality": "least",
    "maxCardinality": "most",
    "cardinality": "exactly",
    "minQualifiedCardinality": "least",
    "maxQualifiedCardinality": "most",
    "qualifiedCardinality": "exactly",
}
_COUNTS: Final = frozenset({"least", "most", "exactly"})


@dataclass(frozen=True, slots=True, order=True)
class Restriction:
    """A demand on ``property_``. ``kind``: some, only, value, least, most or exactly; ``value`` is a class, a value,
    or a number, and ``of`` the class that is counted, or empty."""

    property_: str
    kind: str
    value: str
    of: str = ""

    @property
    def iris(self) -> tuple[str, ...]:
        """Return the terms that the demand names."""
        return tuple(value for value in (self.property_, self.value, self.of) if _is_iri(value))

    def words(self, language: str, names: Mapping[str, Mapping[str, str]] = MappingProxyType({})) -> str:
        """Return the demand as a clause; ``names`` has the labels of terms by language."""
        values = {"property": _name(self.property_, names, language), "value": _name(self.value, names, language)}
        if self.kind in _COUNTS and self.of:
            return FINDINGS.say(language, f"rule.{self.kind}-of", **values, of=_name(self.of, names, language))
        return FINDINGS.say(language, f"rule.{self.kind}", **values)


def restrictions_of(dataset: Dataset, class_: Node) -> tuple[Restriction, ...]:
    """Return the restrictions that ``class_`` is a subclass of, or equivalent to. Nested expressions are left out."""
    rules: set[Restriction] = set()
    for property_ in (f"{RDFS}subClassOf", f"{OWL}equivalentClass"):
        for node in objects(dataset, class_, property_)[:MOST]:
            if isinstance(node, BlankNode) and f"{OWL}Restriction" in types(dataset, node):
                rules.update(_read(dataset, node))
    return tuple(sorted(rules))


def restriction_at(dataset: Dataset, node: BlankNode) -> Restriction | None:
    """Return the restriction that a blank node is; None if it is another expression."""
    return next(_read(dataset, node), None) if f"{OWL}Restriction" in types(dataset, node) else None


def _read(dataset: Dataset, node: BlankNode) -> Iterator[Restriction]:
    on = iris(dataset, node, f"{OWL}onProperty")
    of = next(iter(iris(dataset, node, f"{OWL}onClass") + iris(dataset, node, f"{OWL}onDataRange")), "")
    for name, kind in _KINDS.items():
        for term in objects(dataset, node, f"{OWL}{name}"):
            if on and not isinstance(term, BlankNode):
                yield Restriction(on[0], kind, term.value, of if kind in _COUNTS else "")


def _is_iri(value: str) -> bool:
    return "://" in value or value.startswith("urn:")


def _name(value: str, names: Mapping[str, Mapping[str, str]], language: str) -> str:
    """Return the label of a term in ``language``, in English, or in the first one; without labels its local name."""
    if not _is_iri(value):
        return value
    labels = names.get(value, {})
    return labels.get(language) or labels.get("en") or next(iter(labels.values()), "") or local_name(value)
