"""The map of a story as a file: each feature of the result with its figure before and after, and its place.

The file holds places only of data that everybody may use; others, and features of other inputs, are left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from node.base.errors import InvalidInput
from node.base.jsons import read_json
from node.scenarios.chain import differences
from node.scenarios.chain.differences import Difference, Figure, Places
from node.scenarios.model import Rows
from node.scenarios.stories.serialization import figure_in
from node.scenarios.tables.geometries import check

MOST_BYTES: Final = 4 << 20
MOST_FEATURES: Final = 20_000
_DECIMALS: Final = 5
"""Decimals of a degree: about a metre."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryFeature:
    """A feature with its place. One without figures is part of the background."""

    id: str
    geometry: Mapping[str, Any]
    before: float | None = None
    after: float | None = None
    is_background: bool = False

    @property
    def by(self) -> float | None:
        return None if self.before is None or self.after is None else self.after - self.before


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureOnMap:
    """The figures of a map. ``together`` is as in ``node.scenarios.stories.model.StoryMap``; ``features`` is empty if
    no place fits the figures."""

    figure: Figure
    together: str
    features: tuple[StoryFeature, ...]


def figure_on_map(figure: Figure, before: Rows | None, after: Rows, places: Sequence[Places]) -> FigureOnMap:
    """Put ``figure`` of the rows of both branches on the ``places`` of its features; ``before`` is None if nothing
    was changed. Rows of a feature become one figure, as in ``node.scenarios.chain.differences``."""
    shape = differences.shape([*after, *(before or ())], places)
    changes = differences.changes(
        differences.figures_by_feature(before, figure, shape, {}) if before is not None else None,
        differences.figures_by_feature(after, figure, shape, {}),
    )
    own = next((place for place in places if place.key == shape.key), None)
    return FigureOnMap(
        figure=figure,
        together=differences.way_together(figure.variable.unit) if _is_divided(after, shape.key) else "",
        features=_features(changes, own, places) if own else (),
    )


def _is_divided(rows: Rows, key: str) -> bool:
    return len(rows) > len({str(row.get(key)) for row in rows})


def _features(changes: Sequence[Difference], own: Places, places: Sequence[Places]) -> tuple[StoryFeature, ...]:
    by_id = {change.id: change for change in changes}
    features = [
        StoryFeature(id=name, geometry=geometry, is_background=True)
        for place in places
        if place is not own
        for name, geometry in place.geometries.items()
    ]
    for name, geometry in own.geometries.items():
        change = by_id.get(name)
        features.append(
            StoryFeature(
                id=name,
                geometry=geometry,
                before=change.before if change else None,
                after=change.after if change else None,
            )
        )
    return tuple(features)


def features_file(features: Sequence[StoryFeature]) -> bytes | None:
    """Return features as GeoJSON; without the background if they are too many, None if they still are."""
    for choice in (features, [feature for feature in features if not feature.is_background]):
        if len(choice) <= MOST_FEATURES and len(body := _geojson(choice)) <= MOST_BYTES:
            return body
    return None


def _geojson(features: Sequence[StoryFeature]) -> bytes:
    lines = [json.dumps(_feature(feature), ensure_ascii=False, separators=(",", ":")) for feature in features]
    return ('{"type":"FeatureCollection","features":[\n' + ",\n".join(lines) + "\n]}\n").encode()


def _feature(feature: StoryFeature) -> dict[str, Any]:
    properties: dict[str, Any] = {"id": feature.id}
    if feature.is_background:
        properties["background"] = True
    else:
        properties |= {"before": feature.before, "after": feature.after, "change": feature.by}
    return {
        "type": "Feature",
        "id": feature.id,
        "properties": properties,
        "geometry": _round_numbers(feature.geometry),
    }


def _round_numbers(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, _DECIMALS)
    if isinstance(value, Mapping):
        return {name: _round_numbers(inner) for name, inner in value.items()}
    return [_round_numbers(inner) for inner in value] if isinstance(value, list | tuple) else value


def read_features(body: bytes) -> tuple[StoryFeature, ...]:
    """Return the features of a file that ``features_file`` wrote, here or at another node; those of another form are
    left out, and there are none in a file that cannot be read."""
    if len(body) > MOST_BYTES:
        return ()
    try:
        members = read_json(body)
    except InvalidInput:
        return ()
    rows = members.get("features") if isinstance(members, Mapping) else None
    features = [_read(row) for row in rows[:MOST_FEATURES]] if isinstance(rows, list) else []
    return tuple(feature for feature in features if feature is not None)


def _read(row: Any) -> StoryFeature | None:
    properties = row.get("properties") if isinstance(row, Mapping) else None
    if not isinstance(properties, Mapping) or not isinstance(properties.get("id"), str):
        return None
    try:
        geometry = check(row.get("geometry"))
    except InvalidInput:
        return None
    return StoryFeature(
        id=properties["id"][:200],
        geometry=geometry,
        before=figure_in(properties, "before"),
        after=figure_in(properties, "after"),
        is_background=properties.get("background") is True,
    )
