"""A dataset in Croissant 1.0 (MLCommons): schema.org with files and columns, for tools of machine learning.

Only files that anyone may download are listed, with the columns of tables that such tools can read by column. What
comes under conditions has no address that a program could load it from.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from node.base.errors import NotAcceptable
from node.catalogue.model import Record
from node.catalogue.nquads import iri_of, is_iri, text_of
from node.catalogue.statements import Statements
from node.semantics.kinds import KINDS
from node.vocab.namespaces import CSVW, DCAT, DCT, HANSA, SPDX, XSD

PROFILE: Final = "http://mlcommons.org/croissant/1.0"
MEDIA_TYPE: Final = f'application/ld+json; profile="{PROFILE}"'
FORMAT: Final = "croissant"
"""The name of this form in addresses."""

_CONTEXT: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "@language": "en",
        "@vocab": "https://schema.org/",
        "sc": "https://schema.org/",
        "cr": "http://mlcommons.org/croissant/",
        "rai": "http://mlcommons.org/croissant/RAI/",
        "dct": "http://purl.org/dc/terms/",
        "conformsTo": "dct:conformsTo",
        **{
            name: f"cr:{name}"
            for name in (
                *(
                    "citeAs",
                    "column",
                    "equivalentProperty",
                    "extract",
                    "field",
                    "fileObject",
                    "fileProperty",
                    "fileSet",
                    "format",
                    "includes",
                ),
                *(
                    "isLiveDataset",
                    "jsonPath",
                    "key",
                    "md5",
                    "parentField",
                    "path",
                    "recordSet",
                    "references",
                    "regex",
                ),
                *("repeated", "replace", "samplingRate", "separator", "source", "subField", "transform"),
            )
        },
        "data": {"@id": "cr:data", "@type": "@json"},
        "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
        "examples": {"@id": "cr:examples", "@type": "@json"},
    }
)
_BY_COLUMN: Final = (
    "text/csv",
    "text/tab-separated-values",
    "application/vnd.apache.parquet",
    "application/x-parquet",
)
"""Media types of tables from which such tools read a column by its name."""
_ALGORITHM: Final = f"{SPDX}checksumAlgorithm_sha256"
_MEDIA_TYPES: Final = "/media-types/"
_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **{
            f"{XSD}{name}": "sc:Integer"
            for name in ("integer", "int", "long", "short", "byte", "nonNegativeInteger", "positiveInteger")
        },
        **{f"{XSD}{name}": "sc:Float" for name in ("decimal", "double", "float")},
        f"{XSD}boolean": "sc:Boolean",
        f"{XSD}date": "sc:Date",
        f"{XSD}dateTime": "sc:DateTime",
        f"{XSD}time": "sc:Time",
        f"{XSD}anyURI": "sc:URL",
    }
)


def croissant(record: Record) -> bytes:
    """Return the dataset as Croissant. Raises ``NotAcceptable`` for assets that others do not treat as datasets."""
    kind = KINDS.get(record.kind)
    if kind is None or kind.role != f"{DCAT}Dataset":
        raise NotAcceptable("only datasets are described in Croissant", remedy="ask for text/turtle")
    about = Statements(record)
    names, publisher = _Names(), _publisher(record)
    files = [(node, _file(about, node, names, record)) for node in _distributions(about, record)]
    pairs = [(node, file) for node, file in files if file is not None]
    members: dict[str, Any] = {
        "@context": dict(_CONTEXT),
        "@type": "sc:Dataset",
        "@id": record.subject,
        "conformsTo": PROFILE,
        "name": record.title(),
        "description": record.description(),
        "url": record.iri,
        "citeAs": f"{publisher['name']}: {record.title()}, version {record.version}. {record.iri}",
        "license": _licences(about, record),
        "creator": publisher,
        "publisher": publisher,
        "datePublished": _day(about, record, "issued"),
        "dateModified": _day(about, record, "modified"),
        "version": f"{record.version}.0.0",
        "keywords": list(record.keywords),
        "inLanguage": [tag for tag in record.titles if tag != "und"],
        # Foreign sources seldom state a hash, and the files behind their addresses change.
        "isLiveDataset": True if any("sha256" not in file for _, file in pairs) else None,
        "distribution": [file for _, file in pairs],
        "recordSet": [table for node, file in pairs for table in _tables(about, node, file, names)],
    }
    return json.dumps(
        {name: value for name, value in members.items() if value}, ensure_ascii=False, indent=1
    ).encode()


class _Names:
    """Names within the document: each is given out once."""

    def __init__(self) -> None:
        self._uses: set[str] = set()

    def of(self, wish: str) -> str:
        name, number = wish, 2
        while name in self._uses:
            name, number = f"{wish}-{number}", number + 1
        self._uses.add(name)
        return name


def _distributions(about: Statements, record: Record) -> list[str]:
    return about.nodes(f"<{record.subject}>", f"{DCAT}distribution")


def _file(about: Statements, node: str, names: _Names, record: Record) -> dict[str, Any] | None:
    """Return a file that anyone may download, as a FileObject; None for another one."""
    address = about.iri(node, f"{DCAT}downloadURL")
    if address is None:
        return None
    # The hash is that of this version's file.
    file_address = f"{address}?version={record.version}" if address.startswith(f"{record.iri}/files/") else address
    name = _first(about.texts(node, f"{DCT}title")) or address.rstrip("/").rpartition("/")[2]
    size = about.number(node, f"{DCAT}byteSize")
    members = {
        "@type": "cr:FileObject",
        "@id": names.of(name),
        "name": name,
        "description": _first(about.texts(node, f"{DCT}description")),
        "contentUrl": file_address,
        "contentSize": f"{size:.0f} B" if size is not None else "",
        "encodingFormat": _media_type(about, node),
        "sha256": _sha256(about, node),
    }
    return {member: value for member, value in members.items() if value}


def _tables(about: Statements, node: str, file: dict[str, Any], names: _Names) -> Iterator[dict[str, Any]]:
    """Yield the tables of a file as record sets, if their columns can be read by name."""
    schemas = about.nodes(node, f"{CSVW}tableSchema")
    if file["encodingFormat"] not in _BY_COLUMN or len(schemas) != 1:
        return
    for schema in schemas:
        name = names.of(_first(about.texts(schema, f"{CSVW}name")) or "records")
        columns = sorted(
            about.nodes(schema, f"{CSVW}column"), key=lambda column: about.number(column, f"{HANSA}position") or 0
        )
        fields = [_field(about, column, name, file["@id"], names) for column in columns]
        description = _first(about.texts(schema, f"{DCT}description")) or _first(about.texts(schema, f"{DCT}title"))
        if fields:
            yield {
                "@type": "cr:RecordSet",
                "@id": name,
                "name": name,
                **({"description": description} if description else {}),
                "field": fields,
            }


def _field(about: Statements, column: str, table: str, file: str, names: _Names) -> dict[str, Any]:
    name = about.text(column, f"{CSVW}name") or ""
    title, text = (_first(about.texts(column, property_)) for property_ in (f"{CSVW}title", f"{DCT}description"))
    identifier = names.of(f"{table}/{name}")
    members = {
        "@type": "cr:Field",
        "@id": identifier,
        "name": identifier,
        "description": ": ".join(part for part in (title, text) if part),
        "dataType": _TYPES.get(about.iri(column, f"{CSVW}datatype") or "", "sc:Text"),
        "equivalentProperty": about.iri(column, f"{CSVW}propertyUrl"),
        "source": {"fileObject": {"@id": file}, "extract": {"column": name}},
    }
    return {member: value for member, value in members.items() if value}


def _media_type(about: Statements, node: str) -> str:
    """Return the media type of a distribution, written as an IRI or as text; that of unknown bytes without one."""
    for term in about.objects(node, f"{DCAT}mediaType"):
        text = iri_of(term) if is_iri(term) else text_of(term)
        return text.rpartition(_MEDIA_TYPES)[2]
    return "application/octet-stream"


def _sha256(about: Statements, node: str) -> str:
    for checksum in about.nodes(node, f"{SPDX}checksum"):
        if about.iri(checksum, f"{SPDX}algorithm") == _ALGORITHM:
            return about.text(checksum, f"{SPDX}checksumValue") or ""
    return ""


def _licences(about: Statements, record: Record) -> list[str]:
    own = about.iris(f"<{record.subject}>", f"{DCT}license")
    others = (iri for node in _distributions(about, record) for iri in about.iris(node, f"{DCT}license"))
    return list(own) or list(dict.fromkeys(others))


def _publisher(record: Record) -> dict[str, str]:
    publisher = {"@type": "sc:Organization", "name": record.publisher_name or record.publisher}
    # A publisher that was named without an IRI has its name in its place.
    return publisher if record.publisher == record.publisher_name else {**publisher, "@id": record.publisher}


def _day(about: Statements, record: Record, name: str) -> str:
    stated = about.text(f"<{record.subject}>", f"{DCT}{name}") or ""
    return stated[:10] if stated[4:5] == "-" else record.at.date().isoformat()


def _first(texts: Mapping[str, str]) -> str:
    """Return the English text, else any."""
    return texts.get("en") or next(iter(texts.values()), "")
