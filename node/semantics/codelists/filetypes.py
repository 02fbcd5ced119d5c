"""Kinds of files: the part of the EU authority table ``file-type`` that city data come in.

Each has its media type and name endings, so that a steward need not name the format of ``counters.csv``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from node.base.errors import InvalidInput
from node.semantics.codelists.lookup import EU, Code, CodeList, labels_of

_SCHEME = f"{EU}file-type"
IANA: Final = "https://www.iana.org/assignments/media-types/"
"""The namespace of IRIs for media types (DCAT 3, §6.8.6)."""

# code, label, media type, name endings, other spellings
_ROWS: tuple[tuple[str, str, str, str, str], ...] = (
    ("CSV", "CSV", "text/csv", "csv", "comma separated values"),
    ("TSV", "TSV", "text/tab-separated-values", "tsv;tab", "tab separated values"),
    ("JSON", "JSON", "application/json", "json", ""),
    ("GEOJSON", "GeoJSON", "application/geo+json", "geojson", ""),
    ("JSON_LD", "JSON-LD", "application/ld+json", "jsonld", ""),
    ("XML", "XML", "application/xml", "xml", ""),
    ("SCHEMA_XML", "XML schema", "application/xml", "xsd", ""),
    ("GML", "GML", "application/gml+xml", "gml", ""),
    ("KML", "KML", "application/vnd.google-earth.kml+xml", "kml", ""),
    ("KMZ", "KMZ", "application/vnd.google-earth.kmz", "kmz", ""),
    ("SHP", "Esri Shape", "application/vnd.shp", "shp", "shapefile;shape"),
    ("GDB", "Esri File Geodatabase", "application/octet-stream", "gdb", ""),
    ("TIFF", "TIFF", "image/tiff", "tif;tiff", "geotiff"),
    ("NETCDF", "NetCDF", "application/netcdf", "nc", ""),
    ("HDF", "HDF", "application/x-hdf", "hdf;h5", ""),
    ("GRID_ASCII", "Esri ASCII grid", "text/plain", "asc", ""),
    ("LAS", "LASer file", "application/vnd.las", "las", ""),
    ("LAZ", "Compressed LAS file", "application/vnd.laszip", "laz", ""),
    ("RDF_TURTLE", "RDF Turtle", "text/turtle", "ttl", "turtle"),
    ("RDF_XML", "RDF XML", "application/rdf+xml", "rdf", "rdf/xml"),
    ("RDF_N_TRIPLES", "RDF N-Triples", "application/n-triples", "nt", "n-triples"),
    ("RDF_N_QUADS", "RDF N-Quads", "application/n-quads", "nq", "n-quads"),
    ("RDF_TRIG", "RDF TriG", "application/trig", "trig", "trig"),
    ("OWL", "OWL", "application/rdf+xml", "owl", ""),
    ("SPARQLQ", "SPARQL", "application/sparql-query", "rq;sparql", "sparql query"),
    ("SQL", "SQL", "application/sql", "sql", ""),
    ("XLS", "Excel XLS", "application/vnd.ms-excel", "xls", ""),
    (
        "XLSX",
        "Excel XLSX",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "xlsx",
        "excel;spreadsheet",
    ),
    ("ODS", "ODS", "application/vnd.oasis.opendocument.spreadsheet", "ods", "opendocument spreadsheet"),
    ("ODT", "ODT", "application/vnd.oasis.opendocument.text", "odt", ""),
    ("DOCX", "Word DOCX", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx", "word"),
    ("PDF", "PDF", "application/pdf", "pdf", ""),
    ("HTML", "HTML", "text/html", "html;htm", "web page"),
    ("TXT", "Plain text", "text/plain", "txt", "text"),
    ("ICS", "ICalendar", "text/calendar", "ics", "calendar"),
    ("RSS", "RSS feed", "application/rss+xml", "rss", ""),
    ("ATOM", "Atom Feed", "application/atom+xml", "atom", ""),
    ("PNG", "PNG", "image/png", "png", ""),
    ("JPEG", "JPEG", "image/jpeg", "jpg;jpeg", ""),
    ("SVG", "SVG", "image/svg+xml", "svg", ""),
    ("ZIP", "ZIP", "application/zip", "zip", ""),
    ("GZIP", "GNU zip", "application/gzip", "gz", ""),
    ("TAR", "TAR", "application/x-tar", "tar", ""),
    ("WMS_SRVC", "WMS", "", "", "web map service"),
    ("WFS_SRVC", "WFS", "", "", "web feature service"),
    ("BIN", "Binary Data", "application/octet-stream", "bin", ""),
)

FILE_TYPES: Final = CodeList(
    "format",
    _SCHEME,
    tuple(
        Code(
            code=code,
            iri=f"{_SCHEME}/{code}",
            labels=labels_of(f"file-type.{code}", label),
            also=tuple(word for word in f"{endings};{also}".split(";") if word),
        )
        for code, label, _, endings, also in _ROWS
    ),
)

MEDIA_TYPE_OF: Final[Mapping[str, str]] = MappingProxyType({row[0]: row[2] for row in _ROWS if row[2]})
"""Code of a file type → media type."""

_BY_ENDING = {ending: row[0] for row in reversed(_ROWS) for ending in row[3].split(";") if ending}
_BY_MEDIA_TYPE = {row[2]: row[0] for row in reversed(_ROWS) if row[2] and row[2] != "application/octet-stream"}
_BY_CODE = {code.code: code for code in FILE_TYPES}


_MEDIA_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
"""RFC 6838 §4.2."""


def file_type(name: str, media_type: str = "") -> Code | None:
    """Return the file type for the ending of a file's name, else for its media type without parameters, else None."""
    ending = name.rsplit(".", 1)[-1].casefold() if "." in name else ""
    code = _BY_ENDING.get(ending) or _BY_MEDIA_TYPE.get(media_type.split(";", 1)[0].strip().casefold())
    return _BY_CODE[code] if code else None


def media_type_iri(media_type: str) -> str:
    """Return the IRI of a media type at IANA, without parameters such as ``charset``.

    Raises ``InvalidInput`` for text that is not a media type (RFC 9110 §8.3.1).
    """
    name = media_type.split(";", 1)[0].strip().casefold()
    if not _MEDIA_TYPE.fullmatch(name):
        raise InvalidInput(
            f"{media_type[:80]!r} is not a media type", remedy="write a type and a subtype, such as text/csv"
        )
    return IANA + name
