"""Another format for the data of a file: which there are, what a consumer asks for, and what was made."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
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
THROUGH: Final = f"{HANSA}givenThrough"
"""The property of a distribution: a transformation that its node carries out on the way to a consumer."""
MOST_STEPS: Final = 4
"""Transformations of one conversion."""
MOST_OFFERED: Final = 8
"""Transformations that are offered for one file."""
_SHEET: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_CRS: Final = re.compile(r"EPSG:[1-9][0-9]{3,5}")
_DEGREES: Final = "EPSG:4326"
_IRI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,30}:[^\s<>\"{}|\\^`]{1,500}")
_THROUGH: Final = " through "
_TOWARDS: Final = " towards "

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
    (``EPSG:4326``; empty: that of the file).

    ``through`` are the addresses of transformations that the provider is to carry out before, one after the other;
    or else ``schema`` is that of a schema to which its transformations are to lead.
    """

    format: str
    crs: str = ""
    through: tuple[str, ...] = ()
    schema: str = ""

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
        if self.is_transformed:
            self._require_sense()

    def _require_sense(self) -> None:
        """Raise ``InvalidInput`` if transformations cannot be carried out as this asks for them."""
        if self.through and self.schema:
            raise InvalidInput(
                "transformations and a schema are asked for together",
                remedy="name one of them: --through or --schema",
            )
        if self.crs:
            raise InvalidInput(
                "a coordinate reference system is asked for together with a transformation",
                remedy="leave it out, or name a transformation that changes the coordinates",
            )
        if len(self.through) > MOST_STEPS:
            raise InvalidInput(
                f"{len(self.through)} transformations are named, and a chain has at most {MOST_STEPS}",
                remedy="name fewer",
            )
        for iri in (*self.through, *([self.schema] if self.schema else [])):
            if not _IRI.fullmatch(iri):
                raise InvalidInput(
                    f"{iri[:80]!r} is no address", remedy="name the address of a transformation or of a schema"
                )

    @classmethod
    def of(
        cls,
        format: str | None,  # noqa: A002 - the word of the doors
        crs: str | None,
        through: Sequence[str] = (),
        schema: str | None = None,
    ) -> Wish | None:
        """Return the wish of a person; None if there is none. Through transformations, it is CSV if no format is
        named. Raises ``InvalidInput``."""
        through, schema = tuple(iri.strip() for iri in through if iri.strip()), (schema or "").strip()
        if through or schema:
            code = FORMATS.find(format or "csv")
            return cls(code.code if code is not None else format or "", (crs or "").strip().upper(), through, schema)
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
        head, _, iris = text.partition(_THROUGH)
        head, _, schema = head.partition(_TOWARDS)
        form, _, crs = head.partition(" ")
        return cls(form, crs, tuple(iris.split(" ")) if iris else (), schema)

    @property
    def text(self) -> str:
        """Return it as text, such as ``geopackage EPSG:31370`` or ``csv through https://…/hourly``."""
        text = f"{self.format} {self.crs}".rstrip()
        if self.schema:
            return f"{text}{_TOWARDS}{self.schema}"
        return f"{text}{_THROUGH}{' '.join(self.through)}" if self.through else text

    @property
    def is_transformed(self) -> bool:
        return bool(self.through or self.schema)

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
