"""A source's own values: those that are on no code list, and the rule that replaces them by a steward's choice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pyoxigraph import BlankNode, Dataset, Literal, NamedNode, Quad

from node.semantics.harvest.rules.model import Change, Record
from node.semantics.harvest.rules.value_fields import FIELDS, LONGEST, ValueField
from node.semantics.triples import literals
from node.vocab.namespaces import DCT, RDFS, SKOS

MOST: Final = 50
"""Own values that are counted of one record."""

_BY_PROPERTY: Final = {NamedNode(field.property): field for field in FIELDS.values()}
_LABELS: Final = (f"{SKOS}prefLabel", f"{RDFS}label", f"{DCT}title")


def own_values(dataset: Dataset) -> list[tuple[str, str]]:
    """Return the name of the field and the text of each value that is on no code list and that no rule knows."""
    values = dict.fromkeys(
        (field.name, value) for quad, field in _statements(dataset) if (value := _own_value(dataset, quad, field))
    )
    return sorted(values)[:MOST]


def values_by_table(record: Record) -> Iterator[Change]:
    """Replace each value that the table of the source knows by the code that a steward chose for it."""
    if not record.value_map:
        return
    for quad, field in sorted(_statements(record.dataset), key=str):
        choices = record.value_map.get(field.name, {})
        iri = next((choices[text] for text in _texts(record.dataset, quad) if text in choices), None)
        if iri is None or quad.object == NamedNode(iri):
            continue
        removals = [quad]
        if isinstance(quad.object, BlankNode):
            removals += sorted(record.dataset.quads_for_subject(quad.object), key=str)
        yield Change(tuple(removals), (Quad(quad.subject, quad.predicate, NamedNode(iri)),))


def _statements(dataset: Dataset) -> list[tuple[Quad, ValueField]]:
    return [(quad, _BY_PROPERTY[quad.predicate]) for quad in dataset if quad.predicate in _BY_PROPERTY]


def _own_value(dataset: Dataset, quad: Quad, field: ValueField) -> str:
    """Return the value of the statement as people read it; empty if it is known, or cannot be a value of a list."""
    texts = [text for text in _texts(dataset, quad) if 0 < len(text) <= LONGEST]
    return "" if not texts or any(field.knows(text) for text in texts) else texts[0]


def _texts(dataset: Dataset, quad: Quad) -> list[str]:
    """Return the text or the IRI of the value, or the labels of a value that is a blank node."""
    value = quad.object
    if isinstance(value, Literal | NamedNode):
        return [value.value.strip()]
    if not isinstance(value, BlankNode):
        return []
    return [label.value.strip() for name in _LABELS for label in literals(dataset, value, name)]
