"""The part of the data that a policy gives: columns, rows, a box, and the form of columns.

The node of the data keeps it at every read.

A steward writes it as ``part`` beside the conditions. In the policy it stands as constraints of each permission, so
that it is signed with the agreement, shown in words, and compared like any other term. Names of columns are
percent-encoded there: then neither a space nor a prefix of JSON-LD can stand in them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Final
from urllib.parse import quote, unquote

from node.base.errors import InvalidInput
from node.policy.concealment import FORMS, GROUP, PSEUDONYM, Concealment, SmallestGroup, common_group, strictest
from node.policy.rules import Constraint, Policy, leaves
from node.policy.terms import BOX, COLUMNS, CONCEALED, PART, ROWS, SMALLEST_GROUP, ValueType

OPERATORS: Final = {"eq": "=", "neq": "≠", "lt": "<", "lteq": "≤", "gt": ">", "gteq": "≥"}
"""The operators for rows, with their signs."""
_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "eq": eq,
    "neq": ne,
    "lt": lt,
    "lteq": le,
    "gt": gt,
    "gteq": ge,
}
TABLE_LIMITS: Final = frozenset({"columns", *OPERATORS, *FORMS, GROUP})
"""The limits of a part (``Portion.kinds``) that answers about a stored table keep."""
ENFORCED: Final[Mapping[str, Any]] = dict.fromkeys(PART, True)
"""The facts of a use that gets no more than the part: every other use of such an agreement is refused."""
MOST: Final = 50
"""The most columns, and the most conditions for rows."""
_LONGEST: Final = 200
_NAME: Final = re.compile(r"[A-Za-z0-9_.~%-]{1,600}", re.ASCII)
_NUMBER: Final = re.compile(r"-?[0-9]{1,3}(\.[0-9]{1,12})?", re.ASCII)
_PIECES: Final = ("columns", "rows", "box", "period", "conceal", "group")
_FORM: Final = (
    "such as part: {columns: [id, kind], rows: [{column: kind, operator: eq, value: berth}], "
    "box: [3.6, 51.0, 3.8, 51.1], period: {column: day, from: 2026-01-01, until: 2026-06-30}, "
    "conceal: {plate: pseudonym, day: time hour, speed: bins 10, lon: grid 0.01, name: suppress}, "
    "group: {size: 5, columns: [day, kind]}}"
)

Box = tuple[float, float, float, float]
"""West, south, east, north, in degrees of WGS 84."""


@dataclass(frozen=True, slots=True)
class RowCondition:
    """A condition for rows: a column, one of ``OPERATORS``, and a value as text. A row without a value in the column
    does not meet it."""

    column: str
    operator: str
    value: str

    @classmethod
    def read(cls, text: str) -> RowCondition | None:
        """Return the condition that a right operand states; None if it states none."""
        column, _, rest = text.partition(" ")
        operator, blank, value = rest.partition(" ")
        if operator not in OPERATORS or not blank or not _is_text(value) or not is_column(column):
            return None
        return cls(unquote(column), operator, value)

    def admits(self, value: Any) -> bool:
        """Return whether a value meets it. Numbers are compared as numbers, all else as text."""
        compare = _COMPARE[self.operator]
        if isinstance(value, bool):
            return compare(str(value).lower(), self.value)
        if isinstance(value, int | float | Decimal):
            try:
                return compare(Decimal(str(value)), Decimal(self.value))
            except InvalidOperation:
                return False
        return isinstance(value, str) and compare(value, self.value)

    @property
    def text(self) -> str:
        """Return the condition as right operand."""
        return f"{quote(self.column, safe='')} {self.operator} {self.value}"

    @property
    def formula(self) -> str:
        """Return the condition for people, such as ``kind = berth``."""
        return f"{self.column} {OPERATORS[self.operator]} {self.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """The content of a read: these columns (None: all), rows that meet ``rows``, and what touches all ``boxes``.

    Conditions are about the values as they are. After that, columns take the forms of ``forms``, and rows of
    groups smaller than ``group`` are left out. ``key`` makes the pseudonyms, and is never written anywhere: see
    ``with_key``.
    """

    columns: tuple[str, ...] | None = None
    rows: tuple[RowCondition, ...] = ()
    boxes: tuple[Box, ...] = ()
    forms: tuple[Concealment, ...] = ()
    group: SmallestGroup | None = None
    key: bytes = field(default=b"", repr=False)

    @property
    def is_whole(self) -> bool:
        """Return whether nothing is left out."""
        return self.columns is None and not self.rows and not self.boxes and not self.conceals

    @property
    def kinds(self) -> frozenset[str]:
        """Return which limits it has: ``columns``, ``boxes``, and the operators of its rows."""
        limits = (("columns", self.columns is not None), ("boxes", self.boxes), (GROUP, self.group is not None))
        names = {name for name, limit in limits if limit} | {concealment.form for concealment in self.forms}
        return frozenset(names | {condition.operator for condition in self.rows})

    @property
    def conceals(self) -> bool:
        """Return whether a column has another form than in the source, or small groups are left out."""
        return bool(self.forms) or self.group is not None

    @property
    def has_pseudonyms(self) -> bool:
        return any(concealment.form == PSEUDONYM for concealment in self.forms)

    @property
    def needs_columns(self) -> frozenset[str]:
        """Return the columns without which nothing may be given: those of conditions, forms and groups."""
        names = {row.column for row in self.rows} | {concealment.column for concealment in self.forms}
        return frozenset(names | set(self.group.columns if self.group is not None else ()))

    def shows(self, column: str) -> bool:
        return self.columns is None or column in self.columns

    def shows_plainly(self, column: str) -> bool:
        """Return whether the values of a column are given as they are."""
        return self.shows(column) and all(concealment.column != column for concealment in self.forms)

    def with_key(self, key: Callable[[], bytes]) -> Portion:
        """Return the part with the key of its pseudonyms, if it has any."""
        return replace(self, key=key()) if self.has_pseudonyms else self

    def to_json(self) -> dict[str, Any]:
        """Return the members for the record of an access."""
        members: dict[str, Any] = {}
        if self.columns is not None:
            members["columns"] = list(self.columns)
        if self.rows:
            members["rows"] = [condition.text for condition in self.rows]
        if self.boxes:
            members["boxes"] = [box_text(box) for box in self.boxes]
        if self.forms:
            members["concealed"] = [concealment.text for concealment in self.forms]
        if self.group is not None:
            members["smallestGroup"] = self.group.text
        return members


WHOLE: Final = Portion()
_LOCAL_NAME: Final = re.compile("|".join(re.escape(re.split("[#/:]", name)[-1]) for name in PART))


def portion_of(policy: Policy) -> Portion:
    """Return what ``policy`` gives. All limits hold together wherever they stand: of several permissions, each is
    narrowed by the limits of the others too, so that no reading of the policy gives more."""
    constraints = [leaf.content for leaf in leaves(policy) if isinstance(leaf.content, Constraint)]
    columns: tuple[str, ...] | None = None
    rows: list[RowCondition] = []
    boxes: list[Box] = []
    forms: list[Concealment] = []
    groups: list[SmallestGroup] = []
    for constraint in constraints:
        texts = [value.text for value in constraint.right_operand]
        match constraint.left_operand:
            case operand if operand == COLUMNS:
                names = tuple(unquote(text) for text in texts)
                columns = tuple(name for name in names if columns is None or name in columns)
            case operand if operand == ROWS:
                rows += [condition for text in texts if (condition := RowCondition.read(text)) is not None]
            case operand if operand == BOX:
                boxes += [box for text in texts if (box := read_box(text)) is not None]
            case operand if operand == CONCEALED:
                forms += [form for text in texts if (form := Concealment.read(text)) is not None]
            case operand if operand == SMALLEST_GROUP:
                groups += [group for text in texts if (group := SmallestGroup.read(text)) is not None]
    return Portion(
        columns=columns,
        rows=tuple(dict.fromkeys(rows)),
        boxes=tuple(dict.fromkeys(boxes)),
        forms=strictest(forms),
        group=common_group(groups),
    )


def may_limit(offer: Any) -> bool:
    """Return whether the JSON of a policy may give less than the whole: False only if it names no left operand of a
    part. To read the policy costs a multiple of this, and nearly all offers give the whole."""
    if isinstance(offer, str):
        return _LOCAL_NAME.search(offer) is not None
    if isinstance(offer, dict):
        return any(map(may_limit, offer.values()))
    return isinstance(offer, list | tuple) and any(map(may_limit, offer))


def states_part(kind: ValueType, text: str) -> bool:
    """Return whether a right operand states a column, a condition for rows, a form of a column, a group or a box."""
    match kind:
        case ValueType.COLUMN:
            return is_column(text)
        case ValueType.ROW:
            return RowCondition.read(text) is not None
        case ValueType.CONCEALMENT:
            return Concealment.read(text) is not None and is_column(text.partition(" ")[0])
        case ValueType.GROUP:
            return SmallestGroup.read(text) is not None and all(map(is_column, text.split(" ")[1:]))
        case _:
            return read_box(text) is not None


def is_column(text: str) -> bool:
    """Return whether a right operand names a column."""
    return bool(_NAME.fullmatch(text)) and _is_text(unquote(text)) and quote(unquote(text), safe="") == text


def read_box(text: str) -> Box | None:
    """Return the box that a right operand states; None if it states none."""
    pieces = text.split(",")
    if len(pieces) != 4 or not all(_NUMBER.fullmatch(piece) for piece in pieces):
        return None
    west, south, east, north = (float(piece) for piece in pieces)
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        return None
    return west, south, east, north


def box_text(box: Box) -> str:
    """Return a box as right operand."""
    return ",".join(f"{value:.12f}".rstrip("0").rstrip(".") for value in box)


def constraints_of(part: Any) -> list[dict[str, Any]]:
    """Return the constraints for the ``part`` of a steward. Raises ``InvalidInput``."""
    if not isinstance(part, Mapping) or not part:
        raise _wrong("part", "is not a list of columns, rows, box and period")
    for name in part:
        if name not in _PIECES:
            raise _wrong(f"part.{str(name)[:40]}", f"is none of {', '.join(_PIECES)}")
    constraints = []
    if part.get("columns") is not None:
        columns = [_column(name, "part.columns") for name in _several(part["columns"], "part.columns")]
        constraints.append(_constraint(COLUMNS, "isAnyOf", [quote(name, safe="") for name in columns]))
    rows = [_row(row) for row in _several(part["rows"], "part.rows")] if part.get("rows") is not None else []
    rows += _period(part["period"]) if part.get("period") is not None else []
    if rows:
        constraints.append(_constraint(ROWS, "isAllOf", [row.text for row in rows]))
    if part.get("box") is not None:
        constraints.append(_constraint(BOX, "eq", _box(part["box"])))
    if part.get("conceal") is not None:
        constraints.append(_constraint(CONCEALED, "isAllOf", _concealments(part["conceal"])))
    if part.get("group") is not None:
        constraints.append(_constraint(SMALLEST_GROUP, "eq", _group(part["group"])))
    if not constraints:
        raise _wrong("part", f"names none of {', '.join(_PIECES)}")
    return constraints


def _constraint(operand: str, operator: str, value: Any) -> dict[str, Any]:
    return {"leftOperand": operand, "operator": operator, "rightOperand": value}


def _several(value: Any, field: str) -> Sequence[Any]:
    items = list(value) if isinstance(value, list | tuple) else [value]
    if not 0 < len(items) <= MOST:
        raise _wrong(field, f"has not between 1 and {MOST} entries")
    return items


def _column(value: Any, field: str) -> str:
    name = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not is_column(quote(name, safe="")):
        raise _wrong(field, "is not the name of a column")
    return name


def _row(value: Any) -> RowCondition:
    if not isinstance(value, Mapping) or not {"column", "value"} <= set(value) <= {"column", "operator", "value"}:
        raise _wrong("part.rows", "is not made of column, operator and value")
    operator = str(value.get("operator", "eq"))
    if operator not in OPERATORS:
        raise _wrong("part.rows.operator", f"is none of {', '.join(OPERATORS)}")
    return _condition(_column(value["column"], "part.rows.column"), operator, _plain(value["value"]), "part.rows")


def _condition(column: str, operator: str, value: str, field: str) -> RowCondition:
    condition = RowCondition(column, operator, value)
    if RowCondition.read(condition.text) != condition:
        raise _wrong(f"{field}.value", f"is not a text or number of at most {_LONGEST} characters")
    return condition


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if isinstance(value, str | int | float) else ""


def _period(value: Any) -> list[RowCondition]:
    if not isinstance(value, Mapping) or "column" not in value or not set(value) <= {"column", "from", "until"}:
        raise _wrong("part.period", "is not made of column, from and until")
    column = _column(value["column"], "part.period.column")
    bounds = []
    if value.get("from") is not None:
        bounds.append(_condition(column, "gteq", _day(value["from"])[0], "part.period"))
    if value.get("until") is not None:
        text, is_day = _day(value["until"])
        if is_day:
            # The whole day is meant: up to the beginning of the next.
            text = (date.fromisoformat(text) + timedelta(days=1)).isoformat()
        bounds.append(_condition(column, "lt" if is_day else "lteq", text, "part.period"))
    if not bounds:
        raise _wrong("part.period", "has neither from nor until")
    return bounds


def _day(value: Any) -> tuple[str, bool]:
    """Return a day or a moment as text, and whether it is a day."""
    text = _plain(value)
    try:
        if len(text) == 10:
            return date.fromisoformat(text).isoformat(), True
        return datetime.fromisoformat(text).isoformat(), False
    except (ValueError, OverflowError) as error:
        raise _wrong("part.period", "has no day such as 2026-01-31") from error


def _box(value: Any) -> str:
    numbers = value if isinstance(value, list | tuple) else str(value).split(",")
    try:
        text = box_text(tuple(float(number) for number in numbers))  # type: ignore[arg-type]
    except (ValueError, TypeError, OverflowError):
        text = ""
    if read_box(text) is None:
        raise _wrong("part.box", "is not west, south, east, north in degrees")
    return text


def _concealments(value: Any) -> list[str]:
    if not isinstance(value, Mapping) or not 0 < len(value) <= MOST:
        raise _wrong("part.conceal", f"does not name between 1 and {MOST} columns, each with a form")
    texts = []
    for name, form in value.items():
        column = quote(_column(name, "part.conceal"), safe="")
        concealment = Concealment.read(f"{column} {' '.join(str(form).split())}")
        if concealment is None:
            raise _wrong(f"part.conceal.{str(name)[:40]}", f"is none of {', '.join(FORMS)} with its step")
        texts.append(concealment.text)
    return texts


def _group(value: Any) -> str:
    if not isinstance(value, Mapping) or set(value) != {"size", "columns"}:
        raise _wrong("part.group", "is not made of size and columns")
    columns = [_column(name, "part.group.columns") for name in _several(value["columns"], "part.group.columns")]
    group = SmallestGroup.read(" ".join([str(value["size"]), *(quote(name, safe="") for name in columns)]))
    if group is None:
        raise _wrong("part.group.size", "is no number of rows, 2 or more")
    return group.text


def _is_text(value: str) -> bool:
    return 0 < len(value) <= _LONGEST and value.isprintable() and value == value.strip()


def _wrong(field: str, why: str) -> InvalidInput:
    finding = {
        "severity": "violation",
        "field": f"conditions.{field}",
        "message": f"{field} {why}",
        "remedy": _FORM,
        "rule": "policy-template",
    }
    return InvalidInput(
        f"conditions: {field} {why}", remedy=_FORM, facts={"field": "conditions", "findings": [finding]}
    )
