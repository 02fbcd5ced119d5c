"""The values of a story: the facts about a run that its published result states for everybody.

A story names only what everybody may know: an asset that is not public is there without its name, address and owner,
and figures are there only if everybody may use the result. ``node.scenarios.stories.writer`` decides that when the
result is published; ``node.scenarios.stories.reader`` decides it again for each reader.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from node.scenarios.model import Texts
from node.scenarios.run_model import Caveat

MAP_FILE: Final = "map.geojson"
"""The file of a result with the figures of its map and their places."""

NOT_SHOWN: Final = "not-shown"
"""The code of a caveat whose reason not everybody may know."""


class MapAbsence(StrEnum):
    """The reason why a story has no map."""

    CONDITIONS = "conditions"
    """Not everybody may use the result."""
    PLACES_CLOSED = "places-closed"
    """The places of the figures are in data that not everybody may use."""
    NO_PLACES = "no-places"
    TOO_LARGE = "too-large"
    UNKNOWN = "unknown"
    """The result was published without a story."""


class Subject(StrEnum):
    """The subject of a remark."""

    VALIDITY = "validity"
    LIMITS = "limits"
    CALIBRATION = "calibration"
    RISK = "risk"
    PROVENANCE = "provenance"
    SYNTHETIC = "synthetic"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """A statement of the owner of an asset about it."""

    subject: Subject
    texts: Texts


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedAsset:
    """A version of an asset that a run used. One without ``iri`` is not public: only its kind is known.

    ``purpose`` is the role of data, or the title of a step. ``window`` is the period of observations of a stream
    (ISO 8601), ``count`` how many there were; ``in_place`` data stayed with their owner.
    """

    kind: str
    iri: str = ""
    version: int = 0
    titles: Texts = field(default_factory=dict)
    purpose: Texts = field(default_factory=dict)
    node: str = ""
    owner: str = ""
    licences: tuple[str, ...] = ()
    remarks: tuple[Remark, ...] = ()
    release: str = ""
    in_place: bool = False
    window: str = ""
    count: int = 0

    @property
    def is_public(self) -> bool:
        return bool(self.iri)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryEdit:
    """One edit of a change layer: ``id`` names the feature; a column was ``before`` and is ``after``."""

    op: str
    id: str
    column: str = ""
    before: Any = None
    after: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryLayer:
    """A change layer. ``counts``: kind of edit → how many. ``edits`` are the first of them, if everybody may know
    the values."""

    title: str
    reason: str = ""
    target: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    edits: tuple[StoryEdit, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryParameter:
    """A parameter that was not left at its default."""

    name: str
    value: Any
    default: Any = None
    unit: str = ""
    descriptions: Texts = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryIndicator:
    """An indicator with its figures; ``before`` is None if nothing was changed."""

    name: str
    before: float | None
    after: float
    titles: Texts = field(default_factory=dict)
    unit: str = ""
    better: str = ""
    decimals: int | None = None
    target: float | None = None

    @property
    def change(self) -> float | None:
        return None if self.before is None else self.after - self.before


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryMap:
    """The figure on the map, whose values are in the file ``MAP_FILE`` of the result. ``together`` says how several
    rows of a feature became one figure: empty, ``sum``, ``mean`` or ``energy``."""

    column: str
    descriptions: Texts = field(default_factory=dict)
    unit: str = ""
    decimals: int | None = None
    together: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryWords:
    """The publisher's own words: plain text by language."""

    titles: Texts = field(default_factory=dict)
    introductions: Texts = field(default_factory=dict)
    caveats: Texts = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """The facts of a story. ``node`` is the DID of the node that ran the scenario.

    ``is_recorded`` is false for a story put together from the lineage of a result that was published without one:
    it lacks what the lineage does not say. ``has_figures`` is false if not everybody may use the result, or if they
    are not known here.
    """

    words: StoryWords = field(default_factory=StoryWords)
    scenario: UsedAsset = field(default_factory=lambda: UsedAsset(kind="scenario"))
    goal: Texts = field(default_factory=dict)
    assets: tuple[UsedAsset, ...] = ()
    layers: tuple[StoryLayer, ...] = ()
    parameters: tuple[StoryParameter, ...] = ()
    indicators: tuple[StoryIndicator, ...] = ()
    caveats: tuple[Caveat, ...] = ()
    map: StoryMap | None = None
    map_absence: str = MapAbsence.UNKNOWN
    has_figures: bool = False
    is_repeatable: bool | None = None
    """All models and transformations give the same result for the same rows, as their owners say."""
    begun: datetime | None = None
    ended: datetime | None = None
    node: str = ""
    run: str = ""
    is_recorded: bool = True
