"""The identity of a harvested record, and its address at this node.

The address ends in a hash of the name of the source and the record's identity: its own IRI, or, for a record without
one (a blank node, an address relative to the file), its identifier, landing page or first file. Thus two records with
IRIs that end alike have two addresses, the same record of two sources has two as well, and the same record of one
source has the same address at each import.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from pyoxigraph import BlankNode, Dataset, NamedNode, Quad

from node.semantics.description.builder import slug
from node.semantics.description.subjects import DOCUMENT, address
from node.semantics.kinds import KINDS
from node.semantics.triples import Node, first_text, nodes, objects
from node.vocab.namespaces import ADMS, DCAT, DCT, RDFS, SKOS, local_name

_LENGTH: Final = 10
"""Hexadecimal digits of the hash, forty bits: the chance of a clash among ten thousand records, which would be
refused, is one in twenty thousand."""


def own_iri(subject: Node) -> str:
    """Return the IRI that the record has at its source; empty if it has no IRI that is valid elsewhere."""
    return subject.value if isinstance(subject, NamedNode) and not subject.value.startswith(DOCUMENT) else ""


def identity(dataset: Dataset, subject: Node, source: str) -> str | None:
    """Return the permanent identity of the record; None if nothing identifies it."""
    iri = own_iri(subject)
    if iri:
        return iri
    relative = subject.value.removeprefix(DOCUMENT) if isinstance(subject, NamedNode) else ""
    if relative:
        return f"{source}\n{relative}"
    texts = [term.value.strip() for term in objects(dataset, subject, f"{DCT}identifier")]
    for identifier in nodes(dataset, subject, f"{ADMS}identifier"):
        texts.extend(term.value.strip() for term in objects(dataset, identifier, f"{SKOS}notation"))
    texts.extend(term.value for term in objects(dataset, subject, f"{DCAT}landingPage"))
    texts.extend(term.value for term in objects(dataset, subject, f"{DCAT}endpointURL"))
    for property_ in ("accessURL", "downloadURL"):
        for file in nodes(dataset, subject, f"{DCAT}distribution"):
            texts.extend(sorted(term.value for term in objects(dataset, file, f"{DCAT}{property_}")))
    text = next((text for text in texts if text), None)
    return None if text is None else f"{source}\n{text}"


def harvested_address(base: str, kind: str, identity: str, titles: Sequence[str], source: str) -> str:
    """Return the address at this node of the record with this ``identity`` at ``source``.

    The source is part of each address, not only where another source has the same record: an address would
    otherwise show that there is one, also to those who may not see it.
    """
    return _address(base, kind, identity, titles, identity if "\n" in identity else f"{source}\n{identity}")


def former_address(base: str, kind: str, identity: str, titles: Sequence[str]) -> str:
    """Return the address that such a record has if it came before each source had addresses of its own."""
    return _address(base, kind, identity, titles, identity)


def _address(base: str, kind: str, identity: str, titles: Sequence[str], whole: str) -> str:
    last = local_name(identity.rpartition("\n")[2])
    name = slug(last) or next((text for text in map(slug, titles) if text), "") or kind
    return address(base, KINDS[kind], f"{name}-{hashlib.sha256(whole.encode()).hexdigest()[:_LENGTH]}")


def settle_names(dataset: Dataset, subject: Node, address: str) -> tuple[Dataset, NamedNode]:
    """Return the statements with IRIs that hold everywhere, and the subject as they name it.

    A subject without an IRI of its own takes the record's ``address``, and so do things that the file names relative
    to itself; everything else is unchanged.
    """
    iri = own_iri(subject)
    new = NamedNode(iri or address)

    def own(term: Node) -> Node:
        if term == subject:
            return new
        if isinstance(term, NamedNode) and term.value.startswith(DOCUMENT):
            rest = term.value.removeprefix(DOCUMENT).removeprefix("#")
            return NamedNode(f"{address}#{rest.replace('#', '-').replace('/', '-')}") if rest else NamedNode(address)
        return term

    quads = []
    for quad in dataset:
        start = quad.subject
        assert isinstance(start, NamedNode | BlankNode)  # others are not read
        end = own(quad.object) if isinstance(quad.object, NamedNode | BlankNode) else quad.object
        quads.append(Quad(own(start), quad.predicate, end))
    return Dataset(quads), new


def first_title(dataset: Dataset, subject: Node) -> str:
    """Return the title of a record under any property, English if there is a choice; empty if it has no title."""
    return first_text(dataset, subject, f"{DCT}title", f"{RDFS}label", f"{SKOS}prefLabel").strip()
