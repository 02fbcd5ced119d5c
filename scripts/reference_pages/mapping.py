"""column-mapping.md: the language of transformations, from node.scenarios; its example is carried out here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from reference_pages.markdown import code, table

INTRO = """
# Column mapping

Column mapping is a language for transformations (`kind: transformation`, `language: column mapping`). It says how to
make new rows from rows: it converts units, time steps, classes and names of columns, so that the output of one model
fits the input of the next. The node that runs the scenario also runs the transformation. The language can express
nothing else, so it needs no cage.

## An example

A traffic model gives vehicles for each quarter of an hour and class; a noise model reads light and heavy vehicles
*per hour* for each part of the day. `definition:` of the transformation between them:
"""

EXAMPLE = """\
step: PT15M
units: {intensity: "{vehicles}/(15.min)", speed: km/h}
group: [segmentId, partOfDay]
partOfDay: {of: quarter, parts: {day: ["07:00", "19:00"], night: ["19:00", "07:00"]}}
light: {sum: intensity, where: {vehicleType: [passengerCar, van]}, per: hour, unit: "{vehicles}/h", decimals: 1}
heavy: {sum: intensity, where: {vehicleType: lorry}, per: hour, unit: "{vehicles}/h", decimals: 1}
speed: {mean: speed, weighted_by: intensity, unit: km/h, decimals: 1}
"""

ROWS: Sequence[Mapping[str, Any]] = (
    {"segmentId": "seg-1", "quarter": "07:00", "vehicleType": "passengerCar", "intensity": 40, "speed": 48.0},
    {"segmentId": "seg-1", "quarter": "07:00", "vehicleType": "lorry", "intensity": 4, "speed": 40.0},
    {"segmentId": "seg-1", "quarter": "07:15", "vehicleType": "passengerCar", "intensity": 52, "speed": 44.0},
    {"segmentId": "seg-1", "quarter": "07:15", "vehicleType": "van", "intensity": 8, "speed": 44.0},
    {"segmentId": "seg-1", "quarter": "23:00", "vehicleType": "passengerCar", "intensity": 3, "speed": 50.0},
)

AFTER_EXAMPLE = """
For the day, there are rows for two quarters of an hour. 40 + 52 + 8 light vehicles in this half hour are 200 in an
hour. Lorries are counted over the same two quarters, because no lorry at 07:15 is also a count. The speed is the mean
over vehicles, not over rows.

## The whole definition

Every member that is not in this table defines a column of the output.
"""

MEMBERS: Mapping[str, str] = {
    "step": "The time that each row covers, as a duration of ISO 8601: `PT15M`. `per` needs it, and the times are "
    "checked against it.",
    "units": "The units of the input columns, as UCUM codes. A column with a unit is converted to the requested "
    "`unit:`; a unit of another quantity is refused.",
    "group": "The columns by which rows are grouped: the output has one row for each combination of values, in their "
    "order. Without a group, each row becomes a row.",
    "keep": "Without a group: further columns that are kept unchanged; `all` for all of them.",
}

ACTIONS: Mapping[str, str] = {
    "sum": "the sum of a column; with `per`, the amount in each minute, hour or day for which there are rows",
    "mean": "the mean; with `weighted_by`, weighted by another column",
    "min": "the smallest figure",
    "max": "the largest figure",
    "first": "the first value; for texts and geometries",
    "count": "the number of rows; write `{count: all}`",
    "rename": "a column with another name, and in another unit if there is a `unit:`",
    "constant": "the same value in each row",
    "of": "the part of the day to which a time belongs; with `window`, the beginning of its window",
}

GROUPED = ("sum", "mean", "min", "max", "first", "count")

REST = """
`where` names conditions that must all hold: `{vehicleType: lorry}`, `{vehicleType: [passengerCar, van]}`,
`{speed: {above: 30}}`; the words are WORDS. `decimals` rounds half to even, as the figure is written.
`per` is one of PERS.

Missing figures are left out; a weighted mean also leaves out figures without a weight. If no figure is left, the cell
is empty. If no row meets the condition of a sum, the sum is 0. Levels in decibels are added and averaged as energies,
not as numbers. Sums are exact before they are rounded, so the order of the rows does not matter.

## Parts of the day

`{of: column, parts: {day: ["07:00", "19:00"], night: ["19:00", "07:00"]}}` reads clock times (`07:15`) and
timestamps. Put times in quotes: YAML reads `19:00` as a number. The parts must not overlap, begin and end at whole
steps, and fill the day, unless there is `otherwise: leave out`. Timestamps with an offset need a time zone, such as
`zone: Europe/Brussels`, because the parts of the day depend on it.

## Windows of time

In a group, `hour: {of: quarter, window: PT1H}` puts all rows of an hour together: `hour` is the moment at which the
hour begins, written as the times in the data are. A window divides a day and is a whole number of steps. Windows are
counted from midnight in the offset of each time. Average rates (`mean` of vehicles/15 min gives vehicles/h), and add
up amounts (`sum`).

```yaml
step: PT15M
units: {flow: "{vehicles}/(15.min)"}
group: [hour, segmentId]
hour: {of: quarter, window: PT1H}
flow: {mean: flow, unit: "{vehicles}/h"}
```

The check of a scenario [drafts](../how-to/run-a-scenario.md) such a definition if rows come more often
than they are needed.

## What is refused

The node checks a definition before a scenario runs: unknown members, actions that cannot be combined, units of
different quantities. The error names the member:
"""

REFUSED = (
    ("heavy: {sum: intensity, unit: km/h}", {"units": {"intensity": "{vehicles}/h"}, "group": "segmentId"}),
    ("heavy: {sum: intensity, avg: speed}", {"group": "segmentId"}),
    ("hour: {of: quarter, window: PT25M}", {"step": "PT15M", "group": "hour", "n": {"count": "all"}}),
    ("hour: {of: quarter, window: PT1H}", {"n": {"constant": 1}}),
    ('heavy: {sum: intensity, per: hour, unit: "{vehicles}/h"}', {"group": "segmentId"}),
)


def column_mapping() -> str:
    """The page."""
    import yaml

    from node.base.errors import InvalidInput
    from node.scenarios.tables.conditions import _WORDS
    from node.scenarios.tables.mapping import transform
    from node.scenarios.tables.mapping_grammar import _ACTIONS, _ALLOWED, _MEMBERS, PER, parse_mapping

    if set(MEMBERS) != set(_MEMBERS) or set(ACTIONS) != set(_ACTIONS):
        raise SystemExit(
            "scripts/reference_pages/mapping.py has no words for a member or an action of column mappings"
        )
    result = transform(yaml.safe_load(EXAMPLE), ROWS)
    rest = REST.replace("WORDS", ", ".join(map(code, _WORDS))).replace("PERS", ", ".join(map(code, PER)))
    refusals = []
    for text, others in REFUSED:
        try:
            parse_mapping({**others, **yaml.safe_load(text)})
        except InvalidInput as error:
            refusals.append((code(text), f"{error.detail}: {error.remedy}" if error.remedy else error.detail))
        else:
            raise SystemExit(f"{text} is not refused")
    return "\n".join(
        [
            INTRO,
            f"```yaml\n{EXAMPLE}```\n",
            "Input rows:\n",
            _rows(ROWS),
            "Output rows:\n",
            _rows(result),
            AFTER_EXAMPLE,
            table(("member", "what it says"), [(code(name), text) for name, text in MEMBERS.items()]),
            "\nAn output column has one of these actions, with the name of an input column:\n",
            table(
                ("action", "what it makes", "beside it", "needs a group"),
                [
                    (
                        code(name),
                        text,
                        ", ".join(
                            code(one) for one in sorted(_ALLOWED.get(name, {"parts", "window", "zone", "otherwise"}))
                        ),
                        "yes" if name in GROUPED else "no; with one, of its columns only" if name == "rename" else "",
                    )
                    for name, text in ACTIONS.items()
                ],
            ),
            rest,
            table(("definition", "refusal"), refusals),
        ]
    )


def _rows(rows: Sequence[Mapping[str, Any]]) -> str:
    names = list(rows[0])
    return table(names, [[_cell(row[name]) for name in names] for row in rows])


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)
