"""Compare two versions of an ontology or a schema by meaning: by terms, or by fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from node.base.errors import InvalidInput
from node.base.jsons import read_json
from node.catalogue.model import Record
from node.catalogue.nquads import is_literal, text_of
from node.catalogue.statements import Statements
from node.semantics.impact import MeaningChange, MeaningDifference
from node.semantics.ontologies import changes as terms
from node.semantics.ontologies.terms import inspect
from node.semantics.schemas import changes as fields
from node.vocab.namespaces import HANSA

KINDS: Final = frozenset({"ontology", "schema"})
"""The kinds of assets whose versions are compared by meaning."""


def meaning_difference(before: Record, after: Record) -> MeaningDifference | None:
    """Return the changes of meaning from ``before`` to ``after``; None if this kind of asset has none, or if one of
    them has no definition here."""
    if after.kind == "ontology" and before.kind == "ontology":
        term_changes = terms.compare(inspect(before.nquads, before.subject), inspect(after.nquads, after.subject))
        changes = tuple(
            MeaningChange(subject=change.iri, what=change.what, breaking=change.breaking, text=change.text)
            for change in term_changes
        )
        verdict = "breaking" if any(change.breaking for change in changes) else "compatible"
        return MeaningDifference(verdict=verdict if changes else "same", changes=changes)
    if after.kind != "schema":
        return None
    old, new = definition_of(before), definition_of(after)
    if old is None or new is None:
        return None
    differences = fields.compare(old, new)
    return MeaningDifference(
        verdict=fields.compatibility(differences) if differences else "same",
        changes=tuple(
            MeaningChange(subject=change.path, what=change.what, breaking=change.breaking, text=change.text)
            for change in differences
        ),
    )


def definition_of(record: Record | None) -> Mapping[str, Any] | None:
    """Return the JSON Schema of the rows of a schema, in whatever language it is written; None if it has none.

    For other languages than JSON Schema it was made when the schema was described
    (``node.semantics.description.schema_definitions``).
    """
    if record is None:
        return None
    card = Statements(record)
    literals = (
        text_of(term)
        for name in ("jsonSchema", "definition")
        for term in card.own(f"{HANSA}" + name)
        if is_literal(term)
    )
    text = next(literals, None)
    if text is None:
        return None
    try:
        definition = read_json(text)
    except InvalidInput:
        return None
    return definition if isinstance(definition, Mapping) else None
