"""Code lists: find a value of a field from anything that a steward may write, with suggestions.

The lists themselves are typed-in facts, one module each (``themes``, ``licences``, ``filetypes``, ``frequencies``,
``languages``); this module has their common functions, and the short lists.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Final

from node.texts.catalogue import Catalogue
from node.vocab.namespaces import HANSA

EU: Final = "http://publications.europa.eu/resource/authority/"
"""The authority tables of the Publications Office of the European Union."""

_TEXTS: Final = Catalogue("codes")
_NOISE = re.compile(r"[^a-z0-9+]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """One value. People write the ``code``; the record contains the ``iri``.

    ``labels``: language tag → name. ``also``: other spellings that mean just this value. ``hints``: words that only
    suggest it. ``same``: other IRIs of the same thing, read but not written.
    """

    code: str
    iri: str
    labels: Mapping[str, str]
    also: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    same: tuple[str, ...] = ()

    def label(self, language: str = "en") -> str:
        return self.labels.get(language) or self.labels.get("en") or self.code


@dataclass(frozen=True, slots=True)
class CodeList:
    """A closed list. ``name`` is used by messages and by ``hansa publish --choices``; ``scheme`` is its IRI.

    ``open`` lists admit other IRIs too (there are more licences than anybody can list).
    """

    name: str
    scheme: str
    codes: tuple[Code, ...]
    open: bool = False
    _spellings: dict[str, Code] = field(init=False, repr=False, compare=False, default_factory=dict)
    _iris: dict[str, Code] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        for code in self.codes:
            for spelling in (code.code, *code.labels.values(), *code.also):
                self._spellings.setdefault(_key(spelling), code)
            for iri in (code.iri, *code.same):
                self._iris.setdefault(_without_scheme(iri), code)

    def __iter__(self) -> Iterator[Code]:
        return iter(self.codes)

    def __len__(self) -> int:
        return len(self.codes)

    def find(self, text: str) -> Code | None:
        """Return the value with ``text`` as its code, label in any language, other spelling or IRI."""
        return self._spellings.get(_key(text)) or self.by_iri(text)

    def by_iri(self, iri: str) -> Code | None:
        """Return the value with this IRI. ``http`` and ``https``, and a closing slash, make no difference."""
        return self._iris.get(_without_scheme(iri))

    def suggest(self, text: str, limit: int = 3) -> tuple[Code, ...]:
        """Return values that ``text`` may have meant, the likeliest first; empty if no value is similar."""
        key = fold(text)
        if not key:
            return ()
        pairs = sorted(((self._likeness(code, key), code) for code in self.codes), key=lambda pair: -pair[0])
        best = pairs[0][0] if pairs else 0.0
        # If a hint matches (1.0), spellings that are merely similar are noise.
        return tuple(code for score, code in pairs[:limit] if score >= max(0.6, best - 0.1))

    @staticmethod
    def _likeness(code: Code, key: str) -> float:
        best = 0.0
        for spelling in (code.code, *code.labels.values(), *code.also, *code.hints):
            candidate = fold(spelling)
            if key == candidate:
                return 1.0
            common_words = {
                word for word in set(candidate.split()) & set(key.split()) if len(word) > 3 or word.isdigit()
            }
            if common_words:
                # The larger the shared part of both texts, the likelier the match: "public transport" is not the
                # public sector.
                best = max(best, 0.8 + 0.15 * sum(map(len, common_words)) / max(len(key), len(candidate)))
            best = max(best, SequenceMatcher(None, key, candidate).ratio())
        return best


def labels_of(key: str, name: str) -> Mapping[str, str]:
    """Return the texts ``key`` of the catalogue ``codes`` by language; only ``name`` if it is a proper name."""
    return _TEXTS.in_all(key) if _TEXTS.knows(key) else {"en": name}


def fold(text: str) -> str:
    """Return ``text`` without case, accents and punctuation: ``CC-BY 4.0`` and ``cc_by_4.0`` are the same."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return _NOISE.sub(" ", "".join(c for c in plain if not unicodedata.combining(c))).strip()


def _key(text: str) -> str:
    """Return the form in which spellings are compared: folded, or in lower case if no Latin letter or digit is in it,
    as in names in Greek or Cyrillic."""
    return fold(text) or text.strip().casefold()


def _without_scheme(iri: str) -> str:
    return iri.strip().removeprefix("https://").removeprefix("http://").rstrip("/")


def suggestion(codes: Iterable[Code], language: str = "en") -> str:
    """Return codes for people to read: ``TRAN (Transport), ENVI (Environment)``."""
    return ", ".join(f"{code.code} ({code.label(language)})" for code in codes)


ACCESS: Final = CodeList(
    "access",
    f"{EU}access-right",
    (
        Code(
            code="public",
            iri=f"{EU}access-right/PUBLIC",
            labels=labels_of("access.public", "public"),
            hints=("open", "free", "everyone", "iedereen"),
        ),
        Code(
            code="restricted",
            iri=f"{EU}access-right/RESTRICTED",
            labels=labels_of("access.restricted", "restricted"),
            hints=("members", "partners", "leden", "contract"),
        ),
        Code(
            code="non-public",
            iri=f"{EU}access-right/NON_PUBLIC",
            labels=labels_of("access.non-public", "non-public"),
            also=("non_public", "nonpublic"),
            hints=("private", "internal", "confidential", "secret", "intern"),
        ),
    ),
)
"""EU access rights: who may use an asset, in one word."""

NOTATIONS: Final = CodeList(
    "transformation language",
    f"{HANSA}TransformationLanguage",
    (
        Code(
            code="SPARQL CONSTRUCT",
            iri=f"{HANSA}SparqlConstruct",
            labels=dict.fromkeys(("en", "nl", "fr", "de", "cs"), "SPARQL CONSTRUCT"),
            also=("sparql", "construct"),
            hints=("query", "rdf"),
        ),
        Code(
            code="column mapping",
            iri=f"{HANSA}ColumnMapping",
            labels=labels_of("transformation-language.column-mapping", "column mapping"),
            also=("columns", "mapping"),
            hints=("csv", "table", "yaml"),
        ),
        Code(
            code="SPARQL UPDATE",
            iri=f"{HANSA}SparqlUpdate",
            labels=dict.fromkeys(("en", "nl", "fr", "de", "cs"), "SPARQL UPDATE"),
            also=("update", "updates"),
            hints=("insert", "delete"),
        ),
        Code(
            code="SQL",
            iri=f"{HANSA}Sql",
            labels=dict.fromkeys(("en", "nl", "fr", "de", "cs"), "SQL"),
            also=("select",),
            hints=("duckdb", "database"),
        ),
        Code(
            code="Python function",
            iri=f"{HANSA}PythonFunction",
            labels=labels_of("transformation-language.python-function", "Python function"),
            also=("python", "function"),
            hints=("code", "script"),
        ),
        Code(
            code="unit conversion",
            iri=f"{HANSA}UnitConversion",
            labels=labels_of("transformation-language.unit-conversion", "unit conversion"),
            also=("units", "ucum"),
            hints=("unit", "measure"),
        ),
        Code(
            code="coordinate conversion",
            iri=f"{HANSA}CoordinateConversion",
            labels=labels_of("transformation-language.coordinate-conversion", "coordinate conversion"),
            also=("coordinates", "crs"),
            hints=("epsg", "projection"),
        ),
        Code(
            code="JSON-LD framing",
            iri=f"{HANSA}JsonLdFraming",
            labels=labels_of("transformation-language.json-ld-framing", "JSON-LD framing"),
            also=("frame", "json-ld"),
            hints=("context", "jsonld"),
        ),
        Code(
            code="RML",
            iri=f"{HANSA}Rml",
            labels=labels_of("transformation-language.rml", "RML"),
            also=("R2RML", "rdf mapping language"),
            hints=("triples map", "rdf"),
        ),
        Code(
            code="YARRRML",
            iri=f"{HANSA}Yarrrml",
            labels=labels_of("transformation-language.yarrrml", "YARRRML"),
            also=("yarrr",),
            hints=("rml", "yaml"),
        ),
    ),
)
"""The languages in which a transformation can be written."""

RISKS: Final = CodeList(
    "risk",
    f"{HANSA}RiskLevel",
    (
        Code(
            code="low",
            iri=f"{HANSA}LowRisk",
            labels=labels_of("risk.low", "low"),
            hints=("minimal", "none"),
        ),
        Code(
            code="medium",
            iri=f"{HANSA}MediumRisk",
            labels=labels_of("risk.medium", "medium"),
            hints=("moderate", "limited"),
        ),
        Code(
            code="high",
            iri=f"{HANSA}HighRisk",
            labels=labels_of("risk.high", "high"),
            hints=("severe",),
        ),
    ),
)
"""The harm that a wrong answer of a model can do."""

STRICTNESS: Final = CodeList(
    "strictness",
    f"{HANSA}Strictness",
    (
        Code(
            code="warn",
            iri=f"{HANSA}Warn",
            labels=labels_of("strictness.warn", "warn"),
            hints=("warning", "allow"),
        ),
        Code(
            code="refuse",
            iri=f"{HANSA}Refuse",
            labels=labels_of("strictness.refuse", "refuse"),
            hints=("error", "forbid", "reject"),
        ),
    ),
)
"""The answers of a node to something that a schema does not admit."""
