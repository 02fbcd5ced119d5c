"""Stand-ins: rows like those of a confidential table, so that models can be written and tested without it.

A stand-in keeps columns and their types, the pattern of names, the frequency of categories, the spread of figures,
times on their step, the extent, and roughly which columns rise and fall together. It keeps no row, no name, no rare
category, no lowest or highest figure, no geometry. This makes it unlikely, not impossible, that it reveals something
about a single person or place: a stand-in is not a proof of anonymity. It is drawn from a seed: the same rows and the
same seed give the same stand-in on any machine.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from node.base.errors import InvalidInput
from node.scenarios.model import GEOMETRY, Row, Rows
from node.scenarios.synthetic.copula import NORMAL, Scores, draw, root, scores
from node.scenarios.synthetic.geometries import Ground
from node.scenarios.synthetic.marginals import RARE, ColumnType, Marginal, marginal, seconds, writer
from node.scenarios.synthetic.names import Chance, names_like, whole_numbers_like
from node.scenarios.tables.files import MAX_ROWS, is_figure
from node.scenarios.tables.rows import key_of

FEWEST: Final = 20
SAMPLE: Final = 5_000
"""The number of rows from which correlations are computed."""

_OUTER: Final = {ColumnType.NAMES: 0, ColumnType.TIMES: 1, ColumnType.LEVELS: 2}
_REDRAWS: Final = 40
_TELLING: Final = 3
"""A row that equals a real one in that many columns counts as a copy; fewer are equal by chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIn:
    """Made-up rows, and the ``ColumnType`` that was kept of each column. ``rare_values``: by column, how many rare
    values went into another one; ``left_out`` rows could only have been copies of real ones."""

    rows: Rows
    columns: tuple[str, ...]
    kinds: Mapping[str, ColumnType]
    rare_values: Mapping[str, int]
    left_out: int
    seed: int


def stand_in(rows: Rows, *, count: int | None = None, seed: int = 0) -> StandIn:
    """Return a stand-in for ``rows``, of ``count`` rows (None: as many as there are).

    Raises ``InvalidInput`` for fewer than ``FEWEST`` rows, because statistics of so few would reveal single ones,
    and for an invalid count.
    """
    if len(rows) < FEWEST:
        raise InvalidInput(
            f"synthetic data needs at least {FEWEST} rows, and there are {len(rows)}: fewer would reveal single rows",
            remedy="make up rows by hand, in the columns of the data",
            facts={"rows": len(rows), "minimum": FEWEST},
        )
    row_count = len(rows) if count is None else count
    if not 1 <= row_count <= MAX_ROWS:
        raise InvalidInput(f"{row_count} is not a valid number of rows", remedy=f"ask for 1 to {MAX_ROWS} rows")
    return _Maker(rows, row_count, seed).draw_all()


class _Maker:
    """Builds one stand-in."""

    def __init__(self, rows: Rows, count: int, seed: int) -> None:
        self.rows, self.count, self.seed = rows, count, seed
        # Only random() is used: its sequence is the same on every version of Python, unlike that of other methods.
        self.chance: Chance = random.Random(seed).random  # noqa: S311 - made to be repeated, not to be secret
        self.columns = tuple(dict.fromkeys(name for row in rows for name in row))
        self.key = key_of(rows)
        alone = self.key if len(self.key) == 1 else ()
        values = {name: [row.get(name) for row in rows] for name in self.columns}
        self.follows = _follows(values, sorted(self.columns, key=lambda name: name not in self.key), self.key)
        self.marginals = {
            name: marginal(name, values[name], names=name in alone)
            for name in self.columns
            if name not in self.follows
        }
        first = [name for name in self.key if name in self.marginals and self.marginals[name].is_modelled]
        others = [name for name, one in self.marginals.items() if one.is_modelled and name not in first]
        self.modelled = [*first, *others]
        sample = [rows[number] for number in _spread(len(rows), SAMPLE)]
        scored = self._score(sample)
        self.lower = root([scored[name] for name in self.modelled])
        self.ground = Ground.of([row[GEOMETRY] for row in rows if row.get(GEOMETRY)])
        self.known = Counter(telling for row in rows if (telling := self._telling(row)))

    def draw_all(self) -> StandIn:
        key_values = self._keys()
        names = {
            name: self._names(name) for name, marginal in self.marginals.items() if marginal.kind is ColumnType.NAMES
        }
        rows_so_far: list[Row] = []
        for number in range(self.count):
            row = self._row(key_values[number] if key_values else {}, names, number)
            if row is not None:
                rows_so_far.append(row)
        in_order = [name for name in self.columns if name in self.key]
        rows_so_far.sort(key=lambda row: [(is_figure(row[name]), row[name]) for name in in_order])
        kinds = {
            name: self.marginals[name].kind if name in self.marginals else ColumnType.TIMES for name in self.columns
        }
        return StandIn(
            rows=rows_so_far,
            columns=self.columns,
            kinds=kinds,
            rare_values={
                name: marginal.rare_values for name, marginal in self.marginals.items() if marginal.rare_values
            },
            left_out=self.count - len(rows_so_far),
            seed=self.seed,
        )

    def _row(
        self, key_values: Mapping[str, Any], names: Mapping[str, Sequence[Any]], number: int
    ) -> dict[str, Any] | None:
        for _ in range(_REDRAWS):
            values = self._values(key_values, names, number)
            for name, follower in self.follows.items():
                values[name] = follower.after(values.get(follower.source))
            if not 0 < self.known[self._telling(values)] < RARE:
                row = {name: values.get(name) for name in self.columns}
                if GEOMETRY in row and row[GEOMETRY] is None:
                    del row[GEOMETRY]
                return row
        return None

    def _values(
        self, key_values: Mapping[str, Any], names: Mapping[str, Sequence[Any]], number: int
    ) -> dict[str, Any]:
        places = {
            index: NORMAL.inv_cdf(self.marginals[name].share(key_values[name]))
            for index, name in enumerate(self.modelled)
            if name in key_values
        }
        fresh = [self._normal() for _ in self.modelled]
        row = draw(self.lower, places, fresh)
        values: dict[str, Any] = {}
        for name, column in self.marginals.items():
            if column.kind is ColumnType.NAMES and name in key_values:
                values[name] = names[name][key_values[name]]
            elif column.kind is ColumnType.NAMES:
                some = names[name]
                repeated = len(some) < self.count
                values[name] = some[int(self.chance() * len(some))] if repeated else some[number]
            elif column.kind is ColumnType.GEOMETRY:
                values[name] = self.ground.somewhere(self.chance)
            elif name in key_values:
                values[name] = column.point(key_values[name])
        for name, place in zip(self.modelled, row, strict=True):
            if name not in key_values:
                values[name] = self.marginals[name].at(NORMAL.cdf(place))
        for name, one in self.marginals.items():
            if name not in self.key and self.chance() < one.missing:
                values[name] = None
        return values

    def _keys(self) -> list[dict[str, int]]:
        """Return the number of the value of each column of the key, row by row, each key once; empty if the key is a
        name, or if there are not enough keys."""
        if not self.key:
            return []
        # Names outermost: fewer rows then have fewer names, and each of these is complete.
        parts = sorted((self.marginals[name] for name in self.key), key=lambda one: _OUTER.get(one.kind, 0))
        sizes = [self._size(part) for part in parts]
        if (len(parts) == 1 and parts[0].kind is ColumnType.NAMES) or math.prod(sizes) < self.count:
            return []
        every = math.prod(sizes)
        # A table that has few of its possible keys (origins and destinations) gets keys from all parts; one that has
        # nearly all (each hour of each place) gets the first places completely.
        sparse = len(self.rows) * 2 < math.prod(self._size(part, grown=False) for part in parts)
        numbers = (number * every // self.count if sparse else number for number in range(self.count))
        return [_digits(number, parts, sizes) for number in numbers]

    def _size(self, part: Marginal, *, grown: bool = True) -> int:
        if part.kind is ColumnType.NAMES:
            distinct = len({row.get(part.name) for row in self.rows})
            # More rows than the original need more names, in the same proportion.
            return max(math.ceil(distinct * self.count / len(self.rows)), distinct) if grown else distinct
        if part.kind is ColumnType.TIMES and len(self.key) == 1 and grown:
            return max(part.count, self.count)
        return part.points() if part.kind in (ColumnType.LEVELS, ColumnType.TIMES) else 0

    def _names(self, name: str) -> Sequence[Any]:
        values = [row[name] for row in self.rows if row.get(name) is not None]
        distinct = sorted(set(values))
        unique = len(distinct) == len(values)
        count = self.count if unique else self._size(self.marginals[name]) if name in self.key else len(distinct)
        if isinstance(distinct[0], int):
            return whole_numbers_like(distinct, count)
        return names_like(distinct, count, self.chance)

    def _score(self, sample: Rows) -> dict[str, Scores]:
        values = {
            name: scores([self.marginals[name].order(row.get(name)) for row in sample])
            for name in self.modelled
            if self.marginals[name].kind is not ColumnType.LEVELS
        }
        figures = dict(values)
        for name in self.modelled:
            column = self.marginals[name]
            if column.kind is ColumnType.LEVELS:
                numbers = [None if (place := column.order(row.get(name))) is None else int(place) for row in sample]
                if not isinstance(column.values[0], int | float) or isinstance(column.values[0], bool):
                    self.marginals[name] = column = column.reorder(_places(numbers, len(column.values), figures))
                values[name] = scores([column.order(row.get(name)) for row in sample])
        return values

    def _telling(self, row: Row) -> tuple[Any, ...]:
        """Return the values by which a row could be recognised; none if there are too few rows to decide."""
        names = [name for name in self.modelled if name not in self.key]
        return tuple(_spell(row.get(name)) for name in names) if len(names) >= _TELLING else ()

    def _normal(self) -> float:
        return NORMAL.inv_cdf(min(max(self.chance(), 1e-12), 1 - 1e-12))


@dataclass(frozen=True, slots=True)
class _Follower:
    """A column of times that are always ``distance`` seconds after those of ``source``: the end of each interval."""

    source: str
    distance: int
    form: Callable[[int], str]

    def after(self, start: Any) -> str | None:
        begun = seconds(start) if isinstance(start, str) else None
        return None if begun is None else self.form(begun + self.distance)


def _follows(values: Mapping[str, Sequence[Any]], columns: Sequence[str], key: Sequence[str]) -> dict[str, _Follower]:
    times: dict[str, list[int | None]] = {}
    for name in columns:
        points = [seconds(value) if isinstance(value, str) else None for value in values[name]]
        if None not in points:
            times[name] = points
    followers: dict[str, _Follower] = {}
    for number, name in enumerate(list(times)):
        for source in list(times)[:number]:
            distances = {
                (later or 0) - (sooner or 0) for later, sooner in zip(times[name], times[source], strict=True)
            }
            # After midnight, a time of day is smaller by a day.
            distances = {distance % 86400 for distance in distances} if len(distances) == 2 else distances
            if len(distances) == 1 and source not in followers and name not in key:
                followers[name] = _Follower(source, distances.pop(), writer(list(values[name])))
                break
    return followers


def _digits(number: int, parts: Sequence[Marginal], sizes: Sequence[int]) -> dict[str, int]:
    """Return ``number`` in the mixed base of ``sizes``, the first part outermost: the number of the value of each
    part."""
    digits: dict[str, int] = {}
    for part, size in zip(reversed(parts), reversed(sizes), strict=True):
        number, digits[part.name] = divmod(number, size)
    return digits


def _places(numbers: Sequence[int | None], size: int, figures: Mapping[str, Scores]) -> list[float]:
    """Return the mean score of each level in the column of figures that differs most between levels."""
    best: list[float] = [0.0] * size
    most = -1.0
    for column in figures.values():
        totals = [0.0] * size
        counts = [0] * size
        for number, score in zip(numbers, column, strict=True):
            if number is not None and score is not None:
                totals[number] += score
                counts[number] += 1
        means = [total / count if count else 0.0 for total, count in zip(totals, counts, strict=True)]
        between = math.fsum(count * mean * mean for count, mean in zip(counts, means, strict=True))
        if between > most:
            most, best = between, means
    return best


def _spell(value: Any) -> str:
    return repr(float(value)) if is_figure(value) else repr(value)


def _spread(length: int, most: int) -> Sequence[int]:
    """Return at most ``most`` of the numbers below ``length``, evenly spread."""
    if length <= most:
        return range(length)
    return [number * length // most for number in range(most)]
