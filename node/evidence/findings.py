"""Findings of a check of an agreement's file: each with a sentence and the basis of the result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from node.base.errors import HansaError


class Outcome(StrEnum):
    """The result of a check. ``OPEN``: the file has no data for this check, and nothing that contradicts it."""

    HOLDS = "holds"
    FAILS = "fails"
    OPEN = "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check; ``rests_on`` names the basis of its result."""

    what: str
    outcome: Outcome
    detail: str = ""
    rests_on: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"what": self.what, "outcome": str(self.outcome), "detail": self.detail, "restsOn": self.rests_on}


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A public key in the file, to be compared with the key that its owner publishes."""

    id: str
    side: str
    purpose: str
    fingerprint: str

    def to_json(self) -> dict[str, Any]:
        return {"id": self.id, "side": self.side, "purpose": self.purpose, "sha256": self.fingerprint}


@dataclass(slots=True)
class Report:
    """All findings. The file is sound if no check fails; open findings are listed."""

    agreement: str = ""
    agreed_at: datetime | None = None
    """The time that the agreement states for itself."""
    findings: list[Finding] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        return bool(self.findings) and all(finding.outcome is not Outcome.FAILS for finding in self.findings)

    def check(self, what: str, rests_on: str, look: Callable[[], str]) -> bool:
        """Record the result of ``look``: the detail that it returns, or the error that it raises."""
        try:
            detail = look()
        except (
            HansaError,
            ValueError,
            LookupError,
            TypeError,
            AttributeError,
            ArithmeticError,
            RecursionError,
        ) as error:
            # A forged part may raise any error in our readers: the check of this part then fails.
            reason = error.detail if isinstance(error, HansaError) else "it does not have the expected form"
            self.findings.append(Finding(what=what, outcome=Outcome.FAILS, detail=reason, rests_on=rests_on))
            return False
        self.findings.append(Finding(what=what, outcome=Outcome.HOLDS, detail=detail, rests_on=rests_on))
        return True

    def leave_open(self, what: str, detail: str) -> None:
        """Record that the file has no data for this check."""
        self.findings.append(Finding(what=what, outcome=Outcome.OPEN, detail=detail))

    def to_json(self) -> dict[str, Any]:
        return {
            "sound": self.sound,
            "agreement": self.agreement,
            "checks": [finding.to_json() for finding in self.findings],
            "keys": [key.to_json() for key in self.keys],
        }
