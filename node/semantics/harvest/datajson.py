"""Convert data.json (DCAT-US 1.1), the catalogue file of cities in the United States, to statements of DCAT.

It looks like JSON-LD and is not: its context is never served, and datasets have no IRIs. Values are not changed;
values that the format defines as addresses become links.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pyoxigraph import BlankNode, Literal, NamedNode, Quad

from node.semantics.harvest.plain_values import link_node
from node.semantics.triples import TYPE, Node, Term
from node.vocab.namespaces import DCAT, DCT, FOAF, VCARD

_TEXTS: Final = {
    "title": f"{DCT}title",
    "description": f"{DCT}description",
    "identifier": f"{DCT}identifier",
    "keyword": f"{DCAT}keyword",
    "issued": f"{DCT}issued",
    "modified": f"{DCT}modified",
    "accrualPeriodicity": f"{DCT}accrualPeriodicity",
    "accessLevel": f"{DCT}accessRights",
    "rights": f"{DCT}rights",
    "spatial": f"{DCT}spatial",
    "temporal": f"{DCT}temporal",
    "theme": f"{DCAT}theme",
    "language": f"{DCT}language",
    "format": f"{DCT}format",
    "mediaType": f"{DCAT}mediaType",
    "isPartOf": f"{DCT}isPartOf",
}
_LINKS: Final = {
    "accessURL": f"{DCAT}accessURL",
    "downloadURL": f"{DCAT}downloadURL",
    "landingPage": f"{DCAT}landingPage",
    "license": f"{DCT}license",
    "conformsTo": f"{DCT}conformsTo",
    "describedBy": f"{FOAF}page",
    "references": f"{FOAF}page",
}


def is_data_json(document: Any) -> bool:
    """Return whether parsed JSON is a data.json: a list of datasets in plain JSON."""
    items = document.get("dataset") if isinstance(document, Mapping) else document
    if not isinstance(items, list) or not items or not all(isinstance(item, Mapping) for item in items):
        return False
    context = str(document.get("@context", "")) if isinstance(document, Mapping) else ""
    plain = not any("@id" in item or "@context" in item for item in items)
    return plain and ("project-open-data" in context or "project-open-data" in json.dumps(document)[:2000])


def statements(document: Any) -> Iterator[Quad]:
    """Yield the statements of a data.json."""
    for number, dataset in enumerate(document["dataset"] if isinstance(document, Mapping) else document):
        yield from _dataset(BlankNode(f"dataset{number}"), dataset)


def _dataset(node: BlankNode, members: Mapping[str, Any]) -> Iterator[Quad]:
    yield Quad(node, TYPE, NamedNode(f"{DCAT}Dataset"))
    yield from _members(node, members)
    publisher = members.get("publisher")
    if isinstance(publisher, Mapping) and publisher.get("name"):
        agent = BlankNode(f"{node.value}publisher")
        yield from link_node(node, f"{DCT}publisher", agent, f"{FOAF}Agent")
        yield Quad(agent, NamedNode(f"{FOAF}name"), Literal(str(publisher["name"])))
    contact = members.get("contactPoint")
    if isinstance(contact, Mapping):
        card = BlankNode(f"{node.value}contact")
        yield from link_node(node, f"{DCAT}contactPoint", card, f"{VCARD}Kind")
        for name, property_ in (("fn", f"{VCARD}fn"), ("hasEmail", f"{VCARD}hasEmail")):
            if contact.get(name):
                yield Quad(card, NamedNode(property_), _term(name == "hasEmail", str(contact[name])))
    files = members.get("distribution")
    for number, file in enumerate(files if isinstance(files, list) else [files]):
        if isinstance(file, Mapping):
            distribution = BlankNode(f"{node.value}file{number}")
            yield from link_node(node, f"{DCAT}distribution", distribution, f"{DCAT}Distribution")
            yield from _members(distribution, file)


def _members(node: Node, members: Mapping[str, Any]) -> Iterator[Quad]:
    for name, value in members.items():
        property_ = _TEXTS.get(name) or _LINKS.get(name)
        if property_ is None or value is None:
            continue
        for one in value if isinstance(value, list) else [value]:
            text = one if isinstance(one, str) else json.dumps(one, ensure_ascii=False)
            yield Quad(node, NamedNode(property_), _term(name in _LINKS, text))


def _term(is_link: bool, text: str) -> Term:
    if not is_link or text.partition(":")[0] not in ("http", "https", "ftp", "mailto"):
        return Literal(text)
    try:
        return NamedNode(text)
    except ValueError:
        # A value that is not an address stays a text.
        return Literal(text)
