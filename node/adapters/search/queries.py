"""Turns a search into a query of the index: which documents match, and how they are ranked."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Final

import tantivy
from tantivy import Occur, Query

from node.adapters.search.fields import FUZZY_FROM, PART_FROM, PREFIX_FROM, RECORD, VERY_FUZZY_FROM, day
from node.adapters.search.stems import fold_words
from node.adapters.search.words import LabelWords, Word
from node.catalogue import searches as model
from node.catalogue.model import Period
from node.catalogue.searches import Order

Stage = tuple[bool, bool]
"""Two choices: every word must match; a word with two different letters matches."""

# The ways of finding a word, best first. The steps are so wide that a better way always outranks a lesser one; within
# the exact ways the usual weighting (BM25) decides, which stays well below a step.
_EXACT: Final = (("title", 120.0), ("words", 80.0), ("text", 60.0))
_STEM: Final = 45.0
_PREFIX: Final = (("title", 40.0), ("words", 30.0), ("text", 25.0))
_SYNONYM: Final = 18.0
_COMPOUND_OF_SYNONYM: Final = (("title", 17.0), ("words", 16.0))
_PART: Final = (("parts", 15.0),)
_LABEL: Final = (("title", 14.0), ("words", 13.0), ("text", 12.0))
_STEM_OF_LABEL: Final = 11.0
_FUZZY: Final = (("title", 6.0), ("words", 4.0), ("text", 3.0))
_VERY_FUZZY: Final = (("title", 2.0), ("words", 1.5), ("text", 1.0))

_FUZZY_PREFIX_FROM: Final = 6


def visible(schema: tantivy.Schema, audiences: Collection[str] | None) -> list[Query]:
    """Return the filters of every search: only records, and only for these audiences (None: all; empty: none)."""
    queries = [Query.term_query(schema, "what", RECORD)]
    if audiences is not None:
        queries.append(_any(schema, "audience", sorted(audiences)))
    return queries


SORT_FIELDS: Final = {
    Order.PUBLISHED: "place",
    Order.ADDED: "place",
    Order.NEWEST: "recency",
    Order.OLDEST: "recency",
    Order.QUALITY: "merit",
    Order.POOREST: "merit",
}
"""The fields with the places of records in an order; relevance has none."""

ASCENDING: Final = frozenset({Order.PUBLISHED, Order.OLDEST, Order.POOREST})
"""The orders that begin with the lowest place."""


def behind(schema: tantivy.Schema, cursor: model.Cursor, order: Order) -> Query:
    """Return the filter for what comes after the page that ends with ``cursor``. Sorted by relevance, it lets pass
    what had been published when the first page was read."""
    if order is Order.BEST:
        query = Query.range_query(schema, "place", tantivy.FieldType.Integer, None, cursor.place)
    elif order in ASCENDING:
        query = Query.range_query(schema, SORT_FIELDS[order], tantivy.FieldType.Integer, cursor.place + 1, None)
    else:
        query = Query.range_query(schema, SORT_FIELDS[order], tantivy.FieldType.Integer, None, cursor.place - 1)
    return Query.const_score_query(query, 0.0)


def filter_queries(schema: tantivy.Schema, query: model.Query) -> list[Query]:
    """Return the filters of ``query``, by facet and place: each facet narrows, its values are alternatives."""
    queries = [_facet_query(schema, name, values) for name, values in query.facets.items() if values]
    for name, values in (("iri", query.iris), ("identifier", query.identifiers)):
        queries += [_any(schema, name, values)] if values else []
    if query.phrases:
        queries.append(_phrases(schema, query.phrases))
    if query.bbox is not None:
        queries += _intersecting(schema, query.bbox)
    if query.period is not None:
        queries += _overlapping(schema, query.period)
    return queries


def stages(words: Sequence[Word]) -> list[Stage]:
    """Return the stages of a search, which are tried until one finds something."""
    slips = [False, True] if any(len(word.text) >= VERY_FUZZY_FROM for word in words) else [False]
    every = [True, False] if len(words) > 1 else [True]
    return [(each, two) for each in every for two in slips]


def word_query(schema: tantivy.Schema, words: Sequence[Word], stage: Stage) -> Query:
    """Return the query for documents with ``words``."""
    every, two_slips = stage
    occur = Occur.Must if every else Occur.Should
    return Query.boolean_query([(occur, _word(schema, word, two_slips)) for word in words])


def prefix_query(schema: tantivy.Schema, words: Sequence[str]) -> Query:
    """Return the query for documents with all words in title, keywords or publisher; the last may be a beginning."""
    *whole, last = words
    queries = [_either(_exactly(schema, word)) for word in whole]
    beginnings = _beginnings(schema, last, _PREFIX[:2]) if len(last) >= PREFIX_FROM else []
    return both(*queries, _either([*_exactly(schema, last), *beginnings]))


def _exactly(schema: tantivy.Schema, word: str) -> list[Query]:
    return [Query.const_score_query(Query.term_query(schema, name, word), score) for name, score in _EXACT[:2]]


def _either(queries: Sequence[Query]) -> Query:
    return Query.disjunction_max_query(list(queries))


def both(*queries: Query) -> Query:
    return Query.boolean_query([(Occur.Must, query) for query in queries])


def _word(schema: tantivy.Schema, query_word: Word, two_slips: bool) -> Query:
    word = query_word.text
    ways = [Query.const_score_query(Query.term_query(schema, name, word), score) for name, score in _EXACT]
    if len(word) >= PREFIX_FROM:
        ways += _beginnings(schema, word, _PREFIX)
    if len(word) >= PART_FROM:
        ways += _beginnings(schema, word, _PART)
    if len(word) >= FUZZY_FROM:
        ways += _slips(schema, word, 1, _FUZZY, prefix=len(word) >= _FUZZY_PREFIX_FROM)
    if two_slips and len(word) >= VERY_FUZZY_FROM:
        ways += _slips(schema, word, 2, _VERY_FUZZY, prefix=False)
    ways += _named_otherwise(schema, query_word)
    alternatives = [
        (Occur.Should, Query.boost_query(Query.term_query(schema, "title", word), 1.0)),
        (Occur.Should, Query.boost_query(Query.term_query(schema, "text", word), 0.5)),
    ]
    return Query.boolean_query([(Occur.Must, Query.disjunction_max_query(ways)), *alternatives])


def _named_otherwise(schema: tantivy.Schema, query_word: Word) -> list[Query]:
    """Return queries for other forms of the word, its synonyms, and compounds that begin with one."""
    ways = [_stem_query(schema, query_word.stems, _STEM)]
    if query_word.synonyms:
        ways.append(_stem_query(schema, query_word.synonyms.stems, _SYNONYM))
        for beginning in query_word.synonyms.beginnings:
            ways += _beginnings(schema, beginning, _COMPOUND_OF_SYNONYM)
    for label in query_word.labels:
        ways += _label_queries(schema, label)
    return ways


def _label_queries(schema: tantivy.Schema, label: LabelWords) -> list[Query]:
    """Return queries for a label that a vocabulary has for the word: its words in their order, the last one also as a
    beginning ("cycle lanes"), and other forms of them, of several words in titles and keywords."""
    *_, last = label.words
    if len(label.words) == 1:
        ways = [Query.const_score_query(Query.term_query(schema, name, last), score) for name, score in _LABEL]
        ways += _beginnings(schema, last, _LABEL) if len(last) >= PART_FROM else []
        return [*ways, _stem_query(schema, label.stems, _STEM_OF_LABEL)] if label.stems else ways
    if len(last) >= PART_FROM:
        queries = [(Query.phrase_prefix_query(schema, name, list(label.words)), score) for name, score in _LABEL]
    else:
        queries = [(Query.phrase_query(schema, name, list(label.words)), score) for name, score in _LABEL]
    forms = [both(*(Query.term_query(schema, "stems", pair) for pair in sorted(pairs))) for pairs in label.pairs]
    return [
        Query.const_score_query(query, score)
        for query, score in [*queries, *((form, _STEM_OF_LABEL) for form in forms)]
    ]


def _stem_query(schema: tantivy.Schema, stems: Collection[str], score: float) -> Query:
    return _any(schema, "stems", sorted(stems), score)


def _slips(
    schema: tantivy.Schema, word: str, most: int, ways: Sequence[tuple[str, float]], *, prefix: bool
) -> list[Query]:
    return [
        Query.const_score_query(Query.fuzzy_term_query(schema, name, word, most, True, prefix), score)
        for name, score in ways
    ]


def _beginnings(schema: tantivy.Schema, word: str, ways: Sequence[tuple[str, float]]) -> list[Query]:
    """Return queries for words that begin with ``word``: by the engine's tables for slips, with no slip. A
    pattern would be compiled for each query, which takes a thousand times as long."""
    return _slips(schema, word, 0, ways, prefix=True)


def _any(schema: tantivy.Schema, name: str, values: Sequence[str], score: float = 0.0) -> Query:
    """Return the query for documents with one of ``values``. The engine's query for a set of terms would build an
    automaton each time."""
    if not values:
        return Query.empty_query()
    terms = [(Occur.Should, Query.term_query(schema, name, value)) for value in values]
    return Query.const_score_query(Query.boolean_query(terms), score)


def _facet_query(schema: tantivy.Schema, facet: str, values: Sequence[str]) -> Query:
    """Return the query for documents with one of ``values`` of a facet; of publishers, also by the IRI in the record:
    an earlier search may have it."""
    ways = [_any(schema, facet, values)]
    if facet == "publisher":
        ways.append(_any(schema, "agent", values))
    return ways[0] if len(ways) == 1 else Query.boolean_query([(Occur.Should, way) for way in ways])


def _phrases(schema: tantivy.Schema, phrases: Sequence[str]) -> Query:
    """Return the query for documents with one of ``phrases``: all of its words, one after the other."""
    ways = []
    for words in map(fold_words, phrases):
        for name, _ in _EXACT if words else ():
            query = Query.phrase_query(schema, name, list(words)) if len(words) > 1 else None
            ways.append((Occur.Should, query or Query.term_query(schema, name, words[0])))
    return Query.const_score_query(Query.boolean_query(ways), 0.0) if ways else Query.empty_query()


def _intersecting(schema: tantivy.Schema, bbox: tuple[float, float, float, float]) -> list[Query]:
    west, south, east, north = bbox

    def at_most(name: str, value: float) -> Query:
        return Query.range_query(schema, name, tantivy.FieldType.Float, None, float(value))

    def at_least(name: str, value: float) -> Query:
        return Query.range_query(schema, name, tantivy.FieldType.Float, float(value), None)

    if west > east:
        # The area crosses the antimeridian: two boxes.
        either = Query.boolean_query([(Occur.Should, at_least("east", west)), (Occur.Should, at_most("west", east))])
        across = [either]
    else:
        across = [at_most("west", east), at_least("east", west)]
    return [
        Query.const_score_query(query, 0.0) for query in (*across, at_most("south", north), at_least("north", south))
    ]


def _overlapping(schema: tantivy.Schema, period: Period) -> list[Query]:
    begin, end = period
    queries = [Query.range_query(schema, "begins", tantivy.FieldType.Integer, None, day(end or date.max))]
    queries.append(Query.range_query(schema, "ends", tantivy.FieldType.Integer, day(begin or date.min), None))
    return [Query.const_score_query(query, 0.0) for query in queries]
