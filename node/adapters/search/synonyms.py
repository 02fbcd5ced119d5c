"""Words with the same meaning in the catalogues of cities, in five languages: "lawaai" finds "geluid" and "noise".

The groups are in ``synonyms.json``, each by language. They are matched by their stems, so that every form of a word
finds them.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from node.adapters.search.stems import fold_words, stems

TABLE: Final = Path(__file__).with_name("synonyms.json")


@dataclass(frozen=True, slots=True)
class Synonyms:
    """The synonyms of a word: stems, and the beginnings of compounds."""

    stems: frozenset[str] = frozenset()
    beginnings: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.stems)


@dataclass(frozen=True, slots=True)
class _Table:
    """Groups by number, and the groups of each word and stem."""

    groups: tuple[Synonyms, ...]
    of_word: Mapping[str, tuple[int, ...]]
    of_stem: Mapping[str, int]


_COMPOUNDING: Final = ("nl", "de")
_SHORTEST: Final = 5
"""The shortest word that is looked for as the beginning of a compound: "lucht" in "luchtkwaliteit"."""


def synonyms_of(word: str, word_stems: frozenset[str]) -> Synonyms:
    """Return the other words of every group that has the folded ``word``, or one of its stems."""
    table = _table()
    numbers = {table.of_stem[stem] for stem in word_stems if stem in table.of_stem} | {*table.of_word.get(word, ())}
    groups = [table.groups[number] for number in sorted(numbers)]
    return Synonyms(
        frozenset().union(*(group.stems for group in groups)) - word_stems,
        tuple(dict.fromkeys(beginning for group in groups for beginning in group.beginnings)),
    )


@cache
def _table() -> _Table:
    groups = json.loads(TABLE.read_text("utf-8"))
    of_word: dict[str, set[int]] = defaultdict(set)
    of_stem: dict[str, set[int]] = defaultdict(set)
    beginnings: list[tuple[str, ...]] = []
    for number, group in enumerate(groups):
        begins = []
        for language, words in group.items():
            for word in words:
                (stem,) = stems(word, language)
                of_stem[stem].add(number)
                (plain,) = fold_words(word)
                of_word[plain].add(number)
                if language in _COMPOUNDING and len(plain) >= _SHORTEST:
                    ending = stem.partition(":")[2]
                    begins.append(ending if plain.startswith(ending) and len(ending) >= _SHORTEST else plain)
        beginnings.append(tuple(dict.fromkeys(begins)))
    # "parking" and "park" have one stem and two meanings: such a stem is not used.
    clear = {stem: next(iter(numbers)) for stem, numbers in of_stem.items() if len(numbers) == 1}
    own = [frozenset(stem for stem, known in clear.items() if known == number) for number in range(len(groups))]
    return _Table(
        tuple(map(Synonyms, own, beginnings)),
        {word: tuple(sorted(numbers)) for word, numbers in of_word.items()},
        clear,
    )
