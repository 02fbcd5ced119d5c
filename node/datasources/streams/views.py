"""The part of a stream that a reader may have, and what a reader asks by."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from node.base.clock import moment
from node.base.errors import InvalidInput
from node.datasources.streams.model import Batch, Stream
from node.datasources.streams.observations import time_of
from node.policy.portion import Portion


class View:
    """The part of a stream that a reader may have, within a period."""

    def __init__(
        self,
        stream: Stream,
        portion: Portion,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        is_timed: bool = False,
    ) -> None:
        """``is_timed``: the reader asks by time in another way too. Raises ``InvalidInput`` if the reader asks by a
        member that it may not have."""
        self._stream = stream
        self.portion = portion
        self._start, self._end = start, end
        self.is_sealed = bool(portion.rows)
        self.is_bounded = start is not None
        self.shows_subject = portion.shows_plainly(stream.subject_member) and not portion.rows
        self._forms = {concealment.column: concealment for concealment in portion.forms}
        if not portion.shows_plainly(stream.time_member) and (start or end or is_timed):
            raise InvalidInput(
                "observations cannot be asked for by their time: the agreement does not give it",
                remedy="leave out from, to, last and speed",
            )

    def rows(self, batch: Batch, position: int) -> Sequence[tuple[int, str, str]]:
        """Return the observations after ``position`` that the reader may have: number, text for the reader, text as
        stored."""
        texts = [(number, text) for number, text in enumerate(batch.lines, batch.first) if number > position]
        is_within = (self._start is None or batch.earliest >= self._start) and (
            self._end is None or batch.latest < self._end
        )
        if is_within and self.portion.is_whole:
            return [(number, text, text) for number, text in texts]
        rows = []
        for number, text in texts:
            observation = json.loads(text)
            if is_within or self._includes(time_of(self._stream, observation)):
                content = self.content(observation)
                if content is not None:
                    rows.append((number, text if content == observation else line_of(content), text))
        return rows

    def content(self, observation: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the members of an observation that the reader may have; None if it may not have the observation."""
        if not all(row.admits(observation.get(row.column)) for row in self.portion.rows):
            return None
        forms, key = self._forms, self.portion.key
        return {
            name: forms[name].apply(value, key) if name in forms else value
            for name, value in observation.items()
            if self.portion.shows(name)
        }

    def size(self, text: str) -> int:
        """Return how many bytes of JSON a stored observation is for the reader; 0 if it may not have it."""
        if self.portion.is_whole:
            return len(text.encode())
        content = self.content(json.loads(text))
        return 0 if content is None else len(line_of(content).encode())

    def members(self) -> dict[str, str | None]:
        """Return the names of the members with the time and the subject of an observation; None if there is none, or
        the reader may not have it."""
        names = {"time": self._stream.time_member, "subject": self._stream.subject_member}
        return {role: name if name and self.portion.shows_plainly(name) else None for role, name in names.items()}

    def time(self, text: str) -> datetime:
        """Return the time of an observation."""
        return time_of(self._stream, json.loads(text))

    def _includes(self, at: datetime) -> bool:
        return (self._start is None or at >= self._start) and (self._end is None or at < self._end)


def line_of(content: Mapping[str, Any]) -> str:
    """Return an object as JSON in one line."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def read_period(start: str, end: str) -> tuple[datetime | None, datetime | None]:
    """Return the bounds of a period as a reader writes them, None for an empty text. Raises ``InvalidInput``."""
    first, last = _bound("from", start), _bound("to", end)
    if first is not None and last is not None and first >= last:
        raise InvalidInput("the period ends before it begins", remedy="give from before to")
    return first, last


def _bound(name: str, text: str) -> datetime | None:
    try:
        return moment(text.replace(" ", "+")) if text else None
    except ValueError as error:
        raise InvalidInput(f"{name} is no time", remedy=f"such as {name}=2026-11-22T08:00:00Z") from error


def read_number(text: str, name: str, least: float, most: float) -> float:
    """Return the number that ``text`` states, within its limits. Raises ``InvalidInput``."""
    try:
        value = float(text) if len(text) < 20 else -1.0
    except ValueError:
        value = -1.0
    if not least <= value <= most:
        raise InvalidInput(
            f"{name} is no number from {least:g} to {most:g}", remedy=f"such as {name}={max(1, least):g}"
        )
    return value
