"""Places and periods of a description, as a steward writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from pyoxigraph import Literal, NamedNode

from node.semantics.codelists.places import Place, place_named, place_of, places_like
from node.semantics.description import values
from node.semantics.description.values import NotSo
from node.semantics.findings import words
from node.semantics.model import BBox
from node.texts.languages import LANGUAGES
from node.vocab.namespaces import DCAT, DCT, RDF, RDFS

_TYPE: Final = f"{RDF}type"
_ENDS: Final = {"start": "from", "begin": "from", "since": "from", "end": "to", "until": "to", "till": "to"}
_OPEN: Final = (None, "", "..")
"""The notation for a missing end."""
_EXAMPLE: Final = "spatial: [3.58, 50.97, 3.86, 51.19]"


class Site(Protocol):
    """The part of the builder that this module needs."""

    base: str
    places: dict[str, str]

    def add(self, subject: NamedNode, property_: str, value: NamedNode | Literal) -> None: ...

    def mint(self, subject: NamedNode, what: str, key: str, path: str) -> NamedNode: ...

    def report(self, sentence: str, place: str, **about: Any) -> None: ...


def place(site: Site, subject: NamedNode, value: Any, path: str, index: int) -> NamedNode:
    """Return a dct:Location from a place name, an IRI, ``[west, south, east, north]`` or ``{name, bbox, iri}``.

    A name that is not in the gazetteer is kept, with a warning. Raises ``NotSo`` for any other value.
    """
    if isinstance(value, str):
        return _time_node(site, subject, value.strip(), path, index)
    name = iri = ""
    place_of_text = None
    if isinstance(value, Mapping) and "west" not in value:
        if set(value) - {"name", "iri", "bbox"} or not any(value.values()):
            raise NotSo("place")
        name, iri = str(value.get("name") or ""), str(value.get("iri") or "")
        place_of_text = place_of(iri) if iri else place_named(name)
        bbox = values.rectangle(value["bbox"]) if value.get("bbox") is not None else None
    else:
        bbox = values.rectangle(value)
    if place_of_text is not None:
        name, iri, bbox = name or place_of_text.name, iri or place_of_text.iri, bbox or place_of_text.bbox
    return _location(site, subject, name=name, iri=iri, bbox=bbox, path=path, index=index)


def _time_node(site: Site, subject: NamedNode, text: str, path: str, index: int) -> NamedNode:
    address = values.is_link(text)
    place_of_text: Place | None = place_of(text) if address else place_named(text)
    if place_of_text is None and not address:
        near = places_like(text)
        guess = words.guess(near) if near else dict.fromkeys(LANGUAGES, _EXAMPLE)
        site.report("unknown-place", path, severity="warning", value=text, guess=guess)
    return _location(
        site,
        subject,
        name=place_of_text.name if place_of_text else ("" if address else text),
        iri=text if address else (place_of_text.iri if place_of_text else ""),
        bbox=place_of_text.bbox if place_of_text else None,
        path=path,
        index=index,
    )


def _location(
    site: Site, subject: NamedNode, *, name: str, iri: str, bbox: BBox | None, path: str, index: int
) -> NamedNode:
    node = values.link(iri, site.base) if iri else site.mint(subject, "place", name or str(index + 1), path)
    site.places.setdefault(node.value, path)
    if name or bbox:
        site.add(node, _TYPE, NamedNode(f"{DCT}Location"))
    if name:
        site.add(node, f"{RDFS}label", Literal(name))
    if bbox:
        site.add(node, f"{DCAT}bbox", values.polygon(bbox))
    return node


def period(site: Site, subject: NamedNode, value: Any, path: str, index: int) -> NamedNode:
    """Return a dct:PeriodOfTime from ``{from, to}``, ``from/to`` or one date, month or year; either end may be open.

    Raises ``NotSo`` if the value is not a period; reports a period that ends before it begins.
    """
    if isinstance(value, str) and "/" in value:
        first, _, last = value.partition("/")
        bounds: dict[str, Any] = {"from": first.strip(), "to": last.strip()}
    elif isinstance(value, Mapping):
        bounds = {_ENDS.get(str(name), str(name)): moment for name, moment in value.items()}
    else:
        bounds = {"from": value, "to": value}
    if set(bounds) - {"from", "to"}:
        raise NotSo("period")
    ends = {name: values.day(moment) for name, moment in bounds.items() if moment not in _OPEN}
    if not ends:
        raise NotSo("period")
    begin, end = ends.get("from"), ends.get("to")
    # Moments of one form, in the notation of XML Schema, sort like their texts.
    if begin and end and begin.datatype == end.datatype and begin.value > end.value:
        site.report("backwards", path, value=f"{begin.value} – {end.value}")
    node = site.mint(subject, "period", str(index + 1), path)
    site.add(node, _TYPE, NamedNode(f"{DCT}PeriodOfTime"))
    if begin:
        site.add(node, f"{DCAT}startDate", begin)
    if end:
        site.add(node, f"{DCAT}endDate", end)
    return node
