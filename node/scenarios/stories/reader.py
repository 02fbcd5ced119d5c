"""Reads stories of published results, for anybody who may see the result, at its own node and at others.

What everybody might know at publication may be hidden since: names, limits and values of an asset that this reader
may not see here any more are left out, and so are figures of a result that not everybody may use any more.
"""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from node.base.clock import Clock
from node.base.errors import Gone, HansaError, InvalidInput, NotFound, Withdrawn
from node.catalogue.browse import Browse
from node.catalogue.model import Record
from node.identity.model import ANONYMOUS, Caller
from node.negotiation.origin import provider_of
from node.scenarios.records.cards import bound_of, template_of
from node.scenarios.records.library import Library
from node.scenarios.run_model import Caveat
from node.scenarios.stories.earlier import lineage_story
from node.scenarios.stories.features import MOST_BYTES, StoryFeature, read_features
from node.scenarios.stories.model import (
    MAP_FILE,
    NOT_SHOWN,
    MapAbsence,
    Story,
    StoryIndicator,
    UsedAsset,
)
from node.scenarios.stories.openness import is_open, is_public
from node.scenarios.stories.serialization import figure_in
from node.scenarios.stories.statement import stated_story
from node.scenarios.stories.writer import NOT_SHOWN_SENTENCE
from node.semantics.model import File

INDICATORS_FILE: Final = "indicators.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedStory:
    """A story with the record of its result. ``is_public``: everybody may read it, so other sites may show it.

    ``here`` are addresses of assets that this reader finds in this node's catalogue. ``map_is_elsewhere``: the
    figures of the map are at the node that published the result, and not here.
    """

    record: Record
    story: Story
    features: tuple[StoryFeature, ...] = ()
    here: frozenset[str] = frozenset()
    is_public: bool = False
    map_is_elsewhere: bool = False


class ReadStories:
    """Stories of the results in this node's catalogue."""

    def __init__(self, *, library: Library, browse: Browse, clock: Clock, me: str) -> None:
        self._library = library
        self._browse = browse
        self._clock = clock
        self._me = me

    async def read(self, iri: str, caller: Caller, *, version: int | None = None) -> PublishedStory:
        """Return the story of the result ``iri``, in its newest or the given version.

        For people of this node the map is fetched from the node that published it, if everybody may have it. Raises
        ``NotFound`` for what this caller may not see and for an asset that is no result, and ``Withdrawn``.
        """
        record = await self._browse.record(iri, caller, version=version)
        story = await asyncio.to_thread(_story_in, record) if record.kind == "dataset" else None
        if story is None:
            raise NotFound("this asset has no story: it is not the result of a scenario", remedy="open its page")
        if not story.is_recorded:
            story = await self._complete(story, record, caller)
        if not is_open(record, self._clock.now()):
            story = _without_figures(story)
        story, here = await self._for_reader(story, caller)
        body, is_elsewhere = await self._map(record, caller) if story.map else (None, False)
        features = await asyncio.to_thread(read_features, body) if body is not None else ()
        return PublishedStory(
            record=record,
            story=story,
            features=features,
            here=here,
            is_public=is_public(record) and await self._is_seen_by_all(record),
            map_is_elsewhere=is_elsewhere,
        )

    async def _is_seen_by_all(self, record: Record) -> bool:
        try:
            await self._browse.record(record.iri, ANONYMOUS, version=record.version)
        except NotFound:
            return False
        return True

    # ---- what this reader may know ----------------------------------------------------------------------------

    async def _for_reader(self, story: Story, caller: Caller) -> tuple[Story, frozenset[str]]:
        here: set[str] = set()
        scenario = await self._asset(story.scenario, caller, here)
        assets = [await self._asset(asset, caller, here) for asset in story.assets]
        hidden_iris = {old.iri for old, new in zip(story.assets, assets, strict=True) if old.iri and not new.iri}
        if not scenario.is_public:
            assets = [replace(asset, purpose={}) for asset in assets]
            indicators = tuple(replace(one, titles={}) for one in story.indicators)
            story = replace(story, goal={}, parameters=(), indicators=indicators)
        if hidden_iris:
            layers = tuple(
                replace(layer, target="", edits=()) if layer.target in hidden_iris else layer
                for layer in story.layers
            )
            caveats = tuple(
                Caveat(code=NOT_SHOWN, sentence=NOT_SHOWN_SENTENCE) if caveat.step else caveat
                for caveat in story.caveats
            )
            drawn = replace(story.map, descriptions={}) if story.map else None
            story = replace(story, layers=layers, caveats=caveats, map=drawn)
        return replace(story, scenario=scenario, assets=tuple(assets)), frozenset(here)

    async def _asset(self, asset: UsedAsset, caller: Caller, here: set[str]) -> UsedAsset:
        """Return ``asset`` as ``caller`` may know it; ``here`` gets its address if our catalogue has it."""
        if not asset.is_public:
            return asset
        try:
            record = await self._browse.record(asset.iri, caller)
        except Withdrawn:
            return asset
        except NotFound:
            return UsedAsset(kind=asset.kind) if await self._is_hidden(asset.iri) else asset
        here.add(asset.iri)
        return replace(asset, titles=record.titles or asset.titles, owner=asset.owner or record.publisher_name)

    async def _is_hidden(self, iri: str) -> bool:
        """Return whether this node knows an asset that its caller could not find."""
        try:
            if provider_of(iri) == self._me:
                return True
        except InvalidInput:
            return False
        try:
            await self._browse.record(iri, Caller(did=self._me))
        except NotFound:
            return False
        return True

    # ---- figures ----------------------------------------------------------------------------------------------

    async def _map(self, record: Record, caller: Caller) -> tuple[bytes | None, bool]:
        """Return the file with the map, and whether it is at another node only."""
        file = next((file for file in record.files if file.name == MAP_FILE), None)
        if file is None or file.size > MOST_BYTES:
            return None, False
        if (body := await self._read_bytes(record, file)) is not None:
            return body, False
        if record.origin == self._me:
            return None, False
        if not caller.is_person or not file.open:
            return None, True
        try:
            await self._library.obtain(record, file.name)
        except HansaError:
            # The other node is away, or its file is another one: the story is read without the map.
            return None, True
        return await self._read_bytes(record, file), False

    async def _read_bytes(self, record: Record, file: File) -> bytes | None:
        try:
            await self._browse.require_files(record)
        except Gone:
            return None
        return await self._library.read(file.sha256) if self._library.holds(file.sha256) else None

    async def _complete(self, story: Story, record: Record, caller: Caller) -> Story:
        """Return the story of an earlier result with what its scenario and its files say, as far as the caller and
        everybody may know them."""
        titles_by_name = {}
        try:
            scenario = await self._browse.record(story.scenario.iri, caller, version=story.scenario.version or None)
            bound = bound_of(scenario)
            template = template_of(await self._browse.record(bound[0], caller) if bound else scenario)
            story = replace(story, goal=template.goal)
            titles_by_name = {indicator.name: indicator for indicator in template.indicators}
        except (NotFound, InvalidInput):
            # Hidden, or not a scenario in a form that this node reads: the question is not known.
            story = replace(story, goal={})
        file = next((file for file in record.files if file.name == INDICATORS_FILE), None)
        body = await self._read_bytes(record, file) if file else None
        if body is None or not is_open(record, self._clock.now()):
            return story
        indicators = []
        for value in _indicators(body):
            declaration = titles_by_name.get(value.name)
            indicators.append(
                replace(
                    value,
                    titles=declaration.titles,
                    better=declaration.better,
                    decimals=declaration.decimals,
                    target=declaration.target,
                )
                if declaration
                else value
            )
        return replace(story, indicators=tuple(indicators), has_figures=bool(indicators))


def _story_in(record: Record) -> Story | None:
    return stated_story(record) or lineage_story(record)


def _without_figures(story: Story) -> Story:
    absence = MapAbsence.CONDITIONS if story.is_recorded else story.map_absence
    return replace(story, indicators=(), map=None, map_absence=absence, has_figures=False)


def _indicators(body: bytes) -> Sequence[StoryIndicator]:
    """Return the indicators in a file that a publication wrote: ``indicator,before,after,unit``."""
    indicators = []
    for row in csv.DictReader(io.StringIO(body.decode("utf-8", errors="replace"))):
        figures = {name: _number(row.get(name)) for name in ("before", "after")}
        after = figure_in(figures, "after")
        if row.get("indicator") and after is not None:
            indicators.append(
                StoryIndicator(
                    name=str(row["indicator"]),
                    before=figure_in(figures, "before"),
                    after=after,
                    unit=row.get("unit") or "",
                )
            )
    return indicators


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None
