"""Conditions that flow: the conditions of a result made from several inputs, and whether an offer of it keeps them.

The conditions of a result are the meet of those of its inputs (``node.policy.flow.freedom``). If nothing remains, no
result may be published, and the inputs that exclude one another are named. An offer that is more open than these
conditions is refused, each breach with the input, the rule and a remedy; a stricter offer is the publisher's choice.
This uses policies and licences alone: it makes no decision about an access (``node.policy.decide`` does).

Not known here, and therefore left to people: a waiver or a later promise of an owner, whether a result still contains
anything of an input, and laws.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final

from node.policy.flow.breaches import OFFER, Breach, Comparison
from node.policy.flow.fit import FittedPolicy, fit_policy, offer_of, rule_json
from node.policy.flow.freedom import TOP, Bar, Freedom, Origin, under_licence, under_policy
from node.policy.flow.impossible import Bound, Problem, origins_json, problems
from node.policy.flow.licences import licence as licence_facts
from node.policy.flow.words import in_all, quote, texts
from node.policy.odrl import parse
from node.policy.rules import Policy
from node.policy.words import explain

__all__ = ["Breach", "Inheritance", "Problem", "Source", "admits", "inherit", "normal_form", "strictest_offer"]

_NO_FACTS: Final[Mapping[str, Any]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """An input of a result: the asset, and the offer or agreement (DSP JSON) and licence under which it was obtained.

    If it has both, both bind. ``licence`` is an IRI, or a code or name of
    ``node.semantics.codelists.licences``.
    """

    iri: str
    title: str
    policy: Mapping[str, Any] | None = None
    licence: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inheritance:
    """The conditions that bind a result. ``problems`` is empty if a result may be published."""

    sources: tuple[Source, ...]
    freedom: Freedom
    problems: tuple[Problem, ...]

    @property
    def publishable(self) -> bool:
        return not self.problems

    @property
    def licence(self) -> str | None:
        """Return the only licence (its code) under which the result may be published, if an input requires one."""
        return min((code for code, _ in self.freedom.alike), default=None)

    @property
    def bound(self) -> Bound:
        return Bound(self.freedom, {source.iri: source.title for source in self.sources})

    def sentences(self, language: str, facts: Mapping[str, Any] = _NO_FACTS) -> list[str]:
        """Return the conditions of the result as sentences, each with its inputs in brackets, or the reasons why
        there can be no result. ``facts`` are as in ``admits``."""
        if self.problems:
            return [problem.text.get(language) or problem.text["en"] for problem in self.problems]
        fitting = fit_policy(self.freedom, facts)
        lines = [
            self._line(sentence.text, sentence.paths, fitting, language)
            for sentence in explain(fitting.policy, language)
        ]
        words = texts(language)
        if self.freedom.seal_origins:
            lines.append(words.sealed.format(who=self.bound.who(self.freedom.seal_origins, language)))
        if self.licence:
            asked_by = [origin for _, origin in self.freedom.alike]
            lines.append(words.alike.format(value=self.licence, who=self.bound.who(asked_by, language)))
        return lines if fitting.origins or len(lines) > len(fitting.policy.permissions) else [words.free]

    def to_json(self, facts: Mapping[str, Any] = _NO_FACTS) -> dict[str, Any]:
        """Return the policy that just fits, and the inputs that demand each part of it; for records and APIs."""
        members: dict[str, Any] = {
            "inputs": [
                {"iri": source.iri, "title": source.title, **({"licence": source.licence} if source.licence else {})}
                for source in self.sources
            ],
            "publishable": self.publishable,
        }
        if self.problems:
            return {**members, "problems": [problem.to_json() for problem in self.problems]}
        fitting = fit_policy(self.freedom, facts)
        for name, rules in (
            ("permission", fitting.policy.permissions),
            ("prohibition", fitting.policy.prohibitions),
            ("obligation", fitting.policy.obligations),
        ):
            members[name] = [rule_json(rule) for rule in rules]
        members["sources"] = {path: origins_json(origins) for path, origins in sorted(fitting.origins.items())}
        if self.licence:
            members["licence"] = self.licence
        if self.freedom.seal_origins:
            members["sealed"] = True
        return members

    def _line(self, text: str, paths: Iterable[str], fitting: FittedPolicy, language: str) -> str:
        asked_by = [origin for path in paths for origin in _asked_by(path, fitting)]
        return f"{text.rstrip('.')} ({self.bound.who(asked_by, language)})." if asked_by else text


def inherit(sources: Sequence[Source]) -> Inheritance:
    """Return the conditions that a result made from ``sources`` inherits; no conditions without sources.

    Raises ``InvalidInput`` for a policy that cannot be read, ``TooLarge`` if there are too many alternatives.
    """
    freedom = reduce(Freedom.meet, [normal_form(source) for source in sources], TOP)
    bare = Inheritance(sources=tuple(sources), freedom=freedom, problems=())
    return Inheritance(sources=tuple(sources), freedom=freedom, problems=tuple(problems(bare.bound)))


def normal_form(source: Source) -> Freedom:
    """Return the normal form of one input. An input without terms, or with an unknown licence, allows no results."""
    freedom = TOP
    origin = Origin(source.iri, "licence")
    if source.policy is None and not source.licence:
        return Freedom(permits=TOP.permits, bars=frozenset({Bar("no-terms", origin)}))
    if source.policy is not None:
        freedom = freedom.meet(under_policy(parse(source.policy), source.iri))
    if source.licence:
        facts = licence_facts(source.licence)
        unknown = Freedom(permits=TOP.permits, bars=frozenset({Bar("unknown-licence", origin, source.licence[:200])}))
        freedom = freedom.meet(unknown if facts is None else under_licence(facts, source.iri))
    return freedom


def admits(
    inheritance: Inheritance,
    offer: Mapping[str, Any],
    *,
    licence: str | None = None,
    facts: Mapping[str, Any] = _NO_FACTS,
) -> tuple[Breach, ...]:
    """Return the respects in which ``offer`` (DSP JSON), under ``licence``, is more open than the result's
    conditions.

    If there are none, it may be published. ``facts`` by left operand IRI hold for the result already: only
    ``hz:minimumCellSize`` counts, the lowest number of residents that a figure covers after
    ``node.policy.flow.output_rule``. Raises ``InvalidInput`` for an offer that cannot be read.
    """
    if inheritance.problems:
        return tuple(_unpublishable(inheritance, problem) for problem in inheritance.problems)
    own = under_policy(parse(offer), OFFER, of_result=False)
    licence_facts_of_text = licence_facts(licence) if licence else None
    if licence_facts_of_text is not None:
        own = own.meet(under_licence(licence_facts_of_text, OFFER))
    check = Comparison(inheritance.bound, own, facts)
    if licence and licence_facts_of_text is None:
        check.unknown_licence(licence[:200])
    for bar in sorted(own.bars):
        if bar.code in {"not-understood", "void"}:
            check.not_understood(bar)
    check.permissions()
    check.prohibitions()
    check.duties()
    check.check_sealing()
    check.alike(None if licence_facts_of_text is None else licence_facts_of_text.code)
    return tuple(check.breaches.values())


def strictest_offer(
    inheritance: Inheritance, *, target: str, offer_id: str, facts: Mapping[str, Any] = _NO_FACTS
) -> dict[str, Any]:
    """Return the most open offer (DSP 2025-1 MessageOffer) about ``target`` that keeps the result's conditions: it
    just fits. ``facts`` are as in ``admits``. It has no permission if no result may be published."""
    policy = Policy(id="") if inheritance.problems else fit_policy(inheritance.freedom, facts).policy
    return offer_of(policy, target=target, offer_id=offer_id)


def _asked_by(path: str, fitting: FittedPolicy) -> tuple[Origin, ...]:
    """Return the inputs that demand the part with the leaf at ``path``; none for a permission as a whole."""
    while path and path not in fitting.origins:
        path = path.rpartition(".")[0]
    return fitting.origins.get(path, ())


def _unpublishable(bound: Inheritance, problem: Problem) -> Breach:
    origin = problem.origins[0]
    title = bound.bound.title(origin.input)
    return Breach(
        code=problem.code,
        input=origin.input,
        title=title,
        rule=origin.rule,
        text=problem.text,
        remedy=in_all(lambda language: texts(language).leave_out.format(who=quote([title], language))),
    )
