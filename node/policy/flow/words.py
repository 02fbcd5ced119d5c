"""Sentences about conditions that flow: what binds a result, why there may be none, what an offer lacks.

``node.policy.words`` words the conditions themselves; here are only the sentences around them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final

from node.policy.flow.freedom import Demand
from node.policy.phrases import phrases
from node.policy.rules import Policy, Rule
from node.policy.terms import USE
from node.policy.words import explain
from node.texts.catalogue import Catalogue
from node.texts.languages import LANGUAGES, supported_language
from node.texts.text_classes import build_texts


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """One language. ``{who}`` is an input in quotation marks, ``{value}`` a sentence without its full stop."""

    free: str
    exclude: str
    not_understood: str
    no_derivatives: str
    unknown_licence: str
    no_terms: str
    void: str
    withheld: str
    two_alike: str
    alike_closed: str
    alike: str
    sealed: str
    asks: str
    own_licence: str
    own_term: str
    add: str
    cells: str
    seal: str
    under: str
    leave_out: str
    choose: str
    remedy: str


FLOW: Final = Catalogue("flow")


def texts(language: str) -> Texts:
    """Return the sentences of a language; English if the language is not supported."""
    return _texts(supported_language(language))


@cache
def _texts(language: str) -> Texts:
    return build_texts(Texts, FLOW.texts(language))


def quote(names: Iterable[str], language: str) -> str:
    """Return the inputs in quotation marks: “Road network”, “Traffic counts”."""
    return ", ".join(dict.fromkeys(phrases(language).quote.format(name) for name in names))


def demand_text(demand: Demand, language: str) -> str:
    """Return a condition, a duty or a prohibition with conditions, as a sentence without its full stop."""
    if isinstance(demand, Rule):
        policy = Policy(id="", obligations=(demand,))
    else:
        policy = Policy(id="", permissions=(Rule(action=USE, constraints=(demand,)),))
    return explain(policy, language)[0 if isinstance(demand, Rule) else 1].text.rstrip(".")


def forbidden(rule: Rule, language: str) -> str:
    """Return a prohibition as a sentence without its full stop."""
    return explain(Policy(id="", prohibitions=(rule,)), language)[0].text.rstrip(".")


def in_all(make: Callable[[str], str]) -> dict[str, str]:
    """Return ``make(language)`` for every language."""
    return {language: make(language) for language in LANGUAGES}
