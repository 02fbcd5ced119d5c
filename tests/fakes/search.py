"""The search view in memory: looks at every document for every search."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import date

from node.adapters.search.copies import MOST, arrange, with_words_of
from node.adapters.search.stems import stem_pairs, stems, stems_of_word
from node.adapters.search.words import Word, words_of
from node.catalogue.model import IndexFields
from node.catalogue.searches import Cursor, Hit, Order, OtherLabel, Query, Results
from node.semantics.metrics import band

_LETTERS = str.maketrans({"ß": "ss", "æ": "ae", "ø": "o", "ł": "l", "đ": "d", "œ": "oe"})


class MemorySearchIndex:
    """Implements ``node.catalogue.ports.SearchIndex`` the slow and simple way."""

    def __init__(self) -> None:
        self._records: dict[str, IndexFields] = {}
        self._position = 0
        self._waiting: list[tuple[str, IndexFields | None]] = []
        self._taken_position: int | None = None

    def take(self, changes: Iterable[tuple[str, IndexFields | None]], position: int) -> None:
        self._waiting += changes
        self._taken_position = position

    def collected_position(self) -> int:
        return self._position if self._taken_position is None else self._taken_position

    def settle(self) -> None:
        for iri, record in self._waiting:
            self._records.pop(iri, None)
            if record is not None:
                self._records[iri] = record
        self._position = self.collected_position()
        self._waiting, self._taken_position = [], None

    def position(self) -> int:
        return self._position

    def search(
        self,
        query: Query,
        *,
        audiences: Collection[str] | None,
        after: Cursor | None = None,
        labels: Sequence[OtherLabel] = (),
    ) -> Results:
        seen = [r for r in self._shown() if (audiences is None or r.audience in audiences) and _fits(r, query)]
        words = words_of(query.text, labels)
        if query.text.strip() and not words:
            seen = []
        matches, scores = seen, {r.iri: [0.0] for r in seen}
        stage = after.stage if after else 0
        ways = ((all, 1), (all, 2), (any, 1), (any, 2))
        for number, (fits, slips) in enumerate(ways[stage:], stage) if words else ():
            stage = number
            scores = {r.iri: [_score(r, word, slips) for word in words] for r in seen}
            matches = [r for r in seen if fits(scores[r.iri])]
            if matches or after:
                break
        order = query.order if words or query.order is not Order.BEST else Order.NEWEST
        known = (
            matches if after is None or order is not Order.BEST else [r for r in matches if r.place <= after.place]
        )
        ranked = sorted(known, key=lambda r: (_rank_in(r, order), -sum(scores[r.iri])))
        sign = 1 if order in (Order.PUBLISHED, Order.OLDEST, Order.POOREST) else -1
        behind = [
            r for r in ranked if after is None or order is Order.BEST or _rank_in(r, order)[0] > sign * after.place
        ]
        start = 0 if order is Order.PUBLISHED else query.offset
        if after is not None:
            start = after.offset if order is Order.BEST else 0
        more, page = len(behind) > start + query.limit, behind[start : start + query.limit]
        following = None
        if more and page and order is Order.BEST:
            newest = max((r.place for r in self._records.values()), default=0)
            following = Cursor(place=after.place if after else newest, stage=stage, offset=start + len(page))
        elif more and page:
            following = Cursor(place=abs(_rank_in(page[-1], order)[0]), stage=stage)
        return Results(
            total=len(matches),
            next=following,
            hits=tuple(
                Hit(
                    iri=r.iri,
                    score=sum(scores[r.iri]),
                    snippet=_snippet(_all_text(r), words),
                    copies=tuple(self.copies(r.iri, audiences=audiences)),
                    points=r.points,
                )
                for r in page
            ),
            facets={
                "kind": dict(Counter(r.kind for r in matches)),
                "theme": dict(Counter(value for r in matches for value in r.themes)),
                "publisher": dict(Counter(r.publisher for r in matches)),
                "access": dict(Counter(r.access for r in matches)),
                "keyword": dict(Counter(value for r in matches for value in set(r.keywords))),
                "format": dict(Counter(value for r in matches for value in r.formats)),
                "license": dict(Counter(value for r in matches for value in r.licences)),
                "spatial": dict(Counter(value for r in matches for value in r.spatials)),
                "year": dict(Counter(value for r in matches for value in r.years)),
                "node": dict(Counter(r.node for r in matches if r.node)),
                "quality": dict(Counter(band(r.points) for r in matches if r.points is not None)),
            },
        )

    def copies(self, iri: str, *, audiences: Collection[str] | None) -> Sequence[str]:
        visible = [r for r in self._records.values() if audiences is None or r.audience in audiences]
        groups = [group for group in _groups(visible) if any(r.iri == iri for r in group)]
        return [r.iri for group in groups for r in sorted(group, key=_rank) if r.iri != iri]

    def _shown(self) -> list[IndexFields]:
        shown = []
        for audience in {record.audience for record in self._records.values()}:
            for group in _groups([record for record in self._records.values() if record.audience == audience]):
                entries = [entry for _, entry in arrange(group)]
                shown += [with_words_of(entry.fields, entry.copies) for entry in entries if not entry.is_copy]
        order = list(self._records)
        return sorted(shown, key=lambda record: order.index(record.iri))

    def complete(self, text: str, *, audiences: Collection[str] | None, limit: int) -> Sequence[str]:
        words = folded(text)
        ranked = []
        for record in self._shown():
            if not words or (audiences is not None and record.audience not in audiences):
                continue
            titles, others = folded(" ".join(record.titles.values())), folded(" ".join(record.keywords))
            others += folded(record.publisher_name)
            if all(word in (*titles, *others) for word in words[:-1]):
                hits = [
                    rank
                    for rank, own in ((2, titles), (1, others))
                    if any(each.startswith(words[-1]) for each in own)
                ]
                if hits:
                    ranked.append((-hits[0], record.iri))
        return [iri for _, iri in sorted(ranked)[:limit]]

    def clear(self) -> None:
        self._records.clear()
        self._position = 0
        self._waiting, self._taken_position = [], None

    def digest(self) -> str:
        return hashlib.sha256("".join(sorted(map(repr, self._records.values()))).encode()).hexdigest()


def _groups(records: list[IndexFields]) -> list[list[IndexFields]]:
    """The records in groups that share identities, directly or by way of others."""
    groups: list[list[IndexFields]] = []
    times = Counter(identity for record in records for identity in record.identities)
    for record in records:
        own = {identity for identity in record.identities if times[identity] < MOST}
        near = [group for group in groups if any(own & {*other.identities} for other in group)]
        groups = [group for group in groups if group not in near] + [[record, *(r for group in near for r in group)]]
    return groups


def _rank(record: IndexFields) -> tuple[bool, int]:
    return record.is_harvested, record.place


def _rank_in(record: IndexFields, order: Order) -> tuple[int, ...]:
    """The place of a record in an order, the first one lowest; relevance gives none."""
    if order is Order.PUBLISHED:
        return (record.place,)
    if order in (Order.OLDEST, Order.POOREST, Order.ADDED):
        opposite = {Order.OLDEST: Order.NEWEST, Order.POOREST: Order.QUALITY, Order.ADDED: Order.PUBLISHED}[order]
        return (-_rank_in(record, opposite)[0],)
    if order is Order.NEWEST:
        return (-(int(record.at.timestamp() * 1000) << 21 | record.place),)
    if order is Order.QUALITY:
        return (-((0 if record.points is None else record.points + 1) << 48 | record.place),)
    return ()


def folded(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", text.lower().translate(_LETTERS))
    return re.findall(r"[^\W_]+", "".join(c for c in plain if not unicodedata.combining(c)))


def _fits(record: IndexFields, query: Query) -> bool:
    values = {
        "kind": {record.kind},
        "theme": set(record.themes),
        "keyword": set(record.keywords),
        "publisher": {record.publisher, record.publisher_iri},
        "access": {record.access},
        "format": set(record.formats),
        "license": set(record.licences),
        "spatial": set(record.spatials),
        "year": set(record.years),
        "node": {record.node},
        "quality": set() if record.points is None else {band(record.points)},
    }
    if any(chosen and not values[name] & set(chosen) for name, chosen in query.facets.items()):
        return False
    if query.period is not None and not _overlaps(record, query):
        return False
    if query.iris and record.iri not in query.iris:
        return False
    if query.identifiers and not {*record.identifiers} & {*query.identifiers}:
        return False
    texts = (*record.titles.values(), *record.keywords, record.publisher_name, *record.texts.values())
    if query.phrases and not any(
        f" {' '.join(folded(phrase))} " in f" {' '.join(folded(text))} "
        for phrase in query.phrases
        if folded(phrase)
        for text in texts
    ):
        return False
    if query.bbox is None:
        return True
    if record.bbox is None:
        return False
    west, south, east, north = query.bbox
    left, low, right, high = record.bbox
    return left <= east and right >= west and low <= north and high >= south


def _overlaps(record: IndexFields, query: Query) -> bool:
    if record.period is None or query.period is None:
        return False
    begin, end = record.period
    since, until = query.period
    return (begin or date.min) <= (until or date.max) and (end or date.max) >= (since or date.min)


def _score(record: IndexFields, word: Word, slips: int) -> float:
    titles, keywords = " ".join(record.titles.values()), " ".join((*record.keywords, record.publisher_name))
    weights = ((4.0, titles), (3.0, keywords), (2.5, _all_text(record)))
    best = max(
        (_match(token, word, slips) * weight for weight, text in weights for token in folded(text)), default=0.0
    )
    texts = [*record.titles.items(), *record.texts.items(), *(("", keyword) for keyword in record.keywords)]
    forms = {stem for language, text in texts for stem in stems(text, language)}
    names = [*record.titles.items(), *(("", keyword) for keyword in record.keywords)]
    named = [pairs for language, text in names for pairs in stem_pairs(text, language)]
    by_stem = 500.0 if forms & word.stems else 50.0 if forms & word.synonyms.stems else 0.0
    by_label = (
        20.0
        if any(
            label.stems & forms
            or any(pairs <= own for pairs in label.pairs for own in named)
            or _follow(label.words, text)
            for label in word.labels
            for _, text in weights
        )
        else 0.0
    )
    return max(best, by_stem, by_label)


def _follow(words: Sequence[str], text: str) -> bool:
    """Whether ``words`` follow each other in ``text``; a last word of four letters may go on."""
    end = "" if len(words[-1]) >= 4 else " "
    return f" {' '.join(words)}{end}" in f" {' '.join(folded(text))} "


def _all_text(record: IndexFields) -> str:
    return "\n".join(record.texts.values())


def _match(token: str, sought: Word, slips: int) -> float:
    word = sought.text
    if token == word:
        return 1000.0
    if token.startswith(word) and len(word) >= 2:
        return 100.0
    if len(word) >= 4 and len(token) >= 8 and word in token:
        return 10.0
    if sought.synonyms.beginnings and token.startswith(sought.synonyms.beginnings):
        return 12.0
    if len(word) >= 4 and token in _one_apart(word):
        return 1.0
    return 0.1 if slips > 1 and len(word) >= 7 and _one_apart(word) & _one_apart(token) else 0.0


def _one_apart(word: str) -> set[str]:
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    cuts = [(word[:n], word[n:]) for n in range(len(word) + 1)]
    return {
        *(a + b[1:] for a, b in cuts if b),
        *(a + c + b for a, b in cuts for c in letters),
        *(a + c + b[1:] for a, b in cuts if b for c in letters),
        *(a + b[1] + b[0] + b[2:] for a, b in cuts if len(b) > 1),
    }


def _snippet(text: str, words: list[Word]) -> str:
    return re.sub(
        r"[^\W_]+",
        lambda match: f"«{match[0]}»" if any(_marks(t, w) for t in folded(match[0]) for w in words) else match[0],
        text[:200],
    )


def _marks(token: str, word: Word) -> bool:
    forms = stems_of_word(token)
    labels = {part for label in word.labels for part in label.words}
    return bool(_match(token, word, 2) or forms & word.stems or token in labels)
