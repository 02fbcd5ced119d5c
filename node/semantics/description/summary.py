"""The facts of a description for search and pages: texts, publisher, place, files, and facts by field name.

The facts are read by the same table that ``builder`` writes by: they are available whether a steward wrote YAML or
RDF. Their forms: texts are maps of language tags; links are IRIs; values of code lists are ``{"iri", "code",
"label"}``; numbers with a fraction stay texts, because signed and hashed data have no fractions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from pyoxigraph import Dataset, Literal, NamedNode

from node.semantics.codelists.lookup import ACCESS
from node.semantics.codelists.places import place_of
from node.semantics.codelists.themes import THEMES
from node.semantics.description.fields import FILE, fields_of
from node.semantics.description.forms import Field, Form
from node.semantics.kinds import AssetKind
from node.semantics.model import BBox
from node.semantics.triples import Node, Term, first_text, iris, literals, nodes, objects, texts, types
from node.vocab.namespaces import DCAT, DCT, FOAF, HANSA, IT6, LOCN, RDF, RDFS, SKOS, SPDX, XSD

_NUMBER: Final = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_DEPTH: Final = 4
_TITLES: Final = (f"{DCT}title", f"{RDFS}label", f"{SKOS}prefLabel")
_DESCRIPTIONS: Final = (f"{DCT}description", f"{RDFS}comment", f"{SKOS}definition")
_APART: Final = frozenset({"title", "description", "publisher", "keywords", "theme"})
"""Fields that are stored outside the facts."""


def titles(dataset: Dataset, subject: Node) -> dict[str, str]:
    """Return language tag → title."""
    return texts(dataset, subject, *_TITLES)


def descriptions(dataset: Dataset, subject: Node) -> dict[str, str]:
    """Return language tag → description."""
    return texts(dataset, subject, *_DESCRIPTIONS)


def publisher(dataset: Dataset, subject: Node) -> tuple[str, str]:
    """Return IRI (empty for a blank node) and name of the publisher; of several publishers, the first."""
    publishers = nodes(dataset, subject, f"{DCT}publisher")
    if not publishers:
        return "", ""
    name = first_text(dataset, publishers[0], f"{FOAF}name", f"{SKOS}prefLabel", f"{RDFS}label")
    return publishers[0].value if isinstance(publishers[0], NamedNode) else "", name


def keywords(dataset: Dataset, subject: Node) -> tuple[str, ...]:
    """Return the keywords of all languages, each once."""
    return tuple(dict.fromkeys(text.value for text in literals(dataset, subject, f"{DCAT}keyword")))


def themes(dataset: Dataset, subject: Node) -> tuple[str, ...]:
    """Return the codes of the EU themes, and the IRIs of others."""
    theme_iris = iris(dataset, subject, f"{DCAT}theme")
    return tuple(dict.fromkeys(code.code if (code := THEMES.by_iri(iri)) else iri for iri in theme_iris))


def bbox(dataset: Dataset, subject: Node) -> BBox | None:
    """Return the rectangle around all places of the asset, from WKT or GeoJSON, or from the gazetteer."""
    boxes = [box for node in nodes(dataset, subject, f"{DCT}spatial") if (box := _extent(dataset, node))]
    if not boxes:
        return None
    west, south, east, north = zip(*boxes, strict=True)
    return min(west), min(south), max(east), max(north)


def _extent(dataset: Dataset, node: Node) -> BBox | None:
    for property_ in (f"{DCAT}bbox", f"{LOCN}geometry", f"{DCAT}centroid"):
        for literal in literals(dataset, node, property_):
            numbers = [float(number) for number in _NUMBER.findall(_without_crs(literal.value))]
            xs, ys = numbers[0::2], numbers[1::2]
            if numbers and len(xs) == len(ys) and all(abs(x) <= 180 for x in xs) and all(abs(y) <= 90 for y in ys):
                return min(xs), min(ys), max(xs), max(ys)
    known = place_of(node.value) if isinstance(node, NamedNode) else None
    return known.bbox if known else None


def _without_crs(text: str) -> str:
    # GeoSPARQL puts the coordinate system's IRI before the shape; the digits of this IRI are not coordinates.
    return re.sub(r"<[^>]*>", "", text)


def overview(dataset: Dataset, subject: Node, kind: AssetKind) -> dict[str, Any]:
    """Return all facts of the asset by field name, its files, and its access right in a word."""
    rest = facts(dataset, subject, tuple(f for f in fields_of(kind.name) if f.name not in _APART))
    rights = [code.code for iri in iris(dataset, subject, f"{DCT}accessRights") if (code := ACCESS.by_iri(iri))]
    if rights:
        rest["access"] = rights[0]
    files = [_file(dataset, node) for node in nodes(dataset, subject, f"{DCAT}distribution")]
    if files:
        rest["files"] = files
    if f"{IT6}MachineLearningModel" in types(dataset, subject):
        rest["machine_learned"] = True
    return rest


def facts(dataset: Dataset, subject: Node, fields: tuple[Field, ...], depth: int = 0) -> dict[str, Any]:
    """Return field name → value in the description, read by the table."""
    return _facts(dataset, subject, fields, depth, set())


def _facts(
    dataset: Dataset, subject: Node, fields: tuple[Field, ...], depth: int, pairs: set[tuple[str, Term]]
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for field in fields:
        if field.form is Form.GROUP:
            inner = _facts(dataset, subject, field.fields, depth, pairs)
            if inner:
                values[field.name] = inner
            continue
        # Two fields may write one property (crs and conforms_to): each value is read once, by the first field that
        # can.
        own_terms = objects(dataset, subject, field.property)
        terms = [term for term in own_terms if (field.property, term) not in pairs and _reads(field, term)]
        value = _read(dataset, field, terms, depth)
        if value is not None and (value not in ({}, []) or field.form in (Form.VALUE, Form.JSON)):
            pairs.update((field.property, term) for term in terms)
            values[field.name] = value
    return values


def _reads(field: Field, term: Term) -> bool:
    return field.form is not Form.CRS or "/def/crs/" in term.value


def _read(dataset: Dataset, field: Field, terms: list[Term], depth: int) -> Any:
    if not terms:
        return None
    match field.form:
        case Form.TEXT | Form.TEXT_OR_LINK if all(isinstance(term, Literal) for term in terms):
            return _by_language(terms)
        case Form.WORDS:
            return list(dict.fromkeys(term.value for term in terms if isinstance(term, Literal)))
        case Form.BINDINGS:
            return _bindings(dataset, terms)
        case Form.NODE:
            items = [_node(dataset, field, term, depth) for term in terms]
            if field.ordered:
                items.sort(key=lambda item: item.get("position", 0) if isinstance(item, dict) else 0)
            return items if field.many else items[0]
    values = [_value(dataset, field, term) for term in terms]
    return values if field.many else values[0]


def _value(dataset: Dataset, field: Field, term: Term) -> Any:
    match field.form:
        case Form.CODE:
            code = field.codes.by_iri(term.value) if field.codes and isinstance(term, NamedNode) else None
            if code is None:
                return {"iri": term.value}
            return {"iri": term.value, "code": code.code, "label": dict(code.labels)}
        case Form.PLACE if not isinstance(term, Literal):
            name = first_text(dataset, term, f"{RDFS}label", f"{SKOS}prefLabel")
            known = place_of(term.value)
            return {
                "name": name or (known.name if known else ""),
                "iri": term.value if isinstance(term, NamedNode) else "",
            }
        case Form.PERIOD if not isinstance(term, Literal):
            ends = (("from", f"{DCAT}startDate"), ("to", f"{DCAT}endDate"))
            return {name: bounds[0].value for name, p in ends if (bounds := literals(dataset, term, p))}
        case Form.STATEMENT if not isinstance(term, Literal):
            return texts(dataset, term, f"{RDFS}label", f"{DCT}description") or term.value
        case Form.MAIL | Form.PHONE:
            return term.value.removeprefix("mailto:").removeprefix("tel:")
        case Form.CRS:
            return f"EPSG:{term.value.rpartition('/')[2]}" if "/EPSG/" in term.value else term.value
    return plain(term)


def plain(term: Term) -> Any:
    """Return a term as JSON: integers and booleans as such, JSON literals as their content, all other terms as
    text."""
    if not isinstance(term, Literal):
        return term.value
    match term.datatype.value.removeprefix(XSD):
        case "integer" | "int" | "long" | "nonNegativeInteger" | "positiveInteger" if len(term.value) < 15:
            try:
                return int(term.value)
            except ValueError:
                return term.value
        case "boolean":
            return term.value in ("true", "1")
    if term.datatype.value == f"{RDF}JSON":
        try:
            return json.loads(term.value, parse_float=str)
        except ValueError:
            return term.value
    return term.value


def _node(dataset: Dataset, field: Field, term: Term, depth: int) -> Any:
    if isinstance(term, Literal) or depth >= _DEPTH:
        return term.value
    members = facts(dataset, term, field.fields, depth + 1)
    if isinstance(term, NamedNode):
        members["iri"] = term.value
    position = literals(dataset, term, f"{HANSA}position")
    if field.ordered and position:
        members["position"] = plain(position[0])
    return members


def _bindings(dataset: Dataset, terms: list[Term]) -> dict[str, str]:
    bindings = {}
    for term in terms:
        if not isinstance(term, Literal):
            role, bound = first_text(dataset, term, f"{HANSA}role"), iris(dataset, term, f"{HANSA}boundTo")
            if role and bound:
                bindings[role] = bound[0]
    return bindings


def _by_language(terms: list[Term]) -> Mapping[str, str]:
    by_language: dict[str, str] = {}
    for term in terms:
        if isinstance(term, Literal):
            by_language.setdefault(term.language or "und", term.value)
    return by_language


def _file(dataset: Dataset, node: Node) -> dict[str, Any]:
    """Return a distribution as pages show it."""
    members = facts(dataset, node, FILE)
    members["iri"] = node.value if isinstance(node, NamedNode) else ""
    for name, property_ in (("media_type", f"{DCAT}mediaType"), ("download_url", f"{DCAT}downloadURL")):
        own_iris = iris(dataset, node, property_)
        if own_iris:
            members[name] = own_iris[0].removeprefix("https://www.iana.org/assignments/media-types/")
    size = [plain(term) for term in literals(dataset, node, f"{DCAT}byteSize")]
    if size:
        members["size"] = size[0]
    for checksum in nodes(dataset, node, f"{SPDX}checksum"):
        for value in literals(dataset, checksum, f"{SPDX}checksumValue"):
            members["checksum"] = value.value
    return members
