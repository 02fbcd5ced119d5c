"""Comparison of terms with limits: the limits of a party are a policy about the same asset that it would still
accept.

The order is that of ``node.policy.flow.breaches``: terms lie *within* limits if keeping the terms implies keeping the
limits. For a provider the limits are the most open terms that it gives; for a consumer the terms that it needs must
lie within the offered terms. Both use the same comparison, with the sides exchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from node.base.errors import TooLarge
from node.policy.comparison import same_terms
from node.policy.flow.breaches import Breach
from node.policy.flow.fit import offer_of
from node.policy.flow.freedom import Alternatives, Freedom, under_policy
from node.policy.flow.impossible import Bound, problems
from node.policy.flow.result import Inheritance, Source, admits, strictest_offer
from node.policy.odrl import parse
from node.policy.rules import Constraint, Policy, leaves
from node.policy.terms import ACTIONS

LIMITS: Final = "urn:hansa:limits"
ASKED: Final = "urn:hansa:asked"
MOST: Final = 100
"""The most rules and constraints of a compared policy: each is compared with each, and peers write them."""
MOST_VALUES: Final = 200
"""The most values of its constraints together: sets of them are compared with each other as well."""
_MOST_PAIRS: Final = MOST**2
"""The most pairs of conditions, counted in each alternative: conditions within one policy may exclude each other, and
conditions of one compared policy may follow from those of the other."""

_MANY_WAYS: Final = "too many conditions in too many alternatives"


def beyond(terms: Mapping[str, Any], limits: Mapping[str, Any], *, title: str = "") -> tuple[Breach, ...]:
    """Return the respects in which ``terms`` are more open than ``limits`` (both DSP policy JSON); empty if they lie
    within. ``title`` is the name of the limits in the sentences.

    Raises ``InvalidInput`` for a policy that cannot be read, ``TooLarge`` for one of more than ``MOST`` rules and
    constraints or ``MOST_VALUES`` values, and if there are too many alternatives.
    """
    own, bound = _form(terms, ASKED), _inherit({LIMITS: limits}, title)
    if _conditions(own) * _conditions(bound.freedom) > _MOST_PAIRS:
        raise _too_large(_MANY_WAYS, _MOST_PAIRS)
    return admits(bound, terms)


def in_own_words(terms: Mapping[str, Any], *, target: str, offer_id: str) -> dict[str, Any] | None:
    """Return ``terms`` as a DSP 2025-1 MessageOffer written by this node, without parts that are not understood or
    stand beside the rules. Return None if this changes the terms.

    Raises ``InvalidInput`` for a policy that cannot be read.
    """
    policy = parse(terms)
    if any(rule.action not in ACTIONS for rule in policy.permissions):
        return None
    offer = offer_of(policy, target=target, offer_id=offer_id)
    if not policy.profile:
        offer.pop("profile", None)
    return offer if same_terms(offer, terms) else None


def nearest(
    terms: Mapping[str, Any], limits: Mapping[str, Any], *, target: str, offer_id: str
) -> dict[str, Any] | None:
    """Return the permissions in both ``terms`` and ``limits`` as a DSP 2025-1 MessageOffer; None if none remain.

    Raises as ``beyond``.
    """
    offer = strictest_offer(_inherit({LIMITS: limits, ASKED: terms}, ""), target=target, offer_id=offer_id)
    return offer if offer.get("permission") else None


def _inherit(policies: Mapping[str, Mapping[str, Any]], title: str) -> Inheritance:
    """As ``node.policy.flow.result.inherit``, but for the asset itself, not for a result made from it."""
    forms = [_form(policy, name) for name, policy in policies.items()]
    freedom = forms[0]
    for form in forms[1:]:
        freedom = _few_pairs(freedom.meet(form))
    sources = tuple(Source(iri=name, title=title, policy=policy) for name, policy in policies.items())
    bare = Bound(freedom, {source.iri: source.title for source in sources})
    return Inheritance(sources=sources, freedom=freedom, problems=tuple(problems(bare)))


def _form(policy: Mapping[str, Any], name: str) -> Freedom:
    return _few_pairs(under_policy(_small(policy), name, of_result=False))


def _few_pairs(freedom: Freedom) -> Freedom:
    if sum(len(alternative) ** 2 for alternative in _ways(freedom)) > _MOST_PAIRS:
        raise _too_large(_MANY_WAYS, _MOST_PAIRS)
    return freedom


def _conditions(freedom: Freedom) -> int:
    return sum(len(alternative) for alternative in _ways(freedom))


def _ways(freedom: Freedom) -> Alternatives:
    return frozenset(way for alternatives in freedom.permits.values() for way in alternatives)


def _small(policy: Mapping[str, Any]) -> Policy:
    document = parse(policy)
    rules = values = 0
    for leaf in leaves(document):
        rules += 1
        values += len(leaf.content.right_operand) if isinstance(leaf.content, Constraint) else 0
    for many, limit, what in ((rules, MOST, "rules and constraints"), (values, MOST_VALUES, "values in constraints")):
        if many > limit:
            raise _too_large(f"more than {limit} {what}", limit)
    return document


def _too_large(what: str, limit: int) -> TooLarge:
    return TooLarge(
        f"these terms have {what}",
        remedy="use fewer of them, or let a person decide",
        facts={"limit": limit},
    )
