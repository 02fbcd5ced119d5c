"""Which conditions follow from which: the order behind "more open" and "excludes".

Conservative on purpose: where it is not known whether one condition follows from another (a place in a place, thirty
days and a month), it does not. A publisher is then asked to repeat the condition as the owner of the input wrote it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from node.policy import terms
from node.policy.conflicts import term_of
from node.policy.flow.freedom import Alternative, Demand, Element, understood
from node.policy.labels import known_purposes, wider_purposes
from node.policy.odrl import normal_condition, normal_rule
from node.policy.operands import lies_within
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
    """Conditions of several inputs that leave nothing together. ``operand`` is what they are about."""

    operand: str
    elements: tuple[Element, ...]


def follows(demand: Demand, given: Iterable[Demand], facts: Mapping[str, Any] | None = None) -> bool:
    """Whether whoever keeps all of ``given`` keeps ``demand``.

    ``facts``: by left operand, what is so already of the result (``hz:minimumCellSize``: the fewest residents that a
    figure of it covers); a condition that a fact meets follows from it.
    """
    given = list(given)
    if not understood(demand):
        return False
    if isinstance(demand, Rule):
        return any(isinstance(one, Rule) and duty_covers(one, demand) for one in given)
    spelt = normal_condition(demand)
    if any(not isinstance(one, Rule) and normal_condition(one) == spelt for one in given):
        return True
    if not isinstance(demand, Constraint):
        return False
    atoms = [one for one in given if isinstance(one, Constraint) and understood(one)]
    about = [atom for atom in atoms if atom.left_operand == demand.left_operand]
    rule = _RULES.get(demand.left_operand)
    return rule is not None and rule(demand, about, facts or {})


def duty_covers(given: Rule, asked: Rule) -> bool:
    """Whether who does ``given`` does ``asked`` too: the same, at least as soon, to the same parties, and with the
    same consequences."""
    if given.action != asked.action or not set(asked.parties) <= set(given.parties):
        return False
    rest = [(normal_rule(consequence) for consequence in rule.consequences) for rule in (given, asked)]
    if sorted(map(str, rest[0])) != sorted(map(str, rest[1])):
        return False
    # A constraint of a duty shapes it: one without a term may be done at any time, and keeps no term.
    return all(follows(condition, given.constraints) for condition in asked.constraints) and (
        bool(asked.constraints) or not given.constraints or _only_sooner(given)
    )


def prohibition_covers(given: Rule, asked: Rule) -> bool:
    """Whether ``given`` forbids all that ``asked`` does: the same action or a wider one, in no fewer cases."""
    cases = [normal_condition(constraint) for constraint in asked.constraints]
    return terms.includes(given.action, asked.action) and all(
        normal_condition(constraint) in cases for constraint in given.constraints
    )


def clashes(alternative: Alternative) -> list[Clash]:
    """Why nobody can meet ``alternative``; empty where somebody can, as far as is known here."""
    elements = sorted(alternative, key=lambda one: (one.origin, str(one.demand)))
    found = [Clash(operand="", elements=(element,)) for element in elements if not understood(element.demand)]
    by_operand: dict[str, list[Element]] = {}
    for element in elements:
        if isinstance(element.demand, Constraint) and understood(element.demand):
            by_operand.setdefault(element.demand.left_operand, []).append(element)
    for operand, about in by_operand.items():
        possible = _POSSIBLE.get(operand)
        if possible is not None and not possible(_constraints(about)):
            found.append(Clash(operand=operand, elements=_culprits(about, possible)))
    return found


def admitted_purposes(atoms: Sequence[Constraint]) -> frozenset[str] | None:
    """The purposes that all of ``atoms`` admit, narrower ones included; None for any purpose at all."""
    allowed: frozenset[str] | None = None
    for atom in atoms:
        if atom.operator not in NEGATIVE:
            inside = _within(_named(atom))
            allowed = inside if allowed is None else allowed & inside
    if allowed is None:
        return None
    refused = {value for atom in atoms if atom.operator in NEGATIVE for value in _named(atom)}
    # A purpose wider than an excluded one says too little to be admitted (node.policy.operands).
    too_wide = {wide for one in refused for wide in wider_purposes(one)}
    return frozenset(one for one in allowed - too_wide if not wider_purposes(one) & refused)


@lru_cache(maxsize=256)
def _within(named: frozenset[str]) -> frozenset[str]:
    return named | {known_purpose for known_purpose in known_purposes() if wider_purposes(known_purpose) & named}


def _culprits(elements: list[Element], possible: Callable[[Sequence[Constraint]], bool]) -> tuple[Element, ...]:
    """A smallest-possible part of ``elements`` that excludes itself: what does not matter is not accused."""
    kept = list(elements)
    for element in elements:
        fewer = [one for one in kept if one is not element]
        if fewer and not possible(_constraints(fewer)):
            kept = fewer
    return tuple(kept)


def _constraints(elements: Iterable[Element]) -> list[Constraint]:
    return [element.demand for element in elements if isinstance(element.demand, Constraint)]


def _only_sooner(rule: Rule) -> bool:
    return all(
        isinstance(constraint, Constraint) and constraint.left_operand == terms.ELAPSED_TIME
        for constraint in rule.constraints
    )


# What follows, by left operand ----------------------------------------------------------------------------


def _purpose(asked: Constraint, given: Sequence[Constraint], _facts: Mapping[str, Any]) -> bool:
    left = admitted_purposes(given)
    if left is not None:
        return (
            left <= (admitted_purposes([asked]) or frozenset())
            if asked.operator not in NEGATIVE
            else (left == admitted_purposes([*given, asked]))
        )
    return asked.operator in NEGATIVE and _named(asked) <= _refused(given)


def _date(asked: Constraint, given: Sequence[Constraint], _facts: Mapping[str, Any]) -> bool:
    if asked.operator == "neq":
        return False
    start, end = term_of(given)
    first, last = term_of([asked])
    return first <= start and end <= last


def _names(asked: Constraint, given: Sequence[Constraint], _facts: Mapping[str, Any]) -> bool:
    allowed = _allowed(given)
    if asked.operator in NEGATIVE:
        return _named(asked) <= _refused(given) or (allowed is not None and not allowed & _named(asked))
    return allowed is not None and allowed <= _named(asked)


def _membership(asked: Constraint, given: Sequence[Constraint], _facts: Mapping[str, Any]) -> bool:
    # Each condition on its own: one may be a member of several regions.
    return any(_named(one) <= _named(asked) for one in given)


def _credential(asked: Constraint, given: Sequence[Constraint], _facts: Mapping[str, Any]) -> bool:
    wanted = _credentials(asked)
    every = [one for one in given if one.operator == "isAllOf" or len(one.right_operand) == 1]
    held = {name for one in every for name in _credentials(one)}
    if asked.operator == "isAllOf":
        return wanted <= held
    return bool(wanted & held) or any(_credentials(one) <= wanted for one in given)


def _spatial(asked: Constraint, given: Sequence[Constraint], _facts: Mapping[str, Any]) -> bool:
    if asked.operator in NEGATIVE:
        return _named(asked) <= _refused(given)
    regions = _named(asked)
    return any(
        all(place in regions or any(lies_within(place, region) for region in regions) for place in _named(one))
        for one in given
        if one.operator not in NEGATIVE
    )


def _rulebook(asked: Constraint, given: Sequence[Constraint], _facts: Mapping[str, Any]) -> bool:
    if asked.operator in {"gteq", "lteq"}:
        base, bound = version(asked.right_operand[0].term)
        return any(
            one.operator in {asked.operator, "eq", "isAnyOf"}
            and all(_bounded(asked.operator, value, base, bound) for value in one.right_operand)
            for one in given
        )
    return any(one.operator in {"eq", "isAnyOf"} and _named(one) <= _named(asked) for one in given)


def _bounded(operator: str, value: Value, base: str, bound: int | None) -> bool:
    mine, number_ = version(value.term)
    if mine != base or number_ is None or bound is None:
        return False
    return number_ >= bound if operator == "gteq" else number_ <= bound


def _amount(asked: Constraint, given: Sequence[Constraint], facts: Mapping[str, Any]) -> bool:
    bound = number(asked.right_operand[0])
    if bound is None:
        return False
    fact = facts.get(asked.left_operand) if asked.left_operand == terms.MINIMUM_CELL_SIZE else None
    met = isinstance(fact, int | float) and compares(asked.operator, Decimal(str(fact)), bound) is True
    return met or any(
        one.operator == asked.operator
        and one.unit == asked.unit
        and (mine := number(one.right_operand[0])) is not None
        and (mine == bound or (asked.operator in {"lteq", "gteq"} and compares(asked.operator, mine, bound) is True))
        for one in given
    )


def _elapsed(asked: Constraint, given: Sequence[Constraint], _facts: Mapping[str, Any]) -> bool:
    least = _days(asked.right_operand[0], 0)
    return any(one.operator == "lteq" and _days(one.right_operand[0], 1) <= least for one in given)


def _days(value: Value, which: int) -> Decimal:
    span = duration(value)
    return sum((count * _DAYS[unit][which] for unit, count in span.parts), Decimal(0)) if span else Decimal(0)


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
    terms.ELAPSED_TIME: _elapsed,
}

# What is possible together, by left operand ---------------------------------------------------------------


def _some_purpose(atoms: Sequence[Constraint]) -> bool:
    return admitted_purposes(atoms) != frozenset()


def _some_moment(atoms: Sequence[Constraint]) -> bool:
    start, end = term_of(atoms)
    return start <= end


def _some_name(atoms: Sequence[Constraint]) -> bool:
    allowed = _allowed(atoms)
    return allowed is None or bool(allowed - _refused(atoms))


def _some_place(atoms: Sequence[Constraint]) -> bool:
    listed = [_named(atom) for atom in atoms if atom.operator not in NEGATIVE]
    return not any(
        all(lies_within(a, b) is False and lies_within(b, a) is False for a in one for b in other)
        for index, one in enumerate(listed)
        for other in listed[index + 1 :]
    )


def _some_rulebook(atoms: Sequence[Constraint]) -> bool:
    bases, lowest, highest, exact = set(), 0, 10**9, None
    for atom in atoms:
        named = _named(atom)
        if atom.operator in {"gteq", "lteq"}:
            base, bound = version(atom.right_operand[0].term)
            bases.add(frozenset({base}))
            lowest = max(lowest, bound or 0) if atom.operator == "gteq" else lowest
            highest = min(highest, bound or 0) if atom.operator == "lteq" else highest
        elif all(version(one)[1] is not None for one in named):
            exact = named if exact is None else exact & named
        bases.add(frozenset(version(one)[0] for one in named))
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


def _named(atom: Constraint) -> frozenset[str]:
    return frozenset(value.term for value in atom.right_operand)


def _credentials(atom: Constraint) -> frozenset[str]:
    return frozenset(credential_type(value.text) for value in atom.right_operand)


def _allowed(atoms: Sequence[Constraint]) -> frozenset[str] | None:
    listed = [_named(atom) for atom in atoms if atom.operator not in NEGATIVE]
    return frozenset.intersection(*listed) if listed else None


def _refused(atoms: Sequence[Constraint]) -> frozenset[str]:
    return frozenset(value for atom in atoms if atom.operator in NEGATIVE for value in _named(atom))
