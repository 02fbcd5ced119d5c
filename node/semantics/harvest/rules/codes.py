"""Replace text by a value of a code list, if the profile requires one: found by code, label in any language, or usual
spelling."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from pyoxigraph import BlankNode, Literal, NamedNode, Quad

from node.base.errors import InvalidInput
from node.semantics.codelists.filetypes import FILE_TYPES, MEDIA_TYPE_OF, file_type, media_type_iri
from node.semantics.codelists.frequencies import FREQUENCIES
from node.semantics.codelists.languages import LANGUAGES
from node.semantics.codelists.licences import LICENCES
from node.semantics.codelists.lookup import ACCESS, EU, fold
from node.semantics.codelists.themes import THEMES
from node.semantics.harvest.rules.model import Change, Record, change_value
from node.semantics.harvest.rules.spellings import (
    FORMATS,
    FREQUENCY,
    LANGUAGE,
    LICENCE,
    RIGHTS,
    THEME,
    UNCERTAIN_LICENCES,
)
from node.semantics.triples import literals
from node.vocab.namespaces import DCAT, DCT, SKOS

Find = Callable[[str], str | None]


def _code_rule(find: Find, *properties: str) -> Callable[[Record], Iterator[Change]]:
    """Return a rule that replaces each text of ``properties`` that ``find`` knows by its IRI."""

    def apply(record: Record) -> Iterator[Change]:
        for quad, text in record.texts(*properties):
            iri = find(text.value.strip())
            if iri:
                yield change_value(quad, NamedNode(iri))

    return apply


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


languages = _code_rule(language_iri, f"{DCT}language")
themes = _code_rule(theme_iri, f"{DCAT}theme")
formats = _code_rule(format_iri, f"{DCT}format")
media_types = _code_rule(lambda text: media_type(text) or media_type_of_format(text), f"{DCAT}mediaType")
package_formats = _code_rule(media_type, f"{DCAT}compressFormat", f"{DCAT}packageFormat")
frequencies = _code_rule(frequency_iri, f"{DCT}accrualPeriodicity")
access_rights = _code_rule(access_right, f"{DCT}accessRights")
licences = _code_rule(licence_iri, f"{DCT}license")


def theme_nodes(record: Record) -> Iterator[Change]:
    """Replace a theme that is a blank concept by the meaning of its label: a theme of the EU list, else a keyword."""
    for quad in record.of(f"{DCAT}theme"):
        if not isinstance(quad.object, BlankNode):
            continue
        labels = literals(record.dataset, quad.object, f"{SKOS}prefLabel")
        codes = [iri for text in labels if (iri := theme_iri(text.value.strip()))]
        if codes:
            additions: tuple[Quad, ...] = (Quad(quad.subject, quad.predicate, NamedNode(codes[0])),)
        else:
            additions = tuple(Quad(quad.subject, NamedNode(f"{DCAT}keyword"), text) for text in labels)
        if additions:
            yield Change((quad, *sorted(record.dataset.quads_for_subject(quad.object), key=str)), additions)


def themes_to_keywords(record: Record) -> Iterator[Change]:
    """Turn a theme that is in no list into a keyword."""
    for quad, text in record.texts(f"{DCAT}theme"):
        word = text.value.strip()
        if word:
            keyword = Literal(word, language=text.language) if text.language else Literal(word)
            yield Change((quad,), (Quad(quad.subject, NamedNode(f"{DCAT}keyword"), keyword),))
