"""How often an agreement was used: counted durably, one use at a time, on both sides.

An agreement may say how often its asset may be used (``odrl:count``). A *use* is

* one transfer of bytes that has begun to deliver, however many ranges, resumptions and new tokens it takes;
* one execution of a model that was called, whether it succeeds or not;
* one execution of a model that reads the data where they are, under the agreement about those data.

All uses under an agreement are counted together, whatever the action. The provider's count is the one that binds: it
takes a use in the transaction that opens the first byte or makes the job, under a lock on the agreement, and asks the
policy again with that number. The consumer counts the same events as it sees them, to show how many are left. What it
does with bytes that have arrived is not counted by anybody.
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
    """One use of an agreement: ``use`` names the transfer or the job, so that the same is counted once."""

    agreement: str
    use: str
    at: datetime


class UseStore(Protocol):
    """Uses by agreement."""

    def add(self, tx: Transaction, use: Use) -> None:
        """Keep it; the same use of the same agreement again is left alone."""

    def known(self, tx: Transaction, agreement: str, use: str) -> bool: ...

    def count(self, tx: Transaction, agreement: str) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What is shown of the uses of an agreement. ``most`` is None where no single number bounds them all."""

    used: int
    most: int | None

    @property
    def left(self) -> int | None:
        return None if self.most is None else max(0, self.most - self.used)

    def to_json(self) -> dict[str, int | None]:
        return {"used": self.used, "most": self.most, "left": self.left}


Permit = Callable[[Mapping[str, Any]], None]
"""Raises ``NotAllowed`` where the policy does not permit a use with these facts."""


class Uses:
    """Counts the uses of agreements that limit them; of others nothing is kept."""

    def __init__(self, store: UseStore, agreements: AgreementStore, clock: Clock) -> None:
        self._store = store
        self._agreements = agreements
        self._clock = clock

    def facts(self, tx: Transaction, agreement: Agreement, use: str | None = None) -> dict[str, Any]:
        """What a decision about ``use`` has to know: the number of uses with this one counted; without ``use`` the
        number so far. Empty where the agreement does not limit them."""
        if not limits_uses(agreement.body):
            return {}
        used = self._store.count(tx, agreement.id)
        anew = use is not None and not self._store.known(tx, agreement.id, use)
        return {COUNT: used + anew}

    def take(self, tx: Transaction, agreement: Agreement, use: str, permit: Permit) -> int | None:
        """Count ``use``, in a transaction that may write: its number, or None where it was counted before or the
        agreement does not limit uses. Raises what ``permit`` raises, and has then counted nothing."""
        if not limits_uses(agreement.body):
            return None
        if self._agreements.get(tx, agreement.id, lock=True) is None:
            raise LocalFault(f"there is no agreement {agreement.id} for which to count a use")
        if self._store.known(tx, agreement.id, use):
            return None
        used = self._store.count(tx, agreement.id) + 1
        permit({COUNT: used})
        self._store.add(tx, Use(agreement=agreement.id, use=use, at=self._clock.now()))
        return used

    def note(self, tx: Transaction, agreement_id: str, use: str) -> None:
        """The consumer has used its agreement: ``use`` is counted, where the agreement limits uses."""
        agreement = self._agreements.get(tx, agreement_id)
        if agreement is not None and limits_uses(agreement.body):
            self._store.add(tx, Use(agreement=agreement.id, use=use, at=self._clock.now()))

    def tally(self, tx: Transaction, agreement: Agreement) -> Tally | None:
        """What to show of its uses; None where the agreement does not limit them."""
        if not limits_uses(agreement.body):
            return None
        return Tally(used=self._store.count(tx, agreement.id), most=most_uses(agreement.body))


def limits_uses(body: Mapping[str, Any]) -> bool:
    """Whether a policy says how often something may be done."""
    return _mentions(body) and any(
        isinstance(leaf.content, Constraint) and leaf.content.left_operand == COUNT for leaf in leaves(parse(body))
    )


def _mentions(body: Any) -> bool:
    """Whether it may say so: a look that costs less than reading the policy, which every access would have to."""
    if isinstance(body, Mapping):
        return any(_mentions(value) for value in body.values())
    if isinstance(body, list | tuple):
        return any(_mentions(item) for item in body)
    return isinstance(body, str) and body.endswith("count")


def most_uses(body: Mapping[str, Any]) -> int | None:
    """After how many uses nothing is permitted any more: None where a permission is not bound to a number."""
    bounds = []
    for rule in parse(body).permissions:
        stated = [
            number(constraint.right_operand[0])
            for constraint in rule.constraints
            if isinstance(constraint, Constraint)
            and constraint.left_operand == COUNT
            and constraint.operator == "lteq"
            and constraint.right_operand
        ]
        finite = [bound for bound in stated if bound is not None and bound.is_finite()]
        if not finite:
            return None
        bounds.append(int(min(finite).to_integral_value(ROUND_FLOOR)))
    return max(bounds, default=None)
