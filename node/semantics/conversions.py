"""Another format for the data of a file: which there are, what a consumer asks for, and what was made."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from node.base.errors import InvalidInput
from node.semantics.codelists.filetypes import IANA
from node.semantics.codelists.lookup import Code, CodeList
from node.vocab.namespaces import HANSA

RESULT: Final = "result"
"""The stem of the name of the file that a conversion makes."""
OTHER_FORMATS: Final = f"{HANSA}convertedTo"
"""The property of a distribution: a media type (IANA) to which its node converts it."""
OTHER_SYSTEMS: Final = f"{HANSA}broughtTo"
"""The property of a distribution: a coordinate reference system to which its node brings it."""
_SHEET: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_CRS: Final = re.compile(r"EPSG:[1-9][0-9]{3,5}")
_DEGREES: Final = "EPSG:4326"

# code, label, media type, ending of names, other spellings
_ROWS: Final = (
    ("csv", "CSV", "text/csv", ".csv", ("comma separated values",)),
    ("parquet", "Parquet", "application/vnd.apache.parquet", ".parquet", ("geoparquet",)),
    ("geojson", "GeoJSON", "application/geo+json", ".geojson", ()),
    ("geopackage", "GeoPackage", "application/geopackage+sqlite3", ".gpkg", ("gpkg",)),
)

FORMATS: Final = CodeList(
    "formats",
    IANA,
    tuple(
        Code(code=code, iri=IANA + media_type, labels={"en": label}, also=also)
        for code, label, media_type, _, also in _ROWS
    ),
)
"""The formats that a node makes of a file on its way to a consumer."""

MEDIA_TYPES: Final[Mapping[str, str]] = {row[0]: row[2] for row in _ROWS}
ENDINGS: Final[Mapping[str, str]] = {row[0]: row[3] for row in _ROWS}

READABLE: Final = frozenset({*MEDIA_TYPES.values(), "text/tab-separated-values", _SHEET})
"""The media types of files of which other formats can be made."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A format (a code of ``FORMATS``) in which a consumer wants a file, and the coordinate reference system
    (``EPSG:4326``; empty: that of the file)."""

    format: str
    crs: str = ""

    def __post_init__(self) -> None:
        if self.format not in MEDIA_TYPES:
            raise InvalidInput(
                f"{self.format[:40]!r} is no format that data can be converted to",
                remedy=f"choose one of {', '.join(MEDIA_TYPES)}",
            )
        if self.crs and not _CRS.fullmatch(self.crs):
            raise InvalidInput(
                f"{self.crs[:40]!r} names no coordinate reference system", remedy="write it such as EPSG:4326"
            )
        if self.format == "geojson" and self.crs not in ("", _DEGREES):
            raise InvalidInput(
                f"GeoJSON has no coordinates in {self.crs} (RFC 7946, section 4)",
                remedy=f"ask for {_DEGREES}, or for a GeoPackage",
            )

    @classmethod
    def of(cls, format: str | None, crs: str | None) -> Wish | None:  # noqa: A002 - the word of the doors
        """Return the wish of a person; None if there is none. Raises ``InvalidInput``."""
        if not format:
            if crs:
                raise InvalidInput(
                    "a coordinate reference system needs a format", remedy="name a format too, such as geopackage"
                )
            return None
        code = FORMATS.find(format)
        return cls(code.code if code is not None else format, (crs or "").strip().upper())

    @classmethod
    def read(cls, text: str) -> Wish:
        """Return the wish that ``text`` states. Raises ``InvalidInput``."""
        form, _, crs = text.partition(" ")
        return cls(form, crs)

    @property
    def text(self) -> str:
        """Return it as text, such as ``geopackage EPSG:31370``."""
        return f"{self.format} {self.crs}".rstrip()

    @property
    def media_type(self) -> str:
        return MEDIA_TYPES[self.format]

    def name_of(self, name: str) -> str:
        """Return the name of the file that is made of the file ``name``."""
        stem = name.rpartition(".")[0] or name
        return f"{stem[:180]}{ENDINGS[self.format]}"


@dataclass(frozen=True, slots=True)
class ConversionLoss:
    """A thing that the new format cannot say as the old one did: a code of the texts ``loss.…``, and the columns or
    names that it is about."""

    code: str
    about: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {"code": self.code, "about": list(self.about)}
