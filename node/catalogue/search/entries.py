"""Make the entry of the search index from a record. The entry depends on nothing but the record and its place."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any, Final

from node.catalogue.access import access_code_of
from node.catalogue.model import IndexFields, Period, Record
from node.catalogue.nquads import Statement, is_literal, language_of, statements, text_of
from node.catalogue.search.identities import identifiers, identities
from node.catalogue.search.periods import first_day, last_day
from node.semantics.codelists.filetypes import FILE_TYPES, IANA, file_type
from node.semantics.codelists.licences import LICENCES
from node.semantics.codelists.places import place_named, place_of
from node.semantics.quality import score
from node.vocab.namespaces import DCAT, DCT, LOCN, RDFS, SCHEMA, SKOS, XSD

MAX_TEXT: Final = 64 * 1024
"""The characters of a record's text that are indexed."""

MAX_VALUES: Final = 50
"""The most values of one facet that are indexed for a record: an imported catalogue may list thousands."""

MAX_VALUE: Final = 300
"""The longest value of a facet; longer values are not names."""

_FORMAT: Final = f"<{DCT}format>"
_MEDIA_TYPE: Final = f"<{DCAT}mediaType>"
_LICENCE: Final = f"<{DCT}license>"
_BEGINS: Final = frozenset(f"<{name}>" for name in (f"{DCAT}startDate", f"{SCHEMA}startDate"))
_ENDS: Final = frozenset(f"<{name}>" for name in (f"{DCAT}endDate", f"{SCHEMA}endDate"))
_TEMPORAL: Final = f"<{DCT}temporal>"
_SPATIAL: Final = f"<{DCT}spatial>"
_NAMES: Final = tuple(
    f"<{name}>" for name in (f"{SKOS}prefLabel", f"{LOCN}geographicName", f"{RDFS}label", f"{SCHEMA}name")
)
"""The names of a place, the best first."""
_SHAPES: Final = frozenset(
    f"<{name}>" for name in (f"{DCAT}bbox", f"{DCAT}centroid", f"{LOCN}geometry", f"{SCHEMA}geo")
)
"""The shapes of a place. One that has a shape and no name is an area, not a value to choose."""
_PlaceName = tuple[int, bool, str]
"""A name of a place behind what it is sorted by: the rank of its property, and whether it is in another language."""
_FORESIGHT: Final = 50
"""By so many years the end of a period may lie ahead; 2099 or 9999 says that there is none."""
_TAG: Final = re.compile(r"[a-z]{2,3}")


def index_entry(record: Record, place: int = 0, *, me: str = "") -> IndexFields:
    """Return the entry of ``record`` in the search index, at ``place`` in the order of publication. ``me`` is the DID
    of this node."""
    quads = list(statements(record.nquads))
    period = period_of(quads)
    return IndexFields(
        iri=record.iri,
        audience=record.audience,
        kind=record.kind,
        titles=dict(record.titles),
        texts=_texts(record, quads),
        keywords=record.keywords,
        themes=record.themes,
        publisher=record.publisher_key,
        publisher_iri=record.publisher,
        publisher_name=record.publisher_name,
        access=str(access_code_of(record)),
        at=record.at,
        bbox=_box(record.extra.get("bbox")),
        formats=_formats(record, quads),
        licences=licences(quads),
        node=record.origin,
        period=period,
        spatials=_spatials(quads),
        years=_years(period, record.at.year),
        points=_points(record, me),
        place=place,
        identities=identities(record, quads),
        identifiers=identifiers(record, quads),
        is_harvested=record.harvest_origin is not None,
    )


def _points(record: Record, me: str) -> int | None:
    """Return the points of a dataset's description: our own count, whatever another node states about itself."""
    if record.kind != "dataset":
        return None
    stored = record.extra.get("score")
    if record.origin == me and isinstance(stored, dict):
        return int(stored["points"])
    conforms = not any(warning.get("severity") == "violation" for warning in record.warnings)
    return score(record.nquads, record.subject, conforms=conforms).points


def _box(edges: Any) -> tuple[float, float, float, float] | None:
    """Return west, south, east, north; None if ``edges`` is not a box: ``extra`` may come from another node."""
    try:
        west, south, east, north = (float(edge) for edge in edges)
    except (TypeError, ValueError):
        return None
    within = -180 <= west <= east <= 180 and -90 <= south <= north <= 90
    return (west, south, east, north) if within else None


def _texts(record: Record, quads: Iterable[Statement]) -> dict[str, str]:
    """Return language → every text of the description in it: terms, parameters, contact, notes; "" for no language.

    The description comes first, because a reader expects it at the beginning of a text.
    """
    pieces: dict[str, dict[str, None]] = defaultdict(dict)
    room = MAX_TEXT
    for tag, text in _pieces(record, quads):
        language = _language(tag)
        if not text or text in pieces[language]:
            continue
        pieces[language][text[:room]] = None
        room -= len(text) + 1
        if room <= 0:
            break
    return {language: "\n".join(texts) for language, texts in pieces.items() if texts}


def _pieces(record: Record, quads: Iterable[Statement]) -> Iterator[tuple[str, str]]:
    yield from record.descriptions.items()
    yield from (("", keyword) for keyword in record.keywords)
    yield "", record.publisher_name
    for statement in quads:
        term = statement.object
        if is_literal(term) and (language_of(term) or not _is_typed(term)):
            yield language_of(term), text_of(term)


def _language(tag: str) -> str:
    """Return ``nl`` for ``nl-BE``; "" if the tag names no language: for ``und`` (RFC 5646 §4.1) or an empty tag."""
    language = tag.lower().partition("-")[0]
    return language if _TAG.fullmatch(language) and language != "und" else ""


def _is_typed(literal: str) -> bool:
    return literal.endswith(">") and f"^^<{XSD}" in literal


def _formats(record: Record, quads: Iterable[Statement]) -> tuple[str, ...]:
    """Return the codes of the EU file types, or the name in the description if there is no code for it."""
    names = [_format(_value(each.object)) for each in quads if each.predicate in (_FORMAT, _MEDIA_TYPE)]
    if not any(names):
        names = [_format(file.media_type) for file in record.files]
    return _values(names)


def _format(value: str) -> str:
    for scheme in (IANA, IANA.replace("https:", "http:")):
        value = value.removeprefix(scheme)
    code = FILE_TYPES.find(value) or file_type("", value)
    return code.code if code else value


def licences(quads: Iterable[Statement]) -> tuple[str, ...]:
    """Return the codes of the licences that we know, else the IRI or text in the description."""
    names = [_value(each.object) for each in quads if each.predicate == _LICENCE]
    return _values(code.code if (code := LICENCES.find(name)) else name for name in names)


def _value(term: str) -> str:
    """Return the IRI or the text of a term; "" for a blank node."""
    if is_literal(term):
        return text_of(term).strip()
    return term[1:-1] if term.startswith("<") else ""


def _values(names: Iterable[str]) -> tuple[str, ...]:
    values = dict.fromkeys(name for name in names if name and len(name) <= MAX_VALUE)
    return tuple(values)[:MAX_VALUES]


def period_of(quads: Iterable[Statement]) -> Period | None:
    """Return the first and the last day of all periods that the data are about; an open end is None."""
    spans: dict[str, list[date | None]] = {}
    periods = set()
    for each in quads:
        if each.predicate == _TEMPORAL:
            periods.add(each.object)
        elif each.predicate in _BEGINS and (day := first_day(_value(each.object))):
            spans.setdefault(each.subject, [None, None])[0] = day
        elif each.predicate in _ENDS and (day := last_day(_value(each.object))):
            spans.setdefault(each.subject, [None, None])[1] = day
    own = [span for subject, span in spans.items() if subject in periods]
    if not own:
        return None
    begins = [begin for begin, _ in own]
    ends = [end for _, end in own]
    begin = None if None in begins else min(day for day in begins if day)
    end = None if None in ends else max(day for day in ends if day)
    return (begin, end) if begin is None or end is None or begin <= end else None


def _years(period: Period | None, current: int) -> tuple[str, ...]:
    """Return the last years of a period; one without an end goes to the ``current`` year."""
    if period is None:
        return ()
    begin, end = period
    first = begin.year if begin is not None else None
    is_ended = end is not None and end.year <= current + _FORESIGHT
    last = end.year if end is not None and is_ended else max(current, first or 0)
    oldest = max(last if first is None else first, last - MAX_VALUES + 1)
    return tuple(f"{year:04}" for year in range(last, oldest - 1, -1))


def _spatials(quads: Sequence[Statement]) -> tuple[str, ...]:
    """Return the places that the data are about, by the names of our gazetteer or of the description, else by IRI;
    without areas that have no name."""
    places = list(dict.fromkeys(each.object for each in quads if each.predicate == _SPATIAL))[:MAX_VALUES]
    names: dict[str, _PlaceName] = {}
    for each in quads:
        if each.predicate in _NAMES and each.subject in places and is_literal(each.object):
            is_foreign = _language(language_of(each.object)) != "en"
            name = (_NAMES.index(each.predicate), is_foreign, text_of(each.object).strip())
            if name[-1]:
                names[each.subject] = min(names.get(each.subject, name), name)
    areas = {each.subject for each in quads if each.predicate in _SHAPES and each.subject in places}
    return _values(_spatial(place, names.get(place), place in areas) for place in places)


def _spatial(place: str, label: _PlaceName | None, is_area: bool) -> str:
    name = label[-1] if label is not None else "" if is_area else _value(place)
    entry = (None if is_literal(place) else place_of(_value(place))) or place_named(name)
    return name if entry is None else entry.name
