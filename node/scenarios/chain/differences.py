"""Changes by a run, figure by figure: the available figures, one per feature or row, before beside after.

Rows of an output often have several parts for one feature (a quarter of an hour, a class of vehicles). A map shows
one figure of each feature: the reader chooses a part, or the parts are added up or averaged: levels in decibels by
their energy, never by their numbers (digest §12, trap 10).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeGuard

from node.scenarios.model import GEOMETRY, Rows, Variable
from node.scenarios.run_model import Run

MAX_PARTS: Final = 120
"""A text column with more values than that names things; it does not divide them into parts."""

ALL: Final = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A column of numbers of an output: ``of`` (``noise.levels``), and the variable in the output's card."""

    of: str
    variable: Variable

    @property
    def column(self) -> str:
        return self.variable.name

    @property
    def name(self) -> str:
        """Return the figure's name in addresses of pages."""
        return f"{self.of}:{self.column}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Places of features: the member that names them, and the geometry of each."""

    key: str
    source: str
    geometries: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A feature or row before and after; ``before`` is None if there is no such branch or row."""

    id: str
    before: float | None
    after: float | None

    @property
    def by(self) -> float | None:
        return None if self.before is None or self.after is None else self.after - self.before


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The columns of an output: the one that names a row, those that divide the rows, those of numbers."""

    key: str
    parts: Mapping[str, tuple[str, ...]]
    numbers: tuple[str, ...]


def figures(run: Run) -> list[Figure]:
    """Return all figures in the cards of a run, those of the last step first: they answer the question."""
    figures_shown = []
    for step in sorted(run.template.steps, key=lambda one: -one.position):
        bound = next((one for one in run.binding.steps if one.name == step.name), None)
        for port in bound.card.outputs if bound else ():
            figures_shown += [
                Figure(of=f"{step.name}.{port.role}", variable=variable)
                for variable in port.variables
                if _measures(variable)
            ]
    return figures_shown


def _measures(variable: Variable) -> bool:
    return variable.unit is not None or variable.decimals is not None


def shape(rows: Rows, places: Sequence[Places] = ()) -> Shape:
    """Return the columns of ``rows``. The column that names features of ``places`` names a row, else the text column
    with the most different values."""
    columns = list(dict.fromkeys(name for row in rows for name in row if name != GEOMETRY))
    numbers = tuple(name for name in columns if any(is_number(row.get(name)) for row in rows))
    texts = {
        name: dict.fromkeys(str(row[name]) for row in rows if isinstance(row.get(name), str)) for name in columns
    }
    texts = {name: values for name, values in texts.items() if values and name not in numbers}
    located_columns = [name for name in texts if any(place.key == name for place in places)]
    # Rows may name two things (a receptor and the street in front): the one with more different values is their
    # subject; if both have as many, the first.
    key = max(located_columns, key=lambda name: len(texts[name]), default="")
    if not key:
        key = max(texts, key=lambda name: len(texts[name]), default="")
    parts = {
        name: tuple(values)
        for name, values in texts.items()
        if name != key and 1 < len(values) <= MAX_PARTS and not _depends(rows, key, name)
    }
    return Shape(key=key, parts=parts, numbers=numbers)


def _depends(rows: Rows, key: str, name: str) -> bool:
    """Return whether ``name`` is the same in all rows about one thing: such a column does not divide the rows."""
    seen: dict[Any, Any] = {}
    return all(seen.setdefault(row.get(key), row.get(name)) == row.get(name) for row in rows)


def places(role: str, rows: Rows) -> Places | None:
    """Return the places of the features of an input; None if they have no geometry or no name."""
    located_rows = [row for row in rows if isinstance(row.get(GEOMETRY), Mapping)]
    if not located_rows:
        return None
    for name in located_rows[0]:
        values = [row.get(name) for row in located_rows]
        if all(isinstance(value, str) for value in values) and len(set(values)) == len(values):
            return Places(key=name, source=role, geometries={str(row[name]): row[GEOMETRY] for row in located_rows})
    return None


def added_up(unit: str | None) -> bool:
    """Return whether the parts of a figure add up to a whole: counts and hours do, speeds and levels do not."""
    return bool(unit) and unit not in ("1", "%", "Cel") and "/" not in str(unit) and not str(unit).startswith("dB")


def way_together(unit: str | None) -> str:
    """Return how several figures of one feature become one: ``sum``, ``energy`` or ``mean``."""
    if added_up(unit):
        return "sum"
    return "energy" if str(unit).startswith("dB") else "mean"


def figures_by_feature(rows: Rows, figure: Figure, shape: Shape, parts: Mapping[str, str]) -> dict[str, float]:
    """Return name of the feature → its figure, over the rows of the ``parts`` parts."""
    values_by_feature: dict[str, list[float]] = {}
    for row in rows:
        value = row.get(figure.column)
        if is_number(value) and all(row.get(name) == part for name, part in parts.items() if part != ALL):
            values_by_feature.setdefault(str(row.get(shape.key, "")), []).append(float(value))
    unit = figure.variable.unit
    return {name: _together(values, unit) for name, values in values_by_feature.items()}


def _together(values: list[float], unit: str | None) -> float:
    if len(values) == 1:
        return values[0]
    if added_up(unit):
        return math.fsum(values)
    if str(unit).startswith("dB"):
        return 10 * math.log10(math.fsum(10 ** (value / 10) for value in values) / len(values))
    return math.fsum(values) / len(values)


def changes(before: Mapping[str, float] | None, after: Mapping[str, float]) -> list[Difference]:
    """Return the differences feature by feature, in the order of the names."""
    names = sorted({*(before or {}), *after})
    return [Difference(id=name, before=before.get(name) if before else None, after=after.get(name)) for name in names]


def is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
