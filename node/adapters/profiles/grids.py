"""Grids of NetCDF, profiled by the netCDF library with the names of the CF conventions (1.11).

The variables that share their dimensions are one table, as a person would see them in a table program: a column for
each, and a row for each cell of the grid. Titles, meanings, units, times and places are those that the file has as
attributes. Cells are read a piece at a time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from pathlib import Path
from typing import Any, Final

import numpy as np

from node.adapters.profiles.columns import MAX_TEXT, SAMPLED, Collector, complete, display_text
from node.adapters.profiles.grid_places import area, reference_system
from node.adapters.profiles.grid_times import Calendar, calendar_of, span
from node.base.errors import InvalidInput
from node.base.plaintext import one_line
from node.semantics.profiles.model import MAX_COLUMNS, MAX_TABLES, ColumnProfile, Profile, TableProfile
from node.semantics.profiles.units import unit_of_symbol

_PIECE: Final = 1_000_000
"""Cells that are read at once."""
_READ: Final = 60_000_000
"""Cells that are read in all, shared by the variables; a draft states it if there are more."""
_DISTINCT: Final = 20_000
_TEXT: Final = 500
"""Characters of an attribute that a draft shows."""
_FLAGS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A variable of a file: ``name`` with the path of its group, its array, and the names of its dimensions."""

    name: str
    array: Any
    dimensions: tuple[str, ...]
    is_text: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the sizes of the dimensions."""
        return tuple(int(size) for size in self.array.shape[: len(self.dimensions)])

    def attribute(self, name: str) -> str:
        """Return an attribute as text on one line; empty if there is none."""
        return attribute(self.array, name)


def grid(path: Path, _name: str) -> Profile:
    """Return the profile of a NetCDF file. Raises ``InvalidInput`` if it is damaged, or has no variables."""
    # A child may not lock files, and nobody changes this one.
    os.environ["HDF5_USE_FILE_LOCKING"] = "FALSE"
    with _opening(path) as dataset:
        variables = _variables(dataset)
        if not variables:
            raise InvalidInput("the NetCDF file has no variables", remedy="give a file with data")
        return _profile(dataset, variables)


def attribute(holder: Any, name: str) -> str:
    """Return an attribute of a file or a variable as text on one line; empty if there is none."""
    if name not in holder.ncattrs():
        return ""
    value = holder.getncattr(name)
    text = one_line(value if isinstance(value, str) else str(np.asarray(value).tolist()))
    return text if len(text) <= _TEXT else f"{text[:_TEXT]}…"


@contextmanager
def _opening(path: Path) -> Iterator[Any]:
    import netCDF4

    try:
        with netCDF4.Dataset(str(path), "r") as dataset:
            yield dataset
    except (OSError, RuntimeError, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise InvalidInput(
            f"the NetCDF file is damaged, or no NetCDF: {str(error)[:200]}",
            remedy="open it where it was made, and save it again as NetCDF",
        ) from error


def _variables(dataset: Any) -> list[Variable]:
    """Return the variables with data: no edges of cells, and no descriptions of projections."""
    arrays: dict[str, Any] = {}
    groups = [("", dataset)]
    while groups and len(arrays) <= MAX_COLUMNS:
        prefix, group = groups.pop(0)
        arrays |= {f"{prefix}{name}": array for name, array in group.variables.items()}
        groups += [(f"{prefix}{name}/", inner) for name, inner in group.groups.items()]
    auxiliary = {
        word
        for array in arrays.values()
        for link in ("bounds", "grid_mapping")
        for word in attribute(array, link).replace(":", " ").split()
    }
    return [
        _variable(name, array)
        for name, array in arrays.items()
        if name.rpartition("/")[2] not in auxiliary and "grid_mapping_name" not in array.ncattrs()
    ]


def _variable(name: str, array: Any) -> Variable:
    dimensions = tuple(str(dimension) for dimension in array.dimensions)
    is_characters = getattr(array.dtype, "kind", "") == "S" and bool(dimensions)
    if is_characters:
        # Texts of a classic file: its last dimension counts their characters.
        array.set_auto_chartostring(False)
        dimensions = dimensions[:-1]
    return Variable(name=name, array=array, dimensions=dimensions, is_text=is_characters or array.dtype is str)


def _profile(dataset: Any, variables: Sequence[Variable]) -> Profile:
    calendars = {variable.name: calendar_of(variable) for variable in variables}
    axes = {variable.name: variable for variable in variables if variable.dimensions == (variable.name,)}
    groups: dict[tuple[str, ...], list[Variable]] = {}
    for variable in variables:
        if variable.name not in axes:
            groups.setdefault(variable.dimensions, []).append(variable)
    covered = {name for dimensions in groups for name in dimensions}
    groups |= {(name,): [] for name in axes if name not in covered}
    share = max(1, _READ // len(variables))
    facts: dict[str, tuple[ColumnProfile, int]] = {}
    tables = [
        _table(dimensions, own, axes, calendars, facts=facts, share=share, alone=len(groups) == 1)
        for dimensions, own in list(groups.items())[:MAX_TABLES]
    ]
    times = span([(variable, calendars[variable.name]) for variable in variables])
    box, notes = area(dataset, variables)
    left_out = len(groups) - len(tables)
    licence = attribute(dataset, "license")
    return Profile(
        format="NetCDF",
        title=attribute(dataset, "title"),
        description=attribute(dataset, "summary") or attribute(dataset, "comment"),
        tables=tuple(tables),
        bbox=box,
        crs=reference_system(dataset),
        begins=times.begins,
        ends=times.ends,
        step=times.step,
        notes=(
            *notes,
            *(calendar.fault for calendar in calendars.values() if calendar and calendar.fault),
            *((f"the file names its licence: {licence}",) if licence else ()),
            *((f"{left_out} more groups of variables are left out",) if left_out else ()),
        ),
    )


def _table(
    dimensions: tuple[str, ...],
    own: Sequence[Variable],
    axes: Mapping[str, Variable],
    calendars: Mapping[str, Calendar | None],
    *,
    facts: dict[str, tuple[ColumnProfile, int]],
    share: int,
    alone: bool,
) -> TableProfile:
    members = [*(axes[name] for name in dimensions if name in axes), *own]
    for variable in members[:MAX_COLUMNS]:
        if variable.name not in facts:
            facts[variable.name] = _column(variable, calendars[variable.name], share)
    size = prod((own or members)[0].shape)
    read = min((facts[variable.name][1] for variable in own[:MAX_COLUMNS]), default=size)
    return TableProfile(
        name="" if alone else " × ".join(dimensions) or "single values",
        rows=size,
        columns=tuple(facts[variable.name][0] for variable in members[:MAX_COLUMNS]),
        read=read if read < size else None,
        omitted=max(0, len(members) - MAX_COLUMNS),
    )


def _column(variable: Variable, calendar: Calendar | None, share: int) -> tuple[ColumnProfile, int]:
    """Return the facts of a variable, and how many of its cells were read."""
    meaning = variable.attribute("long_name") or variable.attribute("standard_name").replace("_", " ")
    flags = _flags(variable)
    meaning = f"{meaning} ({flags})" if meaning and flags else meaning or flags
    if variable.is_text:
        column, read = _text_column(variable, share)
    elif getattr(variable.array.dtype, "kind", "") in "iufb":
        column, read = _number_column(variable, share)
        if calendar and not calendar.fault:
            column = replace(column, type="datetime", minimum=calendar.read(column.minimum), unit="", personal="")
            column = replace(column, maximum=calendar.read(column.maximum))
        elif unit := unit_of_symbol(variable.attribute("units")):
            column = replace(column, unit=unit)
    else:
        column, read = ColumnProfile(name=variable.name, type="json"), prod(variable.shape)
    return replace(column, meaning=meaning), read


def _number_column(variable: Variable, share: int) -> tuple[ColumnProfile, int]:
    least: Any = None
    most: Any = None
    empty = read = 0
    is_whole = True
    values: set[Any] | None = set()
    for piece in _pieces(variable, share):
        cells = np.ma.asarray(piece).compressed()
        read += piece.size
        is_whole = is_whole and cells.dtype.kind in "iub"
        usable = cells if is_whole else cells[np.isfinite(cells)]
        empty += piece.size - int(usable.size)
        if usable.size:
            low, high = usable.min().item(), usable.max().item()
            least, most = low if least is None else min(least, low), high if most is None else max(most, high)
        if values is not None and is_whole:
            values.update(np.unique(usable).tolist())
            values = values if len(values) <= _DISTINCT else None
    has_bounds = least is not None
    column = ColumnProfile(
        name=variable.name,
        type="integer" if is_whole else "number",
        rows=read,
        empty=empty,
        distinct=len(values) if values is not None and is_whole else 0,
        minimum=display_text(least) if has_bounds else "",
        maximum=display_text(most) if has_bounds else "",
    )
    return complete(column, ()), read


def _text_column(variable: Variable, share: int) -> tuple[ColumnProfile, int]:
    collector = Collector(variable.name)
    read = 0
    for piece in _pieces(variable, min(share, 40 * SAMPLED)):
        texts = [str(cell).strip("\0 ")[: 2 * MAX_TEXT] for cell in np.asarray(_texts_of(piece, variable)).ravel()]
        collector.add(texts)
        read += len(texts)
    return collector.profile(), read


def _texts_of(piece: Any, variable: Variable) -> Any:
    """Return texts for the characters of a classic file."""
    if variable.array.dtype is str:
        return piece
    letters = np.ma.filled(piece, b"")
    rows = letters.reshape(-1, letters.shape[-1]) if letters.ndim else letters.reshape(1, 1)
    return [b"".join(row.tolist()).decode("utf-8", "replace") for row in rows]


def _pieces(variable: Variable, share: int) -> Iterator[Any]:
    """Yield the cells of a variable in their order, a piece at a time, until there were ``share``."""
    shape = variable.shape
    if not shape:
        yield np.ma.asarray(variable.array[...])
        return
    # The dimensions behind this one fit into a piece as they are.
    cut = next((axis for axis in range(len(shape)) if prod(shape[axis + 1 :]) <= _PIECE), len(shape) - 1)
    step = max(1, _PIECE // max(1, prod(shape[cut + 1 :])))
    read = 0
    for place in product(*(range(size) for size in shape[:cut])):
        for start in range(0, shape[cut], step):
            piece = variable.array[(*place, slice(start, start + step))]
            yield piece
            read += min(step, shape[cut] - start) * prod(shape[cut + 1 :])
            if read >= share:
                return


def _flags(variable: Variable) -> str:
    """Return what each value of a flag means (CF §3.5): ``0 = water, 1 = land``."""
    words = variable.attribute("flag_meanings").split()
    if not words or "flag_values" not in variable.array.ncattrs():
        return ""
    values = np.asarray(variable.array.getncattr("flag_values")).ravel().tolist()[:_FLAGS]
    return ", ".join(f"{value} = {word.replace('_', ' ')}" for value, word in zip(values, words, strict=False))
