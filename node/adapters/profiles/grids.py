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
from node.semantics.profiles.model import (
    MAX_COLUMNS,
    MAX_TABLES,
    ColumnProfile,
    Profile,
    TableProfile,
    without_values,
)
from node.semantics.profiles.suspicion import HOUSEHOLD, suspect
from node.semantics.profiles.units import unit_of_symbol

_PIECE: Final = 1_000_000
"""Cells that are read at once."""
_READ: Final = 60_000_000
"""Cells that are read in all, shared by the variables; a draft states it if there are more."""
_DISTINCT: Final = 20_000
_TEXT: Final = 500
"""Characters of an attribute that a draft shows."""
_FLAGS: Final = 20
_NOTES: Final = 10
"""Notes about times of one file."""
_ANY_FILE: Final = "/etc/passwd"
"""A file that is on every machine, and that a child of the cage may not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A variable of a file: ``name`` and ``dimensions`` with the paths of their groups, and its array.

    ``is_nested``: each of its cells has several values.
    """

    name: str
    array: Any
    dimensions: tuple[str, ...]
    is_text: bool
    is_nested: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the sizes of the dimensions."""
        return tuple(int(size) for size in self.array.shape[: len(self.dimensions)])

    def attribute(self, name: str) -> str:
        """Return an attribute as text on one line; empty if there is none."""
        return attribute(self.array, name)


def grid(path: Path, _name: str) -> Profile:
    """Return the profile of a NetCDF file. Raises ``InvalidInput`` if it is damaged or has no variables, and where
    other files are not hidden from this process."""
    _require_hidden_files()
    # A child may not lock files, and nobody changes this one.
    os.environ["HDF5_USE_FILE_LOCKING"] = "FALSE"
    with _opening(path) as dataset:
        variables, more = _variables(dataset)
        if not variables:
            raise InvalidInput("the NetCDF file has no variables", remedy="give a file with data")
        return _profile(dataset, variables, more)


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


def _require_hidden_files() -> None:
    """Raise ``InvalidInput`` where this process could read other files: HDF5 follows links, and takes data from files
    that a file names."""
    try:
        os.close(os.open(_ANY_FILE, os.O_RDONLY))
    except OSError:
        return
    raise InvalidInput(
        "a NetCDF file can name other files as its own, and the kernel of this machine cannot hide them",
        remedy="describe the file by hand; Linux from 5.13 on, with Landlock, can hide them",
    )


def _variables(dataset: Any) -> tuple[list[Variable], int]:
    """Return the variables with data (no edges of cells, and no descriptions of projections), and how many more
    there are."""
    arrays: dict[str, Any] = {}
    more = 0
    groups = [("", dataset)]
    while groups:
        prefix, group = groups.pop(0)
        for name, array in group.variables.items():
            if len(arrays) < MAX_COLUMNS:
                arrays[f"{prefix}{name}"] = array
            else:
                more += 1
        groups += [(f"{prefix}{name}/", inner) for name, inner in group.groups.items()]
    auxiliary = {
        word
        for array in arrays.values()
        for link in ("bounds", "grid_mapping")
        for word in attribute(array, link).replace(":", " ").split()
    }
    variables = [
        _variable(name, array)
        for name, array in arrays.items()
        if name.rpartition("/")[2] not in auxiliary and "grid_mapping_name" not in array.ncattrs()
    ]
    return variables, more


def _variable(name: str, array: Any) -> Variable:
    import netCDF4

    # Two groups may call different dimensions the same.
    dimensions = tuple(
        f"{dimension.group().path.strip('/')}/{dimension.name}".lstrip("/") for dimension in array.get_dims()
    )
    is_characters = getattr(array.dtype, "kind", "") == "S" and bool(dimensions)
    if is_characters:
        # Texts of a classic file: its last dimension counts their characters.
        array.set_auto_chartostring(False)
        dimensions = dimensions[:-1]
    is_text = is_characters or array.dtype is str
    return Variable(
        name=name,
        array=array,
        dimensions=dimensions,
        is_text=is_text,
        is_nested=not is_text and isinstance(array.datatype, netCDF4.VLType | netCDF4.CompoundType),
    )


def _profile(dataset: Any, variables: Sequence[Variable], more: int) -> Profile:
    calendars = {variable.name: calendar_of(variable) for variable in variables}
    faults = [calendar.fault for calendar in calendars.values() if calendar and calendar.fault]
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
    # When a person was born is not the period of the data.
    times = span([(variable, calendars[variable.name]) for variable in variables if not _suspect_time(variable)])
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
            *faults[:_NOTES],
            *((f"the file names its licence: {licence}",) if licence else ()),
            *((f"{left_out} tables of other dimensions are left out",) if left_out else ()),
            *((f"{more} more variables are left out",) if more else ()),
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
    if variable.is_nested:
        return ColumnProfile(name=variable.name, type="json", meaning=_meaning(variable)), prod(variable.shape)
    if variable.is_text:
        column, read = _text_column(variable, share)
        return replace(column, meaning=_meaning(variable)), read
    if getattr(variable.array.dtype, "kind", "") not in "iufb":
        return ColumnProfile(name=variable.name, type="json", meaning=_meaning(variable)), prod(variable.shape)
    column, read = _number_column(variable, share)
    units, flags = variable.attribute("units"), _flags(variable)
    if calendar and not calendar.fault:
        least, most = calendar.read(column.minimum), calendar.read(column.maximum)
        column = replace(column, type="datetime", unit="", personal=_suspect_time(variable))
        # One bound alone says nothing about a range.
        column = replace(column, minimum=least if most else "", maximum=most if least else "")
    elif units:
        column = replace(column, unit=unit_of_symbol(units))
    if personal := suspect(variable.name, "text", list(flags.values())) if flags else "":
        column = replace(column, personal=personal)
    if column.personal and column.personal != HOUSEHOLD:
        return replace(without_values(column), meaning=_meaning(variable)), read
    words = ", ".join(f"{value} = {word}" for value, word in flags.items())
    meaning = _meaning(variable)
    return replace(column, meaning=f"{meaning} ({words})" if meaning and words else meaning or words), read


def _meaning(variable: Variable) -> str:
    return variable.attribute("long_name") or variable.attribute("standard_name").replace("_", " ")


def _suspect_time(variable: Variable) -> str:
    """Return the kind of personal data that the name of a variable of times points at; empty if it points at none."""
    return suspect(variable.name.rpartition("/")[2], "datetime", ())


def _number_column(variable: Variable, share: int) -> tuple[ColumnProfile, int]:
    least: Any = None
    most: Any = None
    empty = read = 0
    is_packed = not {"scale_factor", "add_offset"}.isdisjoint(variable.array.ncattrs())
    is_whole = variable.array.dtype.kind in "iub" and not is_packed
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
    width = 1 if variable.array.dtype is str else max(1, int(variable.array.shape[-1]))
    for piece in _pieces(variable, min(share, 40 * SAMPLED), width):
        texts = [str(cell).strip("\0 ")[: 2 * MAX_TEXT] for cell in _texts_of(piece, variable)]
        collector.add(texts)
        read += len(texts)
    return collector.profile(), read


def _texts_of(piece: Any, variable: Variable) -> list[Any]:
    """Return the texts of a piece, also of a classic file, which keeps them as characters."""
    if variable.array.dtype is str:
        return list(np.asarray(piece).ravel())
    letters = np.ma.filled(piece, b"")
    if not letters.shape or not letters.shape[-1]:
        return [""] * (prod(letters.shape[:-1]) if letters.shape else 1)
    return [b"".join(row.tolist()).decode("utf-8", "replace") for row in letters.reshape(-1, letters.shape[-1])]


def _pieces(variable: Variable, share: int, width: int = 1) -> Iterator[Any]:
    """Yield the cells of a variable, a piece at a time, until there were ``share``. ``width``: values of a cell.

    A piece consists of whole blocks as the file has them: each is unpacked once.
    """
    shape = variable.shape
    if not shape:
        yield np.ma.asarray(variable.array[...])
        return
    most = max(1, min(_PIECE // width, share))
    block = _block(variable, most)
    read = 0
    for starts in product(*(range(0, size, step) for size, step in zip(shape, block, strict=True))):
        yield variable.array[tuple(slice(start, start + step) for start, step in zip(starts, block, strict=True))]
        read += prod(min(step, size - start) for start, step, size in zip(starts, block, shape, strict=True))
        if read >= share:
            return


def _block(variable: Variable, most: int) -> list[int]:
    """Return the shape of a piece: the blocks of the file, grown from the last dimension on to at most ``most``
    cells."""
    shape = variable.shape
    chunks = variable.array.chunking()
    block = [max(1, int(size)) for size in chunks[: len(shape)]] if isinstance(chunks, list) else [1] * len(shape)
    block = [min(step, max(1, size)) for step, size in zip(block, shape, strict=True)]
    for axis in reversed(range(len(shape))):
        room = most // max(1, prod(block))
        if room <= 1:
            break
        block[axis] = min(block[axis] * room, max(1, shape[axis]))
        if block[axis] < shape[axis]:
            break
    return block


def _flags(variable: Variable) -> dict[str, str]:
    """Return what each value of a flag means (CF §3.5): ``0`` is *water*, ``1`` is *land*."""
    words = variable.attribute("flag_meanings").split()
    if not words or "flag_values" not in variable.array.ncattrs():
        return {}
    values = np.asarray(variable.array.getncattr("flag_values")).ravel().tolist()[:_FLAGS]
    return {str(value): word.replace("_", " ") for value, word in zip(values, words, strict=False)}
