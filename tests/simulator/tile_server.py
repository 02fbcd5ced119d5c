"""A WMTS that a test scripts: two layers, ``aerial`` of which is to be shared, with one set of tiles."""

from __future__ import annotations

from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

PNG = b"\x89PNG\r\n\x1a\n" + b"tile"


@dataclass
class TileServer:
    """Tiles whose bytes name their place."""

    requests: list[Request] = field(default_factory=list)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/wmts", self.answer)])

    async def answer(self, request: Request) -> Response:
        self.requests.append(request)
        query = {name.lower(): value for name, value in request.query_params.items()}
        if query["request"] == "GetCapabilities":
            return Response(self.capabilities(str(request.base_url)), media_type="application/xml")
        if query["request"] == "GetTile":
            place = "/".join(query[name] for name in ("layer", "tilematrix", "tilerow", "tilecol"))
            return Response(PNG + place.encode(), media_type="image/png")
        facts = f'{{"height": 7, "link": "{request.base_url}secret"}}'
        return Response(facts, media_type="application/json")

    def capabilities(self, base: str) -> str:
        layers = "".join(
            f"<Layer><ows:Title>{name.title()}</ows:Title><ows:Identifier>{name}</ows:Identifier>"
            '<Style isDefault="true"><ows:Identifier>plain</ows:Identifier></Style><Format>image/png</Format>'
            "<InfoFormat>application/json</InfoFormat>"
            "<TileMatrixSetLink><TileMatrixSet>web</TileMatrixSet></TileMatrixSetLink>"
            f'<ResourceURL format="image/png" resourceType="tile" template="{base}rest/{name}"/></Layer>'
            for name in ("aerial", "secret-depots")
        )
        level = (
            "<TileMatrix><ows:Identifier>0</ows:Identifier><ScaleDenominator>559082264.029</ScaleDenominator>"
            "<TopLeftCorner>-20037508.3428 20037508.3428</TopLeftCorner><TileWidth>256</TileWidth>"
            "<TileHeight>256</TileHeight><MatrixWidth>2</MatrixWidth><MatrixHeight>2</MatrixHeight></TileMatrix>"
        )
        return (
            '<Capabilities xmlns="http://www.opengis.net/wmts/1.0" xmlns:ows="http://www.opengis.net/ows/1.1"'
            ' xmlns:xlink="http://www.w3.org/1999/xlink" version="1.0.0"><ows:OperationsMetadata>'
            f'<ows:Operation name="GetTile"><ows:DCP><ows:HTTP><ows:Get xlink:href="{base}wmts?"/></ows:HTTP>'
            f"</ows:DCP></ows:Operation></ows:OperationsMetadata><Contents>{layers}<TileMatrixSet>"
            "<ows:Identifier>web</ows:Identifier><ows:SupportedCRS>urn:ogc:def:crs:EPSG::3857</ows:SupportedCRS>"
            f"{level}</TileMatrixSet></Contents></Capabilities>"
        )
