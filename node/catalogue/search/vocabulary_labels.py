"""The labels of vocabularies, by which a search of the catalogue is widened: "fietspad" also looks for "cycle lane".

The words of a search, or some of them that follow each other, are compared with the labels of all terms of the own
ontologies that the caller may see; the other labels of such a term are what the search looks for too. Properties do
not count: their labels ("name", "value") are not what data are about. The thesauri of the
node's folder count like ontologies that everybody sees (``thesauri``). Nor do ontologies of other nodes: a partner
does not decide what is found here. A city that wants theirs publishes them itself.

Labels are read once for each version of an ontology. For every search, the ontologies whose labels fit are compared
with the newest versions, so that what was withdrawn or hidden in the meantime widens nothing.
"""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, zip_longest
from typing import Any, Final

from node.base.work import Transaction, UnitOfWork
from node.catalogue.ports import RecordStore
from node.catalogue.search.cursors import MARK_LENGTH
from node.catalogue.search.label_table import LabelTable, StemPhrase, fold, label_table, spans, stem_digests
from node.catalogue.search.thesauri import Thesauri
from node.catalogue.searches import OtherLabel
from node.catalogue.visibility import Visibility, admits
from node.identity.model import Caller
from node.texts.languages import pick

MOST: Final = 8
"""Labels by which one search is widened."""
ONTOLOGIES: Final = 500
"""Ontologies for one audience whose labels widen searches."""
LABELS: Final = 100_000
"""Labels for one audience, of all terms: the ontologies with the fewest come first, so that a large one displaces no
other."""
_TERMS: Final = 32
"""Terms after which no further words are compared: there are enough labels."""
_ONTOLOGIES_OF_PHRASE: Final = 16
"""Ontologies whose labels for the same words are compared."""
_READ_AT_ONCE: Final = 16_000_000
"""Bytes of statements after which reading stops until the next search: no caller waits for a whole catalogue."""

_Match = tuple[str, OtherLabel]
"""The IRI of an ontology, and a label of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OntologyLabels:
    """Other labels for ``words`` of a search, and the ontology that has them, which the caller may see."""

    words: str
    ontology: str
    titles: Mapping[str, str]
    labels: tuple[OtherLabel, ...]
    is_thesaurus: bool = False
    """It is one of the node's folder, which has no page."""

    def to_json(self, language: str) -> dict[str, Any]:
        return {
            "words": self.words,
            "labels": [other.label for other in self.labels],
            "ontology": {"iri": self.ontology, "title": self.title(language)},
        }

    def title(self, language: str) -> str:
        """Return the title of the ontology in ``language``, else in another one; its address if it has no title."""
        return pick(dict(self.titles), language)[0] if self.titles else self.ontology


@dataclass(frozen=True, slots=True, kw_only=True)
class _OntologyEntry:
    """An ontology in one version, with its labels unless there are too many of them for its audience."""

    version: int
    audience: str
    titles: Mapping[str, str]
    size: int
    table: LabelTable | None
    is_thesaurus: bool = False


class VocabularyLabels:
    """Finds the other labels of what a caller searches for."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        records: RecordStore,
        visibility: Visibility,
        position: Callable[[], int],
        thesauri: Thesauri | None = None,
        stem: StemPhrase | None = None,
    ) -> None:
        """``position`` returns the ledger position that searches show: if it moves, new ontologies are looked for.
        ``thesauri`` are those of the node's folder, whose labels are for everybody. By ``stem``, words are labels in
        other forms, too."""
        self._thesauri = thesauri
        self._stem = stem
        self._uow = uow
        self._records = records
        self._visibility = visibility
        self._position = position
        self._lock = threading.Lock()
        self._entries: Mapping[str, _OntologyEntry] | None = None
        self._entries_position = -1

    def find(
        self, text: str, caller: Caller, *, among: Collection[bytes] | None = None
    ) -> tuple[OntologyLabels, ...]:
        """Return the labels by which a search for ``text`` is widened, at most ``MOST``, with their ontologies.

        Labels for more words come before those for fewer; ontologies take turns, and the terms of each. ``among`` are
        the ``marks`` of the only labels that may be returned. It blocks.
        """
        phrases = list(spans(text))
        if not phrases or (among is not None and not among):
            return ()
        entries = {**self._thesaurus_entries(), **self._current(caller)}
        if not entries:
            return ()
        newest: Mapping[str, tuple[int, str]] | None = None
        lists: list[list[_Match]] = []
        ranges: list[tuple[int, int]] = []
        for start, stop, words, plain in phrases:
            if len(lists) >= _TERMS:
                break
            if any(first <= start and stop <= last for first, last in ranges):
                # "path" in "bike path" is not looked for, if a label of both words has other labels.
                continue
            numbers = self._numbers(entries, words, plain)
            if not numbers:
                continue
            if newest is None:
                with self._uow.read() as tx:
                    newest = self._records.newest_versions(tx, "ontology", origin=self._visibility.me)
            current = [
                iri
                for iri in numbers
                if entries[iri].is_thesaurus or newest.get(iri) == (entries[iri].version, entries[iri].audience)
            ]
            first = current[:_ONTOLOGIES_OF_PHRASE]
            matches = _in_turns([self._matches_in(iri, entries[iri].table, numbers[iri], words) for iri in first])
            lists += matches
            ranges += [(start, stop)] if matches else []
        if not lists:
            return ()
        by_ontology: dict[tuple[str, str], list[OtherLabel]] = {}
        for iri, label in _choose(lists, among):
            by_ontology.setdefault((label.words, iri), []).append(label)
        return tuple(
            OntologyLabels(
                words=words,
                ontology=iri,
                titles=entries[iri].titles,
                labels=tuple(labels),
                is_thesaurus=entries[iri].is_thesaurus,
            )
            for (words, iri), labels in by_ontology.items()
        )

    def _numbers(self, entries: Mapping[str, _OntologyEntry], words: str, plain: str) -> dict[str, tuple[int, ...]]:
        """Return the terms with the label ``plain``, by ontology: those with other forms of it only if none has it
        itself."""
        tables = [(iri, entry.table) for iri, entry in entries.items() if entry.table is not None]
        exact = {iri: numbers for iri, table in tables if (numbers := table.numbers(plain))}
        if exact or self._stem is None:
            return exact
        languages = {language for _, table in tables for language in table.languages}
        digests = stem_digests(words, languages, self._stem)
        return {iri: numbers for iri, table in tables if digests and (numbers := table.numbers_of_stems(digests))}

    def _matches_in(
        self, iri: str, table: LabelTable | None, numbers: Iterable[int], words: str
    ) -> list[list[_Match]]:
        """Return for each of these terms of an ontology its other labels, without those that have all these words in
        some form: who looks for "lane" finds "cycle lanes" anyway."""
        if table is None:
            return []
        return [
            [
                (iri, OtherLabel(words=words, label=label, language=language))
                for label, language in table.labels(number)
                if not self._has(label, language, words)
            ]
            for number in numbers
        ]

    def _has(self, label: str, language: str, words: str) -> bool:
        if f" {fold(words)} " in f" {fold(label)} ":
            return True
        stems = self._stem(words, language) if self._stem and language else ""
        return self._stem is not None and bool(stems) and f" {stems} " in f" {self._stem(label, language)} "

    def _thesaurus_entries(self) -> Mapping[str, _OntologyEntry]:
        thesauri = {} if self._thesauri is None else self._thesauri.current()
        return {
            iri: _OntologyEntry(
                version=0,
                audience="",
                titles={"en": thesaurus.title},
                size=0,
                table=thesaurus.table,
                is_thesaurus=True,
            )
            for iri, thesaurus in thesauri.items()
        }

    def _current(self, caller: Caller) -> Mapping[str, _OntologyEntry]:
        """Return the ontologies that ``caller`` may see, by IRI."""
        # Whoever meets another caller reading uses what there is: it is compared with the newest versions anyway.
        if self._entries_position != self._position() and self._lock.acquire(blocking=self._entries is None):
            try:
                self._read()
            finally:
                self._lock.release()
        audiences = self._visibility.audiences(caller)
        return {iri: entry for iri, entry in (self._entries or {}).items() if admits(audiences, entry.audience)}

    def _read(self) -> None:
        position = self._position()
        if self._entries is not None and self._entries_position == position:
            return
        budget = _READ_AT_ONCE
        with self._uow.read() as tx:
            newest = _bound(self._records.newest_versions(tx, "ontology", origin=self._visibility.me))
            entries = {
                iri: entry
                for iri, entry in (self._entries or {}).items()
                if (entry.version, entry.audience) == newest.get(iri)
            }
            for iri in [iri for iri in newest if iri not in entries]:
                budget -= self._read_entry(tx, iri, entries) if budget > 0 else 0
            holders = _holders(entries)
            for iri in sorted(holders):
                if entries[iri].table is None and budget > 0:
                    budget -= self._read_entry(tx, iri, entries)
        self._entries = {
            iri: entry if iri in holders else replace(entry, table=None) for iri, entry in sorted(entries.items())
        }
        self._entries_position = position if budget > 0 else -1

    def _read_entry(self, tx: Transaction, iri: str, entries: dict[str, _OntologyEntry]) -> int:
        """Read an ontology into ``entries``; return the length of its statements."""
        record = self._records.get(tx, iri)
        if record is None or record.withdrawn:
            return 0
        table = label_table(record.nquads, self._stem)
        entries[iri] = _OntologyEntry(
            version=record.version,
            audience=record.audience,
            titles=record.titles,
            size=table.size,
            table=table,
        )
        return len(record.nquads)


def marks(labels: Iterable[OtherLabel]) -> frozenset[bytes]:
    """Return the marks of ``labels``, by which a cursor names the labels of its search."""
    return frozenset(_mark(label) for label in labels)


def _mark(label: OtherLabel) -> bytes:
    words = "\n".join((fold(label.words), fold(label.label)))
    return hashlib.sha256(words.encode("utf-8", "surrogatepass")).digest()[:MARK_LENGTH]


def _in_turns(ontologies: Sequence[Sequence[list[_Match]]]) -> list[list[_Match]]:
    """Return the labels of the first term of each ontology, then those of the second, …; without empty lists."""
    turns = chain.from_iterable(zip_longest(*ontologies))
    return [labels for labels in turns if labels]


def _choose(lists: Sequence[Sequence[_Match]], among: Collection[bytes] | None) -> list[_Match]:
    """Return the first ``MOST`` labels, one of each list in turn; each once."""
    choices: dict[str, _Match] = {}
    for candidate in chain.from_iterable(zip_longest(*lists)):
        if candidate is not None and (among is None or _mark(candidate[1]) in among):
            choices.setdefault(fold(candidate[1].label), candidate)
        if len(choices) == MOST:
            break
    return list(choices.values())


def _bound(versions: Mapping[str, tuple[int, str]]) -> dict[str, tuple[int, str]]:
    """Return the first ``ONTOLOGIES`` for each audience: those for one audience displace none for another one."""
    counts: Counter[str] = Counter()
    first = {}
    for iri, (version, audience) in versions.items():
        counts[audience] += 1
        if counts[audience] <= ONTOLOGIES:
            first[iri] = (version, audience)
    return first


def _holders(entries: Mapping[str, _OntologyEntry]) -> frozenset[str]:
    """Return the ontologies whose labels stay in memory: for each audience the smallest, up to ``LABELS``."""
    totals: Counter[str] = Counter()
    holders = set()
    for iri, entry in sorted(entries.items(), key=lambda item: (item[1].size, item[0])):
        totals[entry.audience] += entry.size
        if totals[entry.audience] <= LABELS:
            holders.add(iri)
    return frozenset(holders)
