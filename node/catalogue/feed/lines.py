"""The statements of the feed's pages, as lines of N-Quads: relations, numbers and times."""

from __future__ import annotations

from node.catalogue.feed.chains import Span
from node.catalogue.nquads import iri_term, is_blank, line, literal_term
from node.catalogue.region.place import NodePlace
from node.vocab.namespaces import DCAT, DCT, FOAF, GEOSPARQL, HANSA, LDES, PROV, RDF, RDFS, TREE, XSD

TIME = f"{PROV}generatedAtTime"
POSITION = f"{HANSA}position"
TYPE = iri_term(f"{RDF}type")


def rename_blank(term: str, position: int) -> str:
    """Rename a blank node by its member: blank nodes of different members need different names on a page."""
    return f"_:m{position}{term[2:]}" if is_blank(term) else term


def relation_lines(node: str, spans: list[tuple[str, Span]]) -> list[str]:
    """Return relations by position and by time. The last page may still grow, so it has no upper bounds."""
    lines: list[str] = []
    for number, (url, span) in enumerate(spans):
        bounds = [
            ("GreaterThanOrEqualToRelation", POSITION, integer_term(span.first)),
            ("GreaterThanOrEqualToRelation", TIME, time_term(span.from_time)),
        ]
        if span.full:
            bounds += [
                ("LessThanRelation", POSITION, integer_term(span.end)),
                ("LessThanOrEqualToRelation", TIME, time_term(span.to_time)),
            ]
        for which, bound in enumerate(bounds):
            lines += relation(node, f"_:r{number}x{which}", url, *bound)
    return lines


def relation(node: str, name: str, url: str, kind: str, path: str, value: str) -> list[str]:
    return [
        line(node, iri_term(f"{TREE}relation"), name),
        line(name, TYPE, iri_term(f"{TREE}{kind}")),
        line(name, iri_term(f"{TREE}node"), iri_term(url)),
        line(name, iri_term(f"{TREE}path"), iri_term(path)),
        line(name, iri_term(f"{TREE}value"), value),
    ]


def page_lines(url: str, *, full: bool) -> list[str]:
    page = iri_term(url)
    lines = [line(page, TYPE, iri_term(f"{TREE}Node"))]
    if full:
        lines.append(line(page, iri_term(f"{LDES}immutable"), literal_term("true", datatype=f"{XSD}boolean")))
    return lines


def place_lines(publisher: str, location: str, place: NodePlace) -> list[str]:
    """Return the place of a publisher: a ``dct:Location`` with its centre (DCAT 3 §6.15.4) as GeoSPARQL writes it."""
    point = f"POINT({place.longitude:.4f} {place.latitude:.4f})"
    return [
        line(publisher, iri_term(f"{FOAF}based_near"), location),
        line(location, TYPE, iri_term(f"{DCT}Location")),
        line(location, iri_term(f"{RDFS}label"), literal_term(place.name)),
        line(location, iri_term(f"{DCAT}centroid"), literal_term(point, datatype=f"{GEOSPARQL}wktLiteral")),
    ]


def integer_term(number: int) -> str:
    return literal_term(str(number), datatype=f"{XSD}integer")


def time_term(time: str) -> str:
    return literal_term(time, datatype=f"{XSD}dateTime")


def join_lines(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()
