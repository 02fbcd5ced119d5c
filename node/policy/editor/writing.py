"""From the rows of a form to an ODRL policy, as conditions of a description have it."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from node.policy import terms
from node.policy.editor.rows import CURRENCY, PARTIES, SECTIONS, ConstraintRow, Exact, PolicyForm, Row, RuleForm
from node.policy.odrl import SEALED
from node.policy.terms import VALUE_TYPES, ValueType, action_iri

_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
LAST_SECOND: Final = "T23:59:59Z"
MIDNIGHT: Final = "T00:00:00Z"
ENDS: Final = frozenset({"lteq", "gt"})
"""Operators for which a day means its last second; ``lt`` and ``gteq`` mean its beginning."""


def policy_json(form: PolicyForm) -> dict[str, Any]:
    """Return the policy. Unfinished rows are in it as far as they are filled in; empty ones are left out."""
    policy: dict[str, Any] = json.loads(form.rest) if form.rest else {}
    for section in SECTIONS:
        rules = [rule_json(rule) for rule in form.rules if rule.section == section]
        if rules:
            policy[section] = _beside(policy, section, rules)
    if form.conflict:
        policy["odrl:conflict"] = {"@id": f"odrl:{form.conflict}"}
    if form.sealed:
        policy[SEALED] = True
    return policy


def policy_text(form: PolicyForm) -> str:
    """Return the policy as text that people read and change."""
    return json.dumps(policy_json(form), ensure_ascii=False, indent=2)


def rule_json(rule: RuleForm) -> dict[str, Any]:
    """Return a rule as a member of a policy."""
    if rule.exact:
        exact: dict[str, Any] = json.loads(rule.exact)
        return exact
    body: dict[str, Any] = {"action": rule.action, **(json.loads(rule.rest) if rule.rest else {})}
    if rule.party and rule.takes_party:
        name = f"odrl:{PARTIES[action_iri(rule.action)]}"
        body[name] = _beside(body, name, [rule.party]) if name in body else rule.party
    if constraints := _conditions(rule.rows):
        body["constraint"] = _beside(body, "constraint", constraints)
    if rule.duties:
        body["duty"] = _beside(body, "duty", [rule_json(duty) for duty in rule.duties])
    return body


def row_json(row: Row) -> Any:
    """Return a condition as a member of a rule; None for a row in which nothing is chosen."""
    if isinstance(row, Exact):
        return json.loads(row.text)
    if not isinstance(row, ConstraintRow):
        members = _conditions(row.rows)
        return {row.operator: members} if members else None
    if not row.operand:
        return None
    values = [_value(row, text) for text in row.values]
    body = {
        "leftOperand": row.operand,
        "operator": row.operator,
        "rightOperand": (values if row.several or len(values) > 1 else values[0]) if values else "",
    }
    if row.iri == terms.PAY_AMOUNT and row.unit:
        body["unit"] = f"{CURRENCY}{row.unit}" if re.fullmatch("[A-Z]{3}", row.unit) else row.unit
    return body


def _beside(body: dict[str, Any], name: str, items: list[Any]) -> list[Any]:
    """Return ``items`` after what ``body`` has under this name already, which no row shows."""
    rest = body.get(name, [])
    return [*(rest if isinstance(rest, list) else [rest]), *items]


def _conditions(rows: tuple[Row, ...]) -> list[Any]:
    return [body for body in map(row_json, rows) if body is not None]


def _value(row: ConstraintRow, text: str) -> Any:
    match VALUE_TYPES.get(row.iri):
        case ValueType.MOMENT:
            return _moment(row.operator, text)
        case ValueType.NUMBER:
            return {"@value": text, "@type": "xsd:decimal" if "." in text else "xsd:integer"}
        case ValueType.DURATION:
            kind, letter = ("PT", row.unit[1:]) if row.unit.startswith("T") else ("P", row.unit)
            return {"@value": f"{kind}{text}{letter}" if row.unit else text, "@type": "xsd:duration"}
        case _:
            return text


def _moment(operator: str, text: str) -> dict[str, str]:
    if not _DAY.fullmatch(text):
        return {"@value": text, "@type": "xsd:dateTime"}
    if operator in {"eq", "neq"}:
        return {"@value": text, "@type": "xsd:date"}
    # Other connectors compare instants: the offer has instants (``node.policy.parameters``).
    return {"@value": text + (LAST_SECOND if operator in ENDS else MIDNIGHT), "@type": "xsd:dateTime"}
