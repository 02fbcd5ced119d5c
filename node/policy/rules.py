"""The model of a policy: frozen, hashable, free of JSON.

``node.policy.odrl`` makes it from DSP JSON. Paths name a part of a policy by the members of its JSON form:
``permission[0].constraint[1].or[0]``. A *leaf* is a part that one clause can describe: the action of a rule, or an
atomic constraint. Decisions give a reason for every leaf, and ``node.policy.words`` puts every leaf into one
sentence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

from node.policy.terms import PARTICIPANT, expand

LogicalOperator = Literal["and", "or", "xone", "andSequence"]


@dataclass(frozen=True, slots=True)
class Value:
    """One right operand: a literal with its datatype and language, or an IRI (``{"@id": …}``)."""

    text: str
    datatype: str = ""
    language: str = ""
    iri: bool = False

    @property
    def term(self) -> str:
        """Return the value as IRI, for operands whose values are IRIs: JSON has them as plain strings too."""
        return expand(self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """An atomic constraint (ODRL 2.2 §2.5). ``left_operand`` and ``unit`` are IRIs, ``operator`` a local name."""

    left_operand: str
    operator: str
    right_operand: tuple[Value, ...]
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logical:
    """A logical constraint (ODRL 2.2 §2.5.2). The order matters only for ``andSequence``."""

    operator: LogicalOperator
    operands: tuple[Condition, ...]


Condition = Constraint | Logical


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A permission, prohibition or duty.

    ``parties`` holds functions beyond assigner and assignee (``odrl:consentingParty`` …) with the IRI of the party;
    ``duties`` are preconditions of a permission, ``remedies`` apply after a breach of a prohibition, ``consequences``
    after an unfulfilled duty.
    """

    action: str
    constraints: tuple[Condition, ...] = ()
    duties: tuple[Rule, ...] = ()
    remedies: tuple[Rule, ...] = ()
    consequences: tuple[Rule, ...] = ()
    parties: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """An Offer, an Agreement or a Set. ``conflict`` is "" if the document does not state it."""

    id: str
    type: str = "Offer"
    profile: tuple[str, ...] = ()
    target: str = ""
    assigner: str = ""
    assignee: str = ""
    permissions: tuple[Rule, ...] = ()
    prohibitions: tuple[Rule, ...] = ()
    obligations: tuple[Rule, ...] = ()
    conflict: str = ""
    sealed: bool = False

    @property
    def permissions_win(self) -> bool:
        """Return whether a permission wins over a prohibition of the same action; otherwise the prohibition wins."""
        return self.conflict == "perm"


def constrain_to_assignee(policy: Policy) -> Policy:
    """Return ``policy`` with its ``assignee`` as a constraint: its permissions are for that party (ODRL 2.2 §2.6.2).

    This changes only an offer, which other parties may read too; an agreement is only evaluated for its own party.
    """
    if policy.type != "Offer" or not policy.assignee:
        return policy
    party = Constraint(
        left_operand=PARTICIPANT, operator="eq", right_operand=(Value(text=policy.assignee, iri=True),)
    )
    permissions = tuple(replace(rule, constraints=(*rule.constraints, party)) for rule in policy.permissions)
    return replace(policy, permissions=permissions, assignee="")


class Part(StrEnum):
    """The part of a policy with a leaf. Leaves inside a duty describe the duty and are not conditions of access."""

    PERMISSION = "permission"
    PROHIBITION = "prohibition"
    DUTY = "duty"


@dataclass(frozen=True, slots=True)
class Leaf:
    """One leaf: its path, its part, and either the rule whose action it is, or the constraint."""

    path: str
    part: Part
    content: Rule | Constraint


def members(rule: Rule) -> tuple[tuple[str, tuple[Rule, ...]], ...]:
    """Return the rules inside a rule, by the JSON member that holds them."""
    return (("duty", rule.duties), ("remedy", rule.remedies), ("consequence", rule.consequences))


def sections(policy: Policy) -> tuple[tuple[str, Part, tuple[Rule, ...]], ...]:
    """Return the three lists of a policy, by JSON member."""
    return (
        ("permission", Part.PERMISSION, policy.permissions),
        ("prohibition", Part.PROHIBITION, policy.prohibitions),
        ("obligation", Part.DUTY, policy.obligations),
    )


def leaves(policy: Policy) -> Iterator[Leaf]:
    """Yield every leaf, in document order."""
    for name, part, rules in sections(policy):
        for index, rule in enumerate(rules):
            yield from rule_leaves(rule, f"{name}[{index}]", part)


def rule_leaves(rule: Rule, path: str, part: Part) -> Iterator[Leaf]:
    """Yield the leaves of one rule that stands at ``path``."""
    yield Leaf(path, part, rule)
    for index, condition in enumerate(rule.constraints):
        yield from condition_leaves(condition, f"{path}.constraint[{index}]", part)
    for name, rules in members(rule):
        for index, inner in enumerate(rules):
            yield from rule_leaves(inner, f"{path}.{name}[{index}]", Part.DUTY)


def condition_leaves(condition: Condition, path: str, part: Part) -> Iterator[Leaf]:
    """Yield the leaves of one condition that stands at ``path``."""
    if isinstance(condition, Constraint):
        yield Leaf(path, part, condition)
        return
    for index, operand in enumerate(condition.operands):
        yield from condition_leaves(operand, f"{path}.{condition.operator}[{index}]", part)
