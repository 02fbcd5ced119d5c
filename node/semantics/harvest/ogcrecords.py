"""Convert records of a catalogue with OGC API - Records (OGC 20-004r1) to statements of DCAT.

A record is a GeoJSON feature (§8.2, table 9): its links are distributions, its contacts publisher and contact point,
its geometry and time what the data cover. Values are not changed: a text stays a text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from pyoxigraph import BlankNode, Literal, NamedNode, Quad

from node.semantics.harvest.plain_values import LANGUAGE, address, link_node, mail, mappings, period, place, values
from node.semantics.triples import TYPE, Node
from node.vocab.namespaces import DCAT, DCT, FOAF, LOCN, SKOS, VCARD, XSD

_FILES: Final = frozenset({"enclosure", "item", "items", "data", "download"})
"""Relations of links to the data; the address behind ``enclosure`` is the file itself (RFC 4287 §4.2.7.2)."""
_SERVICES: Final = frozenset({"describes", "service", "service-desc"})
"""Relations of links to a service with the data."""
_PAGES: Final = frozenset({"about", "describedby", "documentation", "related", "search", "service-doc"})
_PUBLISHERS: Final = frozenset({"publisher", "owner", "custodian", "distributor", "resourceProvider"})
"""Roles of contacts that publish (ISO 19115 CI_RoleCode), the first of a record counts."""
_OPEN: Final = ".."
"""An interval without begin or end (§8.2.5)."""


def records_of(document: Any) -> list[Mapping[str, Any]] | None:
    """Return the records of a page of items, or of one record; None for another document."""
    if not isinstance(document, Mapping):
        return None
    features = document.get("features") if document.get("type") == "FeatureCollection" else [document]
    if not isinstance(features, list):
        return None
    if not features:
        return [] if isinstance(document.get("numberMatched"), int) else None
    return mappings(features) if all(_is_record(feature) for feature in features) else None


def _is_record(feature: Any) -> bool:
    properties = feature.get("properties") if isinstance(feature, Mapping) else None
    return (
        feature.get("type") == "Feature"
        and isinstance(properties, Mapping)
        and bool(feature.get("id"))
        and ("record-core" in str(feature.get("conformsTo")) or {"type", "title"} <= properties.keys())
    )


def next_page(document: Mapping[str, Any]) -> str:
    """Return the address of the next page, empty if there is none (§8.3)."""
    return next((str(link["href"]) for link in _links(document) if link.get("rel") == "next"), "")


def statements(record: Mapping[str, Any], items: str) -> Iterator[Quad]:
    """Yield the statements of a record. ``items`` is the address of the collection's items."""
    properties, identifier = record["properties"], str(record["id"])
    node = address(identifier) or address(f"{items.rstrip('/')}/{quote(identifier, safe='')}") or BlankNode()
    is_service = properties.get("type") == "service"
    yield Quad(node, TYPE, NamedNode(f"{DCAT}DataService" if is_service else f"{DCAT}Dataset"))
    tag = _language(properties.get("language"))
    for name in ("title", "description"):
        text = properties.get(name)
        if isinstance(text, str) and text.strip():
            yield Quad(node, NamedNode(f"{DCT}{name}"), Literal(text, language=tag) if tag else Literal(text))
    if not is_service and properties.get("type") not in ("dataset", None):
        yield from values(node, f"{DCT}type", properties["type"])
    external = [each.get("value") for each in mappings(properties.get("externalIds"))]
    yield from values(node, f"{DCT}identifier", list(dict.fromkeys([identifier, *filter(None, external)])))
    yield from values(node, f"{DCAT}keyword", properties.get("keywords"))
    yield from values(node, f"{DCT}issued", properties.get("created"))
    yield from values(node, f"{DCT}modified", properties.get("updated"))
    languages = mappings(properties.get("resourceLanguages")) or mappings(properties.get("languages"))
    codes = [each.get("code") for each in languages] or [tag]
    yield from values(node, f"{DCT}language", list(filter(None, codes)))
    for theme in mappings(properties.get("themes")):
        yield from _theme(node, theme)
    yield from _contacts(node, mappings(properties.get("contacts")))
    if record.get("geometry"):
        yield from place(node, BlankNode(), {f"{LOCN}geometry": record["geometry"]})
    yield from _time(node, record.get("time"))
    yield from _resources(node, record, is_service=is_service)


def _resources(node: Node, record: Mapping[str, Any], *, is_service: bool) -> Iterator[Quad]:
    properties, links = record["properties"], _links(record)
    licences = [link["href"] for link in links if link.get("rel") == "license"] or [properties.get("license")]
    bearers: list[Node] = []
    for link in links:
        relation, target = str(link.get("rel", "")), str(link["href"])
        if is_service and relation in _FILES | _SERVICES:
            yield from values(node, f"{DCAT}endpointURL", target)
        elif relation in _FILES | _SERVICES:
            file = BlankNode()
            bearers.append(file)
            yield from link_node(node, f"{DCAT}distribution", file, f"{DCAT}Distribution")
            yield from values(file, f"{DCAT}accessURL", target)
            if relation == "enclosure":
                yield from values(file, f"{DCAT}downloadURL", target)
            yield from values(file, f"{DCT}title", link.get("title"))
            yield from values(file, f"{DCAT}mediaType", link.get("type"))
        elif relation in _PAGES:
            yield from values(node, f"{FOAF}page", target)
        elif relation == "canonical":
            yield from values(node, f"{DCAT}landingPage", target)
    # A record has one licence, DCAT one for each file.
    for bearer in bearers or [node]:
        yield from values(bearer, f"{DCT}license", list(filter(None, licences)))
    yield from values(node, f"{DCT}rights", properties.get("rights"))


def _theme(node: Node, theme: Mapping[str, Any]) -> Iterator[Quad]:
    """Yield the concepts of a theme: those with an address as themes, the others as keywords."""
    for concept in mappings(theme.get("concepts")):
        name = concept.get("title") or concept.get("id")
        iri = address(concept.get("url"))
        if iri is None:
            yield from values(node, f"{DCAT}keyword", name)
            continue
        yield from link_node(node, f"{DCAT}theme", iri, f"{SKOS}Concept")
        yield from values(iri, f"{SKOS}prefLabel", name)


def _contacts(node: Node, contacts: list[Mapping[str, Any]]) -> Iterator[Quad]:
    publisher = next((each for each in contacts if _PUBLISHERS & {*_roles(each)}), None)
    if publisher is not None:
        agent = BlankNode()
        yield from link_node(node, f"{DCT}publisher", agent, f"{FOAF}Agent")
        yield from values(agent, f"{FOAF}name", publisher.get("organization") or publisher.get("name"))
        pages = [link["href"] for link in _links(publisher) if link.get("rel") in ("about", "canonical")]
        yield from values(agent, f"{FOAF}homepage", pages[:1])
    contact = next((each for each in contacts if "pointOfContact" in _roles(each)), None)
    contact = contact or next((each for each in contacts if mappings(each.get("emails"))), None)
    if contact is not None:
        card = BlankNode()
        yield from link_node(node, f"{DCAT}contactPoint", card, f"{VCARD}Kind")
        yield from values(card, f"{VCARD}fn", contact.get("name") or contact.get("organization"))
        for each in mappings(contact.get("emails")):
            yield from mail(card, f"{VCARD}hasEmail", each.get("value"))


def _time(node: Node, time: Any) -> Iterator[Quad]:
    if not isinstance(time, Mapping):
        return
    interval = time.get("interval")
    if isinstance(interval, list) and len(interval) == 2:
        begins, ends = (None if bound == _OPEN else bound for bound in interval)
    else:
        begins = ends = time.get("date") or time.get("timestamp")
    yield from period(node, begins, ends)
    resolution = time.get("resolution")
    if isinstance(resolution, str) and resolution:
        duration = Literal(resolution, datatype=NamedNode(f"{XSD}duration"))
        yield Quad(node, NamedNode(f"{DCAT}temporalResolution"), duration)


def _language(language: Any) -> str:
    code = language.get("code") if isinstance(language, Mapping) else language
    return code if isinstance(code, str) and LANGUAGE.fullmatch(code) else ""


def _roles(contact: Mapping[str, Any]) -> list[str]:
    roles = contact.get("roles")
    return [str(role) for role in roles] if isinstance(roles, list) else []


def _links(members: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [link for link in mappings(members.get("links")) if isinstance(link.get("href"), str)]
