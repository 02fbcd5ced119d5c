"""The value of a code list that a text means: found by code, label in any language, or usual spelling.

Loads no RDF engine, so that the process of the node can ask too.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from node.base.errors import InvalidInput
from node.semantics.codelists.filetypes import FILE_TYPES, MEDIA_TYPE_OF, file_type, media_type_iri
from node.semantics.codelists.frequencies import FREQUENCIES
from node.semantics.codelists.languages import LANGUAGES
from node.semantics.codelists.licences import LICENCES
from node.semantics.codelists.lookup import ACCESS, EU, fold
from node.semantics.codelists.themes import THEMES
from node.semantics.harvest.rules.spellings import (
    FORMATS,
    FREQUENCY,
    LANGUAGE,
    LICENCE,
    RIGHTS,
    THEME,
    UNCERTAIN_LICENCES,
)

Find = Callable[[str], str | None]


def language_iri(text: str) -> str | None:
    """Return the EU language of a tag, a tag with a region, a code of three letters, or a name."""
    first = re.split(r"[-_]", text.casefold())[0]
    code = LANGUAGES.find(text) or LANGUAGES.find(LANGUAGE.get(first, first))
    if code is None and LANGUAGE.get(first, "").isupper():
        return f"{EU}language/{LANGUAGE[first]}"
    return code.iri if code else None


def theme_iri(text: str) -> str | None:
    """Return the EU data theme of a code, or of a label in a language of the Union."""
    code = THEMES.find(text) or THEMES.find(THEME.get(fold(text), ""))
    return code.iri if code else None


def format_iri(text: str) -> str | None:
    """Return the EU file type of a name, an ending or a media type."""
    code = FILE_TYPES.find(text) or FILE_TYPES.find(FORMATS.get(fold(text), ""))
    if code is None and "/" in text:
        code = file_type("", text)
    return code.iri if code else None


def media_type(text: str) -> str | None:
    """Return the IANA address of a media type."""
    try:
        return media_type_iri(text.casefold()) if "/" in text and "://" not in text else None
    except InvalidInput:
        return None


def media_type_of_format(text: str) -> str | None:
    """Return the IANA address of the media type for the name of a format."""
    iri = format_iri(text)
    name = MEDIA_TYPE_OF.get(iri.rpartition("/")[2]) if iri else None
    return media_type_iri(name) if name else None


def frequency_iri(text: str) -> str | None:
    """Return the EU frequency of a code, a label, an ISO 8601 repetition or a word of ISO 19115."""
    code = FREQUENCIES.find(text) or FREQUENCIES.find(FREQUENCY.get(fold(text), ""))
    return code.iri if code else None


def access_right(text: str) -> str | None:
    """Return the EU access right of a word, or of an IRI of COAR or INSPIRE."""
    code = ACCESS.find(RIGHTS.get(fold(text), text))
    return code.iri if code else None


def licence_iri(text: str) -> str | None:
    """Return the licence of a title with its version, or of an address."""
    if fold(text) in UNCERTAIN_LICENCES:
        return None
    code = LICENCES.find(LICENCE.get(fold(text), text))
    return code.iri if code else None
