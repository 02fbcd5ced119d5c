"""The draft of a description: YAML that says what a file says about itself, and asks for the rest.

The same text is made at the terminal and by the API. Everything from the file is quoted where YAML would read it
otherwise, and a comment is one line, so that no name of a column can add a field.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePath
from typing import Final

from node.base.plaintext import one_line
from node.semantics.profiles.fields import title_of
from node.semantics.profiles.model import EXAMPLES, ColumnProfile, Profile, TableProfile
from node.semantics.profiles.suspicion import HOUSEHOLD, KINDS

_BARE: Final = re.compile(r"[A-Za-zÀ-ž][\w ./-]*[\w]")
_NOT_BARE: Final = frozenset({"yes", "no", "true", "false", "null", "on", "off", "y", "n"})
_COMMENT: Final = 400
_VALUES: Final = 1_000
"""Values that one draft lists in all: a description of some hundred columns would take long to check."""


def description_of(profile: Profile | None, name: str, *, command: str) -> str:
    """Return the draft for the file ``name``, in the form that ``hansa publish`` takes.

    ``command``: what to run when the draft is complete. Without ``profile``, for a file in a format that cannot be
    profiled, the draft has only what every description needs.
    """
    stem = PurePath(name).stem
    title = (profile and profile.title) or title_of(name)
    summary = profile.description if profile else ""
    guarded = profile is not None and bool(profile.suspects)
    return (
        "\n".join([*_head(title, summary, name, command, guarded), *_facts(profile), *_files(profile, name, stem)])
        + "\n"
    )


def _head(title: str, summary: str, name: str, command: str, guarded: bool) -> Iterator[str]:
    yield f"# What {_remark(PurePath(name).name)} is. Lines with # are hints; publish with: {_remark(command)}"
    yield "kind: dataset"
    yield "# id: bicycle-counters  # last part of the address; without it from the title: a new title, a new dataset"
    yield f"title: {scalar(title)}"
    yield "# language: nl          # of these texts and of the data; else the first of the node's languages"
    if summary:
        yield f"description: {scalar(summary)}"
    else:
        yield "description:            # one or two sentences: what it holds, since when, how it was made"
    yield "# theme: TRAN           # an EU data theme: TRAN, ENVI, GOVE, HEAL …"
    yield "# keywords: [bicycle, counting]"
    yield "# contact: {name: Mobility department, email: mobility@example.org}"
    yield "# frequency: DAILY"
    yield "license: CC-BY-4.0      # others cannot lawfully use the data without one"
    # What may hold personal data leaves the house only if a person says so.
    usual = "internal    " if guarded else "open        "
    yield f"conditions: {usual}# or: open, members, members-ask, internal, …"


def _facts(profile: Profile | None) -> Iterator[str]:
    if profile is None:
        return
    for note in profile.notes:
        yield f"# Check: {_remark(note)}"
    if profile.geometry:
        yield f"# Geometry: {_remark(profile.geometry)}"
    if profile.bbox:
        west, south, east, north = profile.bbox
        if west < east and south < north:
            yield f"spatial: [{west:.7g}, {south:.7g}, {east:.7g}, {north:.7g}]   # west, south, east, north"
        else:
            yield f"# Place: {south:.7g} north, {west:.7g} east. A description asks for an area, or a name:"
            yield "# spatial: Gent"
    if profile.crs:
        yield f"crs: {profile.crs}"
    if profile.begins and profile.ends:
        yield f"temporal: {{from: {scalar(profile.begins)}, to: {scalar(profile.ends)}}}"
    if profile.step:
        yield f"resolution: {{time: {profile.step}}}"
    yield from _question(profile)


def _question(profile: Profile) -> Iterator[str]:
    """Ask about personal data; without an answer, a description with suspected columns is not published."""
    suspects = profile.suspects
    if not suspects:
        yield "# personal_data: no     # yes, if anybody can be recognised in the data"
        return
    yield "# These columns may hold personal data. If they do, write yes, and choose conditions that fit; if not, no:"
    for table, column in suspects[:20]:
        place = f"{table.name}.{column.name}" if table.name else column.name
        yield f"#   {_remark(place, 80)}: {KINDS.get(column.personal, column.personal)}"
    if len(suspects) > 20:
        yield f"#   and {len(suspects) - 20} more columns"
    yield "personal_data:          # yes or no: it is not published without an answer"


def _files(profile: Profile | None, name: str, stem: str) -> Iterator[str]:
    yield "files:"
    yield f"  - path: {scalar(name)}"
    yield "    # open: true          # everybody who sees the asset may download this file without an agreement"
    if profile is None or not profile.tables:
        return
    yield "    # All who see the asset see names, types and units; ranges and values only if the file is open."
    yield "    tables:"
    room = _VALUES
    for table in profile.tables:
        columns = []
        for column in table.columns:
            fits = len(column.values) <= room
            columns.append(column if fits else replace(column, values=column.values[:EXAMPLES], complete=False))
            room -= len(column.values) if fits else 0
        yield from _table(replace(table, columns=tuple(columns)), stem)


def _table(table: TableProfile, stem: str) -> Iterator[str]:
    yield f"      - name: {scalar(table.name or stem)}"
    if table.read is not None:
        yield f"        # Found in {table.read} of the rows; the others were not read."
    yield f"        rows: {table.rows}"
    if table.omitted:
        yield f"        # {table.omitted} more columns are left out."
    yield "        columns:"
    for column in table.columns:
        yield from _column(column)


def _column(column: ColumnProfile) -> Iterator[str]:
    indent = " " * 12
    yield f"          - name: {scalar(column.name)}"
    yield (
        f"{indent}description: {scalar(column.meaning)}"
        if column.meaning
        else f"{indent}description:    # what it means"
    )
    yield f"{indent}type: {column.type}"
    if column.unit:
        yield f"{indent}unit: {scalar(column.unit)}"
    if column.personal:
        yield f"{indent}personal: {column.personal}"
    if column.minimum and (not column.personal or column.personal == HOUSEHOLD):
        yield f"{indent}minimum: {_bound(column, column.minimum)}"
        yield f"{indent}maximum: {_bound(column, column.maximum)}"
    if column.empty:
        yield f"{indent}empty: {column.empty_percent:g}     # percent of the cells"
    if column.distinct:
        yield f"{indent}distinct: {column.distinct}{'   # about' if column.is_estimate else ''}"
    if column.values:
        listed = ", ".join(_quote(value) for value in column.values)
        yield f"{indent}values: [{listed}]   # {'all' if column.complete else 'examples'}"


def _bound(column: ColumnProfile, bound: str) -> str:
    if column.type not in ("integer", "number"):
        return _quote(bound)
    # YAML takes 1e-05 for a text.
    return bound if "e" not in bound or "." in bound else bound.replace("e", ".0e")


def _remark(text: str, most: int = _COMMENT) -> str:
    """Return ``text`` as a part of a comment: on one line, and no longer than a person reads."""
    line = one_line(text)
    return line if len(line) <= most else f"{line[:most]}…"


def scalar(text: str) -> str:
    """Return a text of one line as YAML: without quotes if that is unambiguous, else in the quotes of JSON."""
    return text if _BARE.fullmatch(text) and text.casefold() not in _NOT_BARE else _quote(text)


def _quote(text: str) -> str:
    """Return a text in the quotes that JSON and YAML share. YAML may take what does not print for a line's end."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in quoted)
