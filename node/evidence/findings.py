"""What a check of an agreement's file finds: each thing by itself, in words, with what it rests on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from node.base.errors import HansaError


class Outcome(StrEnum):
    """``OPEN``: the file has nothing to check it by, and nothing that speaks against it."""

    HOLDS = "holds"
    FAILS = "fails"
    OPEN = "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was checked; ``rests_on`` says what it proves, and to whom."""

    what: str
    outcome: Outcome
    detail: str = ""
    rests_on: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"what": self.what, "outcome": str(self.outcome), "detail": self.detail, "restsOn": self.rests_on}


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A public key in the file, for comparing with what its owner publishes."""

    id: str
    side: str
    purpose: str
    fingerprint: str

    def to_json(self) -> dict[str, Any]:
        return {"id": self.id, "side": self.side, "purpose": self.purpose, "sha256": self.fingerprint}


@dataclass(slots=True)
class Report:
    """All findings. It is sound where nothing fails; what is open is said."""

    agreement: str = ""
    agreed_at: datetime | None = None
    """When the agreement was made, as it says itself."""
    findings: list[Finding] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        return bool(self.findings) and all(finding.outcome is not Outcome.FAILS for finding in self.findings)

    def check(self, what: str, rests_on: str, look: Callable[[], str]) -> bool:
        """Note that ``look`` holds, with the detail that it returns; or, where it raises, why it does not."""
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
            # Whatever a forged part makes our readers trip over is a part that does not hold.
            reason = error.detail if isinstance(error, HansaError) else "it does not have the expected form"
            self.findings.append(Finding(what=what, outcome=Outcome.FAILS, detail=reason, rests_on=rests_on))
            return False
        self.findings.append(Finding(what=what, outcome=Outcome.HOLDS, detail=detail, rests_on=rests_on))
        return True

    def leave_open(self, what: str, detail: str) -> None:
        """Note that there is nothing to check."""
        self.findings.append(Finding(what=what, outcome=Outcome.OPEN, detail=detail))

    def to_json(self) -> dict[str, Any]:
        return {
            "sound": self.sound,
            "agreement": self.agreement,
            "checks": [finding.to_json() for finding in self.findings],
            "keys": [key.to_json() for key in self.keys],
        }
