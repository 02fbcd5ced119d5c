"""The code lists of columns: the codes that a dataset says its cells have, as rules that data are checked by.

A column of a table names a concept scheme (SKOS) of the catalogue, or lists its codes itself. Both become a JSON
Schema with an ``enum``, so that the checks of data know one kind of rule. A cell may have the notation of a concept
or its address; in a scheme without notations also the last part of the address, or a label.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from node.base.work import Transaction
from node.catalogue.model import PUBLIC, Record
from node.catalogue.nquads import iri_of, is_iri, is_literal, statements, text_of
from node.catalogue.ports import RecordStore
from node.catalogue.statements import Statements
from node.semantics.description.tables import CODE_LIST, CODES
from node.vocab.namespaces import CSVW, RDF, SKOS, local_name

MOST_CODES: Final = 50_000
"""Codes of one column: a longer list is not compared."""
_ONTOLOGIES: Final = 500
"""Ontologies of a catalogue in which a scheme with an address of others is looked for."""
_STATES: Final = (f"<{CODE_LIST}>".encode(), f"<{CODES}>".encode())
_NAMES: Final = (f"{CSVW}name", f"{CSVW}title")

CodeRules = tuple[Record, Mapping[str, Any]]
"""The asset that states codes, and a JSON Schema of rows that have them."""


def code_rules(tx: Transaction, records: RecordStore, dataset: Record) -> list[CodeRules]:
    """Return the rules of the code lists of ``dataset``: the codes that it lists itself, then those of schemes that
    are of the same node or public. A scheme that is not here gives no rule."""
    if not any(predicate in dataset.nquads for predicate in _STATES):
        return []
    own: dict[str, list[str]] = {}
    by_scheme: dict[str, list[str]] = {}
    for column, codes, schemes in _columns(Statements(dataset)):
        if codes:
            own.setdefault(column, []).extend(codes)
        for scheme in schemes:
            by_scheme.setdefault(scheme, []).append(column)
    rules = [(dataset, _schema_of(own))] if own else []
    for scheme, columns in sorted(by_scheme.items()):
        vocabulary = _vocabulary(tx, records, scheme, dataset)
        codes = _codes_of(vocabulary, scheme) if vocabulary is not None else []
        if vocabulary is not None and 0 < len(codes) <= MOST_CODES:
            rules.append((vocabulary, _schema_of(dict.fromkeys(columns, codes))))
    return rules


def _columns(card: Statements) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield each column with the codes that it lists, and the addresses of the schemes that it names."""
    for node in card.everywhere(f"{CSVW}column"):
        names = [text_of(term) for property_ in _NAMES for term in card.objects(node, property_) if is_literal(term)]
        codes = [text_of(term) for term in card.objects(node, CODES) if is_literal(term)]
        schemes = [iri_of(term) for term in card.objects(node, CODE_LIST) if is_iri(term)]
        if names and (codes or schemes):
            yield names[0], codes, schemes


def _schema_of(columns: Mapping[str, list[str]]) -> Mapping[str, Any]:
    return {
        "type": "object",
        "properties": {name: {"enum": list(dict.fromkeys(codes))} for name, codes in columns.items()},
    }


def _vocabulary(tx: Transaction, records: RecordStore, scheme: str, dataset: Record) -> Record | None:
    """Return the vocabulary with the concept scheme: at its own address, at that of the document, or another one."""
    for iri in dict.fromkeys((scheme, scheme.partition("#")[0], scheme.rpartition("/")[0])):
        record = records.get(tx, iri) if iri else None
        if record is not None and _is_usable(record, dataset):
            return record
    mark = f"<{scheme}> <{RDF}type> <{SKOS}ConceptScheme>".encode()
    others = records.current(tx, kinds=("ontology",), limit=_ONTOLOGIES)
    return next((one for one in others if mark in one.nquads and _is_usable(one, dataset)), None)


def _is_usable(record: Record, dataset: Record) -> bool:
    is_ontology = record.kind == "ontology" and not record.withdrawn
    return is_ontology and (record.origin == dataset.origin or record.audience == PUBLIC)


def _codes_of(vocabulary: Record, scheme: str) -> list[str]:
    """Return what a cell may have that names a concept of the scheme."""
    concepts: set[str] = set()
    members: set[str] = set()
    notations: dict[str, list[str]] = {}
    labels: dict[str, list[str]] = {}
    for statement in statements(vocabulary.nquads):
        subject, predicate, value = statement.subject, statement.predicate[1:-1], statement.object
        if predicate == f"{RDF}type" and value == f"<{SKOS}Concept>":
            concepts.add(subject)
        elif predicate in (f"{SKOS}inScheme", f"{SKOS}topConceptOf") and value == f"<{scheme}>":
            members.add(subject)
        elif predicate == f"{SKOS}hasTopConcept" and subject == f"<{scheme}>":
            members.add(value)
        elif predicate == f"{SKOS}notation":
            notations.setdefault(subject, []).append(text_of(value))
        elif predicate == f"{SKOS}prefLabel":
            labels.setdefault(subject, []).append(text_of(value))
    # A vocabulary that says of no concept in which scheme it is, is one list.
    members_in_order = sorted(term for term in (members or concepts) if is_iri(term))
    has_notations = any(term in notations for term in members_in_order)
    codes = [text for term in members_in_order for text in (*notations.get(term, ()), iri_of(term))]
    if not has_notations:
        codes += [text for term in members_in_order for text in (local_name(iri_of(term)), *labels.get(term, ()))]
    return list(dict.fromkeys(codes))
