"""A server of WFS 2.0 and WMS 1.3 that a test scripts: two layers, ``city:points`` and ``city:staff``."""

from __future__ import annotations

from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

NAMESPACES = (
    'xmlns:city="https://city.example/gis" xmlns:wfs="http://www.opengis.net/wfs/2.0" '
    'xmlns:gml="http://www.opengis.net/gml/3.2" xmlns:ows="http://www.opengis.net/ows/1.1"'
)
SCHEMA = (
    '<xsd:schema xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:gml="http://www.opengis.net/gml/3.2" '
    'targetNamespace="https://city.example/gis"><xsd:element name="points" type="city:pointsType"/>'
    '<xsd:complexType name="pointsType"><xsd:sequence><xsd:element name="number" type="xsd:int"/>'
    '<xsd:element name="place" type="gml:PointPropertyType"/></xsd:sequence></xsd:complexType></xsd:schema>'
)
PNG = b"\x89PNG\r\n\x1a\n" + b"map"
XML = "text/xml"


def feature(number: int, layer: str = "points") -> str:
    """A feature as GML."""
    return (
        f'<wfs:member><city:{layer} gml:id="{layer}.{number}"><city:number>{number}</city:number>'
        f'<city:place><gml:Point gml:id="g{number}" srsName="urn:ogc:def:crs:EPSG::4326">'
        f"<gml:pos>51.0 3.{number}</gml:pos></gml:Point></city:place></city:{layer}></wfs:member>"
    )


def collection(content: str) -> str:
    """An answer with features."""
    return f'<wfs:FeatureCollection {NAMESPACES} numberMatched="unknown">{content}</wfs:FeatureCollection>'


def wfs_capabilities() -> str:
    """The capabilities of the WFS."""
    types = "".join(
        f"<wfs:FeatureType><wfs:Name>city:{name}</wfs:Name></wfs:FeatureType>" for name in ("points", "staff")
    )
    root = f'<wfs:WFS_Capabilities version="2.0.0" {NAMESPACES}>'
    return f"{root}<wfs:FeatureTypeList>{types}</wfs:FeatureTypeList></wfs:WFS_Capabilities>"


def wms_capabilities() -> str:
    """The capabilities of the WMS."""
    layers = "".join(f"<Layer><Name>city:{name}</Name></Layer>" for name in ("points", "staff"))
    requests = "<Request><GetMap><Format>image/png</Format></GetMap></Request>"
    root = '<WMS_Capabilities version="1.3.0" xmlns="http://www.opengis.net/wms">'
    return f"{root}<Capability>{requests}<Layer><CRS>EPSG:4326</CRS>{layers}</Layer></Capability></WMS_Capabilities>"


@dataclass
class MapServer:
    """Answers requests; those in ``answers``, by their operation, as that says."""

    answers: dict[str, Response] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/ows", self.answer)])

    async def answer(self, request: Request) -> Response:
        self.requests.append(request)
        query = {name.lower(): value for name, value in request.query_params.items()}
        operation = query["request"]
        if operation in self.answers:
            return self.answers[operation]
        match operation:
            case "GetCapabilities":
                body = wfs_capabilities() if query["service"] == "WFS" else wms_capabilities()
                return Response(body, media_type=XML)
            case "DescribeFeatureType":
                return Response(SCHEMA, media_type=XML)
            case "GetFeature":
                return Response(collection("".join(map(feature, range(1, 4)))), media_type=XML)
        return Response(PNG, media_type="image/png")
