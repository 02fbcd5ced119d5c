"""Findings about a binding: what prevents a run, and the remedy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from node.base.errors import InvalidInput
from node.scenarios.model import Binding, BoundInput, Template

ERROR: Final = "violation"
WARNING: Final = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A finding about a binding. ``place``: ``input network``, ``step noise.flows``, ``parameter x``, ``layer …``.
    ``transformations`` are IRIs of transformations that would make both ends fit; ``draft`` is the definition of a
    column mapping that would, if there is no such transformation yet. A *violation* stops a run.

    ``facts`` are the values in the sentence, so that it can be written in another language: with ``case``, if a code
    has several sentences."""

    place: str
    code: str
    sentence: str
    remedy: str = ""
    severity: str = ERROR
    transformations: tuple[str, ...] = ()
    draft: Mapping[str, Any] = field(default_factory=dict, compare=False)
    facts: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def to_json(self) -> dict[str, Any]:
        members: dict[str, Any] = {
            "place": self.place,
            "code": self.code,
            "sentence": self.sentence,
            "severity": self.severity,
        }
        if self.remedy:
            members["remedy"] = self.remedy
        if self.transformations:
            members["transformations"] = list(self.transformations)
        if self.draft:
            members["draft"] = dict(self.draft)
        if self.facts:
            members["facts"] = dict(self.facts)
        return members


class DoesNotFit(InvalidInput):
    """The scenario cannot be run with this binding. ``facts["findings"]`` lists the reasons and their places."""

    code = "does-not-fit"
    status = 422
    title = "The scenario cannot be run like this"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """The result of binding. ``binding`` is None if a violation stops a run; ``inputs`` are those that are pinned,
    also then."""

    template: Template
    binding: Binding | None
    findings: tuple[Finding, ...] = ()
    inputs: tuple[BoundInput, ...] = ()

    def require(self) -> Binding:
        """Return the binding. Raises ``DoesNotFit`` with the findings if the parts do not fit."""
        if self.binding is None:
            stops = [finding for finding in self.findings if finding.severity == ERROR]
            raise DoesNotFit(
                stops[0].sentence if len(stops) == 1 else f"{len(stops)} things stop this run: {stops[0].sentence} …",
                remedy=stops[0].remedy,
                facts={"findings": [finding.to_json() for finding in self.findings]},
            )
        return self.binding
