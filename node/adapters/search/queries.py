"""From a search to a query of the index: what must match, and what ranks before what."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

import tantivy
from tantivy import Occur, Query

from node.adapters.search.fields import FUZZY_FROM, PART_FROM, PREFIX_FROM, RECORD
from node.catalogue import model

MAX_WORDS: Final = 12

# How a word is found, best first. The steps are so wide that a better way always outranks a lesser one; within
# the exact ways the usual weighting (BM25) decides, which stays well below a step.
_EXACT: Final = (("title", 120.0), ("words", 80.0), ("text", 60.0))
_PREFIX: Final = (("title", 40.0), ("words", 30.0), ("text", 25.0))
_PART: Final = (("parts", 15.0),)
_FUZZY: Final = (("title", 6.0), ("words", 4.0), ("text", 3.0))

_FUZZY_PREFIX_FROM: Final = 6


def visible(schema: tantivy.Schema, audiences: Collection[str] | None) -> list[Query]:
    """Return the filters of every search: only records, and only of these audiences (None: of all; empty: none)."""
    queries = [Query.term_query(schema, "what", RECORD)]
    if audiences is not None:
        queries.append(_any(schema, "audience", sorted(audiences)))
    return queries


def narrowed(schema: tantivy.Schema, query: model.Query) -> list[Query]:
    """Return the facets and the place of ``query``: each facet narrows, the values of one are alternatives."""
    facets = {
        "kind": query.kinds,
        "theme": query.themes,
        "keyword": query.keywords,
        "publisher": query.publishers,
        "access": query.access,
    }
    queries = [_any(schema, name, values) for name, values in facets.items() if values]
    if query.bbox is not None:
        queries += _intersecting(schema, query.bbox)
    return queries


def worded(schema: tantivy.Schema, words: Sequence[str], *, every: bool) -> Query:
    """Documents with ``every`` one, or any, of the folded ``words``."""
    occur = Occur.Must if every else Occur.Should
    return Query.boolean_query([(occur, _word(schema, word)) for word in words])


def both(*queries: Query) -> Query:
    return Query.boolean_query([(Occur.Must, query) for query in queries])


def _word(schema: tantivy.Schema, word: str) -> Query:
    ways = [Query.const_score_query(Query.term_query(schema, name, word), score) for name, score in _EXACT]
    # A word is letters and digits only, so it stands for itself in a pattern.
    if len(word) >= PREFIX_FROM:
        ways += _patterns(schema, f"{word}.*", _PREFIX)
    if len(word) >= PART_FROM:
        ways += _patterns(schema, f"{word}.*", _PART)
    if len(word) >= FUZZY_FROM:
        prefix = len(word) >= _FUZZY_PREFIX_FROM
        ways += [
            Query.const_score_query(Query.fuzzy_term_query(schema, name, word, 1, True, prefix), score)
            for name, score in _FUZZY
        ]
    weighted = [
        (Occur.Should, Query.boost_query(Query.term_query(schema, "title", word), 1.0)),
        (Occur.Should, Query.boost_query(Query.term_query(schema, "text", word), 0.5)),
    ]
    return Query.boolean_query([(Occur.Must, Query.disjunction_max_query(ways)), *weighted])


def _patterns(schema: tantivy.Schema, pattern: str, ways: Sequence[tuple[str, float]]) -> list[Query]:
    return [Query.const_score_query(Query.regex_query(schema, name, pattern), score) for name, score in ways]


def _any(schema: tantivy.Schema, name: str, values: Sequence[str]) -> Query:
    if not values:
        return Query.empty_query()
    return Query.const_score_query(Query.term_set_query(schema, name, list(values)), 0.0)


def _intersecting(schema: tantivy.Schema, bbox: tuple[float, float, float, float]) -> list[Query]:
    west, south, east, north = bbox

    def at_most(name: str, value: float) -> Query:
        return Query.range_query(schema, name, tantivy.FieldType.Float, None, float(value))

    def at_least(name: str, value: float) -> Query:
        return Query.range_query(schema, name, tantivy.FieldType.Float, float(value), None)

    if west > east:
        # Across the antimeridian: two boxes.
        either = Query.boolean_query([(Occur.Should, at_least("east", west)), (Occur.Should, at_most("west", east))])
        across = [either]
    else:
        across = [at_most("west", east), at_least("east", west)]
    return [
        Query.const_score_query(query, 0.0) for query in (*across, at_most("south", north), at_least("north", south))
    ]
