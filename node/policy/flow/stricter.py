"""Implication between conditions: the order behind "more open" and "excludes".

Conservative on purpose: if it is not known whether one condition follows from another (a place in a place, thirty
days and a month), it does not. A publisher is then asked to repeat the condition as the owner of the input wrote it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from node.policy import terms
from node.policy.concealment import SmallestGroup
from node.policy.conflicts import term_of
from node.policy.flow.freedom import Alternative, Demand, Element, is_understood
from node.policy.labels import known_purposes, wider_purposes
from node.policy.odrl import normal_condition, normal_rule
from node.policy.operands import lies_within
from node.policy.portion import Box, read_box
from node.policy.rules import Constraint, Rule, Value
from node.policy.terms import credential_type
from node.policy.values import compares, duration, number, version

NEGATIVE: Final = frozenset({"neq", "isNoneOf"})
_DAYS: Final[Mapping[str, tuple[Decimal, Decimal]]] = {
    # The least and the most that a part of a duration may last, in days.
    "years": (Decimal(365), Decimal(366)),
    "months": (Decimal(28), Decimal(31)),
    "weeks": (Decimal(7), Decimal(7)),
    "days": (Decimal(1), Decimal(1)),
    "hours": (Decimal(1) / 24, Decimal(1) / 24),
    "minutes": (Decimal(1) / 1440, Decimal(1) / 1440),
    "seconds": (Decimal(1) / 86400, Decimal(1) / 86400),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Clash:
    """Conditions of several inputs that cannot hold together. ``operand`` is their left operand."""

    operand: str
    elements: tuple[Element, ...]


def follows(demand: Demand, demands: Iterable[Demand], facts: Mapping[str, Any] | None = None) -> bool:
    """Return whether all of ``demands`` together imply ``demand``.

    ``facts``: by left operand, facts that hold for the result already (``hz:minimumCellSize``: the lowest number of
    residents that a figure of it covers); a condition that a fact meets follows from it.
    """
    demands = list(demands)
    if not is_understood(demand):
        return False
    if isinstance(demand, Rule):
        return any(isinstance(other, Rule) and duty_covers(other, demand) for other in demands)
    spelt = normal_condition(demand)
    if any(not isinstance(other, Rule) and normal_condition(other) == spelt for other in demands):
        return True
    if not isinstance(demand, Constraint):
        return False
    atoms = [other for other in demands if isinstance(other, Constraint) and is_understood(other)]
    about = [atom for atom in atoms if atom.left_operand == demand.left_operand]
    rule = _RULES.get(demand.left_operand)
    return rule is not None and rule(demand, about, facts or {})


def duty_covers(stricter: Rule, duty: Rule) -> bool:
    """Return whether doing ``stricter`` fulfils ``duty`` too: the same duty, at least as soon, to the same parties,
    and with the same consequences."""
    if stricter.action != duty.action or not set(duty.parties) <= set(stricter.parties):
        return False
    rest = [(normal_rule(consequence) for consequence in rule.consequences) for rule in (stricter, duty)]
    if sorted(map(str, rest[0])) != sorted(map(str, rest[1])):
        return False
    # A constraint of a duty describes it: a duty without a deadline may be done at any time, so it keeps no deadline.
    return all(follows(condition, stricter.constraints) for condition in duty.constraints) and (
        bool(duty.constraints) or not stricter.constraints or _only_sooner(stricter)
    )


def prohibition_covers(stricter: Rule, prohibition: Rule) -> bool:
    """Return whether ``stricter`` forbids all that ``prohibition`` does: the same or a wider action, in no fewer
    cases."""
    cases = [normal_condition(constraint) for constraint in prohibition.constraints]
    return terms.includes(stricter.action, prohibition.action) and all(
        normal_condition(constraint) in cases for constraint in stricter.constraints
    )


def clashes(alternative: Alternative) -> list[Clash]:
    """Return why ``alternative`` cannot be met; empty if it can be met, as far as is known here."""
    elements = sorted(alternative, key=lambda element: (element.origin, str(element.demand)))
    clashing = [Clash(operand="", elements=(element,)) for element in elements if not is_understood(element.demand)]
    by_operand: dict[str, list[Element]] = {}
    for element in elements:
        if isinstance(element.demand, Constraint) and is_understood(element.demand):
            by_operand.setdefault(element.demand.left_operand, []).append(element)
    for operand, about in by_operand.items():
        possible = _POSSIBLE.get(operand)
        if possible is not None and not possible(_constraints(about)):
            clashing.append(Clash(operand=operand, elements=_culprits(about, possible)))
    return clashing


def admitted_purposes(atoms: Sequence[Constraint]) -> frozenset[str] | None:
    """Return the purposes that all of ``atoms`` admit, narrower ones included; None if any purpose is admitted."""
    values: frozenset[str] | None = None
    for atom in atoms:
        if atom.operator not in NEGATIVE:
            inside = _within(_values(atom))
            values = inside if values is None else values & inside
    if values is None:
        return None
    refusals = {value for atom in atoms if atom.operator in NEGATIVE for value in _values(atom)}
    # A purpose wider than an excluded one is too vague to be admitted (node.policy.operands).
    too_wide = {wide for purpose in refusals for wide in wider_purposes(purpose)}
    return frozenset(one for one in values - too_wide if not wider_purposes(one) & refusals)


@lru_cache(maxsize=256)
def _within(purposes: frozenset[str]) -> frozenset[str]:
    return purposes | {
        known_purpose for known_purpose in known_purposes() if wider_purposes(known_purpose) & purposes
    }


def _culprits(elements: list[Element], possible: Callable[[Sequence[Constraint]], bool]) -> tuple[Element, ...]:
    """Return a smallest contradictory part of ``elements``, to name only these in the message."""
    remaining = list(elements)
    for element in elements:
        fewer = [other for other in remaining if other is not element]
        if fewer and not possible(_constraints(fewer)):
            remaining = fewer
    return tuple(remaining)


def _constraints(elements: Iterable[Element]) -> list[Constraint]:
    return [element.demand for element in elements if isinstance(element.demand, Constraint)]


def _only_sooner(rule: Rule) -> bool:
    return all(
        isinstance(constraint, Constraint) and constraint.left_operand == terms.ELAPSED_TIME
        for constraint in rule.constraints
    )


# What follows, by left operand ----------------------------------------------------------------------------


def _purpose(target: Constraint, conditions: Sequence[Constraint], _facts: Mapping[str, Any]) -> bool:
    purposes = admitted_purposes(conditions)
    if purposes is not None:
        return (
            purposes <= (admitted_purposes([target]) or frozenset())
            if target.operator not in NEGATIVE
            else (purposes == admitted_purposes([*conditions, target]))
        )
    return target.operator in NEGATIVE and _values(target) <= _refused_values(conditions)


def _date(target: Constraint, conditions: Sequence[Constraint], _facts: Mapping[str, Any]) -> bool:
    if target.operator == "neq":
        return False
    start, end = term_of(conditions)
    first, last = term_of([target])
    return first <= start and end <= last


def _names(target: Constraint, conditions: Sequence[Constraint], _facts: Mapping[str, Any]) -> bool:
    values = _allowed_values(conditions)
    if target.operator in NEGATIVE:
        return _values(target) <= _refused_values(conditions) or (values is not None and not values & _values(target))
    return values is not None and values <= _values(target)


def _membership(target: Constraint, conditions: Sequence[Constraint], _facts: Mapping[str, Any]) -> bool:
    # Each condition on its own: one may be a member of several regions.
    return any(_values(condition) <= _values(target) for condition in conditions)


def _credential(target: Constraint, conditions: Sequence[Constraint], _facts: Mapping[str, Any]) -> bool:
    target_names = _credentials(target)
    every = [
        condition for condition in conditions if condition.operator == "isAllOf" or len(condition.right_operand) == 1
    ]
    names = {name for condition in every for name in _credentials(condition)}
    if target.operator == "isAllOf":
        return target_names <= names
    return bool(target_names & names) or any(_credentials(condition) <= target_names for condition in conditions)


def _spatial(target: Constraint, conditions: Sequence[Constraint], _facts: Mapping[str, Any]) -> bool:
    if target.operator in NEGATIVE:
        return _values(target) <= _refused_values(conditions)
    regions = _values(target)
    return any(
        all(place in regions or any(lies_within(place, region) for region in regions) for place in _values(condition))
        for condition in conditions
        if condition.operator not in NEGATIVE
    )


def _rulebook(target: Constraint, conditions: Sequence[Constraint], _facts: Mapping[str, Any]) -> bool:
    if target.operator in {"gteq", "lteq"}:
        base, bound = version(target.right_operand[0].term)
        return any(
            condition.operator in {target.operator, "eq", "isAnyOf"}
            and all(_is_within(target.operator, value, base, bound) for value in condition.right_operand)
            for condition in conditions
        )
    return any(
        condition.operator in {"eq", "isAnyOf"} and _values(condition) <= _values(target) for condition in conditions
    )


def _is_within(operator: str, value: Value, base: str, bound: int | None) -> bool:
    mine, number_ = version(value.term)
    if mine != base or number_ is None or bound is None:
        return False
    return number_ >= bound if operator == "gteq" else number_ <= bound


def _amount(target: Constraint, conditions: Sequence[Constraint], facts: Mapping[str, Any]) -> bool:
    bound = number(target.right_operand[0])
    if bound is None:
        return False
    fact = facts.get(target.left_operand) if target.left_operand == terms.MINIMUM_CELL_SIZE else None
    met = isinstance(fact, int | float) and compares(target.operator, Decimal(str(fact)), bound) is True
    return met or any(
        condition.operator == target.operator
        and condition.unit == target.unit
        and (mine := number(condition.right_operand[0])) is not None
        and (
            mine == bound or (target.operator in {"lteq", "gteq"} and compares(target.operator, mine, bound) is True)
        )
        for condition in conditions
    )


def _delay(target: Constraint, conditions: Sequence[Constraint], _facts: Mapping[str, Any]) -> bool:
    least = _days(target.right_operand[0], 0)
    return any(
        condition.operator == "lteq" and _days(condition.right_operand[0], 1) <= least for condition in conditions
    )


def _days(value: Value, which: int) -> Decimal:
    span = duration(value)
    return sum((count * _DAYS[unit][which] for unit, count in span.parts), Decimal(0)) if span else Decimal(0)


def _columns(target: Constraint, conditions: Sequence[Constraint], _facts: Mapping[str, Any]) -> bool:
    listed = [_texts(condition) for condition in conditions]
    return bool(listed) and frozenset.intersection(*listed) <= _texts(target)


def _rows(target: Constraint, conditions: Sequence[Constraint], _facts: Mapping[str, Any]) -> bool:
    return _texts(target) <= frozenset(text for condition in conditions for text in _texts(condition))


def _box(target: Constraint, conditions: Sequence[Constraint], _facts: Mapping[str, Any]) -> bool:
    around = read_box(target.right_operand[0].text)
    inner = [read_box(condition.right_operand[0].text) for condition in conditions]
    return around is not None and any(box is not None and _lies_in(box, around) for box in inner)


def _group(target: Constraint, conditions: Sequence[Constraint], _facts: Mapping[str, Any]) -> bool:
    bound = SmallestGroup.read(target.right_operand[0].text)
    groups = [SmallestGroup.read(condition.right_operand[0].text) for condition in conditions]
    return bound is not None and any(
        group is not None and group.size >= bound.size and set(group.columns) >= set(bound.columns)
        for group in groups
    )


def _lies_in(box: Box, around: Box) -> bool:
    return box[0] >= around[0] and box[1] >= around[1] and box[2] <= around[2] and box[3] <= around[3]


def _texts(constraint: Constraint) -> frozenset[str]:
    return frozenset(value.text for value in constraint.right_operand)


Follows = Callable[[Constraint, Sequence[Constraint], Mapping[str, Any]], bool]
_RULES: Final[Mapping[str, Follows]] = {
    terms.PURPOSE: _purpose,
    terms.DATE_TIME: _date,
    terms.PARTICIPANT: _names,
    terms.RECIPIENT: _names,
    terms.ALGORITHM: _names,
    terms.MEMBERSHIP: _membership,
    terms.CREDENTIAL: _credential,
    terms.SPATIAL: _spatial,
    terms.RULEBOOK: _rulebook,
    terms.MINIMUM_CELL_SIZE: _amount,
    terms.COUNT: _amount,
    terms.PAY_AMOUNT: _amount,
    terms.ELAPSED_TIME: _delay,
    terms.COLUMNS: _columns,
    terms.ROWS: _rows,
    terms.BOX: _box,
    terms.CONCEALED: _rows,
    terms.SMALLEST_GROUP: _group,
}

# What is possible together, by left operand ---------------------------------------------------------------


def _some_purpose(atoms: Sequence[Constraint]) -> bool:
    return admitted_purposes(atoms) != frozenset()


def _some_moment(atoms: Sequence[Constraint]) -> bool:
    start, end = term_of(atoms)
    return start <= end


def _some_name(atoms: Sequence[Constraint]) -> bool:
    allowed = _allowed_values(atoms)
    return allowed is None or bool(allowed - _refused_values(atoms))


def _some_place(atoms: Sequence[Constraint]) -> bool:
    values = [_values(atom) for atom in atoms if atom.operator not in NEGATIVE]
    return not any(
        all(lies_within(a, b) is False and lies_within(b, a) is False for a in place for b in other)
        for index, place in enumerate(values)
        for other in values[index + 1 :]
    )


def _some_rulebook(atoms: Sequence[Constraint]) -> bool:
    bases, lowest, highest, exact = set(), 0, 10**9, None
    for atom in atoms:
        values = _values(atom)
        if atom.operator in {"gteq", "lteq"}:
            base, bound = version(atom.right_operand[0].term)
            bases.add(frozenset({base}))
            lowest = max(lowest, bound or 0) if atom.operator == "gteq" else lowest
            highest = min(highest, bound or 0) if atom.operator == "lteq" else highest
        elif all(version(rulebook)[1] is not None for rulebook in values):
            exact = values if exact is None else exact & values
        bases.add(frozenset(version(rulebook)[0] for rulebook in values))
    fits = exact is None or any(lowest <= (version(one)[1] or 0) <= highest for one in exact)
    return bool(frozenset.intersection(*bases)) and lowest <= highest and fits


_POSSIBLE: Final[Mapping[str, Callable[[Sequence[Constraint]], bool]]] = {
    terms.PURPOSE: _some_purpose,
    terms.DATE_TIME: _some_moment,
    terms.PARTICIPANT: _some_name,
    terms.RECIPIENT: _some_name,
    terms.SPATIAL: _some_place,
    terms.RULEBOOK: _some_rulebook,
}


def _values(atom: Constraint) -> frozenset[str]:
    return frozenset(value.term for value in atom.right_operand)


def _credentials(atom: Constraint) -> frozenset[str]:
    return frozenset(credential_type(value.text) for value in atom.right_operand)


def _allowed_values(atoms: Sequence[Constraint]) -> frozenset[str] | None:
    listed = [_values(atom) for atom in atoms if atom.operator not in NEGATIVE]
    return frozenset.intersection(*listed) if listed else None


def _refused_values(atoms: Sequence[Constraint]) -> frozenset[str]:
    return frozenset(value for atom in atoms if atom.operator in NEGATIVE for value in _values(atom))
