"""Read the header of an ontology: what it says of itself, in the words of a record.

Ontologies name their title, licence, contact and dates in the words of many vocabularies: Dublin Core, ADMS, MOD and
those that it lists (schema.org, Creative Commons, FOAF, PAV). What the header says in words of DCAT and Dublin Core
stays; the others only add what is missing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from pyoxigraph import BlankNode, Dataset, Literal, NamedNode, Quad

from node.semantics.codelists.licences import LICENCES
from node.semantics.triples import (
    TYPE,
    Node,
    Term,
    iris,
    literals,
    nodes,
    objects,
    put,
    put_if_absent,
    subjects_of_type,
)
from node.vocab.namespaces import ADMS, CC, DCAT, DCT, FOAF, OWL, RDFS, SCHEMA, SKOS, VCARD, XSD

_DC: Final = "http://purl.org/dc/elements/1.1/"
_HTTPS_SCHEMA: Final = "https://schema.org/"
_MOD: Final = "https://w3id.org/mod#"
_PAV: Final = "http://purl.org/pav/"
_BIBO: Final = "http://purl.org/ontology/bibo/"
_EDITOR: Final = "http://www.w3.org/2001/02pd/rec54#editor"
_STRING: Final = NamedNode(f"{XSD}string")
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_MAIL: Final = re.compile(r"[^@\s<>\"]+@[^@\s<>\"]+")


def _schema(*names: str) -> tuple[str, ...]:
    return tuple(f"{base}{name}" for name in names for base in (SCHEMA, _HTTPS_SCHEMA))


_TEXTS: Final[Mapping[str, tuple[str, ...]]] = {
    f"{DCT}title": (f"{_DC}title", f"{RDFS}label", f"{SKOS}prefLabel", *_schema("name")),
    f"{DCT}description": (
        f"{_DC}description",
        f"{DCT}abstract",
        f"{RDFS}comment",
        f"{SKOS}definition",
        *_schema("description", "abstract"),
    ),
    f"{DCAT}version": (f"{OWL}versionInfo", f"{_PAV}version", *_schema("version", "softwareVersion")),
    f"{OWL}versionInfo": (f"{DCAT}version",),
    f"{DCAT}keyword": _schema("keywords"),
    f"{ADMS}versionNotes": _schema("releaseNotes"),
    f"{DCT}issued": _schema("datePublished"),
    f"{DCT}modified": (f"{_PAV}lastUpdateOn", *_schema("dateModified")),
}
"""The names that other vocabularies have for texts and dates of an ontology, best first."""

_LINKS: Final[Mapping[str, tuple[str, ...]]] = {
    f"{DCAT}previousVersion": (f"{OWL}priorVersion", f"{_PAV}previousVersion"),
    f"{DCAT}landingPage": (f"{FOAF}homepage",),
    f"{FOAF}page": (*_schema("documentation"), f"{_MOD}documentation"),
    f"{ADMS}status": (f"{_MOD}status", f"{_BIBO}status"),
}
_LICENCES: Final = (f"{DCT}license", *_schema("license"), f"{CC}license", f"{DCT}rights", f"{_DC}rights")
_AGENTS: Final = (
    *_schema("contactPoint", "maintainer"),
    f"{DCT}publisher",
    *_schema("publisher"),
    _EDITOR,
    f"{DCT}creator",
    f"{_DC}creator",
    *_schema("creator", "author"),
)
"""Those who answer for an ontology, in the order in which a person would ask them."""
_NAMES: Final = (f"{VCARD}fn", f"{FOAF}name", *_schema("name"), f"{RDFS}label")
_MAILS: Final = (f"{VCARD}hasEmail", f"{FOAF}mbox", *_schema("email"))


def read_header(dataset: Dataset, subject: NamedNode) -> None:
    """Add to ``subject`` what its header says in other words: texts, dates, licence, contact and links. Schemes
    and concepts get the title and the label that records have of them."""
    for property_, others in _TEXTS.items():
        for other in others:
            put_if_absent(dataset, subject, property_, *literals(dataset, subject, other))
    for property_, others in _LINKS.items():
        for other in others:
            put_if_absent(dataset, subject, property_, *map(NamedNode, iris(dataset, subject, other)))
    _read_licence(dataset, subject)
    _read_contact(dataset, subject)
    _read_dates(dataset, subject)
    for scheme in subjects_of_type(dataset, f"{SKOS}ConceptScheme"):
        for other in (f"{SKOS}prefLabel", f"{RDFS}label"):
            put_if_absent(dataset, scheme, f"{DCT}title", *literals(dataset, scheme, other))
    for class_ in _classes_of_concepts(dataset):
        for concept in subjects_of_type(dataset, class_):
            put_if_absent(dataset, concept, f"{SKOS}prefLabel", *literals(dataset, concept, f"{RDFS}label"))


def _read_licence(dataset: Dataset, subject: NamedNode) -> None:
    """Name the licence by its address: ontologies also write the address, or a name such as CC-BY-4.0, as a text."""
    if iris(dataset, subject, f"{DCT}license"):
        return
    for property_ in _LICENCES:
        for value in objects(dataset, subject, property_):
            code = None if isinstance(value, BlankNode) else LICENCES.find(value.value)
            # A statement of rights is a licence only if the code list has it.
            is_link = value.value.startswith(("http://", "https://")) and property_.endswith("license")
            if code is not None or is_link:
                put(dataset, subject, f"{DCT}license", NamedNode(code.iri if code else value.value.strip()))
                return


def _read_contact(dataset: Dataset, subject: NamedNode) -> None:
    """Name as contact the first agent that has an e-mail address."""
    if objects(dataset, subject, f"{DCAT}contactPoint"):
        return
    for property_ in _AGENTS:
        for agent in nodes(dataset, subject, property_):
            mail = _mail(dataset, agent)
            if mail:
                contact = BlankNode()
                put(dataset, subject, f"{DCAT}contactPoint", contact)
                dataset.add(Quad(contact, TYPE, NamedNode(f"{VCARD}Kind")))
                name = next((text for one in _NAMES for text in literals(dataset, agent, one)), Literal(mail))
                put(dataset, contact, f"{VCARD}fn", name)
                put(dataset, contact, f"{VCARD}hasEmail", NamedNode(f"mailto:{mail}"))
                return


def _mail(dataset: Dataset, agent: Node) -> str:
    values: list[Term] = [value for property_ in _MAILS for value in objects(dataset, agent, property_)]
    mails = (value.value.removeprefix("mailto:") for value in values if not isinstance(value, BlankNode))
    return next((mail for mail in mails if _MAIL.fullmatch(mail)), "")


def _read_dates(dataset: Dataset, subject: NamedNode) -> None:
    for property_ in (f"{DCT}issued", f"{DCT}modified"):
        values = literals(dataset, subject, property_)
        dates = sorted(date for value in values if (date := value.value.strip()) and _DAY.fullmatch(date))
        # Ontologies list the dates of all their changes, as plain texts.
        if dates and len(dates) == len(values) and (len(values) > 1 or values[0].datatype == _STRING):
            last = dates[0] if property_.endswith("issued") else dates[-1]
            put(dataset, subject, property_, Literal(last, datatype=NamedNode(f"{XSD}date")))


def _classes_of_concepts(dataset: Dataset) -> set[str]:
    """Return ``skos:Concept`` and the classes below it."""
    classes: set[str] = set()
    ahead = [f"{SKOS}Concept"]
    while ahead:
        class_ = ahead.pop()
        if class_ not in classes:
            classes.add(class_)
            links = dataset.quads_for_object(NamedNode(class_))
            ahead += [
                link.subject.value
                for link in links
                if link.predicate.value == f"{RDFS}subClassOf" and isinstance(link.subject, NamedNode)
            ]
    return classes
