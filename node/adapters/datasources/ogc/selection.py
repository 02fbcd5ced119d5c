"""The features of a WFS that a reader may have: its part of the layer, decided from each feature itself."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from node.adapters.datasources.feature_portions import ID
from node.adapters.datasources.ogc.features import NUMBERS, Schema
from node.datasources.errors import DataSourceUnreachable
from node.policy.portion import Portion

KINDS: Final = frozenset({"columns", "boxes", "eq", "neq", "lt", "lteq", "gt", "gteq"})
_LATITUDE_FIRST: Final = frozenset({"urn:ogc:def:crs:EPSG::4326", "http://www.opengis.net/def/crs/EPSG/0/4326"})
_LONGITUDE_FIRST: Final = frozenset({"urn:ogc:def:crs:OGC:1.3:CRS84", "http://www.opengis.net/def/crs/OGC/1.3/CRS84"})
_POSITIONS: Final = frozenset({"pos", "posList", "lowerCorner", "upperCorner"})
_MOST_VALUE: Final = 4000


class Reach:
    """The facts of a feature that passes: its identifier, the values of its columns, and its extent."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.extent: tuple[float, float, float, float] | None = None
        self.has_other_system = False
        self._column = ""
        self._place = ""
        self._text: list[str] = []
        self._systems: list[tuple[int, str]] = []
        self._dimensions: list[tuple[int, int]] = []

    def enter(self, depth: int, local: str, attributes: Mapping[str, str], namespace: str) -> None:
        """Begin an element. ``attributes`` have the names of the parser."""
        if depth == 2:
            self.values[ID] = next(
                (value for key, value in attributes.items() if "gml" in key and key.split("}")[1:2] == ["id"]), ""
            )
        self._column = local if depth == 3 else self._column
        self._place, self._text = local, []
        if "srsName" in attributes:
            self._systems.append((depth, attributes["srsName"]))
        if attributes.get("srsDimension") in ("2", "3"):
            self._dimensions.append((depth, int(attributes["srsDimension"])))

    def read(self, data: str) -> None:
        self._text.append(data)

    def leave(self, depth: int) -> None:
        """End an element."""
        data, self._text = "".join(self._text), []
        if depth == 3 and self._column != ID and len(data) <= _MOST_VALUE:
            self.values.setdefault(self._column, data.strip())
        elif depth == 3 and len(data) <= _MOST_VALUE:
            # A column of this name is another thing than the identifier, and is the one that people see.
            self.values[ID] = data.strip()
        if depth > 3 and self._place in _POSITIONS and data.strip():
            self._add(data.split())
        self._place = ""
        while self._systems and self._systems[-1][0] >= depth:
            self._systems.pop()
        while self._dimensions and self._dimensions[-1][0] >= depth:
            self._dimensions.pop()

    def _add(self, words: list[str]) -> None:
        system = self._systems[-1][1] if self._systems else ""
        if system not in _LATITUDE_FIRST | _LONGITUDE_FIRST:
            self.has_other_system = True
            return
        step = self._dimensions[-1][1] if self._dimensions else 2
        try:
            numbers = [float(word) for word in words]
        except ValueError:
            self.has_other_system = True
            return
        firsts, seconds = numbers[::step], numbers[1::step]
        if not seconds:
            return
        easts, norths = (seconds, firsts) if system in _LATITUDE_FIRST else (firsts, seconds)
        boxes = [(min(easts), min(norths), max(easts), max(norths)), *([self.extent] if self.extent else [])]
        self.extent = (
            min(box[0] for box in boxes),
            min(box[1] for box in boxes),
            max(box[2] for box in boxes),
            max(box[3] for box in boxes),
        )


class FeatureSelection:
    """One part of one layer."""

    def __init__(self, portion: Portion, schema: Schema) -> None:
        self._portion = portion
        self._schema = schema

    @property
    def is_whole(self) -> bool:
        return self._portion.is_whole

    @property
    def leaves_out_features(self) -> bool:
        return bool(self._portion.rows or self._portion.boxes)

    @property
    def shows_ids(self) -> bool:
        return self._portion.shows(ID)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the reader may have, in the order of the layer."""
        return tuple(name for name in self._schema.columns if self.shows(name))

    def shows(self, column: str) -> bool:
        """Return whether the reader may have a column. The part may call the geometry by its own name, or
        ``geometry``."""
        return self._portion.shows(column) or (column in self._schema.geometries and self._portion.shows("geometry"))

    def admits(self, reach: Reach) -> bool:
        """Return whether a feature lies in the part. Raises ``DataSourceUnreachable`` if that cannot be known."""
        if not all(row.admits(self._value(row.column, reach)) for row in self._portion.rows):
            return False
        if not self._portion.boxes:
            return True
        if reach.has_other_system:
            raise DataSourceUnreachable("the data source gives places in another system than was asked for")
        extent = reach.extent
        return extent is not None and all(
            extent[0] <= east and extent[2] >= west and extent[1] <= north and extent[3] >= south
            for west, south, east, north in self._portion.boxes
        )

    def _value(self, column: str, reach: Reach) -> Any:
        value = reach.values.get(column)
        if not value or self._schema.columns.get(column) not in NUMBERS:
            return value or None
        try:
            return Decimal(value)
        except InvalidOperation:
            return None
