"""A binding in progress: the parts that are known so far, and the findings about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from node.base.errors import HansaError
from node.scenarios.chain.mismatch import Mismatch
from node.scenarios.findings import ERROR, Finding
from node.scenarios.model import BoundInput, BoundStep, Port, Rows, Template

_ELSEWHERE: Final = ("conflicts",)
"""Facts of a refusal that a finding does not repeat: the layer's own page shows them, and they may be many."""


@dataclass(slots=True)
class BindingDraft:
    """The state of a binding in progress."""

    template: Template
    template_sha256: str
    findings: list[Finding] = field(default_factory=list)
    inputs: dict[str, BoundInput] = field(default_factory=dict)
    ports: dict[str, Port] = field(default_factory=dict)
    rows: dict[str, Rows] = field(default_factory=dict)
    steps: dict[str, BoundStep] = field(default_factory=dict)

    def add(self, place: str, error: HansaError, code: str = "") -> None:
        self.findings.append(
            Finding(
                place=place,
                code=code or error.code,
                sentence=error.detail,
                remedy=error.remedy,
                facts={name: value for name, value in error.facts.items() if name not in _ELSEWHERE},
            )
        )

    def report(self, place: str, code: str, sentence: str, remedy: str = "", **facts: Any) -> None:
        self.findings.append(Finding(place=place, code=code, sentence=sentence, remedy=remedy, facts=facts))


def check_chain(work: BindingDraft) -> None:
    """Add findings if there are no steps, or several steps have the same name."""
    names = [step.name for step in work.template.steps]
    if not names:
        work.report("chain", "no-chain", "the scenario has no steps", "name a scenario that says how it is computed")
    for name in sorted({one for one in names if names.count(one) > 1}):
        work.report(
            f"step {name}",
            "twice",
            f"two steps are called {name}",
            "ask its owner to give each step its own name",
            name=name,
        )


def missing_is_news(work: BindingDraft, name: str) -> bool:
    """Return whether no earlier finding explains why nothing has this name."""
    head = name.partition(".")[0]
    roles = {one.role for one in work.template.inputs}
    unresolved = {step.name for step in work.template.steps} - set(work.steps)
    return name not in roles and head not in unresolved


def finding_of(
    place: str, mismatch: Mismatch, transformations: Sequence[str], draft: Mapping[str, Any] | None = None
) -> Finding:
    """Return a mismatch as a finding. ``transformations`` are the transformations that would make both ends fit,
    ``draft`` the definition of one that would."""
    stops = mismatch.severity == ERROR
    remedy = mismatch.remedy
    if stops and transformations:
        remedy = f"put {', '.join(one.rpartition('/')[2] for one in transformations)} between them"
    return Finding(
        place=place,
        code=mismatch.code,
        sentence=mismatch.sentence,
        remedy=remedy,
        severity=mismatch.severity,
        transformations=tuple(transformations) if stops else (),
        draft=draft or {} if stops else {},
        facts=mismatch.facts,
    )
