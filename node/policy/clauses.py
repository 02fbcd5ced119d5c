"""Conditions as clauses: the part of a sentence that follows "only"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from node.policy import terms
from node.policy.figures import (
    amount_text,
    bound_text,
    count_of,
    duration_text,
    group_values,
    join,
    term_text,
    value_names,
)
from node.policy.model import Nature
from node.policy.operands import operand_of
from node.policy.phrases.model import Phrases
from node.policy.rules import Condition, Constraint, Logical
from node.policy.values import number, version


@dataclass(frozen=True, slots=True)
class Clause:
    """A clause, the paths of the leaves that it covers, and what they are."""

    text: str
    paths: tuple[str, ...]
    natures: frozenset[Nature]


def clauses(conditions: Sequence[Condition], path: str, phrases: Phrases) -> list[Clause]:
    """Return the clauses of conditions that must all hold, at ``path[0]``, ``path[1]`` …

    One lower and one upper bound of the date, both included, become one clause.
    """
    lower = _bounds(conditions, "gteq")
    upper = _bounds(conditions, "lteq")
    merged = len(lower) == len(upper) == 1
    result: list[Clause] = []
    for index, condition in enumerate(conditions):
        if merged and index == max(lower[0], upper[0]):
            continue
        if merged and index == min(lower[0], upper[0]):
            result.append(_between(conditions, lower[0], upper[0], path, phrases))
        else:
            result.append(clause(condition, f"{path}[{index}]", phrases))
    return result


def clause(condition: Condition, path: str, phrases: Phrases) -> Clause:
    """Return the clause of one condition that stands at ``path``."""
    if isinstance(condition, Constraint):
        row = operand_of(condition)
        nature = Nature.FACT if row is None else row.nature
        return Clause(constraint_text(condition, phrases), (path,), frozenset({nature}))
    inside = f"{path}.{condition.operator}"
    if condition.operator == "and":
        parts = clauses(condition.operands, inside, phrases)
    else:
        parts = [clause(item, f"{inside}[{index}]", phrases) for index, item in enumerate(condition.operands)]
    return Clause(
        _logical(condition, [part.text for part in parts], phrases),
        tuple(path for part in parts for path in part.paths),
        frozenset(nature for part in parts for nature in part.natures),
    )


def constraint_text(constraint: Constraint, phrases: Phrases) -> str:
    """Return one atomic constraint as a clause; constraints that are not understood are printed as they stand."""
    row = operand_of(constraint)
    if row is None:
        return phrases.clauses.unknown.format(term=term_text(constraint))
    template: str = getattr(phrases.clauses, row.operators[constraint.operator])
    first = constraint.right_operand[0]
    match constraint.left_operand:
        case terms.DATE_TIME:
            return template.format(date=bound_text(first, constraint.operator, phrases))
        case terms.ELAPSED_TIME:
            return template.format(duration=duration_text(first, phrases))
        case terms.PAY_AMOUNT:
            return template.format(amount=amount_text(constraint, phrases))
        case terms.COUNT:
            return template.format(times=count_of(number(first) or Decimal(0), phrases.times, phrases))
        case terms.MINIMUM_CELL_SIZE:
            return template.format(residents=count_of(number(first) or Decimal(0), phrases.residents, phrases))
        case terms.RULEBOOK if constraint.operator in {"gteq", "lteq"}:
            base, bound = version(first.term)
            return template.format(rulebook=base, number=bound)
        case terms.SMALLEST_GROUP:
            size, columns = group_values(first.text, phrases)
            return template.format(size=size, all=columns)
        case _:
            names = value_names(constraint, phrases)
            return template.format(any=join(names, phrases.or_), all=join(names, phrases.and_))


def _bounds(conditions: Sequence[Condition], operator: str) -> list[int]:
    return [
        index
        for index, condition in enumerate(conditions)
        if isinstance(condition, Constraint)
        and condition.left_operand == terms.DATE_TIME
        and condition.operator == operator
        and operand_of(condition) is not None
    ]


def _between(conditions: Sequence[Condition], lower: int, upper: int, path: str, phrases: Phrases) -> Clause:
    start, end = conditions[lower], conditions[upper]
    assert isinstance(start, Constraint)
    assert isinstance(end, Constraint)
    text = phrases.clauses.date_between.format(
        start=bound_text(start.right_operand[0], "gteq", phrases),
        end=bound_text(end.right_operand[0], "lteq", phrases),
    )
    return Clause(text, (f"{path}[{lower}]", f"{path}[{upper}]"), frozenset({Nature.FACT}))


def _logical(condition: Logical, parts: list[str], phrases: Phrases) -> str:
    words = phrases.clauses
    if len(parts) == 1:
        return parts[0]
    if condition.operator == "xone" and len(parts) == 2:
        return words.either_or.format(first=parts[0], second=parts[1])
    items = "; ".join(f"({index}) {part}" for index, part in enumerate(parts, start=1))
    template = {
        "and": words.all_of,
        "or": words.any_of,
        "xone": words.one_of,
        "andSequence": words.sequence,
    }[condition.operator]
    return template.format(items=items)
