"""Convert records in Dublin Core, as CSW (OGC 07-006r1 §10.2.5) and OAI-PMH (oai_dc) have them, to DCAT.

Values are not changed: a text stays a text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from pyoxigraph import BlankNode, Literal, NamedNode, Quad

from node.semantics.harvest.plain_values import LANGUAGE, address, link_node, values
from node.semantics.harvest.xml.boxes import rectangle
from node.semantics.harvest.xml.distributions import distribution
from node.semantics.harvest.xml.elements import Element, attribute, children, text
from node.semantics.triples import TYPE, Node
from node.vocab.namespaces import DCAT, DCT, FOAF

_PROPERTIES: Final = {
    "alternative": f"{DCT}alternative",
    "created": f"{DCT}created",
    "issued": f"{DCT}issued",
    "modified": f"{DCT}modified",
    "language": f"{DCT}language",
    "source": f"{DCT}source",
    "relation": f"{DCT}relation",
    "isPartOf": f"{DCT}isPartOf",
    "conformsTo": f"{DCT}conformsTo",
    "provenance": f"{DCT}provenance",
    "accrualPeriodicity": f"{DCT}accrualPeriodicity",
    "accessRights": f"{DCT}accessRights",
    "spatial": f"{DCT}spatial",
    "coverage": f"{DCT}spatial",
    "temporal": f"{DCT}temporal",
    "subject": f"{DCAT}keyword",
}
_LINKS: Final = ("references", "URI", "isFormatOf", "hasFormat")
"""Elements that name the address of the data; ``URI`` is what GeoNetwork writes."""
_SERVICES: Final = frozenset({"service", "services"})
_LATITUDE_FIRST: Final = re.compile(r"urn:(x-)?ogc:def:crs:EPSG:[\d.]*:4326|.*/def/crs/EPSG/0/4326")


def statements(record: Element, identifier: str = "", page: str = "") -> Iterator[Quad]:
    """Yield the statements of a record. ``identifier`` is the one that the server has for it, ``page`` the address at
    which the server shows it."""
    members: dict[str, list[Element]] = {}
    for _, name, child in children(record):
        members.setdefault(name, []).append(child)

    def list_values(*names: str) -> list[str]:
        return [content for name in names for each in members.get(name, ()) if (content := text(each))]

    identifiers = list(dict.fromkeys([*list_values("identifier"), *filter(None, [identifier])]))
    node: Node = next(filter(None, map(address, [*identifiers, page])), None) or BlankNode()
    is_service = any(kind.lower() in _SERVICES for kind in list_values("type"))
    yield Quad(node, TYPE, NamedNode(f"{DCAT}DataService" if is_service else f"{DCAT}Dataset"))
    for property_, names in ((f"{DCT}title", ("title",)), (f"{DCT}description", ("abstract", "description"))):
        for each in (element for name in names for element in members.get(name, ())):
            tag = attribute(each, "lang")
            if content := text(each):
                tagged = Literal(content, language=tag) if LANGUAGE.fullmatch(tag) else Literal(content)
                yield Quad(node, NamedNode(property_), tagged)
    yield from values(node, f"{DCT}identifier", identifiers)
    for name, property_ in _PROPERTIES.items():
        yield from values(node, property_, list_values(name))
    if "issued" not in members:
        yield from values(node, f"{DCT}issued", list_values("date")[:1])
    for name in ("publisher", "creator"):
        yield from _agents(node, f"{DCT}{name}", list_values(name))
    for box in (each for name, each in _pairs(members) if name.endswith("BoundingBox")):
        yield from _box(node, box)
    links = [each for name in _LINKS for each in members.get(name, ())]
    rights, formats = list_values("rights", "license"), list_values("format")
    yield from _files(node, links, rights, formats, is_service=is_service)


def _pairs(members: dict[str, list[Element]]) -> Iterator[tuple[str, Element]]:
    return ((name, each) for name, elements in members.items() for each in elements)


def _agents(node: Node, property_: str, names: Sequence[str]) -> Iterator[Quad]:
    for name in names[:1] if property_.endswith("publisher") else names:
        agent = BlankNode()
        yield from link_node(node, property_, agent, f"{FOAF}Agent")
        yield Quad(agent, NamedNode(f"{FOAF}name"), Literal(name))


def _files(
    node: Node, links: Sequence[Element], rights: Sequence[str], formats: Sequence[str], *, is_service: bool
) -> Iterator[Quad]:
    licences = [content for content in rights if address(content) is not None]
    bearers: list[Node] = []
    for link in links:
        target, protocol = text(link), attribute(link, "protocol") or attribute(link, "scheme")
        if address(target) is None:
            continue
        if is_service:
            yield from values(node, f"{DCAT}endpointURL", target)
            continue
        file = BlankNode()
        bearers.append(file)
        title = attribute(link, "name") or attribute(link, "description")
        yield from distribution(node, file, target, protocol=protocol, title=title, formats=formats, links=len(links))
    for bearer in bearers or [node]:
        yield from values(bearer, f"{DCT}license", licences[:1])
    yield from values(node, f"{DCT}rights", [content for content in rights if content not in licences])


def _box(node: Node, box: Element) -> Iterator[Quad]:
    corners = [text(each).split() for _, name, each in children(box) if name in ("LowerCorner", "UpperCorner")]
    try:
        (left, low), (right, high) = ((float(first), float(second)) for first, second in corners)
    except ValueError:
        return
    if _LATITUDE_FIRST.match(attribute(box, "crs")):
        left, low, right, high = low, left, high, right
    yield from rectangle(node, left, low, right, high)
