"""A stream and its observations, as the node keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from node.base.errors import InvalidInput
from node.datasources.model import check_name
from node.semantics.schemas.changes import resolve

LONGEST: Final = 16 << 10
"""Bytes of one observation."""
MOST_SUBJECTS: Final = 10_000
"""The most subjects of a stream: of each, the latest observation is kept at hand."""
MOST_FAULTS: Final = 1000
"""The most faulty observations of a stream that are kept."""
LEAST_KEEP: Final = timedelta(minutes=1)
MOST_KEEP: Final = timedelta(days=3660)
MOST_KEPT: Final = 1_000_000_000
_LONGEST_SCHEMA_DEPTH: Final = 16
_UNCHECKED: Final = frozenset(
    (
        "pattern",
        "patternProperties",
        "anyOf",
        "oneOf",
        "not",
        "if",
        "then",
        "else",
        "dependentSchemas",
        "contains",
        "prefixItems",
        "propertyNames",
        "unevaluatedProperties",
    )
)
"""Words of JSON Schema that are not checked here: a stream that seems to be checked by them would deceive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A stream: the schema of its observations, and for how long they are kept.

    ``time_member`` is the member of an observation with its time. ``subject_member`` names what was observed, such as
    a counter; empty if the stream has one subject. ``key_members`` tell observations apart: two that agree in them
    are the same, sent again; empty for all members. Observations are kept for ``keep_seconds`` after their arrival,
    and never more than ``most`` of them. ``last`` is the number of the last one: they are numbered from 1.
    ``repeats`` and ``faults`` count what was sent again, and what was refused. ``gone_until`` is the latest time of
    the observations that were removed because they are kept no longer; None if none were.
    """

    name: str
    schema: Mapping[str, Any]
    time_member: str
    subject_member: str = ""
    key_members: Sequence[str] = ()
    keep_seconds: int
    most: int
    by: str
    at: datetime
    last: int = 0
    repeats: int = 0
    faults: int = 0
    gone_until: datetime | None = None

    def oldest(self, now: datetime) -> datetime:
        """Return when the oldest observation that is still kept at ``now`` arrived."""
        return now - timedelta(seconds=self.keep_seconds)

    @property
    def below(self) -> int:
        """Return the number up to which observations are no longer kept, because there are too many."""
        return max(0, self.last - self.most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """An observation that conforms to its schema. ``key`` is a digest of its key, ``text`` its JSON in one line."""

    time: datetime
    subject: str
    key: bytes
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Observations with the numbers from ``first`` to ``last``, one line of ``lines`` each, committed together.

    ``earliest`` and ``latest`` are the bounds of their times, ``received`` is when they arrived.
    """

    stream: str
    first: int
    last: int
    earliest: datetime
    latest: datetime
    received: datetime
    lines: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """The time when the observation of this number arrived, with those after it in its batch."""

    number: int
    received: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The latest observation of a subject."""

    subject: str
    number: int
    time: datetime
    received: datetime
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """An observation that was refused: when, why, and its beginning."""

    at: datetime
    reason: str
    text: str = field(repr=False)


def check_stream(stream: Stream) -> None:
    """Raise ``InvalidInput`` if ``stream`` cannot be kept."""
    check_name(stream.name)
    keep = timedelta(seconds=stream.keep_seconds)
    if not LEAST_KEEP <= keep <= MOST_KEEP:
        raise InvalidInput(
            "observations are kept for at least a minute and at most ten years", remedy="such as --keep 7d"
        )
    if not 0 < stream.most <= MOST_KEPT:
        raise InvalidInput(f"a stream keeps between 1 and {MOST_KEPT} observations", remedy="such as --most 1000000")
    _check_schema(stream.schema, 0)
    root = resolve(stream.schema, stream.schema)
    properties = root.get("properties")
    if not isinstance(properties, Mapping) or not properties:
        raise InvalidInput(
            "the schema names no properties",
            remedy='write a JSON Schema of one observation: {"type": "object", "properties": {…}}',
        )
    names = (stream.time_member, *filter(None, (stream.subject_member,)), *stream.key_members)
    for name in names:
        if name not in properties:
            raise InvalidInput(
                f"the schema has no property {name[:80]!r}",
                remedy="name properties of the schema for the time, the subject and the key of an observation",
            )


def _check_schema(value: Any, depth: int) -> None:
    if depth > _LONGEST_SCHEMA_DEPTH:
        raise InvalidInput("the schema is nested too deeply", remedy="describe observations with fewer levels")
    if isinstance(value, list):
        for item in value:
            _check_schema(item, depth + 1)
    if not isinstance(value, Mapping):
        return
    for name, member in value.items():
        if name in _UNCHECKED:
            raise InvalidInput(
                f"the schema of a stream cannot use {name!r}",
                remedy="use type, enum, const, required, additionalProperties, bounds and lengths",
            )
        if name in ("properties", "$defs", "definitions") and isinstance(member, Mapping):
            # Names of properties are no words of the language.
            for inner in member.values():
                _check_schema(inner, depth + 1)
        elif name not in ("enum", "const", "default", "examples"):
            _check_schema(member, depth + 1)
