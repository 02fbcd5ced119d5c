"""The subject of an asset, as the fields of a description: themes, keywords and places of its record."""

from __future__ import annotations

import re
from typing import Any, Final

from node.catalogue.model import Record
from node.catalogue.nquads import iri_of, iri_term, is_iri, is_literal, language_of, text_of
from node.catalogue.statements import Statements
from node.vocab.namespaces import DCAT, DCT, RDFS

_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?")


def subject_of(record: Record) -> dict[str, Any]:
    """Return ``theme``, ``keywords`` and ``spatial`` of ``record`` as ``node.semantics.description.fields`` writes
    them, without those that it lacks. A place that the record defines itself is copied with its name and rectangle:
    its IRI belongs to that record."""
    statements, subject = Statements(record), iri_term(record.iri)
    keywords: dict[str, list[str]] = {}
    for term in sorted(statements.objects(subject, f"{DCAT}keyword")):
        if is_literal(term):
            keywords.setdefault(language_of(term) or "und", []).append(text_of(term))
    places = [_place(statements, node, record.iri) for node in statements.nodes(subject, f"{DCT}spatial")]
    subject_members = {
        "theme": list(statements.iris(subject, f"{DCAT}theme")),
        "keywords": keywords,
        "spatial": [place for place in places if place],
    }
    return {name: value for name, value in subject_members.items() if value}


def _place(statements: Statements, node: str, owner: str) -> dict[str, Any]:
    place: dict[str, Any] = {}
    if is_iri(node) and not iri_of(node).startswith(f"{owner}#"):
        place["iri"] = iri_of(node)
    if name := statements.text(node, f"{RDFS}label"):
        place["name"] = name
    numbers = [float(one) for one in _NUMBER.findall((statements.text(node, f"{DCAT}bbox") or "").partition("(")[2])]
    xs, ys = numbers[0::2], numbers[1::2]
    if numbers and len(xs) == len(ys):
        place["bbox"] = [min(xs), min(ys), max(xs), max(ys)]
    return place
