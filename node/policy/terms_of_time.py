"""The end of a policy's term, as its own conditions state it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from node.policy import values
from node.policy.rules import Condition, Constraint, Policy
from node.policy.terms import DATE_TIME

_BEFORE: Final = frozenset({"lt", "lteq"})


def end_of(policy: Policy) -> datetime | None:
    """Return the moment after which no permission of ``policy`` applies; None if one of them has no stated end.

    Only conditions that must all be met count: of alternatives, another one may have no end.
    """
    ends = []
    for permission in policy.permissions:
        all_ends = list(_ends(permission.constraints))
        if not all_ends:
            return None
        ends.append(min(all_ends))
    return max(ends, default=None)


def _ends(conditions: tuple[Condition, ...]) -> Iterator[datetime]:
    for condition in conditions:
        if isinstance(condition, Constraint):
            if condition.left_operand == DATE_TIME and condition.operator in _BEFORE:
                for value in condition.right_operand:
                    moment = values.moment(value)
                    if moment is not None:
                        yield moment.end if condition.operator == "lteq" else moment.start
        elif condition.operator in ("and", "andSequence"):
            yield from _ends(condition.operands)
