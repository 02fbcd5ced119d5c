"""Deletion "and confirm": the requirement of an agreement, and its consumer's confirmation.

A confirmation is a compact JWS (``typ: hansa-deletion+jws``) over the agreement's id and hash and the moment. It
cannot prove that no copy is left; it proves who stated that, and when.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from node.base.clock import stamp
from node.base.work import Transaction
from node.policy.odrl import parse
from node.policy.rules import Constraint, Rule
from node.policy.terms import DELETE, ELAPSED_TIME
from node.policy.values import duration

TOPIC: Final = "deletion"
PATH: Final = "/deletions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """A confirmation. ``statement`` is the signed JWS; ``told`` is the time when the provider accepted it, ``untold``
    the reason why it did not."""

    agreement: str
    at: datetime
    by: str
    statement: str
    told: datetime | None = None
    untold: str = ""


class DeletionStore(Protocol):
    """The newest confirmation of each agreement."""

    def put(self, tx: Transaction, deletion: Deletion) -> None: ...

    def get(self, tx: Transaction, agreement: str) -> Deletion | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """The state of the deletion under an agreement. ``received`` is the first receipt that no confirmation covers."""

    agreement: str
    dataset: str
    peer: str
    role: str
    within: str
    received: datetime | None
    due: datetime | None
    overdue: bool
    confirmation: Deletion | None

    def to_json(self) -> dict[str, Any]:
        deletion = self.confirmation
        return {
            "agreement": self.agreement,
            "dataset": self.dataset,
            "peer": self.peer,
            "role": self.role,
            "within": self.within or None,
            "received": stamp(self.received) if self.received else None,
            "due": stamp(self.due) if self.due else None,
            "overdue": self.overdue,
            "confirmed": stamp(deletion.at) if deletion else None,
            "confirmedBy": deletion.by if deletion else None,
            "statement": deletion.statement if deletion else None,
            "told": stamp(deletion.told) if deletion and deletion.told else None,
            "untold": (deletion.untold or None) if deletion else None,
        }


def deletion_rule(body: Mapping[str, Any]) -> Rule | None:
    """Return the duty to delete in a policy; None if the policy has no such duty."""
    policy = parse(body)
    duties = (*policy.obligations, *(duty for rule in policy.permissions for duty in rule.duties))
    return next((rule for rule in duties if rule.action == DELETE), None)


def time_allowed(rule: Rule) -> tuple[str, timedelta] | None:
    """Return the time after receipt within which ``rule`` requires deletion: the text as written, and the longest
    time that it can mean. None if it sets no time."""
    for constraint in rule.constraints:
        if (
            isinstance(constraint, Constraint)
            and constraint.left_operand == ELAPSED_TIME
            and constraint.right_operand
        ):
            period = duration(constraint.right_operand[0])
            if period is not None:
                return constraint.right_operand[0].text, _longest(period.parts)
    return None


def _longest(parts: tuple[tuple[str, int], ...]) -> timedelta:
    days = {"years": 366, "months": 31, "weeks": 7, "days": 1}
    total = timedelta()
    for unit, count in parts:
        total += timedelta(days=days[unit] * min(count, 100_000)) if unit in days else timedelta(**{unit: count})
    return total
