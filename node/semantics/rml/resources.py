"""Statements of RDF as rows, so that a mapping can be a step among others: each subject is a row.

``id`` is its address; a blank node has none. A column is called by the end of the address of its property, by the
whole address if two properties end in the same way. Several values are a list.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import unquote

from pyoxigraph import BlankNode, CanonicalizationAlgorithm, Dataset, Literal, NamedNode, RdfFormat, parse

from node.semantics.constructions import literal_value
from node.semantics.documents import MEDIA_TYPES, TURTLE, unreadable
from node.semantics.rml.turtle import declarations
from node.vocab.namespaces import PREFIXES, local_name

ID: Final = "id"
_SHOWN: Final = 5


def rows_of(nquads: bytes, namespace: str) -> list[dict[str, Any]]:
    """Return the rows of statements (N-Quads), in the order of their subjects. ``namespace`` is that of the columns
    of the schema to which the transformation leads."""
    resources: defaultdict[Any, defaultdict[str, set[Any]]] = defaultdict(lambda: defaultdict(set))
    for quad in parse(nquads, format=RdfFormat.N_QUADS):
        resources[quad.subject][quad.predicate.value].add(quad.object)
    properties = {name for resource in resources.values() for name in resource}
    columns = _columns(properties, namespace)
    rows = []
    for subject in sorted(resources, key=str):
        row: dict[str, Any] = {ID: subject.value} if isinstance(subject, NamedNode) else {}
        for name, terms in resources[subject].items():
            values = [_value(term) for term in sorted(terms, key=str)]
            row[columns[name]] = values[0] if len(values) == 1 else values
        rows.append(row)
    return rows


def _columns(properties: Iterable[str], namespace: str) -> dict[str, str]:
    names = {
        name: unquote(name[len(namespace) :]) if name.startswith(namespace) else local_name(name) or name
        for name in sorted(properties)
    }
    own = {names[name] for name in names if name.startswith(namespace)}
    counts: defaultdict[str, int] = defaultdict(int)
    for column in names.values():
        counts[column] += 1

    def column_of(name: str, column: str) -> str:
        taken = column == ID or counts[column] > 1 or column in own
        return name if taken and not name.startswith(namespace) else column

    return {name: column_of(name, column) for name, column in names.items()}


def _value(term: Any) -> Any:
    if isinstance(term, NamedNode):
        return term.value
    if isinstance(term, BlankNode):
        return str(term)
    assert isinstance(term, Literal)
    return literal_value(term)


def differences(document: str, nquads: bytes) -> dict[str, list[str]]:
    """Return the first statements of ``document`` (Turtle or TriG, with the prefixes that a node knows) that are
    ``missing`` in ``nquads``, and the first ``further`` ones. Raises ``InvalidInput`` if it cannot be read."""
    text = f"{declarations(PREFIXES)} {document}".encode()
    try:
        target = Dataset(parse(text, format=RdfFormat.TRIG, base_iri="urn:document:"))
    except SyntaxError as error:
        raise unreadable(error, MEDIA_TYPES[TURTLE]) from error
    statements = Dataset(parse(nquads, format=RdfFormat.N_QUADS))
    for dataset in (target, statements):
        dataset.canonicalize(CanonicalizationAlgorithm.UNSTABLE)
    lines, results = {str(quad) for quad in target}, {str(quad) for quad in statements}
    return {"missing": sorted(lines - results)[:_SHOWN], "further": sorted(results - lines)[:_SHOWN]}
