"""The policy that just fits a normal form: as open as the form allows, in as few rules as possible.

This is the reverse of ``node.policy.flow.freedom``: alternatives become permissions, withheld actions prohibitions.
Parts that follow from others are left out here, and only here; each remaining part keeps the inputs that demand it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from node.base.jsons import canonical
from node.policy import terms
from node.policy.flow.freedom import Alternative, Demand, Element, Freedom, Origin
from node.policy.flow.stricter import NEGATIVE, admitted_purposes, clashes, duty_covers, follows, prohibition_covers
from node.policy.labels import wider_purposes
from node.policy.odrl import normal_condition, normal_rule, offer_json
from node.policy.rules import Condition, Constraint, Logical, Policy, Rule, Value
from node.policy.terms import INCLUDED_IN, PROFILE, SET_OPERATORS, includes
from node.vocab.namespaces import ODRL

_JOINED: Final = (terms.PURPOSE, terms.PARTICIPANT, terms.RECIPIENT)
"""Operands whose lists from several inputs become one list: the values that all of them name."""

Origins = tuple[Origin, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedPolicy:
    """A policy, and for each path of it (``permission[0].constraint[1]``) the inputs that demand this part."""

    policy: Policy
    origins: Mapping[str, Origins]


@dataclass(slots=True)
class _Part:
    demand: Demand
    origins: set[Origin]


def fit_policy(freedom: Freedom, facts: Mapping[str, Any]) -> FittedPolicy:
    """Return the policy that just fits ``freedom``; it permits nothing if no alternative can be met. ``facts`` are as
    in ``node.policy.flow.stricter.follows``."""
    origins: dict[str, Origins] = {}
    live = _live(freedom)
    if terms.USE in live:
        # Transfer of ownership (odrl:transfer) has no meaning for a result that anybody may get a copy of.
        live = {action: ways for action, ways in live.items() if not includes(terms.TRANSFER, action)}
    live, stricter = _sayable(live)
    permissions: list[Rule] = []
    for action in sorted(live, key=lambda name: (name != terms.USE, name)):
        wider = [other for other in live if other != action and includes(other, action)]
        told = frozenset(alternative for other in wider for alternative in live[other])
        for parts in _ways(live[action] - told, told, facts):
            path = f"permission[{len(permissions)}]"
            permissions.append(_permission(action, parts, path, origins))
    prohibitions: list[Rule] = []
    for rule, asked_by in _forbidden(freedom, live, stricter):
        origins[f"prohibition[{len(prohibitions)}]"] = asked_by
        prohibitions.append(rule)
    obligations: list[Rule] = []
    for part in _least(freedom.duties, lambda one, rest: any(duty_covers(other, one) for other in rest)):
        if isinstance(part.demand, Rule):
            origins[f"obligation[{len(obligations)}]"] = _sort_origins(part.origins)
            obligations.append(part.demand)
    policy = Policy(
        id="",
        profile=(PROFILE,),
        permissions=tuple(permissions),
        prohibitions=tuple(prohibitions),
        obligations=tuple(obligations),
        conflict="prohibit",
        sealed=bool(freedom.seal_origins),
    )
    return FittedPolicy(policy=policy, origins=origins)


def offer_of(policy: Policy, *, target: str, offer_id: str) -> dict[str, Any]:
    """Return ``policy`` as the JSON of a DSP 2025-1 MessageOffer about ``target``."""
    rules = {
        "permission": policy.permissions,
        "prohibition": policy.prohibitions,
        "obligation": policy.obligations,
    }
    rules_by_name = {name: [rule_json(rule) for rule in some] for name, some in rules.items()}
    return offer_json(
        rules_by_name, target=target, offer_id=offer_id, sealed=policy.sealed, permissions_win=policy.permissions_win
    )


def rule_json(rule: Rule) -> dict[str, Any]:
    """Return a rule in the spelling of DSP 2025-1 (``contract-schema.json``)."""
    body: dict[str, Any] = {"action": _term(rule.action)}
    if rule.constraints:
        body["constraint"] = [_condition_json(constraint) for constraint in rule.constraints]
    for name, rules in (
        ("duty", rule.duties),
        ("odrl:remedy", rule.remedies),
        ("odrl:consequence", rule.consequences),
    ):
        if rules:
            body[name] = [rule_json(nested) for nested in rules]
    for function, party in rule.parties:
        body.setdefault(_term(function), []).append(party)
    return {name: value[0] if name in _functions(rule) and len(value) == 1 else value for name, value in body.items()}


def _functions(rule: Rule) -> set[str]:
    return {_term(function) for function, _ in rule.parties}


def _condition_json(condition: Condition) -> dict[str, Any]:
    if isinstance(condition, Logical):
        return {condition.operator: [_condition_json(operand) for operand in condition.operands]}
    values = [_value_json(value) for value in condition.right_operand]
    several = condition.operator in SET_OPERATORS or len(values) != 1
    body: dict[str, Any] = {
        "leftOperand": _term(condition.left_operand),
        "operator": condition.operator,
        "rightOperand": values if several else values[0],
    }
    if condition.unit:
        body["odrl:unit"] = condition.unit
    return body


def _value_json(value: Value) -> Any:
    if value.iri:
        return {"@id": value.term}
    if value.datatype or value.language:
        more = {"@type": value.datatype} if value.datatype else {"@language": value.language}
        return {"@value": value.text, **more}
    return value.term


def _term(iri: str) -> str:
    return f"odrl:{iri[len(ODRL) :]}" if iri.startswith(ODRL) else iri


def _live(freedom: Freedom) -> dict[str, frozenset[Alternative]]:
    """Return each action that could be permitted, with the alternatives that can be met."""
    judgements: dict[Alternative, bool] = {}
    live: dict[str, frozenset[Alternative]] = {}
    for action, alternatives in freedom.permits.items():
        for alternative in alternatives:
            if alternative not in judgements:
                judgements[alternative] = not clashes(alternative)
        met = frozenset(alternative for alternative in alternatives if judgements[alternative])
        if met:
            live[action] = met
    return live


def _sayable(
    live: Mapping[str, frozenset[Alternative]],
) -> tuple[dict[str, frozenset[Alternative]], dict[str, Origins]]:
    """Return ``live`` without the actions that have more conditions than a wider action, and the inputs that demand
    these.

    A permission of the wider action would give the narrower one without its conditions, and a prohibition has no
    exceptions if prohibitions win. Therefore the narrower action is left out, with the actions that it includes. It
    comes from an input whose permissions win over its prohibitions (``conflict: perm``): there a permission with
    conditions wins where another one, without them, does not."""
    stricter: dict[str, Origins] = {}
    for action, ways in live.items():
        wider = [way for other in live if other != action and includes(other, action) for way in live[other]]
        if not all(any(narrow <= way for narrow in ways) for way in wider):
            stricter[action] = _sort_origins({element.origin for way in ways for element in way})
    return {name: ways for name, ways in live.items() if not any(includes(one, name) for one in stricter)}, stricter


def _ways(
    alternatives: Iterable[Alternative], examples: Iterable[Alternative], facts: Mapping[str, Any]
) -> list[list[_Part]]:
    """Return the fewest alternatives: without those that follow from another one or from an earlier one."""
    ways = sorted(
        (_way(alternative, facts) for alternative in alternatives), key=lambda parts: [_key(part) for part in parts]
    )
    ways_in_words = [_way(one, facts) for one in examples] if ways else []
    before = len(ways_in_words)
    for index, way in enumerate(ways):
        given = [part.demand for part in way]
        others = [*ways_in_words, *ways[index + 1 :]]
        if not any(all(follows(part.demand, given) for part in other) for other in others):
            ways_in_words.append(way)
    return ways_in_words[before:]


def _way(alternative: Alternative, facts: Mapping[str, Any]) -> list[_Part]:
    asked = [element for element in alternative if not follows(element.demand, [], facts)]
    parts = _least(asked, follows)
    for operand in _JOINED:
        lists = [part for part in parts if _is_list(part.demand, operand)]
        if len(lists) > 1:
            joined = _join(operand, [part.demand for part in lists if isinstance(part.demand, Constraint)])
            parts = [part for part in parts if part not in lists]
            parts.append(_Part(joined, {origin for part in lists for origin in part.origins}))
    return sorted(parts, key=_key)


def _join(operand: str, lists: list[Constraint]) -> Constraint:
    if operand == terms.PURPOSE:
        every = admitted_purposes(lists) or frozenset()
        names = {one for one in every if not (wider_purposes(one) - {one}) & every}
    else:
        names = set.intersection(*({value.term for value in one.right_operand} for one in lists))
    return Constraint(
        left_operand=operand, operator="isAnyOf", right_operand=tuple(Value(name) for name in sorted(names))
    )


def _is_list(demand: Demand, operand: str) -> bool:
    return isinstance(demand, Constraint) and demand.left_operand == operand and demand.operator not in NEGATIVE


def _least(elements: Iterable[Element], idle: Any) -> list[_Part]:
    """Return the elements as parts: equal elements are merged, and those that follow from others left out."""
    parts_by_key: dict[bytes, _Part] = {}
    for element in elements:
        parts_by_key.setdefault(_canonical_form(element.demand), _Part(element.demand, set())).origins.add(
            element.origin
        )
    parts = [parts_by_key[key] for key in sorted(parts_by_key)]
    for part in list(parts):
        rest = [other.demand for other in parts if other is not part]
        if rest and idle(part.demand, rest):
            parts.remove(part)
    return parts


def _permission(action: str, parts: list[_Part], path: str, origins: dict[str, Origins]) -> Rule:
    constraints: list[Condition] = []
    duties: list[Rule] = []
    for part in parts:
        if isinstance(part.demand, Rule):
            origins[f"{path}.duty[{len(duties)}]"] = _sort_origins(part.origins)
            duties.append(part.demand)
        else:
            origins[f"{path}.constraint[{len(constraints)}]"] = _sort_origins(part.origins)
            constraints.append(part.demand)
    return Rule(action=action, constraints=tuple(constraints), duties=tuple(duties))


def _forbidden(
    freedom: Freedom, live: Mapping[str, object], stricter: Mapping[str, Origins]
) -> list[tuple[Rule, Origins]]:
    """Return the actions that a permission would cover but an input withholds, then the conditional prohibitions."""
    prohibitions: list[tuple[Rule, Origins]] = []
    for action in sorted(INCLUDED_IN):
        if action not in live and INCLUDED_IN[action] in live:
            withheld_by = {origin for withheld, origin in freedom.withheld if withheld == action}
            asked_by = _sort_origins(withheld_by.union(stricter.get(action, ())))
            prohibitions.append((Rule(action=action), asked_by))
    parts = _least(
        (
            element
            for element in freedom.prohibitions
            if isinstance(element.demand, Rule) and any(includes(element.demand.action, one) for one in live)
        ),
        lambda one, rest: any(prohibition_covers(other, one) for other in rest),
    )
    prohibitions += [(part.demand, _sort_origins(part.origins)) for part in parts if isinstance(part.demand, Rule)]
    return prohibitions


def _canonical_form(demand: Demand) -> bytes:
    return canonical(normal_rule(demand) if isinstance(demand, Rule) else normal_condition(demand))


def _key(part: _Part) -> tuple[bool, bytes]:
    return isinstance(part.demand, Rule), _canonical_form(part.demand)


def _sort_origins(origins: Iterable[Origin]) -> Origins:
    return tuple(sorted(origins))
