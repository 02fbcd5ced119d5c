"""The figures of a story as its page draws them: indicators with verdicts and bars, and the map with its legend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from node.portal.drawing import maps
from node.portal.drawing.bars import bar
from node.portal.drawing.scale import Scale, change_scale, value_scale
from node.portal.markup import unit as written
from node.portal.runs.results import feature_words
from node.portal.runs.verdicts import IndicatorFigure, indicator_figure, legend
from node.portal.visit import Visit
from node.scenarios.chain.differences import Difference
from node.scenarios.model import Indicator
from node.scenarios.run_model import IndicatorValue
from node.scenarios.stories.features import StoryFeature
from node.scenarios.stories.model import StoryIndicator, StoryMap
from node.scenarios.stories.reader import PublishedStory


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryFigure:
    """An indicator with its bars before (empty without one) and after the changes, on one scale."""

    figure: IndicatorFigure
    before: Markup
    after: Markup


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryPicture:
    """The map of a story. ``heading`` names its figure with the unit."""

    map: maps.Picture
    legend: Sequence[dict[str, Any]]
    heading: str
    has_before: bool


def figures_of(indicators: Sequence[StoryIndicator]) -> list[StoryFigure]:
    """Return the indicators of a story with their bars."""
    figures = []
    for source in indicators:
        indicator = Indicator(
            name=source.name,
            titles=source.titles,
            unit=source.unit or None,
            better=source.better,
            decimals=source.decimals,
            target=source.target,
        )
        value = IndicatorValue(name=source.name, before=source.before, after=source.after, unit=source.unit or None)
        both = [source.before, source.after]
        figures.append(
            StoryFigure(
                figure=indicator_figure(indicator, value),
                before=bar(source.before, both) if source.before is not None else Markup(""),
                after=bar(source.after, both),
            )
        )
    return figures


def picture_of(edition: PublishedStory, visit: Visit) -> StoryPicture | None:
    """Return the map of a story; None if it has none here, or it cannot be drawn."""
    story_map, features = edition.story.map, edition.features
    if story_map is None or not features:
        return None
    own = [feature for feature in features if not feature.is_background]
    has_before = any(feature.before is not None for feature in own)
    if has_before:
        scale = change_scale([feature.by for feature in own if feature.by is not None], story_map.decimals)
    else:
        scale = value_scale([feature.after for feature in own if feature.after is not None])
    drawing = maps.draw([_mark(feature, story_map, scale, visit) for feature in features])
    if drawing is None:
        return None
    unit = _unit(story_map)
    title = visit.translate(story_map.descriptions).text.rstrip(".") or story_map.column
    return StoryPicture(
        map=drawing,
        legend=legend(visit, scale),
        heading=f"{title}, {unit}" if unit else title,
        has_before=has_before,
    )


def _mark(feature: StoryFeature, story_map: StoryMap, scale: Scale, visit: Visit) -> maps.Mark:
    if feature.is_background:
        return maps.Mark(id=feature.id, geometry=feature.geometry, words=feature.id)
    figure = feature.by if scale.changes else feature.after
    change = Difference(id=feature.id, before=feature.before, after=feature.after)
    return maps.Mark(
        id=feature.id,
        geometry=feature.geometry,
        words=feature_words(change, visit, decimals=story_map.decimals, unit=_unit(story_map)),
        colour=scale.colour(figure) if figure is not None else "",
        width=scale.width(figure) if figure is not None else 2.0,
        weight=abs(figure) if figure is not None else 0.0,
        dashed=figure is None,
    )


def _unit(story_map: StoryMap) -> str:
    return written(story_map.unit) if story_map.unit not in ("", "1") else ""
