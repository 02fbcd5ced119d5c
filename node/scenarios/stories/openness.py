"""Decides whether everybody may see what an offer gives, before a story has figures and values of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from node.base.errors import InvalidInput
from node.catalogue.access import plain_situation
from node.catalogue.model import PUBLIC, Record
from node.identity.model import ANONYMOUS
from node.policy.decide import decide
from node.policy.odrl import parse
from node.policy.portion import portion_of
from node.policy.rules import Constraint, Policy, Rule, leaves
from node.policy.terms import ATTRIBUTE, CREDIT, DATE_TIME, DISTRIBUTE, INFORM, SHARE_ALIKE, USE

_KEPT: Final = frozenset({ATTRIBUTE, CREDIT, SHARE_ALIKE, INFORM})
"""Duties that a story keeps: it names its sources, their conditions and the licence, for everybody to read."""


def is_public(record: Record) -> bool:
    """Return whether everybody may know ``record``."""
    return record.audience == PUBLIC and not record.withdrawn


def is_open(record: Record, at: datetime) -> bool:
    """Return whether everybody may know ``record``, and use and pass on what it offers, at the moment ``at``."""
    return is_public(record) and not record.sealed and offers_to_all(record.offer, at, record.origin)


def offers_to_all(offer: Mapping[str, Any] | None, at: datetime, provider: str) -> bool:
    """Return whether ``offer`` of the node ``provider`` lets everybody use and pass on all of its asset at the moment
    ``at``, with no other conditions than a date, and no other duties than to name sources and conditions."""
    policy = _policy(offer)
    if policy is None or not portion_of(policy).is_whole or not _duties(policy) <= _KEPT:
        return False
    # Who reads a story promises nothing: no purpose, no place, no number of uses.
    if any(
        isinstance(leaf.content, Constraint) and leaf.content.left_operand != DATE_TIME for leaf in leaves(policy)
    ):
        return False
    situation = plain_situation(ANONYMOUS, at, provider)
    return all(decide(policy, situation, action=action).permits for action in (USE, DISTRIBUTE))


def is_unconditional(offer: Mapping[str, Any] | None) -> bool:
    """Return whether ``offer`` has no condition at all that could hold at one time and not at another."""
    policy = _policy(offer)
    rules = (*policy.permissions, *policy.prohibitions, *policy.obligations) if policy else ()
    return bool(rules) and not any(rule.constraints for rule in rules)


def _policy(offer: Mapping[str, Any] | None) -> Policy | None:
    try:
        return parse(offer) if offer is not None else None
    except InvalidInput:
        # An offer of another node that cannot be read permits nothing.
        return None


def _duties(policy: Policy) -> set[str]:
    rules: list[Rule] = [*policy.obligations]
    for permission in policy.permissions:
        rules += permission.duties
    return {rule.action for rule in rules}
