"""Respects in which an offer is more open than the inputs of a result allow: each with input, rule and remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from node.policy.flow.freedom import Alternative, Bar, Demand, Freedom, Origin
from node.policy.flow.impossible import Bound, Sentence, further
from node.policy.flow.stricter import clashes, duty_covers, follows, prohibition_covers
from node.policy.flow.words import Texts, demand_text, forbidden, in_all, quote, texts
from node.policy.model import Nature
from node.policy.operands import OPERANDS
from node.policy.rules import Constraint, Rule
from node.policy.terms import INCLUDED_IN, MINIMUM_CELL_SIZE, includes

OFFER: Final = ""
"""The ``input`` of an origin that is the requested offer itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """One respect in which an offer is more open than an input allows.

    ``input`` and ``rule`` name the violated condition (the path of the rule in its policy, or ``licence``); both are
    empty if the offer itself cannot be understood. ``text`` and ``remedy`` are by language.
    """

    code: str
    input: str
    title: str
    rule: str
    text: Mapping[str, str]
    remedy: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        members = {"code": self.code, "input": self.input, "title": self.title, "rule": self.rule}
        return {**members, "text": dict(self.text), "remedy": dict(self.remedy)}


class Comparison:
    """A comparison of an offer with the conditions that bind the result. Each rule of an input is reported once."""

    def __init__(self, bound: Bound, own: Freedom, facts: Mapping[str, Any]) -> None:
        self.bound, self.mine, self.facts = bound, own, facts
        self.breaches: dict[tuple[str, Origin, str], Breach] = {}

    def permissions(self) -> None:
        # Wider actions first: a withheld action is reported once, by its widest name.
        for action in sorted(self.mine.permits, key=lambda action_: (_depth(action_), action_)):
            for alternative in self.mine.permits[action]:
                if _may_permit(alternative):
                    self._permission(action, alternative)

    def _permission(self, action: str, alternative: Alternative) -> None:
        values = self.bound.freedom.permits.get(action, frozenset())
        if not values:
            for asked_by in sorted(
                {origin for withheld, origin in self.bound.freedom.withheld if withheld == action}
            ):
                self._add("permission", asked_by, lambda language: forbidden(Rule(action=action), language), about="")
            return
        have = [element.demand for element in alternative] + [duty.demand for duty in self.mine.duties]
        lacking = [
            [element for element in option if not follows(element.demand, have, self.facts)] for option in values
        ]
        least = min(lacking, key=lambda missing: (len(missing), sorted(element.origin for element in missing)))
        for element in sorted(least, key=lambda element_: element_.origin):
            self._lacks(element.demand, element.origin)

    def prohibitions(self) -> None:
        for element in sorted(self.bound.freedom.prohibitions, key=lambda element_: element_.origin):
            demand = element.demand
            assert isinstance(demand, Rule)
            mine = [
                prohibition.demand for prohibition in self.mine.prohibitions if isinstance(prohibition.demand, Rule)
            ]
            concerned = any(includes(demand.action, action) for action in self.mine.permits)
            if concerned and not any(prohibition_covers(prohibition, demand) for prohibition in mine):
                self._add("prohibition", element.origin, _forbidden(demand), about=str(demand))

    def duties(self) -> None:
        always = [duty.demand for duty in self.mine.duties]
        ways = [
            [element.demand for element in way]
            for alternatives in self.mine.permits.values()
            for way in alternatives
            if _may_permit(way)
        ]
        for element in sorted(self.bound.freedom.duties, key=lambda element_: element_.origin):
            demand = element.demand
            assert isinstance(demand, Rule)
            fulfilled = _is_covered(demand, always) or (bool(ways) and all(_is_covered(demand, way) for way in ways))
            if not fulfilled and ways:
                self._lacks(demand, element.origin)

    def check_sealing(self) -> None:
        if not self.mine.seal_origins and self.mine.permits:
            for origin in sorted(self.bound.freedom.seal_origins):
                self._put(
                    "sealed",
                    origin,
                    self._about(origin, lambda words: words.sealed),
                    lambda language: texts(language).seal,
                )

    def alike(self, code: str | None) -> None:
        families = min((family for family, _ in self.bound.freedom.alike), default=None)
        if families is None:
            return
        closed = bool(further(self.mine))
        if code == families and not closed:
            return
        for _, origin in sorted(self.bound.freedom.alike):
            self._put(
                "alike",
                origin,
                self._about(origin, lambda words: words.alike, families),
                lambda language: texts(language).under.format(value=families),
            )

    def unknown_licence(self, name: str) -> None:
        origin = Origin(OFFER, "licence")
        text = self._about(origin, lambda words: words.own_licence, name)
        self._put("unknown-licence", origin, text, lambda language: texts(language).choose)

    def not_understood(self, bar: Bar) -> None:
        text = self._about(bar.origin, lambda words: words.own_term, bar.fact or bar.origin.rule)
        self._put(bar.code, bar.origin, text, lambda language: texts(language).remedy)

    def _lacks(self, demand: Demand, origin: Origin) -> None:
        code = "duty" if isinstance(demand, Rule) else "condition"
        cells = isinstance(demand, Constraint) and demand.left_operand == MINIMUM_CELL_SIZE
        remedy: Sentence | None = (lambda language: texts(language).cells) if cells else None
        self._add(code, origin, lambda language: demand_text(demand, language), about=str(demand), remedy=remedy)

    def _add(self, code: str, origin: Origin, make: Sentence, *, about: str, remedy: Sentence | None = None) -> None:
        title = self.bound.title(origin.input)
        self._put(
            code,
            origin,
            lambda language: texts(language).asks.format(who=quote([title], language), value=make(language)),
            remedy or (lambda language: texts(language).add.format(value=make(language))),
            about=about,
        )

    def _put(self, code: str, origin: Origin, text: Sentence, remedy: Sentence, *, about: str = "") -> None:
        if (code, origin, about) in self.breaches:
            return
        own = origin.input == OFFER
        self.breaches[code, origin, about] = Breach(
            code=code,
            input=origin.input,
            title="" if own else self.bound.title(origin.input),
            rule="" if own else origin.rule,
            text=in_all(text),
            remedy=in_all(remedy),
        )

    def _about(self, origin: Origin, template: Callable[[Texts], str], content: str = "") -> Sentence:
        title = self.bound.title(origin.input)
        return lambda language: template(texts(language)).format(who=quote([title], language), value=content)


def _depth(action: str) -> int:
    """Return how many actions ``action`` lies within."""
    wider = INCLUDED_IN.get(action)
    return 0 if wider is None else 1 + _depth(wider)


def _forbidden(rule: Rule) -> Sentence:
    return lambda language: forbidden(rule, language)


def _is_covered(duty: Rule, demands: Iterable[Demand]) -> bool:
    return any(isinstance(demand, Rule) and duty_covers(demand, duty) for demand in demands)


def _may_permit(alternative: Alternative) -> bool:
    """Return whether a decision may permit something under ``alternative``: no facts that it checks exclude each
    other. It takes undertakings also where two exclude each other."""
    return all(_is_undertaking(clash.operand) for clash in clashes(alternative))


def _is_undertaking(operand: str) -> bool:
    return operand in OPERANDS and OPERANDS[operand].nature is Nature.UNDERTAKING
