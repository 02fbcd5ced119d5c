"""Counts of the values of facets over all hits of a search."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Final

import tantivy

from node.adapters.search.fields import FACETS
from node.catalogue.searches import Order

_BUCKETS: Final = 60_000
_SHOWN: Final = 1000
_FREE_TEXT: Final = frozenset({"keyword", "spatial"})
"""Facets whose values each publisher writes for itself."""
_FREE_TEXT_SHOWN: Final = 100
_MOST_COUNTED: Final = 200
"""The number of searches with cached facets; a counted one takes some kilobytes."""

UNCOUNTED: Final[dict[str, Any]] = {
    "text": "", "language": "en", "offset": 0, "limit": 20, "order": Order.BEST, "cursor": "", "widens": True,
}  # fmt: skip
"""The parts of a query that do not affect its facets: the words are added separately, folded."""

Counted = dict[Hashable, dict[str, dict[str, int]]]


def count_facets(
    cache: Counted, key: Hashable, searcher: tantivy.Searcher, matching: tantivy.Query
) -> dict[str, dict[str, int]]:
    """Return the facets of ``matching``. Counting reads every hit, so it is done once until something changes."""
    counts = cache.get(key)
    if counts is None:
        counts = _facets(searcher, matching)
        if len(cache) >= _MOST_COUNTED:
            cache.clear()
        cache[key] = counts
    return {name: dict(values) for name, values in counts.items()}


def _facets(searcher: tantivy.Searcher, matching: tantivy.Query) -> dict[str, dict[str, int]]:
    terms = {name: {"terms": {"field": name, "size": _BUCKETS}} for name in FACETS}
    answer = searcher.aggregate(matching, terms)
    counts: dict[str, dict[str, int]] = {}
    for name in FACETS:
        buckets = ((bucket["key"], int(bucket["doc_count"])) for bucket in answer[name]["buckets"])
        ordered = sorted(buckets, key=lambda bucket: (-bucket[1], bucket[0]))
        counts[name] = dict(ordered[: _FREE_TEXT_SHOWN if name in _FREE_TEXT else _SHOWN])
    return counts
