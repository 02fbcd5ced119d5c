"""Repairs of the kind or number of things: names wrapped as resources, one value instead of two."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Final

from pyoxigraph import BlankNode, Dataset, Literal, NamedNode, Quad

from node.semantics.harvest.rules.model import Change, Record, addition, removal
from node.semantics.triples import TYPE, Node, literals, nodes, objects, reachable
from node.vocab.namespaces import ADMS, DCAT, DCT, FOAF, GEOSPARQL, LOCN, RDFS, SCHEMA, SKOS, VCARD

_WRAPPED: Final = {
    f"{DCT}rights": f"{DCT}RightsStatement",
    f"{DCT}accessRights": f"{DCT}RightsStatement",
    f"{DCT}license": f"{DCT}LicenseDocument",
    f"{DCT}format": f"{DCT}MediaTypeOrExtent",
    f"{DCAT}mediaType": f"{DCT}MediaType",
    f"{DCT}provenance": f"{DCT}ProvenanceStatement",
    f"{DCT}conformsTo": f"{DCT}Standard",
    f"{DCT}accrualPeriodicity": f"{DCT}Frequency",
    f"{DCT}source": f"{DCAT}Resource",
    f"{DCT}language": f"{DCT}LinguisticSystem",
    f"{DCT}type": f"{SKOS}Concept",
}
_PLACEHOLDER: Final = re.compile(r"[{}<>\[\]]|^\W*$|^(?:POINT|POLYGON|MULTI|BBOX|ENVELOPE)\b", re.IGNORECASE)
_BOX: Final = re.compile(
    r"\s*(-?\d+(?:\.\d+)?)(?:\s*,\s*|\s+)(-?\d+(?:\.\d+)?)(?:\s*,\s*|\s+)(-?\d+(?:\.\d+)?)(?:\s*,\s*|\s+)(-?\d+(?:\.\d+)?)\s*"
)
_WKT: Final = re.compile(
    r"(?:POINT|POLYGON|MULTIPOLYGON|LINESTRING|GEOMETRYCOLLECTION|ENVELOPE)\s*\(.*\)", re.IGNORECASE | re.DOTALL
)
_GEOJSON: Final = re.compile(r"\s*\{.*\"coordinates\".*\}\s*", re.DOTALL)


def wrap_name(record: Record) -> Iterator[Change]:
    """Turn a name into a resource with that name as its label, if the profile requires a resource."""
    for property_, class_ in _WRAPPED.items():
        for quad, text in record.texts(property_):
            if text.value.strip():
                label = f"{SKOS}prefLabel" if class_ == f"{SKOS}Concept" else f"{RDFS}label"
                yield _wrap(quad, class_, (label, text))


def places(record: Record) -> Iterator[Change]:
    """Turn a place as text into a location: four numbers into a box, WKT and GeoJSON into a geometry, a name into its
    label."""
    for quad, text in record.texts(f"{DCT}spatial"):
        value = text.value.strip()
        box = _BOX.fullmatch(value)
        if box:
            west, south, east, north = (float(edge) for edge in box.groups())
            if -180 <= west <= east <= 180 and -90 <= south <= north <= 90:
                ring = f"POLYGON(({west} {south}, {east} {south}, {east} {north}, {west} {north}, {west} {south}))"
                yield _wrap(quad, f"{DCT}Location", (f"{DCAT}bbox", _geometry(ring, "wktLiteral")))
        elif _WKT.fullmatch(value):
            yield _wrap(quad, f"{DCT}Location", (f"{LOCN}geometry", _geometry(value, "wktLiteral")))
        elif _GEOJSON.fullmatch(value):
            yield _wrap(quad, f"{DCT}Location", (f"{LOCN}geometry", _geometry(value, "geoJSONLiteral")))
        elif value and not _PLACEHOLDER.search(value):
            yield _wrap(quad, f"{DCT}Location", (f"{SKOS}prefLabel", text))


def identifiers(record: Record) -> Iterator[Change]:
    """Turn an identifier given as a link into text, as the profile requires."""
    for quad in record.of(f"{DCT}identifier"):
        if isinstance(quad.object, NamedNode):
            yield Change((quad,), (Quad(quad.subject, quad.predicate, Literal(quad.object.value)),))


def other_identifiers(record: Record) -> Iterator[Change]:
    """Turn a second identifier given as text into an ``adms:Identifier``."""
    for quad, text in record.texts(f"{ADMS}identifier"):
        yield _wrap(quad, f"{ADMS}Identifier", (f"{SKOS}notation", text))


def titles(record: Record) -> Iterator[Change]:
    """Copy the label or name of a resource to its title, if it has no title."""
    yield from _copy_texts(
        record, (f"{RDFS}label", f"{SKOS}prefLabel", f"{SCHEMA}name", f"{FOAF}name"), f"{DCT}title"
    )


def descriptions(record: Record) -> Iterator[Change]:
    """Copy the abstract or comment of a resource to its description, if it has none."""
    others = (f"{DCT}abstract", f"{RDFS}comment", f"{SKOS}definition", f"{SCHEMA}description")
    yield from _copy_texts(record, others, f"{DCT}description")


def agents(record: Record) -> Iterator[Change]:
    """Copy the label of a publisher to its name, if it has none."""
    agents = [
        *nodes(record.dataset, record.subject, f"{DCT}publisher"),
        *nodes(record.dataset, record.subject, f"{DCT}creator"),
        *record.things(f"{FOAF}Agent"),
        *record.things(f"{FOAF}Organization"),
        *record.things(f"{FOAF}Person"),
    ]
    for node in dict.fromkeys(agents):
        if record.has(node, f"{FOAF}name"):
            continue
        for other in (f"{SKOS}prefLabel", f"{RDFS}label", f"{DCT}title", f"{SCHEMA}name", f"{VCARD}fn"):
            names = literals(record.dataset, node, other)
            if names:
                yield Change((), tuple(Quad(node, NamedNode(f"{FOAF}name"), name) for name in names))
                break


def access_addresses(record: Record) -> Iterator[Change]:
    """Copy the download address to the access address, if there is none: a file that can be downloaded can be
    accessed."""
    for file in _files(record):
        if not record.has(file, f"{DCAT}accessURL"):
            for address in nodes(record.dataset, file, f"{DCAT}downloadURL")[:1]:
                yield addition(file, f"{DCAT}accessURL", address)


def one_date(record: Record) -> Iterator[Change]:
    """Keep the newest of several dates of change, and the first of several dates of issue."""
    for property_, last in ((f"{DCT}modified", True), (f"{DCT}issued", False)):
        for quads in _several(record, property_):
            ordered = sorted(quads, key=lambda quad: str(getattr(quad.object, "value", "")))
            kept = ordered[-1 if last else 0]
            yield removal(*(quad for quad in ordered if quad != kept))


def one_geometry(record: Record) -> Iterator[Change]:
    """Keep one of several geometries of one place, WKT first: they are the same shape in several notations."""
    for property_ in (f"{LOCN}geometry", f"{DCAT}bbox", f"{DCAT}centroid"):
        for quads in _several(record, property_):
            kept = next((quad for quad in quads if "wktLiteral" in str(quad.object)), quads[0])
            yield removal(*(quad for quad in quads if quad != kept))


def record_topics(record: Record) -> Iterator[Change]:
    """Add the resource as the topic of the source's catalogue record, if that has no topic."""
    for node in record.things(f"{DCAT}CatalogRecord"):
        if not record.has(node, f"{FOAF}primaryTopic"):
            yield addition(node, f"{FOAF}primaryTopic", record.subject)


def records_aside(record: Record) -> Iterator[Change]:
    """Set the source's catalogue record aside if it breaks the profile: it is about the source's entry."""
    for node in record.things(f"{DCAT}CatalogRecord"):
        if node == record.subject:
            continue
        standards = len(objects(record.dataset, node, f"{DCT}conformsTo"))
        if record.has(node, f"{DCT}modified") and standards <= 1:
            continue
        rest = Dataset(q for q in record.dataset if node not in (q.subject, q.object))
        kept = reachable(rest, [record.subject])
        lost = [quad for quad in record.dataset if quad.subject not in kept or node in (quad.subject, quad.object)]
        yield removal(*sorted(lost, key=str))


def stubs(record: Record) -> Iterator[Change]:
    """Remove the class of a foreign concept without any other statement: its own vocabulary describes it."""
    for class_ in (f"{SKOS}Concept", f"{SKOS}ConceptScheme"):
        for node in record.things(class_):
            types = list(record.dataset.quads_for_subject(node))
            if isinstance(node, NamedNode) and all(quad.predicate == TYPE for quad in types):
                yield removal(*types)


def licences_inherited(record: Record) -> Iterator[Change]:
    """Copy the licence of the catalogue to a resource without any licence of its own."""
    if any(record.of(f"{DCT}license")):
        return
    for quad in record.catalogue_facts:
        if quad.predicate == NamedNode(f"{DCT}license"):
            yield addition(record.subject, f"{DCT}license", quad.object)
            return


def access_from_landing(record: Record) -> Iterator[Change]:
    """Copy the landing page to the access address of a file that has none."""
    pages = nodes(record.dataset, record.subject, f"{DCAT}landingPage")
    for file in _files(record):
        if pages and not record.has(file, f"{DCAT}accessURL"):
            yield addition(file, f"{DCAT}accessURL", pages[0])


def description_from_title(record: Record) -> Iterator[Change]:
    """Copy the title to the description, if there is none."""
    yield from _copy_texts(record, (f"{DCT}title",), f"{DCT}description")


def one_of_many(*properties: str) -> Callable[[Record], Iterator[Change]]:
    """Return a rule that keeps one value of each property that allows only one: the first in the order of their
    texts."""

    def apply(record: Record) -> Iterator[Change]:
        for property_ in properties:
            for quads in _several(record, property_):
                yield removal(*quads[1:])

    return apply


def _files(record: Record) -> list[Node]:
    return nodes(record.dataset, record.subject, f"{DCAT}distribution")


def _several(record: Record, property_: str) -> Iterator[list[Quad]]:
    """Yield the statements of each thing that has several values of ``property_``."""
    for _, group in groupby(record.of(property_), key=lambda quad: str(quad.subject)):
        quads = list(group)
        if len(quads) > 1:
            yield quads


def _copy_texts(record: Record, others: tuple[str, ...], property_: str) -> Iterator[Change]:
    if record.has(record.subject, property_):
        return
    for other in others:
        found = literals(record.dataset, record.subject, other)
        if found:
            yield Change((), tuple(Quad(record.subject, NamedNode(property_), text) for text in found))
            return


def _wrap(quad: Quad, class_: str, *texts: tuple[str, Literal]) -> Change:
    """Replace the value of ``quad`` by a thing of ``class_`` with ``texts``. Its label holds within this record."""
    node = BlankNode()
    statements = [Quad(quad.subject, quad.predicate, node), Quad(node, TYPE, NamedNode(class_))]
    statements.extend(Quad(node, NamedNode(property_), text) for property_, text in texts)
    return Change((quad,), tuple(statements))


def _geometry(text: str, type_: str) -> Literal:
    return Literal(text, datatype=NamedNode(f"{GEOSPARQL}{type_}"))
