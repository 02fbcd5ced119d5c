"""Stems of words by the rules of their language: "libraries" and "library", "huizen" and "huis" are the same word.

A stem is kept with its language (``nl:huis``), so that a word of one language is never taken for a word of another.
The engine's stemmers follow Snowball (snowballstem.org); it has none for Czech, so that stemmer is ours. The plural
forms that they do not know are in ``node.adapters.search.plurals``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache, lru_cache
from itertools import pairwise
from types import MappingProxyType
from typing import Final

import tantivy

from node.adapters.search.plurals import PLURALS

_RULES: Final = (
    "en=english nl=dutch fr=french de=german da=danish es=spanish fi=finnish hu=hungarian it=italian no=norwegian "
    "pt=portuguese ro=romanian sv=swedish"
)
_ENGINE: Final[dict[str, str]] = dict(pair.split("=") for pair in _RULES.split())
"""Language → the engine's name of its rules."""

_SAME: Final = MappingProxyType({"nb": "no", "nn": "no", "sk": "cs"})
"""Languages that are stemmed by the rules of another one: similar enough for a search."""

PORTAL: Final = ("en", "nl", "fr", "de", "cs")
"""Text without a known language is stemmed by the rules of these languages."""

_LONGEST_WORD: Final = 60

_CZECH_ENDINGS: Final = (
    *("atech", "etech", "itech", "ovych", "ovymi", "oveho", "ovemu"),
    *("atum", "etem", "etum", "ovym", "ovou", "iho", "imi", "imu", "ich", "ech", "ach", "eho", "emu", "ovi", "ove"),
    *("ami", "emi", "ete", "eti", "ych", "ymi", "ova", "ovy"),
    *("em", "im", "um", "ym", "mi", "ou", "ov", "ej"),
    *("a", "e", "i", "o", "u", "y"),
)
"""Endings of cases and of adjectives, without accents, the longest first."""
_CZECH_STEM: Final = 3
_CZECH_RING: Final = re.compile(r"ů(?!m?\b)|(?<=\bd)ů(?=m\b)")
"""An ů within a word. At its end it is an ending: "stromů", "stromům"."""
_CZECH_DATIVE: Final = re.compile(r"(?<=\w\w\w)ám\b")
_FLEETING: Final = re.compile("(?<=[a-z][^aeiouy])e(?=[^aeiouy]$)")
"""An e that other forms of the word do not have: "zastávek" of "zastávka", "obec" and "obce"."""


def stems(text: str, language: str) -> set[str]:
    """Return the stems of the words of ``text`` in ``language`` (RFC 5646; "und" or "" where it is not known)."""
    return {f"{each}:{stem}" for each in _languages(language) for stem in _stemmer(each)(text)}


def stem_pairs(text: str, language: str) -> list[frozenset[str]]:
    """Return for each language that ``text`` may be in the stems of every two words that follow each other
    (``fr:pont+fluvial``): by them, words are found beside each other in every form."""
    return [frozenset(_pairs(each, _stemmer(each)(text))) for each in _languages(language)]


def stems_and_pairs(text: str, language: str) -> set[str]:
    """Return the stems of the words of ``text``, and those of every two words that follow each other."""
    both: set[str] = set()
    for each in _languages(language):
        words = _stemmer(each)(text)
        both.update(f"{each}:{stem}" for stem in words)
        both.update(_pairs(each, words))
    return both


def _pairs(language: str, words: Sequence[str]) -> Iterator[str]:
    return (f"{language}:{first}+{second}" for first, second in pairwise(words))


def stem_phrase(text: str, language: str) -> str:
    """Return the stems of the words of ``text``, with a blank between them; "" if the rules of ``language`` are not
    known. Implements ``node.catalogue.search.label_table.StemPhrase``."""
    known = _language_or_none(language)
    return " ".join(_stemmer(known)(text)) if known else ""


@lru_cache(maxsize=4096)
def stems_of_word(word: str) -> frozenset[str]:
    """Return the stems that ``word`` has in each language: a search does not state its language."""
    return frozenset(f"{each}:{stem}" for each in (*_ENGINE, "cs") for stem in _stemmer(each)(word))


def _languages(language: str) -> Sequence[str]:
    """Return the languages by whose rules a text in ``language`` is stemmed."""
    main = language.lower().partition("-")[0]
    return PORTAL if main in ("", "und") else [known] if (known := _language_or_none(main)) else []


def _language_or_none(language: str) -> str:
    language = _SAME.get(language, language)
    return language if language in _ENGINE or language == "cs" else ""


@cache
def _stemmer(language: str) -> Callable[[str], list[str]]:
    if language == "cs":
        return lambda text: [_czech(word) for word in fold_words(_czech_vowels(text.lower()))]
    engine = analyzer(tantivy.Filter.stemmer(_ENGINE[language])).analyze
    if language not in PLURALS:
        return engine
    singular = PLURALS[language].singular
    return lambda text: engine(singular(text.lower()))


def lower_words(text: str) -> list[str]:
    """Return the words of ``text`` in lower case, with their accents: stemmers need them."""
    return _lowering().analyze(text)


def fold_words(text: str) -> list[str]:
    """Return the words of ``text`` in lower case and without accents."""
    return _folding().analyze(text)


def analyzer(*filters: tantivy.Filter) -> tantivy.TextAnalyzer:
    """Return the analyzer: lower case, no accents, so that Größe and grosse, Přívoz and privoz are equal.

    ``filters`` come before the accents are removed: the rules of a language use them.
    """
    builder = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple()).filter(tantivy.Filter.lowercase())
    for each in (*filters, tantivy.Filter.ascii_fold(), tantivy.Filter.remove_long(_LONGEST_WORD)):
        builder = builder.filter(each)
    return builder.build()


@cache
def _lowering() -> tantivy.TextAnalyzer:
    return tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple()).filter(tantivy.Filter.lowercase()).build()


@cache
def _folding() -> tantivy.TextAnalyzer:
    return analyzer()


def _czech_vowels(text: str) -> str:
    """Return ``text`` as it is in other forms: "dům" is "domy", "vůz" is "vozy"; "-ám" is an ending, "-am" is not."""
    return _CZECH_DATIVE.sub("", _CZECH_RING.sub("o", text))


@lru_cache(maxsize=16384)
def _czech(word: str) -> str:
    for ending in _CZECH_ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _CZECH_STEM:
            word = word[: -len(ending)]
            break
    return _FLEETING.sub("", word)
