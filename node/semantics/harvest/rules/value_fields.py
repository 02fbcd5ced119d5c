"""The fields whose values come from a code list, and what a steward may choose for a source's own values.

A *value table* says which code each of a source's own values means: ``bomen`` of this portal is the theme
``ENVI``. A steward completes it once, for the values that no repair rule knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from node.base.errors import InvalidInput
from node.semantics.codelists.filetypes import FILE_TYPES, IANA
from node.semantics.codelists.frequencies import FREQUENCIES
from node.semantics.codelists.languages import LANGUAGES
from node.semantics.codelists.licences import LICENCES
from node.semantics.codelists.lookup import ACCESS, EU, CodeList, suggestion
from node.semantics.codelists.themes import THEMES
from node.semantics.harvest.rules.meanings import (
    Find,
    access_right,
    format_iri,
    frequency_iri,
    language_iri,
    licence_iri,
    media_type,
    media_type_of_format,
    theme_iri,
)
from node.vocab.namespaces import DCAT, DCT

LONGEST: Final = 300
"""Characters of a value that a table can hold: nobody writes a code in more."""

ValueMap = Mapping[str, Mapping[str, str]]
"""Name of a field → a source's own value → the IRI that it means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueField:
    """A field whose values come from ``codes``; ``find`` returns the IRI that a text means."""

    name: str
    property: str
    find: Find
    codes: CodeList | None = None

    def knows(self, value: str) -> bool:
        """Return whether ``value`` is on a list, or a repair rule knows what it means."""
        return value.startswith((EU, IANA)) or self.find(value) is not None

    def choice(self, text: str) -> str:
        """Return the IRI that a steward means by ``text``: a code, a label, or an IRI where the list is open.

        Raises ``InvalidInput`` with similar codes.
        """
        text = text.strip()
        iri = self.find(text)
        if iri is not None:
            return iri
        is_address = text.startswith(("https://", "http://")) and not set(text) & set(' <>"{}|^`\\')
        if is_address and (text.startswith((EU, IANA)) or (self.codes is not None and self.codes.open)):
            return text
        codes = () if self.codes is None else self.codes.suggest(text) or self.codes.codes[:5]
        raise InvalidInput(
            f"{text[:80]!r} is no value of the field {self.name}",
            remedy=f"such as {suggestion(codes)}" if codes else "write a media type, such as text/csv",
        )


def _media_type(text: str) -> str | None:
    return media_type(text) or media_type_of_format(text)


FIELDS: Final[Mapping[str, ValueField]] = MappingProxyType(
    {
        field.name: field
        for field in (
            ValueField(name="theme", property=f"{DCAT}theme", find=theme_iri, codes=THEMES),
            ValueField(name="license", property=f"{DCT}license", find=licence_iri, codes=LICENCES),
            ValueField(name="access", property=f"{DCT}accessRights", find=access_right, codes=ACCESS),
            ValueField(name="frequency", property=f"{DCT}accrualPeriodicity", find=frequency_iri, codes=FREQUENCIES),
            ValueField(name="language", property=f"{DCT}language", find=language_iri, codes=LANGUAGES),
            ValueField(name="format", property=f"{DCT}format", find=format_iri, codes=FILE_TYPES),
            ValueField(name="mediaType", property=f"{DCAT}mediaType", find=_media_type),
        )
    }
)
"""The fields by name, those that matter most for finding first."""


def field_named(name: str) -> ValueField:
    """Return the field. Raises ``InvalidInput`` for an unknown name."""
    field = FIELDS.get(name)
    if field is None:
        raise InvalidInput(f"there is no field {name[:60]!r}", remedy=f"one of: {', '.join(FIELDS)}")
    return field
