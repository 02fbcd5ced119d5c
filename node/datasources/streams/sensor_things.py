"""A period of a stream in the form of the OGC SensorThings API 1.1 (18-088 §9.3): ``Observations``.

Of its query language there is what a period needs: ``$filter`` with bounds of ``phenomenonTime``, ``$top`` and
``$count`` false. The link to the next page has ``$skiptoken``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, urlencode

from node.base.clock import moment
from node.base.errors import InvalidInput
from node.datasources.streams.views import read_number

PATH: Final = "Observations"
"""The place below the address of a stream."""
PARAMETERS: Final = ("$filter", "$top", "$skiptoken", "$orderby", "$count")

_TERM: Final = re.compile(r"\s*phenomenonTime\s+(ge|gt|lt|le)\s+'?([0-9TZ:.+ -]{10,40}?)'?\s*", re.ASCII)
_PAGE, _LONGEST_PAGE = 1000, 10_000
_INSTANT: Final = timedelta(microseconds=1)
_KNOWN: Final = "such as $filter=phenomenonTime ge 2026-11-22T08:00:00Z and phenomenonTime lt 2026-11-22T09:00:00Z"


@dataclass(frozen=True, slots=True)
class ObservationsQuery:
    """The parameters of a reader, as those of the stream's own pages: ``from``, ``to``, ``limit`` and ``after``."""

    start: datetime | None
    end: datetime | None
    limit: int
    after: str


def read_query(values: Mapping[str, str]) -> ObservationsQuery:
    """Return what the parameters ask for. Raises ``InvalidInput`` for what is more than a period."""
    if values.get("$count", "false") != "false":
        raise InvalidInput("observations are not counted here", remedy="leave out $count")
    if values.get("$orderby", "") not in ("", "resultTime", "resultTime asc"):
        raise InvalidInput(
            "observations come in the order of their arrival", remedy="leave out $orderby, or write resultTime asc"
        )
    start, end = _period(values.get("$filter", ""))
    limit = read_number(values.get("$top", str(_PAGE)), "$top", 1, _LONGEST_PAGE)
    return ObservationsQuery(start, end, int(limit), values.get("$skiptoken", ""))


def _period(text: str) -> tuple[datetime | None, datetime | None]:
    start = end = None
    for term in re.split(r"\s+and\s+", text) if text.strip() else ():
        match = _TERM.fullmatch(term)
        try:
            at = moment(match[2].replace(" ", "+")) if match else None
        except ValueError:
            at = None
        if match is None or at is None:
            raise InvalidInput("only a period of phenomenonTime can be asked for here", remedy=_KNOWN)
        if match[1] in ("ge", "gt"):
            bound = at if match[1] == "ge" else at + _INSTANT
            start = bound if start is None else max(start, bound)
        else:
            bound = at if match[1] == "lt" else at + _INSTANT
            end = bound if end is None else min(end, bound)
    if start is not None and end is not None and start >= end:
        raise InvalidInput("the period ends before it begins", remedy=_KNOWN)
    return start, end


def document(
    page: Mapping[str, Any],
    members: Mapping[str, str | None],
    base: str,
    parameters: Sequence[tuple[str, str]],
) -> dict[str, Any]:
    """Return a page of a stream as a page of ``Observations``. ``members`` names those with the time and the subject,
    as far as the reader may have them; ``base`` is the reader's address."""
    content: dict[str, Any] = {}
    if page["next"] is not None:
        own = [(name, value) for name, value in parameters if name != "$skiptoken"]
        query = urlencode([*own, ("$skiptoken", page["cursor"])], safe="$", quote_via=quote)
        content["@iot.nextLink"] = f"{base}/{PATH}?{query}"
    return {**content, "value": [_observation(entry, members) for entry in page["observations"]]}


def _observation(entry: Mapping[str, Any], members: Mapping[str, str | None]) -> dict[str, Any]:
    values = dict(entry["observation"])
    observation: dict[str, Any] = {"@iot.id": entry["number"]} if "number" in entry else {}
    time, subject = members["time"], members["subject"]
    if time and time in values:
        observation["phenomenonTime"] = values.pop(time)
    observation["resultTime"] = entry["received"]
    if subject and subject in values:
        observation["parameters"] = {subject: values.pop(subject)}
    observation["result"] = next(iter(values.values())) if len(values) == 1 else values
    return observation
