"""Column mapping: a small language in which a steward describes how rows become other rows.

    step: PT15M                                       each row stands for a quarter of an hour
    units: {intensity: "{vehicles}/(15.min)"}         of the columns that are read
    group: [segmentId, partOfDay]                     one row for each of these
    partOfDay: {of: quarter, parts: {day: ["07:00", "19:00"], night: ["19:00", "07:00"]}}
    light: {sum: intensity, where: {vehicleType: [passengerCar, van]}, per: hour, unit: "{vehicles}/h"}
    speed: {mean: speed, weighted_by: intensity, decimals: 1}
    hour: {of: quarter, window: PT1H}                 in a group: the beginning of each hour

Every member that is not ``step``, ``units``, ``group`` or ``keep`` is a column of the output, and has one of ``sum``,
``mean``, ``min``, ``max``, ``first`` or ``count`` (with a group), ``rename``, ``constant``, or ``of``. Without a
group each row becomes a row; ``keep`` names further columns to keep (``all``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction
from types import MappingProxyType
from typing import Any, Final

from node.base.errors import InvalidInput
from node.base.jsons import read_object
from node.scenarios.model import Port, Variable
from node.scenarios.tables import spans, units
from node.scenarios.tables.conditions import EVERY, Where, parse_where
from node.scenarios.tables.daytimes import DAY, Dayparts, parse_dayparts
from node.scenarios.tables.unitcodes import BASES
from node.scenarios.tables.units import Unit
from node.scenarios.tables.windows import Windows, parse_windows

PER: Final[Mapping[str, timedelta]] = MappingProxyType(
    {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": DAY}
)
FIGURES: Final = ("sum", "mean", "min", "max")
"""Operations that make one figure from many."""
ALL: Final = "all"

_MEMBERS: Final = ("step", "units", "group", "keep")
_ACTIONS: Final = (*FIGURES, "first", "count", "rename", "constant", "of")
_ALLOWED: Final = {
    "sum": {"where", "per", "unit", "decimals"},
    "mean": {"where", "weighted_by", "unit", "decimals"},
    "min": {"where", "unit", "decimals"},
    "max": {"where", "unit", "decimals"},
    "first": {"where"},
    "count": {"where"},
    "rename": {"unit", "decimals"},
    "constant": {"unit"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The rule of a column. ``scale`` and ``shift`` convert figures to ``unit``; for ``per``, in base units."""

    name: str
    action: str
    column: str = ""
    value: Any = None
    where: Where = EVERY
    weight: str = ""
    per: timedelta | None = None
    unit: str | None = None
    decimals: int | None = None
    scale: Fraction = Fraction(1)
    shift: Fraction = Fraction(0)
    level: Unit | None = None
    """The unit of the source, if its figures are levels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnMapping:
    """A checked definition. ``rules`` are the output columns beside those of ``group``."""

    rules: tuple[Rule, ...]
    group: tuple[str, ...] = ()
    dayparts: Mapping[str, Dayparts | Windows] = field(default_factory=dict)
    renames: Mapping[str, Rule] = field(default_factory=dict)
    """Columns of the group under another name."""
    step: timedelta | None = None
    units: Mapping[str, str] = field(default_factory=dict)
    keep: tuple[str, ...] = ()

    @property
    def reads(self) -> tuple[str, ...]:
        """Return the columns that it needs."""
        own = [
            self.renames[name].column if name in self.renames else name
            for name in self.group
            if name not in self.dayparts
        ]
        of = [one.column for one in self.dayparts.values()]
        from_rules = [
            column
            for rule in self.rules
            for column in (rule.column, rule.weight, *rule.where.columns)
            if column and column != ALL
        ]
        kept = [] if self.keep == (ALL,) else list(self.keep)
        return tuple(dict.fromkeys([*own, *of, *from_rules, *kept]))


def parse_mapping(definition: Any) -> ColumnMapping:
    """Read and check a definition: an object, or its JSON. Raises ``InvalidInput`` naming the member."""
    if isinstance(definition, str):
        definition = read_object(definition)
    if not isinstance(definition, Mapping) or not definition:
        raise _bad("the definition", "is not an object", "write group: and the columns that come out")
    step = spans.parse_step(str(definition["step"])) if definition.get("step") is not None else None
    known_units = _units(definition.get("units"))
    group = _names(definition.get("group"), "group")
    columns = {str(name): said for name, said in definition.items() if name not in _MEMBERS}
    if not columns:
        raise _bad("the definition", "makes no columns", "state for each output column how it is made")
    dayparts: dict[str, Dayparts | Windows] = {}
    rules: list[Rule] = []
    renames: dict[str, Rule] = {}
    for name, column in columns.items():
        if isinstance(column, Mapping) and "of" in column:
            dayparts[name] = parse_windows(column, name) if "window" in column else parse_dayparts(column, name)
            continue
        rule = _rule(name, column, known_units, step)
        if name in group:
            if rule.action != "rename":
                raise _bad(
                    name, f"is in the group, and made by {rule.action}", "a group is made of columns as they are"
                )
            renames[name] = rule
        else:
            rules.append(rule)
    keep = (ALL,) if definition.get("keep") == ALL else _names(definition.get("keep"), "keep")
    mapping = ColumnMapping(
        rules=tuple(rules),
        group=group,
        dayparts=dayparts,
        renames=renames,
        step=step,
        units=known_units,
        keep=keep,
    )
    _check(mapping)
    return mapping


def input_port(mapping: ColumnMapping, *, role: str = "", schemas: tuple[str, ...] = ()) -> Port:
    """Return the input of a mapping as a port."""
    variables = tuple(Variable(name=name, unit=mapping.units.get(name)) for name in mapping.reads)
    return Port(role=role, variables=variables, schemas=schemas, step=mapping.step)


def output_port(mapping: ColumnMapping, *, role: str = "", schemas: tuple[str, ...] = ()) -> Port:
    """Return the output of a mapping as a port. Its step in time is that of its window, or that of ``per``, if
    there is one."""
    steps = {rule.per for rule in mapping.rules if rule.per}
    steps |= {parts.length for parts in mapping.dayparts.values() if isinstance(parts, Windows)}
    names = mapping.group or tuple(mapping.dayparts)
    kept_names = () if mapping.keep == (ALL,) else tuple(name for name in mapping.keep if name not in names)
    return Port(
        role=role,
        variables=(
            *(Variable(name=name) for name in names),
            *(Variable(name=name, unit=mapping.units.get(name)) for name in kept_names),
            *(Variable(name=rule.name, unit=rule.unit, decimals=rule.decimals) for rule in mapping.rules),
        ),
        schemas=schemas,
        step=steps.pop() if len(steps) == 1 else (None if mapping.group else mapping.step),
        key=mapping.group,
    )


def _check(mapping: ColumnMapping) -> None:
    if mapping.keep and mapping.group:
        raise _bad("keep", "stands beside group", "columns of a group are in the group, or made with first")
    for name in mapping.dayparts:
        if mapping.group and name not in mapping.group:
            raise _bad(name, "is a part of the day that is not in the group", "add it to group")
    for rule in mapping.rules:
        grouped = rule.action in ("first", "count", *FIGURES)
        if grouped and not mapping.group:
            raise _bad(
                f"{rule.name}.{rule.action}", "makes one of many rows", "add group: with the columns to keep apart"
            )
        if mapping.group and rule.action == "rename":
            raise _bad(f"{rule.name}.rename", "stands beside group", "use first, or add the column to group")
        if rule.per is not None and (mapping.step is None or len(mapping.dayparts) != 1):
            raise _bad(
                f"{rule.name}.per",
                "needs the step of the rows and one part of the day to count hours in",
                "add step: PT15M, and a column {of: …, parts: …}",
            )
    for name, parts in mapping.dayparts.items():
        if isinstance(parts, Windows):
            _check_window(mapping, name, parts)
        for part in parts.parts:
            if mapping.step is not None and (part.begin % mapping.step or part.end % mapping.step):
                raise _bad(
                    f"{name}.parts.{part.name}",
                    f"does not begin and end at whole steps of {spans.step_text(mapping.step)}",
                    "a row would lie in two parts of the day",
                )


def _check_window(mapping: ColumnMapping, name: str, windows: Windows) -> None:
    if not mapping.group:
        raise _bad(f"{name}.window", "puts rows together", "add group: with this column and those to keep apart")
    if mapping.step is not None and windows.length % mapping.step:
        raise _bad(
            f"{name}.window",
            f"is no whole number of steps of {spans.step_text(mapping.step)}",
            "a row would lie in two windows",
        )


def _rule(name: str, rule: Any, known_units: Mapping[str, str], step: timedelta | None) -> Rule:
    if not isinstance(rule, Mapping):
        raise _bad(
            name, "does not state how it is made", f"write {{sum: column}}, or another of {', '.join(_ACTIONS)}"
        )
    actions = [word for word in _ACTIONS if word in rule]
    if len(actions) != 1:
        told = f"says {' and '.join(actions)}" if actions else "does not state how it is made"
        raise _bad(name, told, f"say one of {', '.join(_ACTIONS)}")
    action = actions[0]
    if unknown := sorted(set(map(str, rule)) - {action} - _ALLOWED[action]):
        raise _bad(
            f"{name}.{unknown[0]}",
            f"cannot be combined with {action}",
            f"it can be combined with {', '.join(sorted(_ALLOWED[action]))}",
        )
    unit = _unit(rule.get("unit"), f"{name}.unit")
    where = parse_where(rule.get("where"), f"{name}.where")
    if action == "constant":
        if isinstance(rule["constant"], Mapping | list) or rule["constant"] is None:
            raise _bad(f"{name}.constant", "is not a single value", "write a number or a text")
        return Rule(name=name, action=action, value=rule["constant"], unit=unit)
    if action == "count":
        return Rule(name=name, action=action, where=where, unit="1")
    column = _name(rule[action], f"{name}.{action}")
    weight = _name(rule["weighted_by"], f"{name}.weighted_by") if "weighted_by" in rule else ""
    per = _per(rule.get("per"), f"{name}.per")
    scale, shift = _scale(name, action, known_units.get(column), unit, per, step)
    source = units.parse(known_units[column]) if column in known_units else None
    return Rule(
        name=name,
        action=action,
        column=column,
        where=where,
        weight=weight,
        per=per,
        unit=unit or (known_units.get(column) if action in ("rename", *FIGURES) and per is None else None),
        decimals=_decimals(rule.get("decimals"), f"{name}.decimals"),
        scale=scale,
        shift=shift,
        level=source if source is not None and source.level else None,
    )


def _scale(
    name: str, action: str, came: str | None, unit: str | None, per: timedelta | None, step: timedelta | None
) -> tuple[Fraction, Fraction]:
    """Return the factor and shift from the source's unit to the requested one; for ``per``, per second."""
    if came is None:
        if per is None:
            return Fraction(1), Fraction(0)
        return Fraction(int(per / timedelta(seconds=1))), Fraction(0)
    source = units.parse(came)
    if action == "sum" and source.offset:
        raise _bad(f"{name}.sum", f"adds up figures in {came}, which has a zero of its own", "use mean")
    if per is None:
        comparison = units.compare(came, unit or came)
        if comparison.relation is units.Relation.INCOMPATIBLE:
            raise _bad(f"{name}.unit", f"is {unit}, and the source comes in {came}", "they measure different things")
        return comparison.factor, comparison.offset
    if unit is None:
        raise _bad(f"{name}.unit", "is missing", "state the unit of the output for each hour")
    # Amounts per step, divided by the seconds of the step: a rate is first multiplied by its step.
    target = units.parse(unit)
    amount = tuple(one + (unit == "s") for one, unit in zip(target.dimension, BASES, strict=True))
    if source.special or target.special or source.dimension not in (target.dimension, amount):
        raise _bad(
            f"{name}.unit", f"is {unit}, and the source comes in {came}", "name a unit of the source for each time"
        )
    scale = source.factor / target.factor
    if source.dimension == target.dimension:
        scale *= Fraction(step // timedelta(microseconds=1), 1_000_000) if step is not None else 1
    return scale, Fraction(0)


def _units(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise _bad("units", "is not an object", 'write units: {intensity: "{vehicles}/(15.min)"}')
    return {str(name): str(_unit(code, f"units.{name}")) for name, code in value.items()}


def _unit(code: Any, path: str) -> str | None:
    if code is None:
        return None
    try:
        return units.parse(str(code)).code
    except InvalidInput as error:
        raise _bad(path, f"is {str(code)[:40]!r}: {error.detail}", error.remedy) from None


def _per(value: Any, path: str) -> timedelta | None:
    if value is None:
        return None
    if value not in PER:
        raise _bad(path, f"is {str(value)[:40]!r}", f"write one of {', '.join(PER)}")
    return PER[value]


def _decimals(value: Any, path: str) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 12:
        raise _bad(path, f"is {str(value)[:40]!r}", "write a whole number from 0 to 12")
    return value


def _name(value: Any, path: str) -> str:
    if not isinstance(value, str) or not value:
        raise _bad(path, "names no column", "write the name of a column")
    return value


def _names(value: Any, path: str) -> tuple[str, ...]:
    if value is None:
        return ()
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not names or len(set(map(str, names))) < len(names):
        raise _bad(path, "is not a list of different columns", "write [segmentId, partOfDay]")
    return tuple(_name(name, path) for name in names)


def _bad(path: str, why: str, remedy: str) -> InvalidInput:
    return InvalidInput(f"column mapping: {path} {why}", remedy=remedy, facts={"at": path})
