"""Plain values of JSON and XML as terms of RDF: portals name addresses, dates and places as texts.

Values are not changed: a text stays a text, and a value that is not an address does not become a link.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pyoxigraph import BlankNode, Literal, NamedNode, Quad

from node.semantics.triples import TYPE, Node, Term
from node.vocab.namespaces import ADMS, DCAT, DCT, GEOSPARQL, LOCN, RDFS, SKOS, XSD

LANGUAGE: Final = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
"""A language tag (BCP 47)."""

_IRI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\\\^`]+")
_MAILBOX: Final = re.compile(r"[^\s@<>\"]+@[^\s@<>\"]+")
_GEOJSON: Final = "https://www.iana.org/assignments/media-types/application/vnd.geo+json"
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?")
_SCHEMES: Final = ("http", "https", "ftp", "mailto", "urn")
_DATES: Final = frozenset({f"{DCT}issued", f"{DCT}modified", f"{DCAT}startDate", f"{DCAT}endDate"})


def link_node(node: Node, property_: str, thing: Node, type_: str) -> Iterator[Quad]:
    """Yield that ``node`` has ``thing``, and its type."""
    yield Quad(node, NamedNode(property_), thing)
    yield Quad(thing, TYPE, NamedNode(type_))


def values(node: Node, property_: str, value: Any) -> Iterator[Quad]:
    """Yield a statement for each value of a list, or for the value itself; none for an empty one."""
    for text in _texts(value):
        yield Quad(node, NamedNode(property_), _term(property_, text))


def _texts(value: Any) -> list[str]:
    """Return the texts of a value: of a list, of a list written as JSON, or the value itself."""
    if isinstance(value, str) and value.startswith("["):
        try:
            parsed_value = json.loads(value)
        except ValueError:
            parsed_value = value
        value = parsed_value
    values = value if isinstance(value, list) else [] if value in (None, "") else [value]
    texts = (text if isinstance(text, str) else json.dumps(text, ensure_ascii=False) for text in values)
    return [text for text in texts if text.strip()]


def _term(property_: str, text: str) -> Term:
    if property_ in _DATES:
        if _MOMENT.fullmatch(text):
            return Literal(text, datatype=NamedNode(f"{XSD}dateTime"))
        return Literal(text, datatype=NamedNode(f"{XSD}date")) if _DATE.fullmatch(text) else Literal(text)
    if property_ in (f"{DCT}identifier", f"{DCAT}version", f"{ADMS}versionNotes", f"{DCAT}keyword"):
        return Literal(text)
    return address(text) or Literal(text)


def mail(node: Node, property_: str, value: Any) -> Iterator[Quad]:
    """Yield a statement with an e-mail address, as a link if it is one."""
    for text in _texts(value):
        mailbox = text.strip().removeprefix("mailto:")
        iri = address(f"mailto:{mailbox}") if _MAILBOX.fullmatch(mailbox) else None
        yield Quad(node, NamedNode(property_), iri or Literal(text))


def address(value: Any) -> NamedNode | None:
    """Return ``value`` as an address; None if it is not an address."""
    if not isinstance(value, str) or value.partition(":")[0].lower() not in _SCHEMES or value.strip() != value:
        return None
    try:
        return NamedNode(value)
    except ValueError:
        return None


def name_of(value: Any) -> NamedNode | None:
    """Return ``value`` as the IRI of a thing, of any scheme; None if it is not an IRI."""
    if not isinstance(value, str) or not _IRI.fullmatch(value):
        return None
    try:
        return NamedNode(value)
    except ValueError:
        return None


def statement_of(node: Node, property_: str, value: Any, type_: str) -> Iterator[Quad]:
    """Yield a thing of this type for each text, with the text as its label; an address stays what it is."""
    for text in _texts(value):
        iri, thing = address(text), BlankNode()
        yield Quad(node, NamedNode(property_), iri or thing)
        if iri is None:
            yield Quad(thing, TYPE, NamedNode(type_))
            yield Quad(thing, NamedNode(f"{RDFS}label"), Literal(text))


def mappings(value: Any) -> list[Mapping[str, Any]]:
    """Return the objects in ``value``; none if it is not a list."""
    return [member for member in value if isinstance(member, Mapping)] if isinstance(value, list) else []


def place(node: Node, location: Node, geometries: Mapping[str, Any], *, label: Any = None) -> Iterator[Quad]:
    """Yield the place of ``node``: property → GeoJSON geometry, as an object or as text, and its names."""
    yield from link_node(node, f"{DCT}spatial", location, f"{DCT}Location")
    for property_, geometry in geometries.items():
        text = geometry if isinstance(geometry, str) else json.dumps(geometry)
        # DCAT names the datatype of GeoSPARQL; the media type is how portals write a geometry.
        datatype = _GEOJSON if property_ == f"{LOCN}geometry" else f"{GEOSPARQL}geoJSONLiteral"
        yield Quad(location, NamedNode(property_), Literal(text, datatype=NamedNode(datatype)))
    for text in _texts(label):
        yield Quad(location, NamedNode(f"{SKOS}prefLabel"), Literal(text))


def period(node: Node, begins: Any, ends: Any) -> Iterator[Quad]:
    """Yield the period of ``node``; nothing if it has neither begin nor end."""
    if not begins and not ends:
        return
    period_node = BlankNode()
    yield from link_node(node, f"{DCT}temporal", period_node, f"{DCT}PeriodOfTime")
    yield from values(period_node, f"{DCAT}startDate", begins)
    yield from values(period_node, f"{DCAT}endDate", ends)
