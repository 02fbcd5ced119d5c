"""Filters of readers (OGC 09-026r2) checked word by word, and the filter that stands for a part."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from node.adapters.datasources.ogc.features import GML, Layer, Schema
from node.adapters.datasources.ogc.keywords import refusal
from node.adapters.datasources.ogc.xml import escape, local, parse
from node.base.errors import InvalidInput
from node.datasources.errors import DataSourceUnreachable
from node.policy.portion import Portion

SYSTEM: Final = "urn:ogc:def:crs:EPSG::4326"
"""The system in which places are compared with the box of a part: latitude first."""
_FES: Final = "http://www.opengis.net/fes/2.0"
_REFERENCES: Final = ("ValueReference", "PropertyName")
_KNOWN: Final = frozenset(
    (
        *("Filter", "And", "Or", "Not", "Literal", "LowerBoundary", "UpperBoundary", "ResourceId", *_REFERENCES),
        *("PropertyIsEqualTo", "PropertyIsNotEqualTo", "PropertyIsLessThan", "PropertyIsGreaterThan"),
        *("PropertyIsLessThanOrEqualTo", "PropertyIsGreaterThanOrEqualTo", "PropertyIsLike", "PropertyIsBetween"),
        *("PropertyIsNull", "PropertyIsNil", "BBOX", "Intersects", "Within", "Contains", "Disjoint", "Touches"),
        *("Crosses", "Overlaps", "Equals", "DWithin", "Beyond", "Distance", "During", "After", "Before"),
        *("Envelope", "lowerCorner", "upperCorner", "Point", "pos", "LineString", "posList", "Polygon", "exterior"),
        *("interior", "LinearRing", "TimePeriod", "beginPosition", "endPosition", "TimeInstant", "timePosition"),
    )
)


def check_filter(value: str, layer: Layer, shows: Callable[[str], bool]) -> None:
    """Raise ``InvalidInput`` unless a filter is made of words that say nothing about other layers, and of columns
    that the reader may have."""
    try:
        root = parse(value.encode()).root
    except DataSourceUnreachable as error:
        raise refusal("value", "the filter is no XML that this node reads", "write it as fes:Filter", "filter") from (
            error
        )
    for element in root.iter():
        name = local(element)
        if name not in _KNOWN:
            raise refusal("value", f"a filter may not have {name[:60]!r} here", locator="filter")
        if name in _REFERENCES:
            require_column((element.text or "").strip(), layer, shows, "filter")
        if name == "ResourceId":
            check_identifiers(",".join(element.attrib.values()), layer, "filter")


def require_column(reference: str, layer: Layer, shows: Callable[[str], bool], locator: str) -> str:
    """Return the name of a column. Raises ``InvalidInput`` if the reader may not have it, or it leads elsewhere."""
    name = reference.removeprefix(f"{layer.local}/").removeprefix(f"{layer.name}/").rpartition(":")[2]
    if not name or "/" in reference.replace(f"{layer.name}/", "").replace(f"{layer.local}/", "") or not shows(name):
        raise refusal("value", f"there is no column {reference[:60]!r}", "DescribeFeatureType lists them", locator)
    return name


def check_identifiers(value: str, layer: Layer, locator: str) -> None:
    """Raise ``InvalidInput`` for an identifier of a feature of another layer."""
    for name in value.split(","):
        if not name.startswith(f"{layer.local}."):
            raise refusal("value", f"{name[:60]!r} is no feature of this layer", "such as NAME.1", locator)


def filter_of(portion: Portion, layer: Layer, schema: Schema) -> str:
    """Return the filter for what the server can leave out itself, exactly as the part says: rows with a word, and
    boxes. Empty if there is nothing."""
    own = f' xmlns:{layer.prefix}="{escape(schema.namespace)}"' if layer.prefix else ""
    pieces = [
        f"<fes:PropertyIsEqualTo><fes:ValueReference>{escape(row.column)}</fes:ValueReference>"
        f"<fes:Literal>{escape(row.value)}</fes:Literal></fes:PropertyIsEqualTo>"
        for row in portion.rows
        if row.operator == "eq" and schema.columns.get(row.column) == "xsd:string"
    ]
    geometry = next((name for name in schema.columns if name in schema.geometries), "")
    pieces += [
        f"<fes:BBOX><fes:ValueReference>{escape(geometry)}</fes:ValueReference>"
        f'<gml:Envelope srsName="{SYSTEM}"><gml:lowerCorner>{south!r} {west!r}</gml:lowerCorner>'
        f"<gml:upperCorner>{north!r} {east!r}</gml:upperCorner></gml:Envelope></fes:BBOX>"
        for west, south, east, north in portion.boxes
        if geometry
    ]
    if not pieces:
        return ""
    content = pieces[0] if len(pieces) == 1 else f"<fes:And>{''.join(pieces)}</fes:And>"
    return f'<fes:Filter xmlns:fes="{_FES}" xmlns:gml="{GML}"{own}>{content}</fes:Filter>'


def check_number(value: str, locator: str) -> None:
    """Raise ``InvalidInput`` unless ``value`` is a count."""
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise InvalidInput(
            f"{locator} is no number", remedy="such as 100", facts={"exceptionCode": "InvalidParameterValue"}
        )
