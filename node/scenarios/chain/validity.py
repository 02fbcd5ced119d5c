"""Checks of rows against the declarations of a port, and against a model's range of validity."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from node.base.errors import InvalidInput
from node.scenarios.model import GEOMETRY, Port, Row, Rows, Variable
from node.scenarios.run_model import Caveat
from node.scenarios.tables import places, units
from node.scenarios.tables.files import is_figure
from node.scenarios.tables.geometries import BBox, positions
from node.scenarios.tables.rows import key_of, row_id

EXAMPLES: Final = 5
"""The number of rows that are named."""


def outside(port: Port, rows: Rows) -> tuple[Caveat, ...]:
    """Return caveats for rows outside a model's range of validity: one for each column with figures beyond its
    bounds, and one for places beyond the port's extent. Each states how many rows, how far, and which, by their
    key."""
    caveats = [caveat for variable in port.variables if (caveat := _beyond(port, variable, rows)) is not None]
    if port.extent is not None:
        away = [row for row in rows if row.get(GEOMETRY) and not _within(row[GEOMETRY], port.extent)]
        if away:
            examples = _examples(port, rows, away)
            caveats.append(
                Caveat(
                    code="outside-extent",
                    sentence=f"{_of(away, rows)} of {port.role} lie outside {places.words(port.extent)}"
                    + _for_instance(examples),
                    facts={
                        "role": port.role,
                        "count": len(away),
                        "of": len(rows),
                        "area": port.extent,
                        "examples": examples,
                    },
                )
            )
    return tuple(caveats)


def _beyond(port: Port, variable: Variable, rows: Rows) -> Caveat | None:
    low = variable.minimum if variable.minimum is not None else -math.inf
    high = variable.maximum if variable.maximum is not None else math.inf
    name = variable.name
    beyond = [row for row in rows if is_figure(row.get(name)) and not low <= row[name] <= high]
    if not beyond:
        return None
    unit = f" {written}" if (written := units.words(variable.unit)) else ""
    lowest, highest = min(row[name] for row in beyond), max(row[name] for row in beyond)
    limits = []
    if lowest < low:
        limits.append(f"below {low:g}{unit} (the lowest {lowest:g})")
    if highest > high:
        limits.append(f"above {high:g}{unit} (the highest {highest:g})")
    examples = _examples(port, rows, beyond)
    return Caveat(
        code="outside-validity",
        sentence=f"{_of(beyond, rows)} of {port.role} have {name} {' or '.join(limits)}{_for_instance(examples)}",
        facts={
            "role": port.role,
            "variable": name,
            "count": len(beyond),
            "of": len(rows),
            "minimum": variable.minimum,
            "maximum": variable.maximum,
            "lowest": lowest,
            "highest": highest,
            "unit": variable.unit,
            "examples": examples,
        },
    )


def _of(some: Sequence[Row], rows: Rows) -> str:
    return f"all {len(rows)} rows" if len(some) == len(rows) else f"{len(some)} of {len(rows)} rows"


def _examples(port: Port, rows: Rows, some: Sequence[Row]) -> list[str]:
    try:
        key = key_of(rows, port)
    except InvalidInput:
        key = ()
    return sorted(row_id(row, key) for row in some)[:EXAMPLES] if key else []


def _for_instance(examples: Sequence[str]) -> str:
    return f": {', '.join(examples)}" if examples else ""


def _within(geometry: Row, box: BBox) -> bool:
    west, south, east, north = box
    return all(west <= x <= east and south <= y <= north for x, y in positions(geometry))
