"""Geometries for stand-ins: in the same extent and about as dense, on a grid, and none at a real place."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from node.scenarios.model import GEOMETRY
from node.scenarios.synthetic.names import Chance
from node.scenarios.tables import geometries

CELLS: Final = 100
"""Cells of the grid along the longer side of the extent."""
REACH: Final = 5
"""The most cells that a geometry is moved."""

_LEAST: Final = 1e-4
"""The cell size in degrees of an extent that is a point."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Places of geometries: their middles in cells of a grid, their sizes (width, height in degrees) and types."""

    west: float
    south: float
    cell: float
    columns: int
    rows: int
    boxes: tuple[tuple[str, int, int, float, float], ...]

    @classmethod
    def of(cls, shapes: Sequence[Mapping[str, Any]]) -> Ground:
        """Return the ground of checked GeoJSON geometries. The extent is rounded outwards to the grid."""
        extent = geometries.extent([{GEOMETRY: one} for one in shapes])
        if extent is None:
            return cls(0.0, 0.0, _LEAST, 1, 1, ())
        cell = max(extent[2] - extent[0], extent[3] - extent[1], _LEAST * CELLS) / CELLS
        west, south = math.floor(extent[0] / cell) * cell, math.floor(extent[1] / cell) * cell
        columns = max(math.ceil((extent[2] - west) / cell), 1)
        rows = max(math.ceil((extent[3] - south) / cell), 1)
        boxes = []
        for shape in shapes:
            box = geometries.extent([{GEOMETRY: shape}])
            if box is not None:
                column = int(((box[0] + box[2]) / 2 - west) / cell)
                row = int(((box[1] + box[3]) / 2 - south) / cell)
                boxes.append((str(shape["type"]), column, row, box[2] - box[0], box[3] - box[1]))
        return cls(west, south, cell, columns, rows, tuple(boxes))

    def somewhere(self, chance: Chance) -> dict[str, Any] | None:
        """Return a geometry of a type and an approximate size that occur in the data, a few cells from a real one: a
        point in the middle of a cell, a straight line or a rectangle around it. Other types become one of these."""
        if not self.boxes:
            return None
        kind, column, row, width, height = self.boxes[int(chance() * len(self.boxes))]
        x = self._move(column, self.columns, chance)
        y = self._move(row, self.rows, chance)
        middle = (self.west + (x + 0.5) * self.cell, self.south + (y + 0.5) * self.cell)
        scale = 0.8 + 0.4 * chance()
        if "Line" in kind:
            turn = math.tau * chance()
            length = math.hypot(width, height) * scale / 2
            ahead = (math.cos(turn) * length, math.sin(turn) * length)
            ends = [
                self._at(middle[0] - ahead[0], middle[1] - ahead[1]),
                self._at(middle[0] + ahead[0], middle[1] + ahead[1]),
            ]
            return {"type": "LineString", "coordinates": ends}
        if "Polygon" in kind:
            half = (max(width, self.cell / 10) * scale / 2, max(height, self.cell / 10) * scale / 2)
            corners = [(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)]
            ring = [self._at(middle[0] + half[0] * dx, middle[1] + half[1] * dy) for dx, dy in corners]
            return {"type": "Polygon", "coordinates": [ring]}
        return {"type": "Point", "coordinates": self._at(*middle)}

    def _move(self, cell: int, cells: int, chance: Chance) -> int:
        by = int(chance() * (2 * REACH + 1)) - REACH
        return min(max(cell + by, 0), cells - 1)

    def _at(self, x: float, y: float) -> list[float]:
        """Return a position within the extent."""
        east, north = self.west + self.columns * self.cell, self.south + self.rows * self.cell
        return [
            round(min(max(x, self.west), east), geometries.DECIMALS - 1),
            round(min(max(y, self.south), north), geometries.DECIMALS - 1),
        ]
