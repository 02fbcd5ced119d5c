"""Read what a sender sends into observations, and tell those that conform from those that do not."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from node.base.clock import moment, stamp
from node.base.errors import InvalidInput, TooLarge, UnsupportedMediaType
from node.base.jsons import canonical_text, read_json
from node.datasources.streams.model import LONGEST, Fault, Observation, Stream
from node.datasources.streams.notifications import is_notification, observations_of
from node.semantics.schemas.changes import resolve
from node.semantics.schemas.conformity import types_of
from node.semantics.schemas.members import RowCheck
from node.semantics.sheets import Look, rows

MOST: Final = 10_000
"""Observations of one message."""
_AHEAD: Final = timedelta(hours=1)
"""A clock of a sensor may be so far ahead; a later time would stay the latest for ever."""
_LONGEST_SUBJECT: Final = 200
_EXCERPT: Final = 1000
"""Characters of a faulty observation that are kept."""
_LONGEST_REASON: Final = 300
_JSON: Final = ("application/json", "application/geo+json", "application/ld+json")
_LINES: Final = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines")
TYPES: Final = ("application/json", "application/x-ndjson", "text/csv")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedMessage:
    """The content of one message. ``faults`` has the place of each faulty observation in it, counted from 0."""

    observations: tuple[Observation, ...]
    faults: tuple[tuple[int, Fault], ...]


def read_message(stream: Stream, body: bytes, media_type: str, *, at: datetime) -> CheckedMessage:
    """Return the observations in ``body``, which arrived at ``at``.

    JSON is one observation, a list of them, or a notification of a context broker; in lines of JSON and in CSV each
    line is one. A fault in one of them
    harms no other. Raises ``InvalidInput`` if the whole cannot be read, ``TooLarge`` for too many, and
    ``UnsupportedMediaType``.
    """
    return check_values(stream, _values(stream, body, media_type), at=at)


def check_values(stream: Stream, values: Iterable[tuple[Any, str | None]], *, at: datetime) -> CheckedMessage:
    """Return the observations among ``values``, which arrived at ``at``, each with its text if it was read as text.
    Raises ``TooLarge`` for too many."""
    check = _ObservationCheck(stream, at)
    observations: list[Observation] = []
    faults: list[tuple[int, Fault]] = []
    for place, (value, text) in enumerate(values):
        if place == MOST:
            raise TooLarge(f"a message has at most {MOST} observations", remedy="send them in several messages")
        outcome: Observation | str = value if isinstance(value, str) else check.observation(value)
        if isinstance(outcome, Observation):
            observations.append(outcome)
        else:
            excerpt = text if text is not None else json.dumps(value, ensure_ascii=False)
            faults.append((place, fault(at, outcome, excerpt)))
    return CheckedMessage(observations=tuple(observations), faults=tuple(faults))


def fault(at: datetime, reason: str, text: str) -> Fault:
    """Return a fault with as much of the observation as is kept."""
    excerpt = text[:_EXCERPT].replace("\0", "�").encode("utf-8", "replace").decode("utf-8")
    return Fault(at=at, reason=reason[:_LONGEST_REASON], text=excerpt)


class _Unreadable(str):
    """The reason why an observation cannot be read at all."""

    __slots__ = ()


class _ObservationCheck:
    """Checks observations of one stream that arrived at one time."""

    def __init__(self, stream: Stream, at: datetime) -> None:
        self._stream = stream
        self._rows = RowCheck(stream.schema)
        self._latest = at + _AHEAD

    def observation(self, value: Any) -> Observation | str:
        """Return the observation that ``value`` is, or why it is none."""
        if not isinstance(value, Mapping):
            return "it is not a JSON object"
        breach = self._rows.breach(value)
        if breach is not None:
            return breach.words().partition(": ")[2] or breach.words()
        time = self._time(value.get(self._stream.time_member))
        if isinstance(time, str):
            return time
        subject = value.get(self._stream.subject_member, "") if self._stream.subject_member else ""
        if isinstance(subject, bool) or not isinstance(subject, str | int):
            return f"{self._stream.subject_member} is missing, or is no text or whole number"
        if len(str(subject)) > _LONGEST_SUBJECT or "\0" in str(subject):
            return f"{self._stream.subject_member} is longer than {_LONGEST_SUBJECT} characters, or has NUL in it"
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        if len(text.encode()) > LONGEST:
            return f"it has more than {LONGEST} bytes"
        key = {name: value.get(name) for name in self._stream.key_members} or value
        digest = hashlib.sha256(canonical_text(key, fractions=True).encode()).digest()[:16]
        return Observation(time=time, subject=str(subject), key=digest, text=text)

    def _time(self, value: Any) -> datetime | str:
        name = self._stream.time_member
        if not isinstance(value, str):
            return f"{name} is missing, or is no time such as 2026-11-22T08:00:00Z"
        try:
            at = datetime.fromisoformat(value) if len(value) <= 40 else None
            if at is None or at.tzinfo is None:
                return f"{name} has no time zone: write a time such as 2026-11-22T08:00:00Z"
            at = moment(value)
        except ValueError:
            return f"{name} is no time such as 2026-11-22T08:00:00Z"
        return at if at <= self._latest else f"{name} lies in the future"


def _values(stream: Stream, body: bytes, media_type: str) -> Iterator[tuple[Any, str | None]]:
    """Yield each observation of a message, or why it cannot be read, with its text if it was read as text."""
    kind = media_type.partition(";")[0].strip().lower()
    if kind in _JSON:
        value = read_json(body)
        if is_notification(value, stream):
            value = list(observations_of(value, stream))
        for item in value if isinstance(value, list) else [value]:
            yield (_Unreadable("it is not a JSON object") if isinstance(item, str) else item), None
    elif kind in _LINES:
        for line in body.split(b"\n"):
            if line.strip():
                yield _line(line)
    elif kind == "text/csv":
        yield from _rows(stream, body)
    else:
        raise UnsupportedMediaType(
            f"observations are not sent as {kind[:80] or 'nothing'}", remedy=f"send one of: {', '.join(TYPES)}"
        )


def _line(line: bytes) -> tuple[Any, str]:
    text = line.decode("utf-8", "replace")
    if len(line) > 2 * LONGEST:
        return _Unreadable(f"it has more than {LONGEST} bytes"), text
    try:
        value = read_json(line.strip())
    except InvalidInput as error:
        return _Unreadable(error.detail), text
    return (_Unreadable("it is not a JSON object") if isinstance(value, str) else value), text


def _rows(stream: Stream, body: bytes) -> Iterator[tuple[Any, str]]:
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput("the CSV is not UTF-8", remedy="save it as UTF-8") from error
    properties = resolve(stream.schema, stream.schema).get("properties")
    rules = {
        name: types_of(resolve(stream.schema, rule))
        for name, rule in (properties.items() if isinstance(properties, Mapping) else ())
    }
    lines = rows(io.BytesIO(body), Look(delimiter=",", encoding="utf-8", columns=()), strict=True)
    try:
        _, names = next(lines, (0, list[str]()))
        if len(set(names)) != len(names) or stream.time_member not in names:
            raise InvalidInput(
                "the first line of the CSV does not name the columns",
                remedy=f"begin with the names of the members, {stream.time_member} among them",
            )
        for _, cells in lines:
            line = ",".join(cells)
            if len(cells) != len(names):
                yield _Unreadable(f"it has {len(cells)} cells and not {len(names)}"), line
                continue
            pairs = zip(names, cells, strict=True)
            yield {name: _cell(cell, rules.get(name, frozenset())) for name, cell in pairs if cell != ""}, line
    except csv.Error as error:
        raise InvalidInput(f"the CSV cannot be read: {error}", remedy='separate by commas, quote by "') from error


def _cell(cell: str, types: frozenset[str]) -> Any:
    """Return a cell in a type that the schema has for it; as text if it is none of them."""
    if types & {"number", "integer"}:
        try:
            number = read_json(cell.strip())
        except InvalidInput:
            return cell
        return number if isinstance(number, int | float) and not isinstance(number, bool) else cell
    if "boolean" in types and cell.strip().lower() in ("true", "false"):
        return cell.strip().lower() == "true"
    return cell


def time_of(stream: Stream, observation: Mapping[str, Any]) -> datetime:
    """Return the time of an observation that was checked before."""
    return moment(str(observation[stream.time_member]))


def entry_json(number: int, arrival: datetime, observation: Mapping[str, Any]) -> dict[str, Any]:
    """Return an observation for readers, with its number and the time of its arrival."""
    return {"number": number, "received": stamp(arrival), "observation": dict(observation)}


def lines_of(texts: Sequence[str]) -> list[dict[str, Any]]:
    """Return observations as they were stored."""
    return [json.loads(text) for text in texts]
