"""Check a data file against a JSON Schema, to its last row, in the cage.

The file may come from anybody, and so may the patterns of the schema. A child reads the file row by row, with flat
memory, within limits that grow with the size of the file. Patterns are tried on the first rows first: one that takes
too long there, or in the whole file, is left out, and named in the report.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

from node.base.errors import InvalidInput, Overloaded
from node.cage.model import Limits, SyncCage, has_full_queue
from node.semantics.schemas.breaches import Breach, Report
from node.semantics.schemas.patterns import LONGEST, Misses, python_pattern
from node.semantics.schemas.tally import MOST, SHOWN

TARGET: Final = "semantics.check_file"
PROBE: Final = Limits(memory=512 << 20, cpu=3, wall=4.0, answer=1 << 20)
_PROBED: Final = 2000
"""Rows on which patterns are tried first."""
_ALONE: Final = 5
"""Patterns that are tried each by itself, if all together take too long."""
_PATTERNS: Final = 100
_DEPTH: Final = 24
_LEAST: Final = 20
_MOST: Final = 150
"""Seconds of a check: the least, and the most. Between them, one for each megabyte."""


class FileCheck:
    """Checks data files. It blocks."""

    def __init__(self, cage: SyncCage, *, rows: int = MOST) -> None:
        """``rows``: the most rows of a file that are checked."""
        self._cage = cage
        self._rows = rows

    def __call__(
        self, path: Path, schema: Mapping[str, Any], *, delimiter: str | None = None, limit: int = SHOWN
    ) -> Report:
        """Compare each row of the file at ``path`` with ``schema``; report the first ``limit`` breaches in full.

        ``delimiter`` is that of a table, empty if it has to be found; None for rows of JSON or a table, as the
        content shows. Raises ``InvalidInput`` if the file is neither, or cannot be read to its end, and
        ``Overloaded`` if that takes more time or memory than one check may have.
        """
        place = str(path.resolve())
        message = {"path": place, "delimiter": delimiter, "limit": limit, "rows": self._rows}
        blob = json.dumps(schema).encode()
        seconds = min(_MOST, _LEAST + (path.stat().st_size >> 20))
        limits = Limits(memory=768 << 20, cpu=seconds, wall=seconds * 1.5, answer=4 << 20)
        patterns = self._usable_patterns(message, blob)
        while True:
            try:
                answer = self._call({**message, "patterns": patterns}, blob, limits)
            except Overloaded as fault:
                if not patterns or has_full_queue(fault):
                    raise
                patterns = []
                continue
            return report_from_json(answer)

    def _usable_patterns(self, message: Mapping[str, Any], blob: bytes) -> list[str]:
        """Return the patterns of the schema that the first rows are compared with in a short time."""
        patterns = patterns_of(json.loads(blob))
        if not patterns or self._is_quick(message, blob, patterns):
            return patterns
        return [pattern for pattern in patterns[:_ALONE] if self._is_quick(message, blob, [pattern])]

    def _is_quick(self, message: Mapping[str, Any], blob: bytes, patterns: list[str]) -> bool:
        try:
            self._call({**message, "patterns": patterns, "most": _PROBED}, blob, PROBE)
        except Overloaded as fault:
            if has_full_queue(fault):
                raise
            return False
        return True

    def _call(self, message: Mapping[str, Any], blob: bytes, limits: Limits) -> dict[str, Any]:
        answer, _ = self._cage.call_sync(TARGET, message, [blob], limits=limits, readable=[message["path"]])
        return answer


def patterns_of(schema: Any) -> list[str]:
    """Return the patterns anywhere in ``schema`` that are short enough to be tried."""
    patterns: dict[str, None] = {}
    ahead: list[tuple[Any, int]] = [(schema, 0)]
    while ahead and len(patterns) < _PATTERNS:
        value, depth = ahead.pop()
        if depth > _DEPTH:
            continue
        if isinstance(value, Mapping):
            pattern = value.get("pattern")
            of_names = value.get("patternProperties")
            for text in (pattern, *(of_names if isinstance(of_names, Mapping) else ())):
                if isinstance(text, str) and len(text) <= LONGEST:
                    patterns[text] = None
            ahead += [(part, depth + 1) for part in value.values()]
        elif isinstance(value, list):
            ahead += [(part, depth + 1) for part in value]
    return list(patterns)[:_PATTERNS]


def report_from_json(members: Mapping[str, Any]) -> Report:
    """Return the report that the caged function wrote."""
    return Report(
        breaches=tuple(
            Breach(row=row, column=column, what=what, values=tuple(values))
            for row, column, what, values in members["breaches"]
        ),
        count=members["count"],
        rows=members["rows"],
        whole=members["whole"],
        patterns_left_out=tuple(members["untried"]),
        rules_left_out=tuple(members["left_out"]),
    )


def caged_check(message: dict[str, Any], blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """Target ``semantics.check_file``: see ``FileCheck``. One blob, the schema; ``patterns`` may be tried, ``most``
    is the number of rows after which the check ends."""
    from node.semantics import json_rows, sheets
    from node.semantics.findings.tables import NotATable
    from node.semantics.schemas import conformity, members
    from node.semantics.schemas.left_out import rules_left_out

    schema, delimiter, most = json.loads(blobs[0]), message["delimiter"], message.get("most")
    misses, limit, count = _direct_misses(message["patterns"]), message["limit"], message["rows"]
    with Path(message["path"]).open("rb") as file:
        in_cells = delimiter is not None or not _is_json(file)
        if not in_cells:
            features = json_rows.is_collection(file)
            rows = _first(json_rows.rows(file), most)
            report = members.check(schema, rows, features=features, misses=misses, limit=limit, most=count)
        else:
            try:
                look = sheets.survey(file, delimiter=delimiter or "", most=1).look
                lines = sheets.rows(file, look)
                next(lines, None)
                body = _first((cells for _, cells in lines), most)
                report = conformity.check(schema, look.columns, body, misses=misses, limit=limit, most=count)
            except NotATable as error:
                raise InvalidInput(error.text("en"), remedy="give a table (CSV), or rows of JSON") from error
            except csv.Error as error:
                raise InvalidInput(f"the table cannot be read: {error}", remedy="correct the file") from error
    answer = {
        "breaches": [[breach.row, breach.column, breach.what, list(breach.values)] for breach in report.breaches],
        "count": report.count,
        "rows": report.rows,
        "whole": report.whole,
        "untried": list(report.patterns_left_out),
        "left_out": list(dict.fromkeys([*report.rules_left_out, *rules_left_out(schema, in_cells=in_cells)])),
    }
    return answer, []


def _first(rows: Iterable[Any], most: int | None) -> Iterator[Any]:
    for number, row in enumerate(rows):
        if number == most:
            return
        yield row


def _is_json(file: BinaryIO) -> bool:
    head = file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
    file.seek(0)
    return head[:1] in (b"{", b"[")


def _direct_misses(patterns: Sequence[str]) -> Misses:
    expressions: dict[str, re.Pattern[str]] = {}
    for pattern in patterns:
        try:
            expressions[pattern] = re.compile(python_pattern(pattern), re.ASCII)
        except (re.error, OverflowError, RecursionError):
            continue

    def misses(pattern: str, texts: Sequence[str]) -> frozenset[int] | None:
        expression = expressions.get(pattern)
        if expression is None:
            return None
        return frozenset(place for place, text in enumerate(texts) if expression.search(text) is None)

    return misses
