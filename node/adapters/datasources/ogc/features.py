"""A layer of a WFS as its server describes it: from the capabilities, and from the schema of its features."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from node.adapters.datasources.ogc.xml import Document, Element, attribute, child, children, local, text, unusable

GML: Final = "http://www.opengis.net/gml/3.2"
XSD: Final = "http://www.w3.org/2001/XMLSchema"
NUMBERS: Final = frozenset(
    f"xsd:{name}"
    for name in ("byte", "short", "int", "integer", "long", "decimal", "float", "double", "nonNegativeInteger")
)
_NAME: Final = re.compile(r"[\w.-]{1,200}")
_TYPE: Final = re.compile(r"[A-Za-z]{1,80}", re.ASCII)
_CRS: Final = re.compile(r"[A-Za-z0-9:/._-]{1,120}", re.ASCII)
_MOST_CRS: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """``name`` is the type of the features, with its prefix. ``box`` is west, south, east, north. ``page`` is the
    number of features that the server gives without ``count``; 0 if it does not say."""

    name: str
    title: str = ""
    abstract: str = ""
    systems: tuple[str, ...] = ()
    box: tuple[str, str, str, str] | None = None
    formats: tuple[str, ...] = ()
    has_pages: bool = False
    page: int = 0

    @property
    def prefix(self) -> str:
        return self.name.rpartition(":")[0]

    @property
    def local(self) -> str:
        return self.name.rpartition(":")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """The columns of a layer with their types, as ``xsd:…`` and ``gml:…``, in their order."""

    namespace: str
    columns: Mapping[str, str]

    @property
    def geometries(self) -> frozenset[str]:
        return frozenset(name for name, kind in self.columns.items() if kind.startswith("gml:"))


def layers(document: Document) -> Iterator[Layer]:
    """Yield the layers that a server offers. Raises ``DataSourceUnreachable`` if it offers no WFS 2.0."""
    root = document.root
    if local(root) != "WFS_Capabilities" or not attribute(root, "version").startswith("2.0"):
        raise unusable("it offers no WFS 2.0; check the address")
    constraints = {
        attribute(entry, "name"): text(entry, "DefaultValue") for entry in root.iter() if local(entry) == "Constraint"
    }
    page = constraints.get("CountDefault", "")
    formats = _formats(root)
    for entry in children(child(root, "FeatureTypeList"), "FeatureType"):
        name = text(entry, "Name")
        if not all(_NAME.fullmatch(piece) for piece in name.split(":")) or name.count(":") > 1:
            continue
        systems = [text(system) for system in children(entry, "DefaultCRS", "OtherCRS")]
        own = [text(kind) for kind in children(child(entry, "OutputFormats"), "Format")]
        yield Layer(
            name=name,
            title=text(entry, "Title"),
            abstract=text(entry, "Abstract"),
            systems=tuple(system for system in systems if _CRS.fullmatch(system))[:_MOST_CRS],
            box=_box(child(entry, "WGS84BoundingBox")),
            formats=tuple(own or formats),
            has_pages=constraints.get("ImplementsResultPaging", "").upper() == "TRUE",
            page=int(page) if page.isascii() and page.isdigit() and len(page) < 10 else 0,
        )


def schema(document: Document, layer: Layer) -> Schema:
    """Return the columns of a layer. Raises ``DataSourceUnreachable`` if its schema does not have them."""
    root = document.root
    types = {attribute(entry, "name"): entry for entry in children(root, "complexType")}
    for element in children(root, "element"):
        if attribute(element, "name") == layer.local:
            kind = child(element, "complexType")
            if kind is None:
                kind = types.get(attribute(element, "type").rpartition(":")[2])
            if kind is not None:
                columns = dict(_columns(kind, document.namespaces))
                return Schema(namespace=attribute(root, "targetNamespace"), columns=columns)
    raise unusable("the schema does not describe the layer")


def _columns(kind: Element, namespaces: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for element in kind.iter():
        name = attribute(element, "name")
        if local(element) != "element" or not _NAME.fullmatch(name):
            continue
        reference = attribute(element, "type")
        if not reference:
            base = child(element, "simpleType", "restriction")
            reference = attribute(base, "base") if base is not None else ""
        prefix, _, plain = reference.rpartition(":")
        origin = {XSD: "xsd", GML: "gml", "http://www.opengis.net/gml": "gml"}.get(namespaces.get(prefix, ""))
        yield name, f"{origin}:{plain}" if origin and _TYPE.fullmatch(plain) else "xsd:anyType"


def _formats(root: Element) -> list[str]:
    return [
        text(value)
        for operation in children(child(root, "OperationsMetadata"), "Operation")
        if attribute(operation, "name") == "GetFeature"
        for parameter in children(operation, "Parameter")
        if attribute(parameter, "name").lower() == "outputformat"
        for value in parameter.iter()
        if local(value) == "Value"
    ]


def _box(element: Element | None) -> tuple[str, str, str, str] | None:
    corners = [*text(element, "LowerCorner").split(), *text(element, "UpperCorner").split()]
    try:
        numbers = [repr(float(corner)) for corner in corners]
    except ValueError:
        return None
    return (numbers[0], numbers[1], numbers[2], numbers[3]) if len(numbers) == 4 else None
