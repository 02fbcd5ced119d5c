"""Reasons why no result of several inputs may be published: the inputs, their rules, and the contradictions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from node.policy import terms
from node.policy.flow.freedom import Bar, Demand, Freedom, Origin
from node.policy.flow.stricter import clashes
from node.policy.flow.words import demand_text, forbidden, in_all, quote, texts
from node.policy.rules import Rule
from node.policy.terms import ATTRIBUTE, CREDIT, USE, includes

Sentence = Callable[[str], str]
"""Language → a sentence in this language."""


@dataclass(frozen=True, slots=True)
class Bound:
    """The normal form that binds a result, and the names of its inputs (IRI → title)."""

    freedom: Freedom
    titles: Mapping[str, str]

    def who(self, origins: Iterable[Origin], language: str) -> str:
        """Return the inputs of ``origins``, in quotation marks."""
        return quote((self.title(origin.input) for origin in sorted(origins)), language)

    def title(self, iri: str) -> str:
        return self.titles.get(iri, iri)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A reason why no result may be published. ``origins``: inputs and their rules; ``text``: by language."""

    code: str
    origins: tuple[Origin, ...]
    text: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        return {"code": self.code, "sources": origins_json(self.origins), "text": dict(self.text)}


def problems(bound: Bound) -> Iterable[Problem]:
    """Yield all problems; none if a result may be published."""
    freedom = bound.freedom
    barred = [_bar_problem(bound, bar) for bar in sorted(freedom.bars)]
    if barred:
        yield from barred
        return
    yield from _licence_problems(bound)
    everything = [alternative for alternatives in freedom.permits.values() for alternative in alternatives]
    if any(not clashes(one) for one in everything):
        return
    if not everything:
        yield _nothing_permitted(bound)
        return
    widest = freedom.permits.get(USE) or next(iter(freedom.permits[action] for action in sorted(freedom.permits)))
    origins_so_far: set[tuple[Origin, ...]] = set()
    for alternative in sorted(widest, key=lambda way: sorted(element.origin for element in way)):
        for clash in clashes(alternative):
            origins = tuple(sorted({element.origin for element in clash.elements}))
            if origins in origins_so_far:
                continue
            origins_so_far.add(origins)
            items = [(element.origin, element.demand) for element in clash.elements]
            yield _exclusion(bound, items) if clash.operand else _not_understood(bound, *items[0])


def _exclusion(bound: Bound, items: list[tuple[Origin, Demand]]) -> Problem:
    origins = tuple(sorted({origin for origin, _ in items}))
    return _problem(
        "excluded", origins, lambda language: texts(language).exclude.format(items=_items(bound, items, language))
    )


def _not_understood(bound: Bound, origin: Origin, demand: Demand) -> Problem:
    return _problem(
        "not-understood",
        (origin,),
        lambda language: texts(language).not_understood.format(
            who=bound.who([origin], language), value=demand_text(demand, language)
        ),
    )


def _bar_problem(bound: Bound, bar: Bar) -> Problem:
    def text(language: str) -> str:
        words = texts(language)
        template = {
            "no-derivatives": words.no_derivatives,
            "unknown-licence": words.unknown_licence,
            "no-terms": words.no_terms,
            "void": words.void,
            "not-understood": words.not_understood,
        }[bar.code]
        return template.format(who=bound.who([bar.origin], language), value=bar.fact)

    return _problem(bar.code, (bar.origin,), text)


def _licence_problems(bound: Bound) -> Iterable[Problem]:
    families = sorted(bound.freedom.alike)
    if len({family for family, _ in families}) > 1:
        yield _problem(
            "two-share-alike",
            tuple(origin for _, origin in families),
            lambda language: texts(language).two_alike.format(
                items="; ".join(f"{bound.who([origin], language)}: {family}" for family, origin in families)
            ),
        )
        return
    if families:
        family, origin = families[0]
        unfit = sorted((other, facts.code) for facts, other in bound.freedom.licences if not facts.goes_under(family))
        more = [item for item in further(bound.freedom) if not item[0].is_licence]
        if unfit or more:
            yield _share_alike_problem(bound, (family, origin), unfit, more)


def _share_alike_problem(
    bound: Bound,
    alike: tuple[str, Origin],
    unfit: Sequence[tuple[Origin, str]],
    more: Sequence[tuple[Origin, Demand]],
) -> Problem:
    family, origin = alike

    def text(language: str) -> str:
        named = [f"{bound.who([other], language)}: {code}" for other, code in unfit]
        items = "; ".join([*named, *([_items(bound, more, language)] if more else [])])
        return texts(language).alike_closed.format(who=bound.who([origin], language), value=family, items=items)

    others = tuple(dict.fromkeys([*(one for one, _ in unfit), *(one for one, _ in more)]))
    return _problem("share-alike", (origin, *others), text)


def further(freedom: Freedom) -> list[tuple[Origin, Demand]]:
    """Return the demands of policies other than credit: a share-alike licence does not admit such conditions."""
    demands: list[tuple[Origin, Demand]] = [
        (element.origin, element.demand)
        for element in (*freedom.prohibitions, *freedom.duties)
        if not (isinstance(element.demand, Rule) and element.demand.action in {ATTRIBUTE, CREDIT, terms.SHARE_ALIKE})
    ]
    for alternatives in freedom.permits.values():
        if frozenset() not in alternatives:
            demands += [(element.origin, element.demand) for alternative in alternatives for element in alternative]
    by_licence = {action for action, origin in freedom.withheld if origin.is_licence}
    demands += [
        (origin, Rule(action=action))
        for action, origin in freedom.withheld
        if includes(USE, action) and action not in by_licence
    ]
    unique = {(origin, str(demand)): (origin, demand) for origin, demand in demands}
    return [unique[key] for key in sorted(unique)]


def _nothing_permitted(bound: Bound) -> Problem:
    asked_by = sorted({origin for action, origin in bound.freedom.withheld if action == USE}) or sorted(
        {origin for _, origin in bound.freedom.withheld}
    )
    return _problem(
        "nothing-permitted",
        tuple(asked_by),
        lambda language: texts(language).withheld.format(
            items="; ".join(bound.who([origin], language) for origin in asked_by)
        ),
    )


def _items(bound: Bound, items: Iterable[tuple[Origin, Demand]], language: str) -> str:
    lines = []
    for origin, demand in items:
        bare = isinstance(demand, Rule) and (demand.action not in terms.DUTIES or origin.rule.startswith("prohib"))
        text = forbidden(demand, language) if bare and isinstance(demand, Rule) else demand_text(demand, language)
        lines.append(f"{bound.who([origin], language)}: {text}")
    return "; ".join(dict.fromkeys(lines))


def _problem(code: str, origins: tuple[Origin, ...], text: Sentence) -> Problem:
    return Problem(code=code, origins=origins, text=in_all(text))


def origins_json(origins: Iterable[Origin]) -> list[dict[str, str]]:
    """Return inputs and rules as JSON, for APIs and records."""
    return [{"input": origin.input, "rule": origin.rule} for origin in sorted(set(origins))]
