"""The fields of a record in the index, and how words are made comparable."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any, Final

import tantivy

from node.adapters.search.stems import stems, stems_and_pairs
from node.base.jsons import canonical
from node.catalogue.model import IndexFields
from node.catalogue.searches import Query
from node.semantics.metrics import band

LAYOUT: Final = 10
"""Raised with every change of the fields: an index of another layout is left and a new one is made."""

FOLDED: Final = "folded"
RECORD: Final = "record"
COPY: Final = "copy"
"""A record that describes the same asset as another one, which searches show instead of it."""
POSITION: Final = "position"

FACETS: Final = tuple(Query().facets)

PREFIX_FROM: Final = 2
FUZZY_FROM: Final = 4
"""The shortest words that match as a beginning, or with one letter different."""

VERY_FUZZY_FROM: Final = 7
"""The shortest words that match with two letters different ("bycicle"), if nothing else is found."""

PART_FROM: Final = 4
"""The shortest part of a word that can be searched for."""

COMPOUND_FROM: Final = 8
"""The shortest word with parts that can be searched for."""

_PLACE_BITS: Final = 48
_TIE_BITS: Final = 21
_LAST_MILLISECOND: Final = (1 << 63 - _TIE_BITS) - 1

_WHOLE_WORLD: Final = (-180.0, 180.0)


def schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("what", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("identity", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("iri", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("identifier", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("agent", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("audience", tokenizer_name="raw", index_option="basic")
    for name in FACETS:
        builder.add_text_field(name, fast=True, tokenizer_name="raw", index_option="basic")
    for name in ("title", "words", "text"):
        builder.add_text_field(name, tokenizer_name=FOLDED, index_option="position")
    for name in ("parts", "stems"):
        builder.add_text_field(name, tokenizer_name="whitespace", index_option="basic")
    for name in ("place", "recency", "merit"):
        builder.add_integer_field(name, stored=True, fast=True, indexed=True)
    for name in ("begins", "ends"):
        builder.add_integer_field(name, fast=True, indexed=True)
    for name in ("west", "south", "east", "north"):
        builder.add_float_field(name, fast=True, indexed=True)
    builder.add_integer_field("position", stored=True)
    builder.add_bytes_field("source", stored=True)
    return builder.build()


def document(
    record: IndexFields, folding: tantivy.TextAnalyzer, *, original: IndexFields | None = None, is_copy: bool = False
) -> tantivy.Document:
    """Return ``record`` as a document of the index. ``original`` is the record without the words of its copies."""
    entry = tantivy.Document(
        what=COPY if is_copy else RECORD,
        identity=list(record.identities),
        iri=record.iri,
        identifier=list(record.identifiers),
        agent=[record.publisher_iri] if record.publisher_iri not in ("", record.publisher) else [],
        audience=record.audience,
        kind=record.kind,
        theme=list(record.themes),
        publisher=record.publisher,
        access=record.access,
        keyword=list(dict.fromkeys(record.keywords)),
        title=list(record.titles.values()),
        words=[*record.keywords, record.publisher_name],
        text=list(record.texts.values()),
        parts=" ".join(sorted(_parts(record, folding))),
        stems=" ".join(sorted(_stems(record))),
        format=list(record.formats),
        license=list(record.licences),
        node=[record.node] if record.node else [],
        spatial=list(record.spatials),
        year=list(record.years),
        quality=[] if record.points is None else [band(record.points)],
        place=record.place,
        recency=_recency(record),
        merit=(0 if record.points is None else record.points + 1) << _PLACE_BITS | record.place,
    )
    entry.add_bytes("source", source(original or record))
    if record.bbox is not None:
        west, south, east, north = record.bbox
        if west > east:
            # The box crosses the antimeridian (GeoJSON §5.2): a belt around the earth is found rather than lost.
            west, east = _WHOLE_WORLD
        for name, value in (("west", west), ("south", south), ("east", east), ("north", north)):
            entry.add_float(name, float(value))
    if record.period is not None:
        begin, end = record.period
        entry.add_integer("begins", day(begin or date.min))
        entry.add_integer("ends", day(end or date.max))
    return entry


def _recency(record: IndexFields) -> int:
    """Return the number by which records are sorted by date: the milliseconds, then the place, so that no two records
    have the same. The date may come from another node: numbers end in the year 2109."""
    milliseconds = int(record.at.astimezone(UTC).timestamp() * 1000)
    return min(max(0, milliseconds), _LAST_MILLISECOND) << _TIE_BITS | record.place % (1 << _TIE_BITS)


def day(at: date) -> int:
    """Return the number of a day, by which days are compared in the index."""
    return at.toordinal()


def _stems(record: IndexFields) -> set[str]:
    """Return the stems of all words; and those of the words beside each other in titles and keywords. Pairs of whole
    texts would double the index."""
    names = [*record.titles.items(), *(("", keyword) for keyword in record.keywords)]
    of_names = {stem for language, text in names for stem in stems_and_pairs(text, language)}
    return of_names | {stem for language, text in record.texts.items() for stem in stems(text, language)}


def _parts(record: IndexFields, folding: tantivy.TextAnalyzer) -> set[str]:
    """Return the ends of long words. Dutch, German and Czech build compounds: "overlast" is in "geluidsoverlast".

    A part of a word is the beginning of one of its ends, which the index finds thirty times faster than a pattern
    with an open beginning.
    """
    texts = (*record.titles.values(), *record.keywords, record.publisher_name, *record.texts.values())
    words = {word for text in texts for word in folding.analyze(text) if len(word) >= COMPOUND_FROM}
    return {word[at:] for word in words for at in range(1, len(word) - PART_FROM + 1)}


def source(record: IndexFields) -> bytes:
    """Return all indexed content of ``record`` in one canonical text: for the digest and for snippets."""
    return canonical(
        {
            "iri": record.iri,
            "audience": record.audience,
            "kind": record.kind,
            "titles": record.titles,
            "texts": record.texts,
            "keywords": list(record.keywords),
            "themes": list(record.themes),
            "publisher": record.publisher,
            "publisherIri": record.publisher_iri,
            "publisherName": record.publisher_name,
            "access": record.access,
            "at": _moment(record.at),
            "bbox": None if record.bbox is None else [repr(float(value)) for value in record.bbox],
            "formats": list(record.formats),
            "licences": list(record.licences),
            "node": record.node,
            "period": None if record.period is None else [at and at.isoformat() for at in record.period],
            "place": record.place,
            "identities": list(record.identities),
            "harvested": record.is_harvested,
            "spatials": list(record.spatials),
            "years": list(record.years),
            "points": record.points,
            "identifiers": list(record.identifiers),
        }
    )


def fields_of(source: bytes) -> IndexFields:
    """Return the record from which ``source`` was made."""
    members = json.loads(source)
    box, period = members["bbox"], members["period"]
    begin, end = (at and date.fromisoformat(at) for at in period or (None, None))
    return IndexFields(
        iri=members["iri"],
        audience=members["audience"],
        kind=members["kind"],
        titles=members["titles"],
        texts=members["texts"],
        keywords=tuple(members["keywords"]),
        themes=tuple(members["themes"]),
        publisher=members["publisher"],
        publisher_iri=members["publisherIri"],
        publisher_name=members["publisherName"],
        access=members["access"],
        at=datetime.fromisoformat(members["at"]),
        bbox=None if box is None else (float(box[0]), float(box[1]), float(box[2]), float(box[3])),
        formats=tuple(members["formats"]),
        licences=tuple(members["licences"]),
        node=members["node"],
        period=None if period is None else (begin, end),
        place=members["place"],
        identities=tuple(members["identities"]),
        is_harvested=members["harvested"],
        spatials=tuple(members["spatials"]),
        years=tuple(members["years"]),
        points=members["points"],
        identifiers=tuple(members["identifiers"]),
    )


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def stored_value(document: tantivy.Document, name: str) -> Any:
    """Return the stored value of a field that each record has."""
    return document.get_first(name)
