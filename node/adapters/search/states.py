"""Past states of the index, kept for searches whose pages are read one after the other.

Sorted by relevance, hits have no place of their own: any change of the index may exchange two of them. Further pages
are therefore ranked in the state of their first page. What they show is read from the newest state.
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from typing import Final

import tantivy

from node.adapters.search.fields import COPY, RECORD, stored_value

_MOST: Final = 4
"""The most states that are kept. Each keeps the files on the disk that later ones need no longer."""

_SECONDS: Final = 300.0
"""The time for which a state is kept after its last use."""


class PastStates:
    """Searchers by a number that is drawn for each, so that a number of an earlier process finds nothing."""

    def __init__(self, schema: tantivy.Schema) -> None:
        self._schema = schema
        self._searchers: OrderedDict[int, tuple[float, tantivy.Searcher]] = OrderedDict()
        self._current: tuple[tantivy.Searcher, int, int] | None = None

    def keep(self, searcher: tantivy.Searcher) -> tuple[int, int]:
        """Keep this state, for further pages of a search. Return its number, and the place of the record that was
        published last in it."""
        if self._current is None or self._current[0] is not searcher:
            self._current = (searcher, secrets.randbits(32), self._last_place(searcher))
        _, number, last = self._current
        self._use(number, searcher)
        return number, last

    def find(self, number: int) -> tantivy.Searcher | None:
        """Return the state with this number; None if it is kept no longer."""
        self.expire()
        entry = self._searchers.get(number)
        if entry is None:
            return None
        self._use(number, entry[1])
        return entry[1]

    def expire(self) -> None:
        """Drop the states that were not used for a while."""
        oldest = time.monotonic() - _SECONDS
        for number in [number for number, (used, _) in self._searchers.items() if used < oldest]:
            del self._searchers[number]

    def clear(self) -> None:
        """Drop all states."""
        self._searchers.clear()
        self._current = None

    def _use(self, number: int, searcher: tantivy.Searcher) -> None:
        self._searchers[number] = (time.monotonic(), searcher)
        self._searchers.move_to_end(number)
        while len(self._searchers) > _MOST:
            self._searchers.popitem(last=False)

    def _last_place(self, searcher: tantivy.Searcher) -> int:
        everything = tantivy.Query.term_set_query(self._schema, "what", [RECORD, COPY])
        last = searcher.search(everything, 1, count=False, order_by_field="place")
        return int(stored_value(searcher.doc(last.hits[0][1]), "place")) if last.hits else 0
