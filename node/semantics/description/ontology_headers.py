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
_DATE: Final = re.compile(r"(\d{4}-\d{2}-\d{2})(T.*|Z|[+-]\d{2}:\d{2})?|\d{4}(-\d{2})?", re.DOTALL)
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
_VERSIONS: Final = (f"{OWL}versionInfo", f"{_PAV}version", *_schema("version", "softwareVersion"))
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
_NAMED_AGENTS: Final = (f"{DCT}creator", f"{DCT}publisher", f"{DCT}rightsHolder")
_LINKED: Final = ("conformsTo", "language", "relation", "rights", "source", "subject", "type")
"""Terms of Dublin Core whose values records have as links only, and headers as texts too."""
_WITH_TEXTS: Final = frozenset(_LINKED) - {"conformsTo"}
"""Those that the older Dublin Core (1.1) has too, for texts."""
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
    _read_version(dataset, subject)
    _read_licence(dataset, subject)
    _link_texts(dataset, subject)
    _read_contact(dataset, subject)
    _read_dates(dataset, subject)
    for scheme in subjects_of_type(dataset, f"{SKOS}ConceptScheme"):
        for other in (f"{SKOS}prefLabel", f"{RDFS}label"):
            put_if_absent(dataset, scheme, f"{DCT}title", *literals(dataset, scheme, other))
    for class_ in _classes_of_concepts(dataset):
        for concept in subjects_of_type(dataset, class_):
            put_if_absent(dataset, concept, f"{SKOS}prefLabel", *literals(dataset, concept, f"{RDFS}label"))


def _read_version(dataset: Dataset, subject: NamedNode) -> None:
    """State one version: headers say it in several languages."""
    for property_ in _VERSIONS:
        versions = sorted(literals(dataset, subject, property_), key=lambda text: (text.language or "", text.value))
        english = [text for text in versions if text.language == "en"]
        if versions:
            plain = versions[0].language is None
            put_if_absent(dataset, subject, f"{DCAT}version", versions[0] if plain or not english else english[0])
    put_if_absent(dataset, subject, f"{OWL}versionInfo", *literals(dataset, subject, f"{DCAT}version"))


def _link_texts(dataset: Dataset, subject: NamedNode) -> None:
    """Write as links what the header says as texts: names of people become agents, addresses become links, and other
    texts move to the term of Dublin Core 1.1 that has the same name."""
    for property_ in _NAMED_AGENTS:
        for text in literals(dataset, subject, property_):
            agent: Node | None = _link(text.value)
            if agent is None:
                agent = BlankNode()
                dataset.add(Quad(agent, TYPE, NamedNode(f"{FOAF}Agent")))
                put(dataset, agent, f"{FOAF}name", text)
            _replace(dataset, subject, property_, text, NamedNode(property_), agent)
    for name in _LINKED:
        for text in literals(dataset, subject, f"{DCT}{name}"):
            link = _link(text.value)
            if link is not None:
                _replace(dataset, subject, f"{DCT}{name}", text, NamedNode(f"{DCT}{name}"), link)
            elif name in _WITH_TEXTS:
                _replace(dataset, subject, f"{DCT}{name}", text, NamedNode(f"{_DC}{name}"), text)


def _link(text: str) -> NamedNode | None:
    """Return the address of the web that ``text`` is, or None."""
    address = text.strip()
    if not address.startswith(("http://", "https://")):
        return None
    try:
        return NamedNode(address)
    except ValueError:
        return None


def _replace(dataset: Dataset, subject: NamedNode, old: str, text: Literal, new: NamedNode, value: Term) -> None:
    dataset.remove(Quad(subject, NamedNode(old), text))
    dataset.add(Quad(subject, new, value))


def _read_licence(dataset: Dataset, subject: NamedNode) -> None:
    """Name the licence by its address: ontologies also write the address, or a name such as CC-BY-4.0, as a text."""
    if iris(dataset, subject, f"{DCT}license"):
        return
    for property_ in _LICENCES:
        for value in objects(dataset, subject, property_):
            if isinstance(value, BlankNode):
                continue
            code = LICENCES.find(value.value)
            # A statement of rights is a licence only if the code list has it.
            link = NamedNode(code.iri) if code else _link(value.value) if property_.endswith("license") else None
            if link is not None:
                put(dataset, subject, f"{DCT}license", link)
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
        matches = [_DATE.fullmatch(value.value.strip()) for value in values]
        dates = sorted(match[1] for match in matches if match and match[1])
        # Ontologies list the dates of all their changes, as plain texts; some of them are years only.
        if dates and all(matches) and (len(values) > 1 or values[0].datatype == _STRING):
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
