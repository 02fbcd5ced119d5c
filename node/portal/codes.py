"""Words for the IRIs of public code lists: licences, themes, frequencies, file types, access rights.

Pages show no raw IRI if a name exists. The lists themselves are those that ``node.semantics`` uses to read
descriptions; codes that they lack are made readable from their IRI.
"""

from __future__ import annotations

import re
from typing import Final

from node.policy.labels import credential_label, group_label, known_purposes, purpose_label, purpose_names, purposes
from node.portal.markup import last_segment
from node.semantics.codelists.datatypes import DATATYPES
from node.semantics.codelists.filetypes import FILE_TYPES
from node.semantics.codelists.frequencies import FREQUENCIES
from node.semantics.codelists.languages import LANGUAGES
from node.semantics.codelists.legal_bases import LEGAL_BASES
from node.semantics.codelists.licences import LICENCES, NATIONAL_LICENCES
from node.semantics.codelists.lookup import ACCESS, NOTATIONS, RISKS, STRICTNESS, CodeList
from node.semantics.codelists.themes import THEMES
from node.semantics.conversions import FORMATS
from node.texts.languages import name_of as language_name
from node.vocab.namespaces import shorten_iri

_LISTS: Final[tuple[CodeList, ...]] = (
    THEMES,
    LICENCES,
    NATIONAL_LICENCES,
    FILE_TYPES,
    FREQUENCIES,
    ACCESS,
    LANGUAGES,
    NOTATIONS,
    RISKS,
    STRICTNESS,
    DATATYPES,
    LEGAL_BASES,
    FORMATS,
)
_AUTHORITY: Final = re.compile(r"https?://publications\.europa\.eu/resource/authority/[a-z-]+/([A-Za-z0-9_.-]+)")
_LANGUAGE: Final = re.compile(
    r"https?://(?:publications\.europa\.eu/resource/authority/language|id\.loc\.gov/vocabulary/iso639-[12]"
    r"|lexvo\.org/id/iso639-3)/([A-Za-z]{2,3})"
)
_EPSG: Final = re.compile(r"https?://www\.opengis\.net/def/crs/EPSG/[\d.]+/(\d+)")
_CREATIVE_COMMONS: Final = re.compile(
    r"https?://creativecommons\.org/licenses/([a-z-]+)/(\d\.\d)(?:/([a-z]{2}))?(?:/(?:deed(?:\.\w+)?|legalcode(?:\.\w+)?)?)?"
)
_OPEN_DATA_COMMONS: Final = re.compile(r"https?://(?:www\.)?opendatacommons\.org/licenses/([a-z]+)/1[-.]0/?")
_SPDX: Final = re.compile(r"https?://spdx\.org/licenses/([A-Za-z0-9.+-]+?)(?:\.html)?/?")
_MEDIA_TYPE: Final = re.compile(r"https?://www\.iana\.org/assignments/media-types/([\w.+-]+/[\w.+-]+)")


def words_of_code(value: str, language: str) -> str:
    """Return the name of a coded value in ``language``, else in English; empty if no known list has it."""
    if (match := _LANGUAGE.fullmatch(value)) and (name := language_name(match[1], language)):
        return name
    for codes in _LISTS:
        if code := codes.by_iri(value):
            return code.label(language)
    if match := _AUTHORITY.fullmatch(value):
        return match[1].replace("_", " ")
    if match := _CREATIVE_COMMONS.fullmatch(value):
        country = f" {match[3].upper()}" if match[3] else ""
        return f"CC {match[1].upper()} {match[2]}{country}"
    if (match := _OPEN_DATA_COMMONS.fullmatch(value)) and (code := LICENCES.by_iri(_open_data_commons(match[1]))):
        return code.label(language)
    if match := _SPDX.fullmatch(value):
        # People call these licences by their SPDX identifiers: Apache-2.0, MIT.
        known = LICENCES.find(match[1]) or NATIONAL_LICENCES.find(match[1])
        return known.label(language) if known else match[1]
    if match := _EPSG.fullmatch(value):
        return f"EPSG:{match[1]}"
    if match := _MEDIA_TYPE.fullmatch(value):
        return match[1]
    if re.fullmatch(r"[A-Z]{4}", value) and (theme := THEMES.find(value)):
        return theme.label(language)
    return ""


def _open_data_commons(name: str) -> str:
    return f"http://opendatacommons.org/licenses/{name}/1.0"


def words_of_type(code: str, language: str) -> str:
    """Return the name of a type of columns."""
    known = DATATYPES.find(code)
    return known.label(language) if known else code


def conversion(value: str) -> str:
    """Return the name of a format that data are converted to, such as ``GeoPackage``."""
    code = FORMATS.find(value)
    return code.label() if code else value


def file_type(value: str, language: str) -> str:
    """Return the name of a format in ``language``; ``value`` may be a code (``GEOJSON``), an IRI or free text."""
    code = FILE_TYPES.find(value)
    return code.label(language) if code else words_of_code(value, language) or value


def licence(value: str, language: str) -> str:
    """Return the name of a licence in ``language``; ``value`` may be a code (``CC0-1.0``), an IRI or free text."""
    code = LICENCES.find(value)
    return code.label(language) if code else words_of_code(value, language) or value


def credential(kind: str, language: str) -> str:
    """Return the name of a credential type."""
    return credential_label(kind, language)


def purpose(value: str, language: str) -> str:
    """Return the name of a purpose or of a named group of purposes; empty if it has none here."""
    if value in known_purposes():
        return purpose_label(value, language)
    if value in purpose_names():
        return group_label(frozenset(purposes(value)), language) or ""
    return ""


def compact(iri: str) -> str:
    """Return ``prefix:name`` for an IRI of a vocabulary that we know, else its last segment."""
    return shorten_iri(iri) or last_segment(iri)
