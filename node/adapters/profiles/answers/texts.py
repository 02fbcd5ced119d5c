"""Answers as text: one JSON document, or a table (CSV)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from node.base.errors import InvalidInput


class JsonAnswer:
    """An answer as one object: columns, rows as arrays, and whether there are more."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.size = 0

    def begin(self, columns: Sequence[tuple[str, str]]) -> None:
        del columns

    def line(self, values: Sequence[Any]) -> bytes:
        return json.dumps(values, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode(
            "utf-8", errors="replace"
        )

    def add(self, line: bytes) -> None:
        self._pieces.append(line)
        self.size += len(line) + 1

    def end(self, facts: dict[str, Any]) -> bytes:
        head = json.dumps(facts, ensure_ascii=False, separators=(",", ":")).encode("utf-8", errors="replace")
        return head.removesuffix(b"}") + b',"rows":[' + b",\n".join(self._pieces) + b"]}\n"


class CsvAnswer:
    """An answer as a table of text (RFC 4180)."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.size = 0

    def begin(self, columns: Sequence[tuple[str, str]]) -> None:
        self.add(self.line([name for name, _ in columns]))

    def line(self, values: Sequence[Any]) -> bytes:
        text = io.StringIO()
        csv.writer(text).writerow([_csv_cell(value) for value in values])
        return text.getvalue().encode("utf-8", errors="replace")

    def add(self, line: bytes) -> None:
        self._pieces.append(line)
        self.size += len(line)

    def end(self, facts: dict[str, Any]) -> bytes:
        del facts
        return b"".join(self._pieces)


def _csv_cell(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


def refuse_wide_row(most: int) -> InvalidInput:
    """Return the refusal of an answer of which not even one row may be sent."""
    return InvalidInput(
        f"the first row of the answer alone has more than {most:,} bytes, which is the most for a whole answer",
        remedy="ask for fewer columns, or for a part of a long text: SELECT substr(NAME, 1, 1000) FROM data",
        facts={"ran": True},
    )
