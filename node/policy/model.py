"""Decisions and their reasons.

Policies themselves are kept and moved as DSP JSON (an Offer or Agreement object, DSP 2025-1 §5.3.2), because
that is the form that parties sign; ``node.policy.odrl`` reads it into rules.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NoReturn

from node.identity.model import Caller


class Nature(StrEnum):
    """The nature of a condition: checked by us at every access, or promised by the other side."""

    FACT = "fact"
    UNDERTAKING = "undertaking"


class Outcome(StrEnum):
    PERMIT = "permit"
    ASK = "ask"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One condition and whether it is met. ``text``, ``remedy``: language tag → sentence.

    ``rule`` is the path of the condition in the policy (``permission[0].constraint[1]``), ``operand`` its left
    operand (or the action of the rule) as IRI; ``have`` and ``need`` are short texts; ``since`` is when a fact ended.
    ``counts`` is False for an unmet condition that does not prevent the use, because an alternative to it is met.
    """

    rule: str
    operand: str
    nature: Nature
    met: bool
    text: dict[str, str]
    have: str = ""
    need: str = ""
    remedy: dict[str, str] = field(default_factory=dict)
    since: datetime | None = None
    counts: bool = True

    def to_json(self) -> dict[str, Any]:
        """Return the members for APIs, ledger bodies and DSP ``reason`` arrays."""
        members: dict[str, Any] = {
            "rule": self.rule,
            "operand": self.operand,
            "nature": str(self.nature),
            "met": self.met,
            "text": self.text,
        }
        for name, value in (("have", self.have), ("need", self.need), ("remedy", self.remedy)):
            if value:
                members[name] = value
        if self.since:
            members["since"] = self.since.isoformat()
        if not self.counts:
            members["counts"] = False
        return members


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The answer of the decision point. It has no truth value, so that code cannot test it by accident."""

    outcome: Outcome
    reasons: tuple[Reason, ...]
    policy: str

    @property
    def permits(self) -> bool:
        return self.outcome is Outcome.PERMIT

    @property
    def asks(self) -> bool:
        return self.outcome is Outcome.ASK

    @property
    def refuses(self) -> bool:
        return self.outcome is Outcome.REFUSE

    @property
    def unmet(self) -> tuple[Reason, ...]:
        """Return the unmet conditions: none if the decision permits, at least one if it does not."""
        return tuple(reason for reason in self.reasons if not reason.met and reason.counts)

    def __bool__(self) -> NoReturn:
        raise TypeError("a decision has no truth value: ask .permits, .asks or .refuses")

    def to_json(self) -> dict[str, Any]:
        return {
            "outcome": str(self.outcome),
            "policy": self.policy,
            "reasons": [reason.to_json() for reason in self.reasons],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """The situation of a decision: who, when, for what.

    ``purpose`` is the caller's declared purpose (None without one); ``approved``: a person has consented;
    ``rulebook`` is the IRI of the rulebook version in force here; ``issuers`` maps a credential type to the DIDs
    whose credentials of this type count; ``agreed`` is true for an access under an agreement, for which undertakings
    and consent were given already. ``facts`` are further facts from the scenario room or a declaration, by the IRI of
    the left operand (``hz:algorithm``, ``hz:minimumCellSize``, ``odrl:count`` with this use counted, ``odrl:spatial``
    …), or of a duty's action: False if it was breached. ``negotiating`` is true while the terms are negotiated: facts
    that only a run can show do not refuse then.
    """

    caller: Caller
    at: datetime
    provider: str
    purpose: str | None = None
    approved: bool = False
    rulebook: str | None = None
    issuers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    agreed: bool = False
    facts: dict[str, Any] = field(default_factory=dict)
    negotiating: bool = False
