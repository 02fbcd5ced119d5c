"""From an ODRL policy to the rows of a form.

A part becomes a row only if the row means the same when it is written back; every other part stays the JSON that it
came as. So nothing that a form cannot show is lost or changed by it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from node.base.errors import InvalidInput
from node.base.jsons import read_object
from node.policy import terms
from node.policy.editor.rows import (
    CURRENCY,
    LARGEST,
    MOST_LEVELS,
    MOST_ROWS,
    PARTIES,
    SECTIONS,
    ConstraintRow,
    Exact,
    Group,
    PolicyForm,
    Row,
    RuleForm,
)
from node.policy.editor.writing import ENDS, LAST_SECOND, MIDNIGHT, row_json, rule_json
from node.policy.odrl import SEALED, normal_condition, normal_rule, parse
from node.policy.rules import Condition, Constraint, Logical, Rule
from node.policy.terms import CONFLICT_STRATEGIES, VALUE_TYPES, ValueType, compact, expand_term
from node.vocab.namespaces import ODRL

_CONSTRAINT: Final = frozenset({"leftOperand", "operator", "rightOperand", "unit"})
_SECTION_OF: Final = {"duty": "obligation"}
"""A duty inside a permission is read as an obligation is."""
_DURATION: Final = re.compile(r"P(?=\d+[DWMY]|T\d+[HM])(T?)(\d{1,6})([DWMYH])")


def read_policy(text: str) -> dict[str, Any]:
    """Return the policy that a person wrote as JSON. Raises ``InvalidInput`` for other texts, and for long ones."""
    if len(text) > LARGEST:
        raise InvalidInput(
            f"the policy is longer than {LARGEST} characters",
            remedy="shorten it",
            facts={"case": "policy-size", "field": "conditions", "most": LARGEST},
        )
    try:
        return read_object(text)
    except InvalidInput as error:
        raise InvalidInput(
            error.detail.replace("the body", "the policy"),
            remedy="write one JSON object with the members permission, prohibition or obligation",
            facts={"case": "policy-json", "field": "conditions"},
        ) from error


def policy_form(policy: Mapping[str, Any]) -> PolicyForm:
    """Return the rows of ``policy``; one that cannot be read as a policy is shown as far as its parts can."""
    rules: list[RuleForm] = []
    sections: set[str] = set()
    conflict, sealed, rest = "", False, {}
    for key, value in policy.items():
        name = _name(key)
        # A section in two spellings is an error, which must not vanish.
        if name in SECTIONS and name not in sections and (items := _items(value, name)) is not None:
            sections.add(name)
            rules += items
        elif name == "conflict" and (strategy := _strategy(value)):
            conflict = strategy
        elif key in (SEALED, "hansa:sealed") and value is True:
            sealed = True
        else:
            rest[key] = value
    form = PolicyForm(rules=tuple(rules), conflict=conflict, sealed=sealed, rest=_object_text(rest))
    if form.size <= MOST_ROWS:
        return form
    exact = tuple(RuleForm(section=rule.section, exact=_text(rule_json(rule))) for rule in rules)
    return PolicyForm(rules=exact, conflict=conflict, sealed=sealed, rest=form.rest)


def _items(value: Any, section: str) -> list[RuleForm] | None:
    rules = _list(value)
    if not rules or not all(isinstance(item, dict) for item in rules):
        return None
    return [_rule_form(item, section) for item in rules]


def _rule_form(item: dict[str, Any], section: str) -> RuleForm:
    exact = RuleForm(section=section, exact=_text(item))
    holder = _SECTION_OF.get(section, section)
    rule = _parsed_rule(item, holder)
    if rule is None:
        return exact
    rows: tuple[Row, ...] = ()
    duties: tuple[RuleForm, ...] = ()
    party, rest = "", {}
    party_name = PARTIES.get(rule.action, "")
    for key, value in item.items():
        match _name(key):
            case "action":
                continue
            case "constraint" if _list(value):
                rows = tuple(_row(member, 0) for member in _list(value))
            case "duty" if section == "permission" and all(isinstance(duty, dict) for duty in _list(value)):
                duties = tuple(_rule_form(duty, "duty") for duty in _list(value))
            case name if name and name == party_name and isinstance(value, str) and value:
                party = value
            case _:
                rest[key] = value
    form = RuleForm(
        section=section,
        action=compact(rule.action),
        party=party,
        rows=rows,
        duties=duties,
        rest=_object_text(rest),
    )
    again = _parsed_rule(rule_json(form), holder)
    return form if again is not None and normal_rule(again) == normal_rule(rule) else exact


def _parsed_rule(item: dict[str, Any], section: str) -> Rule | None:
    try:
        policy = parse({section: [item]})
    except InvalidInput:
        return None
    (rule,) = (*policy.permissions, *policy.prohibitions, *policy.obligations)
    return rule


def _row(item: Any, level: int) -> Row:
    exact = Exact(_text(item))
    condition = _parsed_condition(item)
    if condition is None or not isinstance(item, dict):
        return exact
    row: Row = exact
    if isinstance(condition, Logical):
        if level < MOST_LEVELS and len(item) == 1:
            (value,) = item.values()
            row = Group(operator=condition.operator, rows=tuple(_row(member, level + 1) for member in _list(value)))
    elif {_name(key) for key in item} <= _CONSTRAINT:
        row = _constraint_row(condition)
    again = _parsed_condition(row_json(row))
    return row if again is not None and normal_condition(again) == normal_condition(condition) else exact


def _parsed_condition(item: Any) -> Condition | None:
    try:
        return parse({"permission": [{"action": "odrl:use", "constraint": [item]}]}).permissions[0].constraints[0]
    except (InvalidInput, IndexError):
        return None


def _constraint_row(constraint: Constraint) -> ConstraintRow:
    kind = VALUE_TYPES.get(constraint.left_operand)
    values = tuple(value.text for value in constraint.right_operand if value.text)
    unit = ""
    if kind is ValueType.MOMENT:
        values = tuple(_day(text, constraint.operator) for text in values)
    elif kind is ValueType.IRI:
        values = tuple(value.term for value in constraint.right_operand if value.text)
        if constraint.left_operand == terms.CREDENTIAL:
            values = tuple(map(terms.credential_type, values))
    elif kind is ValueType.DURATION and len(values) == 1 and (match := _DURATION.fullmatch(values[0])):
        values, unit = (match[2],), match[1] + match[3]
    if constraint.left_operand == terms.PAY_AMOUNT:
        unit = constraint.unit.removeprefix(CURRENCY)
    return ConstraintRow(
        operand=compact(constraint.left_operand), operator=constraint.operator, values=values, unit=unit
    )


def _day(text: str, operator: str) -> str:
    ending = LAST_SECOND if operator in ENDS else MIDNIGHT
    return text.removesuffix(ending) if operator not in {"eq", "neq"} else text


def _strategy(value: Any) -> str:
    if isinstance(value, dict) and set(value) == {"@id"}:
        value = value["@id"]
    name = expand_term(value).removeprefix(ODRL) if isinstance(value, str) else ""
    return name if name in CONFLICT_STRATEGIES else ""


def _name(key: str) -> str:
    """Return the local name of an ODRL member; empty for others."""
    iri = expand_term(key) if not key.startswith("@") else ""
    return iri.removeprefix(ODRL) if iri.startswith(ODRL) else ""


def _list(value: Any) -> list[Any]:
    if isinstance(value, dict) and len(value) == 1:
        for wrapper in ("@list", "@set"):
            if isinstance(value.get(wrapper), list):
                return list(value[wrapper])
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


def _object_text(members: Mapping[str, Any]) -> str:
    return _text(members) if members else ""


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
