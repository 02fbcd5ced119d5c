"""The statements of a description, as values that a page can show: facts, then everything else.

A *value* has a shape (a date, a duration, an IRI, a text in languages …); the template writes it in the reader's
language. Facts that readers look for have labels and an order of their own; all other statements about the asset are
shown below them with the name of their property: nothing is hidden.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from node.base.clock import moment
from node.catalogue.retention import KEPT_FOR, KEPT_VERSIONS
from node.portal.codes import compact
from node.portal.description.triples import RDF_TYPE, Description, Term
from node.semantics.description.personal_data import ANSWER, ASSESSMENT, BASIS, PURPOSE
from node.vocab.namespaces import (
    ADMS,
    DCAT,
    DCATAP,
    DCT,
    DQV,
    FOAF,
    HANSA,
    LOCN,
    ODRL,
    OWL,
    PROV,
    RDF,
    RDFS,
    SCHEMA,
    SKOS,
    VCARD,
    XSD,
)

MAX_DEPTH: Final = 3
MAX_VALUES: Final = 60

NAMING: Final = (f"{DCT}title", f"{RDFS}label", f"{SKOS}prefLabel", f"{FOAF}name", f"{VCARD}fn", f"{SCHEMA}name")
"""Properties that name a thing, the most common first."""

_NUMBERS: Final = frozenset(
    f"{XSD}{name}"
    for name in [
        "integer",
        "decimal",
        "double",
        "float",
        "int",
        "long",
        "short",
        "byte",
        "nonNegativeInteger",
        "positiveInteger",
        "unsignedInt",
        "unsignedLong",
        "negativeInteger",
        "nonPositiveInteger",
    ]
)
_DATES: Final = frozenset(f"{XSD}{name}" for name in ("date", "dateTime", "dateTimeStamp"))
_DURATIONS: Final = frozenset(f"{XSD}{name}" for name in ("duration", "dayTimeDuration", "yearMonthDuration"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One value. ``shape`` is text, number, day, moment, duration, flag, iri, period, place, contact or nested.

    ``texts`` is for text; ``plain`` is the written form of all other shapes; ``end`` closes a period (``plain`` opens
    it); ``unit`` follows a number; ``facts`` are those of a nested value.
    """

    shape: str
    plain: str = ""
    texts: dict[str, str] = field(default_factory=dict)
    moment: datetime | None = None
    end: datetime | None = None
    number: float | None = None
    unit: str = ""
    mail: str = ""
    link: str = ""
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A labelled value. ``label`` is a key of the language files (``fact.…``); if it is empty, ``name`` is the
    property's own name."""

    label: str
    values: tuple[Value, ...]
    name: str = ""


FACTS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("licence", (f"{DCT}license",)),
    ("access", (f"{DCT}accessRights",)),
    ("temporal", (f"{DCT}temporal",)),
    ("frequency", (f"{DCT}accrualPeriodicity",)),
    ("step", (f"{DCAT}temporalResolution",)),
    ("spatial", (f"{DCT}spatial",)),
    ("subject", (f"{DCT}subject",)),
    ("grain", (f"{DCAT}spatialResolutionInMeters",)),
    ("conforms", (f"{DCT}conformsTo",)),
    ("endpoint", (f"{DCAT}endpointURL",)),
    ("interface", (f"{DCAT}endpointDescription",)),
    ("serves", (f"{DCAT}servesDataset",)),
    ("language", (f"{DCT}language",)),
    ("keepversions", (KEPT_VERSIONS,)),
    ("keepfor", (KEPT_FOR,)),
    ("issued", (f"{DCT}issued",)),
    ("modified", (f"{DCT}modified",)),
    ("law", (f"{DCATAP}applicableLegislation",)),
    ("provenance", (f"{DCT}provenance",)),
    ("personal", (ANSWER,)),
    ("basis", (BASIS,)),
    ("purpose", (PURPOSE,)),
    ("assessment", (ASSESSMENT,)),
    ("landing", (f"{DCAT}landingPage", f"{FOAF}page")),
    ("contact", (f"{DCAT}contactPoint",)),
)
"""The facts that readers look for, in the order in which pages show them."""

LINEAGE: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("source", (f"{DCT}source", f"{PROV}wasDerivedFrom", f"{PROV}hadPrimarySource")),
    ("generated", (f"{PROV}wasGeneratedBy",)),
    ("quoted", (f"{PROV}wasInfluencedBy", f"{PROV}wasQuotedFrom", f"{PROV}wasRevisionOf")),
    ("part", (f"{DCT}isPartOf", f"{DCAT}inSeries")),
    ("related", (f"{DCT}relation", f"{DCT}isReferencedBy", f"{DCT}references", f"{DCAT}qualifiedRelation")),
    ("attributed", (f"{PROV}wasAttributedTo", f"{PROV}qualifiedAttribution", f"{DCT}creator")),
)
"""Properties for the origin of an asset and for the things that it belongs to."""

ELSEWHERE: Final = frozenset(
    {
        RDF_TYPE,
        f"{DCT}title",
        f"{DCT}description",
        f"{DCT}publisher",
        f"{DCT}identifier",
        f"{DCAT}keyword",
        f"{DCAT}theme",
        f"{DCAT}distribution",
        f"{DCAT}version",
        f"{OWL}versionInfo",
        f"{ODRL}hasPolicy",
        f"{ADMS}sample",
        f"{ADMS}versionNotes",
        f"{DQV}hasQualityMeasurement",
        f"{RDFS}label",
        f"{HANSA}story",
    }
)
"""Properties that have a place of their own on the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """One form in which the content is available, as the description states it."""

    texts: dict[str, str]
    format: str
    media_type: str
    licence: str
    address: str
    size: int | None
    conforms: tuple[str, ...] = ()


def facts(description: Description, subject: str) -> tuple[Fact, ...]:
    """Return the facts of ``FACTS`` that the description has; the licence also if only distributions name it."""
    labels = _label_facts(description, subject, FACTS)
    if not any(fact.label == "licence" for fact in labels):
        licences = dict.fromkeys(d.licence for d in distributions(description, subject) if d.licence)
        if licences:
            values = tuple(Value(shape="iri", plain=licence) for licence in licences)
            labels = (Fact(label="licence", values=values), *labels)
    return labels


def lineage(description: Description, subject: str) -> tuple[Fact, ...]:
    """Return sources, activities, wholes and relations."""
    return _label_facts(description, subject, LINEAGE)


def remaining(description: Description, subject: str, used_predicates: Iterable[str] = ()) -> tuple[Fact, ...]:
    """Return all statements about ``subject`` that have no place elsewhere on the page."""
    shown_predicates = ELSEWHERE.union(*(predicates for _, predicates in (*FACTS, *LINEAGE)), used_predicates)
    return tuple(
        Fact(label="", name=compact(predicate), values=values(description, subject, predicate))
        for predicate in description.predicates(subject)
        if predicate not in shown_predicates
    )


def distributions(description: Description, subject: str) -> tuple[Distribution, ...]:
    """Return the first fifty distributions."""
    files = []
    for term in description.terms(subject, f"{DCAT}distribution", f"{ADMS}sample")[:50]:
        node = term.value
        size = description.value(node, f"{DCAT}byteSize")
        files.append(
            Distribution(
                texts=description.texts(node, f"{DCT}title") or description.texts(node, f"{DCT}description"),
                format=_first_name(description, node, f"{DCT}format"),
                media_type=_first_name(description, node, f"{DCAT}mediaType"),
                licence=_first_name(description, node, f"{DCT}license"),
                address=description.value(node, f"{DCAT}downloadURL", f"{DCAT}accessURL"),
                size=int(size) if size.isdecimal() and len(size) < 19 else None,
                conforms=tuple(t.value for t in description.terms(node, f"{DCT}conformsTo")),
            )
        )
    return tuple(files)


def _first_name(description: Description, subject: str, predicate: str) -> str:
    """Return the first value as IRI or text; for a blank node its name, or empty."""
    for term in description.terms(subject, predicate):
        if not term.is_blank:
            return term.value
        for naming in (*NAMING, f"{RDF}value"):
            if names := description.texts(term.value, naming):
                return next(iter(names.values()))
    return ""


def values(description: Description, subject: str, *predicates: str, depth: int = 0) -> tuple[Value, ...]:
    """Return the values of some properties. Texts in several languages are one value."""
    values_of_terms: list[Value] = []
    values_by_language: dict[str, str] = {}
    for term in description.terms(subject, *predicates)[:MAX_VALUES]:
        if term.is_literal and term.language and term.language not in values_by_language:
            values_by_language[term.language] = term.value
        else:
            values_of_terms.append(_value(description, term, depth))
    return (
        (Value(shape="text", texts=values_by_language), *values_of_terms)
        if values_by_language
        else tuple(values_of_terms)
    )


def name_of(description: Description, subject: str) -> dict[str, str]:
    """Return the names of ``subject`` in the description itself: language tag → name."""
    return description.texts(subject, *NAMING)


def mentioned_iris(facts_: Sequence[Fact]) -> frozenset[str]:
    """Return all IRIs in these facts: for some of them a name may be known."""
    iris: set[str] = set()
    for fact in facts_:
        for value in fact.values:
            if value.shape == "iri":
                iris.add(value.plain)
            iris |= mentioned_iris(value.facts)
    return frozenset(iris)


def _label_facts(
    description: Description, subject: str, table: Iterable[tuple[str, tuple[str, ...]]]
) -> tuple[Fact, ...]:
    facts_with_labels = []
    for label, predicates in table:
        if said := values(description, subject, *predicates):
            facts_with_labels.append(Fact(label=label, values=said))
    return tuple(facts_with_labels)


def _value(description: Description, term: Term, depth: int) -> Value:
    if term.is_literal:
        return _literal(term)
    if not description.has(term.value):
        return Value(shape="iri", plain=term.value)
    return _thing(description, term, depth)


def _literal(term: Term) -> Value:
    text = term.value
    if term.datatype in _DATES:
        try:
            shape = "day" if term.datatype == f"{XSD}date" else "moment"
            return Value(shape=shape, plain=text, moment=moment(text))
        except ValueError:
            return Value(shape="text", texts={"": text})
    if term.datatype in _NUMBERS and re.fullmatch(r"[+-]?\d{1,15}(?:\.\d{1,15})?(?:[eE][+-]?\d{1,2})?", text):
        return Value(shape="number", plain=text, number=float(text) if not _whole(text) else int(text))
    if term.datatype in _DURATIONS:
        return Value(shape="duration", plain=text)
    if term.datatype == f"{XSD}boolean":
        return Value(shape="flag", plain="yes" if text in ("true", "1") else "no")
    if term.datatype == f"{XSD}anyURI":
        return Value(shape="iri", plain=text)
    return Value(shape="text", plain=text, texts={term.language: text})


def _thing(description: Description, term: Term, depth: int) -> Value:
    """Return the value of a node that the description describes: a period, a place, a contact, or nested facts."""
    node = term.value
    begins = description.value(node, f"{DCAT}startDate", f"{SCHEMA}startDate")
    ends = description.value(node, f"{DCAT}endDate", f"{SCHEMA}endDate")
    if begins or ends:
        return Value(shape="period", moment=_moment(begins), end=_moment(ends), plain=f"{begins}/{ends}")
    names = name_of(description, node)
    mail = description.value(node, f"{VCARD}hasEmail", f"{FOAF}mbox", f"{SCHEMA}email")
    page = description.value(node, f"{VCARD}hasURL", f"{FOAF}homepage")
    if mail or f"{VCARD}fn" in description.predicates(node):
        return Value(shape="contact", texts=names, mail=mail, link=page)
    box = description.value(node, f"{DCAT}bbox", f"{LOCN}geometry", f"{DCAT}centroid")
    if names and not term.is_blank:
        return Value(shape="iri", plain=node, texts=names)
    if names or box:
        return Value(shape="place", texts=names, plain="" if names else _corners(box), link=node)
    if depth >= MAX_DEPTH:
        return Value(shape="text", texts={"": "…"})
    inner = tuple(
        Fact(label="", name=compact(predicate), values=values(description, node, predicate, depth=depth + 1))
        for predicate in description.predicates(node)
        if predicate != RDF_TYPE
    )
    if not inner and not term.is_blank:
        return Value(shape="iri", plain=node)
    return Value(shape="nested", facts=inner)


def _corners(geometry: str) -> str:
    """Return the bounds of a WKT or GeoJSON geometry as ``west south east north``; empty if it has no numbers."""
    plain = re.sub(r"<[^>]*>", "", geometry[:20_000])
    numbers = [float(n) for n in re.findall(r"-?\d{1,3}\.\d{1,12}|-?\b\d{1,3}\b", plain)]
    if len(numbers) < 4:
        return ""
    east, north = numbers[0::2], numbers[1::2]
    return f"{min(east):g} {min(north):g} {max(east):g} {max(north):g}"


def _moment(text: str) -> datetime | None:
    try:
        return moment(text) if text else None
    except ValueError:
        return None


def _whole(text: str) -> bool:
    return text.lstrip("+-").isdecimal()
