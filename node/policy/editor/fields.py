"""From the fields that a form about a policy sends to its rows, with what its buttons change.

The names of fields are paths: ``r.0.c.1.v.2`` is the third value of the second condition of the first rule. Fields
with other names are not of the policy. Without scripts, each button sends all fields.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from node.base.errors import InvalidInput
from node.base.jsons import read_json
from node.policy.editor.rows import (
    LARGEST,
    MOST_LEVELS,
    MOST_ROWS,
    OBLIGATION,
    SECTIONS,
    ConstraintRow,
    Exact,
    Group,
    PolicyForm,
    Row,
    RuleForm,
)
from node.policy.terms import CONFLICT_STRATEGIES, LOGICAL

NewCode = Callable[[str, str], str]
"""(operand, the text of a person) → the value: the name of a purpose becomes its IRI."""

_PARTS: Final = 20
"""Parts of the longest name of a field."""
_LONGEST: Final = 2000
"""Characters of a value."""
_MOST_VALUES: Final = 200
Tree = dict[str, Any]


def form_of_fields(fields: Mapping[str, str], code: NewCode, button: str = "") -> PolicyForm:
    """Return the rows that the fields state, after ``button``: ``add.permission``, ``add.r.0.c`` (a condition),
    ``add.r.0.g`` (a group), ``add.r.0.d`` (a duty), ``remove.r.0.c.1``. A button that fits nothing changes nothing.

    Raises ``InvalidInput`` for fields that no page sends, and for more rows than a form has.
    """
    tree = _tree(fields)
    verb, _, path = button.partition(".")
    if verb == "add":
        _add(tree, path)
    elif verb == "remove":
        _remove(tree, path)
    conflict = fields.get("conflict", "")
    form = PolicyForm(
        rules=tuple(_rule(rule, code) for rule in _children(tree, "r") if rule.get("section") in SECTIONS),
        conflict=conflict if conflict in CONFLICT_STRATEGIES else "",
        sealed=fields.get("sealed") == "yes",
        rest=_json_object(fields.get("rest", "")),
    )
    if form.size > MOST_ROWS:
        raise InvalidInput(
            f"the form has more than {MOST_ROWS} rows",
            remedy="remove a row, or change the policy as text",
            facts={"case": "policy-rows", "field": "conditions", "most": MOST_ROWS},
        )
    return form


def _tree(fields: Mapping[str, str]) -> Tree:
    tree: Tree = {}
    for name, text in fields.items():
        parts = name.split(".")
        if parts[0] != "r" or not 2 < len(parts) <= _PARTS:
            continue
        place = tree
        for part in parts[:-1]:
            inner = place.setdefault(part, {})
            if not isinstance(inner, dict):
                break
            place = inner
        else:
            if not isinstance(place.get(parts[-1]), dict):
                place[parts[-1]] = text
    return tree


def _add(tree: Tree, path: str) -> None:
    if path in SECTIONS:
        _append(tree, "r", {"section": path, "action": "" if path == OBLIGATION else "odrl:use"})
        return
    place, _, kind = path.rpartition(".")
    holder = _at(tree, place)
    if holder is None or not place:
        return
    if kind == "c":
        _append(holder, "c", {"operand": ""})
    elif kind == "g":
        _append(holder, "c", {"group": "or", "c": {"0": {"operand": ""}, "1": {"operand": ""}}})
    elif kind == "d" and holder.get("section") == "permission":
        _append(holder, "d", {"action": ""})


def _append(holder: Tree, name: str, item: Tree) -> None:
    items = holder.setdefault(name, {})
    if isinstance(items, dict):
        places = [int(key) for key in items if _is_place(key)]
        items[str(max(places, default=-1) + 1)] = item


def _remove(tree: Tree, path: str) -> None:
    place, _, last = path.rpartition(".")
    holder = _at(tree, place)
    if holder is not None and _is_place(last):
        holder.pop(last, None)


def _at(tree: Tree, path: str) -> Tree | None:
    place: Any = tree
    for part in path.split(".") if path else ():
        place = place.get(part) if isinstance(place, dict) else None
    return place if isinstance(place, dict) else None


def _children(tree: Tree, name: str) -> Iterator[Tree]:
    items = tree.get(name)
    if isinstance(items, dict):
        for key in sorted(filter(_is_place, items), key=int):
            if isinstance(items[key], dict):
                yield items[key]


def _rule(tree: Tree, code: NewCode, section: str = "") -> RuleForm:
    section = section or _field(tree, "section")
    if exact := _json_object(_field(tree, "exact")):
        return RuleForm(section=section, exact=exact)
    return RuleForm(
        section=section,
        action=_field(tree, "action"),
        party=code("party", _field(tree, "party")),
        rows=tuple(_row(row, code, 0) for row in _children(tree, "c")),
        duties=tuple(_rule(duty, code, "duty") for duty in _children(tree, "d")) if section == "permission" else (),
        rest=_json_object(_field(tree, "rest")),
    )


def _row(tree: Tree, code: NewCode, level: int) -> Row:
    if exact := _field(tree, "exact"):
        return Exact(json.dumps(_read(exact), ensure_ascii=False))
    operator = _field(tree, "group")
    if operator in LOGICAL and level < MOST_LEVELS:
        return Group(operator=operator, rows=tuple(_row(row, code, level + 1) for row in _children(tree, "c")))
    row = ConstraintRow(operand=_field(tree, "operand"), operator=_field(tree, "operator"))
    if row.is_known and row.operators and (not row.operator or _field(tree, "before") != row.operand):
        # Another operand was chosen: its first operator, unless the one that stands there fits as well.
        operator = row.operator if row.operator in row.operators else row.operators[0]
        row = ConstraintRow(operand=row.operand, operator=operator)
    items = tree.get("v")
    values: Tree = items if isinstance(items, dict) else {}
    places = sorted(filter(_is_place, values), key=int)
    texts = [_field(values, place) for place in places[:_MOST_VALUES]]
    codes = [code(row.operand, text) for text in texts if text]
    return ConstraintRow(
        operand=row.operand,
        operator=row.operator,
        values=tuple(dict.fromkeys(codes)),
        unit=_field(tree, "unit"),
    )


def _field(tree: Tree, name: str) -> str:
    text = tree.get(name, "")
    if not isinstance(text, str):
        return ""
    if len(text) > (LARGEST if name in ("exact", "rest") else _LONGEST):
        raise InvalidInput(
            "a value of the conditions is too long",
            remedy=f"write at most {_LONGEST} characters",
            facts={"case": "policy-value", "field": "conditions", "most": _LONGEST},
        )
    return text.strip()


def _json_object(text: str) -> str:
    if not text:
        return ""
    value = _read(text)
    if not isinstance(value, dict):
        raise _unreadable()
    return json.dumps(value, ensure_ascii=False)


def _read(text: str) -> Any:
    try:
        return read_json(text)
    except InvalidInput as error:
        raise _unreadable() from error


def _unreadable() -> InvalidInput:
    return InvalidInput("the form is not readable", remedy="send it again from the page", facts={"case": "form"})


def _is_place(key: str) -> bool:
    return key.isascii() and key.isdecimal() and len(key) <= 4
