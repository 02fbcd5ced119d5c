"""The documents of a WFS 2.0 (OGC 09-025r2) with one layer, as a reader under contract sees them.

Each is written here, from what is known and wanted of the server's own: all else stays behind.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

from node.adapters.datasources.ogc.features import GML, XSD, Layer, Schema
from node.adapters.datasources.ogc.keywords import exception_code
from node.adapters.datasources.ogc.xml import escape
from node.base.errors import HansaError

XML: Final = "text/xml; charset=utf-8"
GML_TYPE: Final = "application/gml+xml; version=3.2"
WFS: Final = "http://www.opengis.net/wfs/2.0"
_HEAD: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
_OWS: Final = "http://www.opengis.net/ows/1.1"
_CONSTRAINTS: Final = (
    "ImplementsBasicWFS",
    "ImplementsTransactionalWFS",
    "ImplementsLockingWFS",
    "XMLEncoding",
    "SOAPEncoding",
    "ImplementsInheritance",
    "ImplementsRemoteResolve",
    "ImplementsStandardJoins",
    "ImplementsSpatialJoins",
    "ImplementsTemporalJoins",
    "ImplementsFeatureVersioning",
    "ManageStoredQueries",
)
_OPERATORS: Final = (
    "PropertyIsEqualTo",
    "PropertyIsNotEqualTo",
    "PropertyIsLessThan",
    "PropertyIsGreaterThan",
    "PropertyIsLessThanOrEqualTo",
    "PropertyIsGreaterThanOrEqualTo",
    "PropertyIsLike",
    "PropertyIsBetween",
)


def capabilities(base: str, layer: Layer, namespace: str, formats: Iterable[str], *, filters: bool) -> bytes:
    """Return the capabilities with one layer. ``filters``: the reader may ask for rows and for a box."""
    operations = "".join(
        f'<ows:Operation name="{name}"><ows:DCP><ows:HTTP><ows:Get xlink:href="{escape(base)}?"/></ows:HTTP>'
        "</ows:DCP>" + (_parameter("outputFormat", formats) if name == "GetFeature" else "") + "</ows:Operation>"
        for name in ("GetCapabilities", "DescribeFeatureType", "GetFeature")
    )
    constraints = "".join(_constraint(name, "FALSE") for name in _CONSTRAINTS)
    constraints += _constraint("ImplementsSimpleWFS", "FALSE") + _constraint("KVPEncoding", "TRUE")
    constraints += _constraint("ImplementsResultPaging", "TRUE" if layer.has_pages else "FALSE")
    constraints += _constraint("CountDefault", str(layer.page)) if layer.page else ""
    names = ("DefaultCRS", *["OtherCRS"] * len(layer.systems))
    systems = "".join(
        f"<{name}>{escape(system)}</{name}>" for name, system in zip(names, layer.systems, strict=False)
    )
    box = ""
    if layer.box is not None:
        west, south, east, north = layer.box
        box = (
            f"<ows:WGS84BoundingBox><ows:LowerCorner>{west} {south}</ows:LowerCorner>"
            f"<ows:UpperCorner>{east} {north}</ows:UpperCorner></ows:WGS84BoundingBox>"
        )
    own = f' xmlns:{layer.prefix}="{escape(namespace)}"' if layer.prefix else ""
    return (
        f'{_HEAD}<wfs:WFS_Capabilities version="2.0.0" xmlns="{WFS}" xmlns:wfs="{WFS}" xmlns:ows="{_OWS}"'
        f' xmlns:gml="{GML}" xmlns:fes="http://www.opengis.net/fes/2.0" xmlns:xlink="http://www.w3.org/1999/xlink"'
        f"{own}><ows:ServiceIdentification><ows:Title>{escape(layer.title or layer.name)}</ows:Title>"
        "<ows:ServiceType>WFS</ows:ServiceType><ows:ServiceTypeVersion>2.0.0</ows:ServiceTypeVersion>"
        f"</ows:ServiceIdentification><ows:OperationsMetadata>{operations}{constraints}</ows:OperationsMetadata>"
        f"<FeatureTypeList><FeatureType><Name>{escape(layer.name)}</Name><Title>{escape(layer.title)}</Title>"
        f"<Abstract>{escape(layer.abstract)}</Abstract>{systems}"
        f"<OutputFormats>{''.join(f'<Format>{escape(name)}</Format>' for name in formats)}</OutputFormats>{box}"
        f"</FeatureType></FeatureTypeList>{_filters() if filters else ''}</wfs:WFS_Capabilities>"
    ).encode()


def description(schema: Schema, layer: Layer, columns: Iterable[str]) -> bytes:
    """Return the schema of the features, with these columns."""
    elements = "".join(
        f'<xsd:element name="{escape(name)}" type="{schema.columns[name]}" minOccurs="0"/>' for name in columns
    )
    name, prefix = escape(layer.local), layer.prefix or "layer"
    return (
        f'{_HEAD}<xsd:schema targetNamespace="{escape(schema.namespace)}" elementFormDefault="qualified"'
        f' xmlns:xsd="{XSD}" xmlns:gml="{GML}" xmlns:{prefix}="{escape(schema.namespace)}">'
        f'<xsd:import namespace="{GML}" schemaLocation="http://schemas.opengis.net/gml/3.2.1/gml.xsd"/>'
        f'<xsd:element name="{name}" type="{prefix}:{name}Type" substitutionGroup="gml:AbstractFeature"/>'
        f'<xsd:complexType name="{name}Type"><xsd:complexContent><xsd:extension base="gml:AbstractFeatureType">'
        f"<xsd:sequence>{elements}</xsd:sequence></xsd:extension></xsd:complexContent></xsd:complexType></xsd:schema>"
    ).encode()


def schema_locations(base: str, layer: Layer, namespace: str) -> str:
    """Return the value of ``xsi:schemaLocation`` of an answer with features."""
    own = f"{base}?service=WFS&version=2.0.0&request=DescribeFeatureType&typenames={quote(layer.name)}"
    return (
        f"{namespace} {own} {WFS} http://schemas.opengis.net/wfs/2.0/wfs.xsd"
        f" {GML} http://schemas.opengis.net/gml/3.2.1/gml.xsd"
    )


def exception(error: HansaError, version: str = "2.0.0") -> bytes:
    """Return an error as clients expect it (OGC 06-121r9 §8)."""
    code, locator = exception_code(error)
    place = f' locator="{escape(locator)}"' if locator else ""
    words = f"{error.detail}: {error.remedy}" if error.remedy else error.detail
    return (
        f'{_HEAD}<ows:ExceptionReport version="{version}" xmlns:ows="{_OWS}">'
        f'<ows:Exception exceptionCode="{escape(code)}"{place}><ows:ExceptionText>{escape(words)}'
        "</ows:ExceptionText></ows:Exception></ows:ExceptionReport>"
    ).encode()


def _parameter(name: str, values: Iterable[str]) -> str:
    allowed = "".join(f"<ows:Value>{escape(value)}</ows:Value>" for value in values)
    return f'<ows:Parameter name="{name}"><ows:AllowedValues>{allowed}</ows:AllowedValues></ows:Parameter>'


def _constraint(name: str, value: str) -> str:
    return (
        f'<ows:Constraint name="{name}"><ows:NoValues/><ows:DefaultValue>{value}</ows:DefaultValue></ows:Constraint>'
    )


def _filters() -> str:
    classes = ("ImplementsQuery", "ImplementsAdHocQuery", "ImplementsMinStandardFilter", "ImplementsMinSpatialFilter")
    constraints = "".join(_constraint(name, "TRUE").replace("ows:Constraint", "fes:Constraint") for name in classes)
    operators = "".join(f'<fes:ComparisonOperator name="{name}"/>' for name in _OPERATORS)
    operands = "".join(f'<fes:GeometryOperand name="gml:{name}"/>' for name in ("Envelope", "Point", "Polygon"))
    spatial = "".join(f'<fes:SpatialOperator name="{name}"/>' for name in ("BBOX", "Intersects", "Within"))
    return (
        f"<fes:Filter_Capabilities><fes:Conformance>{constraints}</fes:Conformance><fes:Scalar_Capabilities>"
        f"<fes:LogicalOperators/><fes:ComparisonOperators>{operators}</fes:ComparisonOperators>"
        f"</fes:Scalar_Capabilities><fes:Spatial_Capabilities><fes:GeometryOperands>{operands}"
        f"</fes:GeometryOperands><fes:SpatialOperators>{spatial}</fes:SpatialOperators></fes:Spatial_Capabilities>"
        "</fes:Filter_Capabilities>"
    )
