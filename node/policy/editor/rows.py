"""The rows of a form about a policy, and the choices that they offer.

A row holds texts as a person sees them, so that unfinished rows exist too. What no row can show is held as the JSON
that it came as (``Exact``, and the ``rest`` of a rule or policy).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from node.policy import terms
from node.policy.operands import OPERANDS
from node.policy.terms import ACTIONS, DUTIES, OPERATORS, compact, expand

MOST_ROWS: Final = 150
"""Rows that a form shows; a policy with more is edited as text."""
MOST_LEVELS: Final = 3
"""Groups inside groups that a form shows."""
LARGEST: Final = 64 * 1024
"""Characters of a policy as text."""

PERMISSION, PROHIBITION, OBLIGATION = "permission", "prohibition", "obligation"
SECTIONS: Final = (PERMISSION, PROHIBITION, OBLIGATION)

COMMON_ACTIONS: Final = (
    terms.USE,
    terms.READ,
    terms.EXECUTE,
    terms.REPRODUCE,
    terms.DISTRIBUTE,
    terms.MODIFY,
    terms.DERIVE,
    terms.TRANSFER,
    terms.COMMERCIAL_USE,
)
"""Actions that have sentences of their own, in the order of a list."""
DUTY_ACTIONS: Final = (
    terms.OBTAIN_CONSENT,
    terms.ATTRIBUTE,
    terms.INFORM,
    terms.DELETE,
    terms.COMPENSATE,
    terms.ANONYMIZE,
    terms.CREDIT,
    terms.SHARE_ALIKE,
)
PARTIES: Final = {
    terms.OBTAIN_CONSENT: "consentingParty",
    terms.ATTRIBUTE: "attributedParty",
    terms.INFORM: "informedParty",
}
"""Duty → the party that it may name."""

OPERAND_ORDER: Final = (
    terms.MEMBERSHIP,
    terms.CREDENTIAL,
    terms.PARTICIPANT,
    terms.PURPOSE,
    terms.DATE_TIME,
    terms.SPATIAL,
    terms.RECIPIENT,
    terms.COUNT,
    terms.ELAPSED_TIME,
    terms.PAY_AMOUNT,
    terms.RULEBOOK,
    terms.ALGORITHM,
    terms.MINIMUM_CELL_SIZE,
    *terms.PART,
)
"""The operands that this node knows, those first that people use most."""
UNITS: Final = ("D", "W", "M", "Y", "TH", "TM")
"""Units of a duration: the letters of ISO 8601, with ``T`` for a time."""
CURRENCY: Final = "http://publications.europa.eu/resource/authority/currency/"
CURRENCIES: Final = ("EUR", "CZK")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstraintRow:
    """A condition: ``operand`` is a term with its prefix, ``operator`` a local name, both empty until chosen.

    A day stands for a whole day, and of a duration ``values`` has the number and ``unit`` its letter of ``UNITS``;
    without a unit, the ISO 8601 text.
    """

    operand: str = ""
    operator: str = ""
    values: tuple[str, ...] = ()
    unit: str = ""

    @property
    def iri(self) -> str:
        return expand(self.operand)

    @property
    def operators(self) -> tuple[str, ...]:
        """Return the operators that fit the operand; all for an operand that this node does not know."""
        row = OPERANDS.get(self.iri)
        return tuple(row.operators) if row else tuple(sorted(OPERATORS))

    @property
    def several(self) -> bool:
        """Return whether the operator takes several values."""
        return self.operator in terms.SET_OPERATORS

    @property
    def is_known(self) -> bool:
        return self.iri in OPERANDS

    @property
    def is_finished(self) -> bool:
        return bool(self.operand and self.operator and self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Conditions that a logical operator combines: ``and``, ``or``, ``xone`` or ``andSequence``."""

    operator: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Exact:
    """A condition that no row can show, as the JSON that it came as."""

    text: str


Row = ConstraintRow | Group | Exact


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleForm:
    """A rule. ``section`` is the member of the policy or permission that holds it (``duty`` inside a permission);
    ``party`` belongs to the action (``PARTIES``). ``rest``: the JSON object of further members, or empty.
    ``exact`` is the JSON of a rule that cannot be shown at all: the other members are empty then."""

    section: str
    action: str = ""
    party: str = ""
    rows: tuple[Row, ...] = ()
    duties: tuple[RuleForm, ...] = ()
    rest: str = ""
    exact: str = ""

    @property
    def is_duty(self) -> bool:
        return self.section in (OBLIGATION, "duty")

    @property
    def takes_party(self) -> bool:
        return self.is_duty and terms.action_iri(self.action) in PARTIES

    @property
    def other_actions(self) -> tuple[str, ...]:
        """Return the actions beyond those with sentences of their own; of duties, there are none."""
        return () if self.is_duty else tuple(sorted(compact(iri) for iri in ACTIONS - set(COMMON_ACTIONS)))

    @property
    def common_actions(self) -> tuple[str, ...]:
        return tuple(map(compact, DUTY_ACTIONS if self.is_duty else COMMON_ACTIONS))

    @property
    def is_action_known(self) -> bool:
        return terms.action_iri(self.action) in (DUTIES if self.is_duty else ACTIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyForm:
    """A policy. ``conflict`` is a strategy of ODRL, empty if the policy states none; ``rest`` as of a rule."""

    rules: tuple[RuleForm, ...] = ()
    conflict: str = "prohibit"
    sealed: bool = False
    rest: str = ""

    @property
    def size(self) -> int:
        """Return how many rows the form has."""
        return sum(1 for _ in _rows_of(self.rules))


def _rows_of(rules: tuple[RuleForm, ...]) -> Iterator[object]:
    for rule in rules:
        yield rule
        yield from _inner_rows(rule.rows)
        yield from _rows_of(rule.duties)


def _inner_rows(rows: tuple[Row, ...]) -> Iterator[object]:
    for row in rows:
        yield row
        if isinstance(row, Group):
            yield from _inner_rows(row.rows)
