"""The languages of a node's texts, and the rules of each from CLDR."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from babel import Locale

LANGUAGES: Final = ("en", "nl", "cs", "fr", "de")
"""The tags of the languages that every catalogue has, in the order in which people choose from them."""

FALLBACK: Final = "en"
"""The language for a reader of any other language."""

_REGIONS: Final = {"en": "en_GB"}
"""The country that sets the rules of a language, if CLDR's default for the language is another country."""


def supported_language(tag: str) -> str:
    """Return the language of ``LANGUAGES`` for a tag (``nl-BE`` reads as ``nl``), English for any other."""
    if tag in LANGUAGES:
        return tag
    base = tag.replace("_", "-").partition("-")[0].lower()
    return base if base in LANGUAGES else FALLBACK


@cache
def locale(language: str) -> Locale:
    """Return CLDR's rules for a language of ``LANGUAGES``."""
    # Loaded on first use: a command at the terminal that prints one line needs no calendar.
    from babel import Locale

    return Locale.parse(_REGIONS.get(language, language))


def plural(language: str, number: int | Decimal) -> str:
    """Return the CLDR plural form of ``number``: one, few, many or other."""
    return str(locale(language).plural_form(number))


def forms(language: str) -> frozenset[str]:
    """Return the plural forms that a counted text may have in ``language``."""
    return frozenset({*locale(language).plural_form.tags, "other"})


@cache
def own_name(language: str) -> str:
    """Return the name of a language in that language, with a capital: ``Nederlands``, ``Čeština``."""
    name = locale(language).get_language_name(language) or language
    return name[:1].upper() + name[1:]


@cache
def country_name(code: str, language: str) -> str:
    """Return the name in ``language`` of the country with this code of ISO 3166-1; the code if it is unknown."""
    return str(locale(language).territories.get(code, code))


@cache
def name_of(code: str, language: str) -> str:
    """Return the name in ``language`` of the language with this code of ISO 639 (``cat``, ``ca``); empty if the code
    is unknown."""
    from babel import Locale, UnknownLocaleError
    from babel.core import get_global

    short = get_global("language_aliases").get(code.lower(), code.lower())
    try:
        return Locale.parse(short).get_language_name(locale(language).language) or ""
    except (ValueError, UnknownLocaleError):
        return str(locale(language).languages.get(short, ""))


def pick(texts_by_tag: Mapping[str, str], language: str) -> tuple[str, str]:
    """Return (text, its language) for a reader of ``language``: in that language, a variant of it, English, or any
    language that is left."""
    if not texts_by_tag:
        return "", ""
    for candidate in (language, FALLBACK):
        if texts_by_tag.get(candidate):
            return texts_by_tag[candidate], candidate
        for tag, text in texts_by_tag.items():
            if text and tag.lower().startswith(f"{candidate}-"):
                return text, tag
    return next(((text, tag) for tag, text in texts_by_tag.items() if text), ("", ""))
