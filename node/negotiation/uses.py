"""The uses of an agreement: counted durably, one at a time, on both sides.

An agreement may say how often its asset may be used (``odrl:count``). A *use* is

* one transfer of bytes that has begun to deliver, however many ranges, resumptions and new tokens it takes;
* one execution of a model that was called, whether it succeeds or not;
* one execution of a model that reads the data where they are, under the agreement about those data;
* one read of a data source, or one question to a table, also a question that fails after the table was read.

All uses under an agreement are counted together, whatever the action. The provider's count is binding: it counts a
use in the transaction that opens the first byte or makes the job, under a lock on the agreement, and evaluates the
policy again with that number. The consumer counts the same events as it sees them, to show how many are left: not
those of a program that has an address and a token of its own. Nobody counts what the consumer does with bytes that
have arrived.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_FLOOR
from typing import Any, Protocol

from node.base.clock import Clock
from node.base.errors import LocalFault
from node.base.work import Transaction
from node.negotiation.model import Agreement
from node.negotiation.ports import AgreementStore
from node.policy.odrl import parse
from node.policy.rules import Constraint, leaves
from node.policy.terms import COUNT
from node.policy.values import number


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One use of an agreement: ``use`` names the transfer or the job, so that it is counted only once."""

    agreement: str
    use: str
    at: datetime


class UseStore(Protocol):
    """Uses by agreement."""

    def add(self, tx: Transaction, use: Use) -> None:
        """Store it; the same use of the same agreement again has no effect."""

    def is_known(self, tx: Transaction, agreement: str, use: str) -> bool: ...

    def count(self, tx: Transaction, agreement: str) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The shown number of uses of an agreement. ``most`` is None if no single number limits them all."""

    count: int
    most: int | None

    @property
    def remaining(self) -> int | None:
        return None if self.most is None else max(0, self.most - self.count)

    def to_json(self) -> dict[str, int | None]:
        return {"used": self.count, "most": self.most, "left": self.remaining}


Permit = Callable[[Mapping[str, Any]], None]
"""Raises ``NotAllowed`` if the policy does not permit a use with these facts."""


class Uses:
    """Counts the uses of agreements that limit them; nothing is stored for other agreements."""

    def __init__(self, store: UseStore, agreements: AgreementStore, clock: Clock) -> None:
        self._store = store
        self._agreements = agreements
        self._clock = clock

    def facts(self, tx: Transaction, agreement: Agreement, use: str | None = None) -> dict[str, Any]:
        """Return the facts that a decision about ``use`` needs: the number of uses including this one; without
        ``use`` the number so far. Empty if the agreement does not limit uses."""
        if not limits_uses(agreement.body):
            return {}
        used = self._store.count(tx, agreement.id)
        anew = use is not None and not self._store.is_known(tx, agreement.id, use)
        return {COUNT: used + anew}

    def take(self, tx: Transaction, agreement: Agreement, use: str, permit: Permit) -> int | None:
        """Count ``use``, in a transaction that may write; return its number, or None if it was counted before or the
        agreement does not limit uses. Raises what ``permit`` raises, and then counts nothing."""
        if not limits_uses(agreement.body):
            return None
        if self._agreements.get(tx, agreement.id, lock=True) is None:
            raise LocalFault(f"there is no agreement {agreement.id} for which to count a use")
        if self._store.is_known(tx, agreement.id, use):
            return None
        number = self._store.count(tx, agreement.id) + 1
        permit({COUNT: number})
        self._store.add(tx, Use(agreement=agreement.id, use=use, at=self._clock.now()))
        return number

    def note(self, tx: Transaction, agreement_id: str, use: str) -> None:
        """Count ``use`` of an agreement by this node as consumer, if the agreement limits uses."""
        agreement = self._agreements.get(tx, agreement_id)
        if agreement is not None and limits_uses(agreement.body):
            self._store.add(tx, Use(agreement=agreement.id, use=use, at=self._clock.now()))

    def tally(self, tx: Transaction, agreement: Agreement) -> Tally | None:
        """Return the number of its uses to show, or None if the agreement does not limit them."""
        if not limits_uses(agreement.body):
            return None
        return Tally(count=self._store.count(tx, agreement.id), most=most_uses(agreement.body))


def limits_uses(body: Mapping[str, Any]) -> bool:
    """Return whether a policy limits how often something may be done."""
    return _mentions(body) and any(
        isinstance(leaf.content, Constraint) and leaf.content.left_operand == COUNT for leaf in leaves(parse(body))
    )


def _mentions(body: Any) -> bool:
    """Return whether it may limit uses: a check that costs less than parsing the policy on every access."""
    if isinstance(body, Mapping):
        return any(_mentions(value) for value in body.values())
    if isinstance(body, list | tuple):
        return any(_mentions(item) for item in body)
    return isinstance(body, str) and body.endswith("count")


def most_uses(body: Mapping[str, Any]) -> int | None:
    """Return the number of uses after which nothing is permitted any more; None if a permission has no such limit."""
    bounds = []
    for rule in parse(body).permissions:
        counts = [
            number(constraint.right_operand[0])
            for constraint in rule.constraints
            if isinstance(constraint, Constraint)
            and constraint.left_operand == COUNT
            and constraint.operator == "lteq"
            and constraint.right_operand
        ]
        finite = [bound for bound in counts if bound is not None and bound.is_finite()]
        if not finite:
            return None
        bounds.append(int(min(finite).to_integral_value(ROUND_FLOOR)))
    return max(bounds, default=None)
