"""Find the rows of JSON that do not conform to the JSON Schema in their description: objects of an array, properties
of GeoJSON features.

The check covers all rules of JSON Schema 2020-12 on values, in nested objects and arrays as well
(``node.semantics.schemas.row_walk``), but for ``unevaluatedProperties``, ``unevaluatedItems``, references to other
documents and to anchors that move (``$dynamicRef``), and some formats; these cause no breach, and are named
(``node.semantics.schemas.left_out``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from node.semantics.schemas.breaches import Breach, Report
from node.semantics.schemas.changes import resolve
from node.semantics.schemas.patterns import Misses
from node.semantics.schemas.row_walk import RowWalk, properties_of
from node.semantics.schemas.tally import MOST, SHOWN, Tally


def check(
    schema: Mapping[str, Any],
    rows: Iterable[Any],
    *,
    features: bool = False,
    misses: Misses | None = None,
    limit: int = SHOWN,
    most: int = MOST,
) -> Report:
    """Compare each of ``rows`` with ``schema``. The schema describes one row or a list of rows; if the rows are
    properties of ``features``, also a feature or a collection of features. ``misses`` tries patterns; ``limit``
    breaches are reported in full.

    Raises ``InvalidInput`` if the rows cannot be read to their end.
    """
    walk = RowWalk(schema, Tally(misses, limit=limit))
    part = _row_schema(schema, features=features)
    count, is_whole = 0, True
    for row in rows:
        if count == most:
            is_whole = False
            break
        count += 1
        if isinstance(row, Mapping):
            walk.compare(count, row, part)
        else:
            walk.tally.add(Breach(row=count, column="", what="no-row"))
    return replace(walk.tally.report(count, whole=is_whole), rules_left_out=tuple(walk.left_out))


class RowCheck:
    """Compares single rows with one schema; patterns are not tried."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._walk = RowWalk(schema, Tally())
        self._part = _row_schema(schema, features=False)

    def breach(self, row: Mapping[str, Any]) -> Breach | None:
        """Return the first breach of the schema in ``row``; None if it conforms."""
        self._walk.tally = Tally(limit=1)
        self._walk.compare(0, row, self._part)
        return next(iter(self._walk.tally.report(1, whole=True).breaches), None)


def _row_schema(schema: Mapping[str, Any], *, features: bool) -> Any:
    """Return the part of ``schema`` that describes one row."""
    part: Any = schema
    rules = resolve(schema, part)
    if "properties" not in rules and "items" in rules:
        part = rules["items"]
        rules = resolve(schema, part)
    if features:
        for name in ("features", "properties"):
            inside = properties_of(rules)
            if name == "features" and name in inside:
                part = resolve(schema, inside[name]).get("items")
            elif name == "properties" and name in inside and "geometry" in inside:
                part = inside[name]
            rules = resolve(schema, part)
    return part
