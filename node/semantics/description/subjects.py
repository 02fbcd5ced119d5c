"""The main subject of a document: find it, its kind, and its address at this node.

A node answers only for addresses below its own. A subject with a foreign address (or without an address: a blank
node) is adopted: it gets an address here, and the old address stays on record as its identifier (``dct:identifier``,
and ``adms:identifier`` with the notation typed as IRI). Only the subject itself is renamed: the terms of an ontology
keep the addresses that data use.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pyoxigraph import BlankNode, Dataset, Literal, NamedNode

from node.semantics.description.builder import slug
from node.semantics.findings import words
from node.semantics.kinds import KINDS, AssetKind, kind_of
from node.semantics.model import Finding
from node.semantics.triples import Node, first_text, objects, put, rename, subjects_of_type, types
from node.vocab.namespaces import ADMS, DCT, OWL, RDF, RDFS, SKOS, XSD, local_name

DOCUMENT: Final = "https://document.invalid/"
"""The base for relative addresses in a document, until its subject has an address."""

_HEADER: Final = frozenset({f"{OWL}Ontology"})
_TERMS: Final = (
    f"{OWL}Class",
    f"{OWL}ObjectProperty",
    f"{OWL}DatatypeProperty",
    f"{RDFS}Class",
    f"{RDF}Property",
)
"""Classes of the terms that an ontology defines."""

_SLUG: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._~-]{0,126}[A-Za-z0-9_~-])?")


@dataclass(frozen=True, slots=True)
class Subject:
    """The main subject in the document, and its kind."""

    node: Node
    kind: AssetKind


def address(base: str, kind: AssetKind, name: str) -> str:
    """Return the IRI of an asset."""
    return f"{base.rstrip('/')}/{kind.plural}/{name}"


def is_address(iri: str, base: str, kind: AssetKind) -> bool:
    """Return whether an asset of this kind can have the address ``iri`` at this node."""
    prefix = address(base, kind, "")
    return iri.startswith(prefix) and _SLUG.fullmatch(iri[len(prefix) :]) is not None


def is_slug(text: str) -> bool:
    """Return whether ``text`` can be the last piece of an asset's address as it is."""
    return _SLUG.fullmatch(text) is not None


def main_subject(dataset: Dataset, kind: AssetKind | None, iri: str | None) -> Subject | Finding:
    """Return the subject of the document, or the finding that explains why there is none.

    Candidates are the subjects of a known kind (of ``kind``, if given); ``iri`` decides among them. Without it the
    subject is the only candidate that no other candidate refers to: a dataset that a service serves is not the
    document's subject.
    """
    candidates: dict[Node, AssetKind] = {}
    for candidate in KINDS.values():
        for class_ in candidate.classes:
            for node in subjects_of_type(dataset, class_):
                own_kind = kind_of(types(dataset, node))
                if own_kind is not None and (kind is None or own_kind is kind):
                    candidates[node] = own_kind
    if iri is not None and NamedNode(iri) in candidates:
        return Subject(NamedNode(iri), candidates[NamedNode(iri)])
    if kind is None and not _defines_terms(dataset):
        # A vocabulary that a description only names, or the header of an RDF file, is not the subject of the
        # description.
        described = {node: candidate for node, candidate in candidates.items() if not types(dataset, node) <= _HEADER}
        candidates = described or candidates
    if not candidates and kind in (None, KINDS["ontology"]):
        # A vocabulary in SKOS is a scheme of concepts; in other documents, schemes only stand beside the subject.
        candidates = dict.fromkeys(subjects_of_type(dataset, f"{SKOS}ConceptScheme"), KINDS["ontology"])
    if not candidates:
        expected = kind or KINDS["dataset"]
        return words.about_field("no-subject", value=f"<{expected.classes[0]}>", kind=expected.name)
    if len(candidates) > 1:
        referred = {quad.object for quad in dataset if quad.subject in candidates and quad.subject != quad.object}
        roots = [node for node in candidates if node not in referred]
        if len(roots) != 1:
            names = ", ".join(sorted(str(node) for node in candidates)[:4])
            return words.about_field("many-subjects", value=names)
        return Subject(roots[0], candidates[roots[0]])
    node, only = next(iter(candidates.items()))
    return Subject(node, only)


def _defines_terms(dataset: Dataset) -> bool:
    return any(next(iter(subjects_of_type(dataset, class_)), None) is not None for class_ in _TERMS)


def adopt(
    dataset: Dataset, subject: Subject, base: str, iri: str | None
) -> tuple[Dataset, NamedNode | None, Sequence[Finding]]:
    """Return the dataset with its subject under an address of this node, that address, and the findings about it.

    ``iri`` is the address that the publisher asks for. Without a usable address the result has a finding instead.
    """
    old = subject.node
    kind = subject.kind
    if iri is not None and not is_address(iri, base, kind):
        return dataset, None, (_wrong_address(iri, base, kind),)
    if (
        isinstance(old, NamedNode)
        and old.value in (iri, *(() if iri else (old.value,)))
        and is_address(old.value, base, kind)
    ):
        return dataset, old, ()
    if iri is None and isinstance(old, NamedNode) and old.value.startswith(base.rstrip("/") + "/"):
        return dataset, None, (_wrong_address(old.value, base, kind),)
    nameless = isinstance(old, BlankNode) or old.value == DOCUMENT
    name = "" if nameless else slug(local_name(old.value))
    name = name or slug(first_text(dataset, old, f"{DCT}title", f"{RDFS}label", f"{SKOS}prefLabel"))
    if iri is None and not name:
        return dataset, None, (words.about_field("no-name"),)
    new = NamedNode(iri or address(base, kind, name))
    dataset_after = rename(dataset, old, new)
    if isinstance(old, BlankNode) or old.value.startswith(DOCUMENT):
        return dataset_after, new, ()
    _remember(dataset_after, new, old.value)
    return dataset_after, new, (words.about_field("adopted", severity="info", value=new.value),)


def _remember(dataset: Dataset, new: NamedNode, old: str) -> None:
    if not objects(dataset, new, f"{DCT}identifier"):
        put(dataset, new, f"{DCT}identifier", Literal(old))
    identifier = NamedNode(f"{new.value}#identifier")
    put(dataset, new, f"{ADMS}identifier", *objects(dataset, new, f"{ADMS}identifier"), identifier)
    put(dataset, identifier, f"{RDF}type", NamedNode(f"{ADMS}Identifier"))
    put(dataset, identifier, f"{SKOS}notation", Literal(old, datatype=NamedNode(f"{XSD}anyURI")))


def _wrong_address(iri: str, base: str, kind: AssetKind) -> Finding:
    return words.about_field("wrong-address", field="iri", value=iri, kind=kind.name, guess=address(base, kind, ""))
