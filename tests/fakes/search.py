"""The search view in memory: looks at every document for every search."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable

from node.catalogue.model import Hit, Indexed, Query, Results

_LETTERS = str.maketrans({"ß": "ss", "æ": "ae", "ø": "o", "ł": "l", "đ": "d", "œ": "oe"})


class MemorySearchIndex:
    """Implements ``node.catalogue.ports.SearchIndex`` the slow and plain way."""

    def __init__(self) -> None:
        self._records: dict[str, Indexed] = {}
        self._position = 0
        self._waiting: list[tuple[str, Indexed | None]] = []
        self._taken_position: int | None = None

    def take(self, changes: Iterable[tuple[str, Indexed | None]], position: int) -> None:
        self._waiting += changes
        self._taken_position = position

    def collected(self) -> int:
        return self._position if self._taken_position is None else self._taken_position

    def settle(self) -> None:
        for iri, record in self._waiting:
            self._records.pop(iri, None)
            if record is not None:
                self._records[iri] = record
        self._position = self.collected()
        self._waiting, self._taken_position = [], None

    def position(self) -> int:
        return self._position

    def search(self, query: Query, *, audiences: Collection[str] | None) -> Results:
        seen = [
            r for r in self._records.values() if (audiences is None or r.audience in audiences) and _fits(r, query)
        ]
        words = folded(query.text)
        if query.text.strip() and not words:
            seen = []
        scores = {r.iri: [_score(r, word) for word in words] for r in seen}
        matches = [r for r in seen if all(scores[r.iri])]
        if words and not matches:
            matches = [r for r in seen if any(scores[r.iri])]
        if words and not query.newest:
            matches.sort(key=lambda r: -sum(scores[r.iri]))
        else:
            matches.sort(key=lambda r: r.at, reverse=True)
        page = matches[query.offset :][: query.limit]
        return Results(
            total=len(matches),
            hits=tuple(Hit(iri=r.iri, score=sum(scores[r.iri]), snippet=_snippet(r.text, words)) for r in page),
            facets={
                "kind": dict(Counter(r.kind for r in matches)),
                "theme": dict(Counter(value for r in matches for value in r.themes)),
                "publisher": dict(Counter(r.publisher for r in matches)),
                "access": dict(Counter(r.access for r in matches)),
                "keyword": dict(Counter(value for r in matches for value in set(r.keywords))),
            },
        )

    def clear(self) -> None:
        self._records.clear()
        self._position = 0
        self._waiting, self._taken_position = [], None

    def digest(self) -> str:
        return hashlib.sha256("".join(sorted(map(repr, self._records.values()))).encode()).hexdigest()


def folded(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", text.lower().translate(_LETTERS))
    return re.findall(r"[^\W_]+", "".join(c for c in plain if not unicodedata.combining(c)))


def _fits(record: Indexed, query: Query) -> bool:
    facets = [
        (query.kinds, {record.kind}),
        (query.themes, set(record.themes)),
        (query.keywords, set(record.keywords)),
        (query.publishers, {record.publisher}),
        (query.access, {record.access}),
    ]
    if any(wanted and not has & set(wanted) for wanted, has in facets):
        return False
    if query.bbox is None:
        return True
    if record.bbox is None:
        return False
    west, south, east, north = query.bbox
    left, low, right, high = record.bbox
    return left <= east and right >= west and low <= north and high >= south


def _score(record: Indexed, word: str) -> float:
    weights = ((4.0, " ".join(record.titles.values())), (3.0, " ".join((*record.keywords, record.publisher_name))))
    return max(
        (_match(token, word) * weight for weight, text in (*weights, (2.5, record.text)) for token in folded(text)),
        default=0.0,
    )


def _match(token: str, word: str) -> float:
    if token == word:
        return 1000.0
    if token.startswith(word) and len(word) >= 2:
        return 100.0
    if len(word) >= 4 and len(token) >= 8 and word in token:
        return 10.0
    return 1.0 if len(word) >= 4 and token in _one_apart(word) else 0.0


def _one_apart(word: str) -> set[str]:
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    cuts = [(word[:n], word[n:]) for n in range(len(word) + 1)]
    return {
        *(a + b[1:] for a, b in cuts if b),
        *(a + c + b for a, b in cuts for c in letters),
        *(a + c + b[1:] for a, b in cuts if b for c in letters),
        *(a + b[1] + b[0] + b[2:] for a, b in cuts if len(b) > 1),
    }


def _snippet(text: str, words: list[str]) -> str:
    return re.sub(
        r"[^\W_]+",
        lambda found: f"«{found[0]}»" if any(_match(t, w) for t in folded(found[0]) for w in words) else found[0],
        text[:200],
    )
