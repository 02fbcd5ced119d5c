"""The capabilities of a WMS and of a WMTS with one layer, and their errors, as a reader under contract sees them."""

from __future__ import annotations

from typing import Final

from node.adapters.datasources.ogc.keywords import exception_code
from node.adapters.datasources.ogc.map_layers import Box, MapLayer, TileLayer, TileSet
from node.adapters.datasources.ogc.xml import escape
from node.base.errors import HansaError

XML: Final = "text/xml; charset=utf-8"
_HEAD: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
_XLINK: Final = "http://www.w3.org/1999/xlink"
_OWS: Final = "http://www.opengis.net/ows/1.1"


def map_capabilities(base: str, layer: MapLayer, widest: int) -> bytes:
    """Return the capabilities of a WMS 1.3.0 with one layer. ``widest`` is the largest side of a map in pixels."""
    operations = [("GetCapabilities", ("text/xml",)), ("GetMap", layer.images)]
    if layer.is_queryable:
        operations.append(("GetFeatureInfo", layer.facts))
    place = f'<OnlineResource xlink:type="simple" xlink:href="{escape(base)}?"/>'
    requests = "".join(
        f"<{name}>{''.join(f'<Format>{escape(kind)}</Format>' for kind in kinds)}"
        f"<DCPType><HTTP><Get>{place}</Get></HTTP></DCPType></{name}>"
        for name, kinds in operations
    )
    systems = "".join(f"<CRS>{escape(system)}</CRS>" for system in layer.systems)
    boxes = "".join(
        f'<BoundingBox CRS="{escape(system)}" minx="{box[0]}" miny="{box[1]}" maxx="{box[2]}" maxy="{box[3]}"/>'
        for system, box in layer.boxes
    )
    legend = f"{base}?service=WMS&version=1.3.0&request=GetLegendGraphic&format=image/png&layer={layer.name}"
    styles = "".join(
        f"<Style><Name>{escape(name)}</Name><Title>{escape(title or name)}</Title>"
        f'<LegendURL width="20" height="20"><Format>image/png</Format>'
        f'<OnlineResource xlink:type="simple" xlink:href="{escape(f"{legend}&style={name}")}"/></LegendURL></Style>'
        for name, title in layer.styles
    )
    times = f'<Dimension name="time" units="ISO8601">{escape(layer.times)}</Dimension>' if layer.times else ""
    title = escape(layer.title or layer.name)
    return (
        f'{_HEAD}<WMS_Capabilities version="1.3.0" xmlns="http://www.opengis.net/wms" xmlns:xlink="{_XLINK}">'
        f"<Service><Name>WMS</Name><Title>{title}</Title>{place}"
        f"<MaxWidth>{widest}</MaxWidth><MaxHeight>{widest}</MaxHeight></Service>"
        f"<Capability><Request>{requests}</Request><Exception><Format>XML</Format></Exception>"
        f"<Layer><Title>{title}</Title>"
        f'<Layer queryable="{int(layer.is_queryable)}"><Name>{escape(layer.name)}</Name><Title>{title}</Title>'
        f"<Abstract>{escape(layer.abstract)}</Abstract>{systems}{_geographic(layer.box)}{boxes}{times}{styles}"
        "</Layer></Layer></Capability></WMS_Capabilities>"
    ).encode()


def map_exception(error: HansaError) -> bytes:
    """Return an error of a WMS (§H.2)."""
    code, locator = exception_code(error)
    mark_code = code if code == "OperationNotSupported" else ""
    if locator in ("layers", "query_layers", "layer"):
        mark_code = "LayerNotDefined"
    words = f"{error.detail}: {error.remedy}" if error.remedy else error.detail
    mark = f' code="{escape(mark_code)}"' if mark_code else ""
    return (
        f'{_HEAD}<ServiceExceptionReport version="1.3.0" xmlns="http://www.opengis.net/ogc">'
        f"<ServiceException{mark}>{escape(words)}</ServiceException></ServiceExceptionReport>"
    ).encode()


def tile_capabilities(base: str, layer: TileLayer) -> bytes:
    """Return the capabilities of a WMTS 1.0.0 with one layer."""
    names = ("GetCapabilities", "GetTile", *(("GetFeatureInfo",) if layer.facts else ()))
    operations = "".join(
        f'<ows:Operation name="{name}"><ows:DCP><ows:HTTP><ows:Get xlink:href="{escape(base)}?"><ows:Constraint'
        ' name="GetEncoding"><ows:AllowedValues><ows:Value>KVP</ows:Value></ows:AllowedValues></ows:Constraint>'
        "</ows:Get></ows:HTTP></ows:DCP></ows:Operation>"
        for name in names
    )
    box = ""
    if layer.box is not None:
        west, south, east, north = layer.box
        box = (
            f"<ows:WGS84BoundingBox><ows:LowerCorner>{west} {south}</ows:LowerCorner>"
            f"<ows:UpperCorner>{east} {north}</ows:UpperCorner></ows:WGS84BoundingBox>"
        )
    styles = "".join(
        f'<Style isDefault="{str(default).lower()}"><ows:Identifier>{escape(name)}</ows:Identifier></Style>'
        for name, default in layer.styles
    )
    formats = "".join(f"<Format>{escape(kind)}</Format>" for kind in layer.images)
    formats += "".join(f"<InfoFormat>{escape(kind)}</InfoFormat>" for kind in layer.facts)
    links = "".join(
        f"<TileMatrixSetLink><TileMatrixSet>{escape(tiles.name)}</TileMatrixSet></TileMatrixSetLink>"
        for tiles in layer.sets
    )
    title = escape(layer.title or layer.name)
    return (
        f'{_HEAD}<Capabilities version="1.0.0" xmlns="http://www.opengis.net/wmts/1.0" xmlns:ows="{_OWS}"'
        f' xmlns:xlink="{_XLINK}"><ows:ServiceIdentification><ows:Title>{title}</ows:Title>'
        "<ows:ServiceType>OGC WMTS</ows:ServiceType><ows:ServiceTypeVersion>1.0.0</ows:ServiceTypeVersion>"
        f"</ows:ServiceIdentification><ows:OperationsMetadata>{operations}</ows:OperationsMetadata><Contents><Layer>"
        f"<ows:Title>{title}</ows:Title><ows:Abstract>{escape(layer.abstract)}</ows:Abstract>{box}"
        f"<ows:Identifier>{escape(layer.name)}</ows:Identifier>{styles}{formats}{links}</Layer>"
        f"{''.join(map(_tile_set, layer.sets))}</Contents></Capabilities>"
    ).encode()


def _tile_set(tiles: TileSet) -> str:
    levels = "".join(
        f"<TileMatrix><ows:Identifier>{escape(level.name)}</ows:Identifier>"
        f"<ScaleDenominator>{level.scale}</ScaleDenominator>"
        f"<TopLeftCorner>{level.corner[0]} {level.corner[1]}</TopLeftCorner>"
        f"<TileWidth>{level.tile[0]}</TileWidth><TileHeight>{level.tile[1]}</TileHeight>"
        f"<MatrixWidth>{level.size[0]}</MatrixWidth><MatrixHeight>{level.size[1]}</MatrixHeight></TileMatrix>"
        for level in tiles.levels
    )
    return (
        f"<TileMatrixSet><ows:Identifier>{escape(tiles.name)}</ows:Identifier>"
        f"<ows:SupportedCRS>{escape(tiles.system)}</ows:SupportedCRS>{levels}</TileMatrixSet>"
    )


def _geographic(box: Box | None) -> str:
    if box is None:
        return ""
    west, south, east, north = box
    return (
        f"<EX_GeographicBoundingBox><westBoundLongitude>{west}</westBoundLongitude>"
        f"<eastBoundLongitude>{east}</eastBoundLongitude><southBoundLatitude>{south}</southBoundLatitude>"
        f"<northBoundLatitude>{north}</northBoundLatitude></EX_GeographicBoundingBox>"
    )
