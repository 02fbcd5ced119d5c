"""The phrases that each language has to provide.

Values stand where they need no inflection: after a colon, in quotation marks, at the end. ``{asset}`` is the
asset as object of the sentence, ``{of_asset}`` as possessor. Clauses follow "only", and stand in lists.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

Forms = dict[str, str]
"""CLDR plural category → form."""


@dataclass(frozen=True, kw_only=True)
class Clauses:
    """One clause for each pair of left operand and operator that is understood."""

    purpose_any: str
    purpose_none: str
    date_from: str
    date_after: str
    date_until: str
    date_before: str
    date_between: str
    date_on: str
    date_not_on: str
    count_max: str
    membership: str
    credential_any: str
    credential_all: str
    participant_any: str
    participant_none: str
    rulebook_any: str
    rulebook_from: str
    rulebook_upto: str
    recipient_any: str
    recipient_none: str
    spatial_in: str
    spatial_not: str
    elapsed_max: str
    algorithm_any: str
    cells_min: str
    part_columns: str
    part_rows: str
    part_box: str
    part_concealed: str
    part_group: str
    amount: str
    unknown: str
    all_of: str
    any_of: str
    one_of: str
    either_or: str
    sequence: str


@dataclass(frozen=True, kw_only=True)
class Duties:
    """The recipient's duties, as sentences without their full stop."""

    delete: str
    delete_within: str
    attribute: str
    attribute_party: str
    credit: str
    inform: str
    inform_party: str
    compensate: str
    compensate_amount: str
    anonymize: str
    consent: str
    consent_party: str
    share_alike: str
    unknown: str


@dataclass(frozen=True, kw_only=True)
class Brief:
    """Fragments of the one-line summary."""

    everyone_may: str
    holders_may: str
    holders_of: str
    named_may: str
    nobody: str
    verbs: dict[str, str]
    other_verb: str
    alternatives: str
    purpose: str
    until: str
    sealed: str
    no_distribute: str
    no_reproduce: str
    no_commercial: str
    no_modify: str
    no_other: str
    unless_allowed: str
    delete: str
    delete_within: str
    attribute: str
    inform: str
    compensate: str
    anonymize: str
    consent: str
    share_alike: str
    unknown: str


@dataclass(frozen=True, kw_only=True)
class Remedies:
    """Remedies for a refused caller."""

    join: str
    rejected: str
    identify: str
    expired: str
    not_yet: str
    purpose: str
    consent: str
    run: str
    used_up: str
    part: str
    unknown: str
    ask_provider: str
    other_action: str


@dataclass(frozen=True, kw_only=True)
class Phrases:
    """One language."""

    language: str
    months: tuple[str, ...]
    date: str
    first_of_month: str
    moment: str
    plural: Callable[[Decimal], str]
    units: dict[str, Forms]
    times: Forms
    residents: Forms
    concealed: dict[str, str]
    decimal_point: str
    and_: str
    or_: str
    quote: str
    assets: dict[str, tuple[str, str]]
    may: dict[str, str]
    may_other: str
    must_not: dict[str, str]
    must_not_other: str
    on_conditions: str
    only: str
    prohibited_when: str
    unless_allowed: str
    duty_when: str
    beforehand: str
    if_unfulfilled: str
    if_breached: str
    nothing_permitted: str
    self_contradiction: str
    clauses: Clauses
    duties: Duties
    brief: Brief
    remedies: Remedies
