"""Conditions that a person writes as ODRL, in place of a template: an answer of a form, and the check of a policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from node.base.errors import InvalidInput
from node.policy.editor.reader import read_policy
from node.policy.odrl import parse
from node.policy.rules import Policy
from node.semantics.model import Finding

OWN: Final = "own"
"""The answer that takes the policy in ``POLICY`` in place of a template."""
POLICY: Final = "own.policy"
"""The answer with the policy, as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionsReport:
    """A look at conditions before anybody publishes them: the offer (None: they offer nothing) with its findings, and
    how files travel and who would see the asset."""

    offer: Mapping[str, Any] | None
    sealed: bool
    audience: str
    findings: tuple[Finding, ...] = ()

    @property
    def policy(self) -> Policy | None:
        """Return the offer as rules; None without an offer."""
        return None if self.offer is None else parse(self.offer)

    @property
    def own_words(self) -> dict[str, Any] | None:
        """Return the offer as conditions of a description may have it: without its id, its kind and its asset."""
        if self.offer is None:
            return None
        return {name: value for name, value in self.offer.items() if name not in ("@id", "@type", "target")}

    @property
    def is_usable(self) -> bool:
        """Return whether an asset can be published under them: no finding is a violation."""
        return not any(finding.severity == "violation" for finding in self.findings)


def own_policy(answers: Mapping[str, str]) -> dict[str, Any]:
    """Return the policy that a person wrote. Raises ``InvalidInput`` if there is none, or it is not a JSON object."""
    text = answers.get(POLICY, "").strip()
    if not text:
        raise InvalidInput(
            "no policy was written",
            remedy="write your own conditions, or choose a template",
            facts={"case": "no-policy", "field": "conditions"},
        )
    return read_policy(text)
