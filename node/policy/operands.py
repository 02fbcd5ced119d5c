"""The table of left operands: what each is, which operators it takes, and how it is judged.

We check a *fact* at every access. An *undertaking* is promised, recorded and declared; it refuses only if a
declaration contradicts it. Anything that is not in the table, operator and value included, is not understood and
counts as unmet: to the caller's cost, never to the owner's (governance digest §8.1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any, Final

from node.base.clock import stamp
from node.identity.model import Credential
from node.policy import terms
from node.policy.labels import MEMBERSHIP_CREDENTIAL, join_command, purposes, wider_purposes
from node.policy.model import Nature, Situation
from node.policy.portion import states_part
from node.policy.rules import Constraint, Value
from node.policy.terms import VALUE_TYPES, ValueType, credential_type, local_name
from node.policy.values import compares, duration, in_utc, moment, number, version

_NUTS: Final = "http://data.europa.eu/nuts/code/"


class Truth(Enum):
    """The truth of a condition.

    ``PROMISED``: an undertaking that nothing contradicts. ``UNCLEAR``: not understood, or not known here.
    ``WAITING``: a person has to decide.
    """

    YES = "yes"
    NO = "no"
    PROMISED = "promised"
    UNCLEAR = "unclear"
    WAITING = "waiting"

    @property
    def satisfies(self) -> bool:
        return self in {Truth.YES, Truth.PROMISED}


@dataclass(frozen=True, slots=True)
class Remedy:
    """A remedy: a phrase of ``Remedies`` with its values; ``purposes`` are named in the reader's language."""

    phrase: str
    values: tuple[tuple[str, str], ...] = ()
    purposes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The result for one condition: met or not, and the sentence about it."""

    truth: Truth
    have: str = ""
    need: str = ""
    remedy: Remedy | None = None
    since: datetime | None = None


Judge = Callable[[Constraint, Situation], Verdict]


@dataclass(frozen=True, slots=True)
class Operand:
    """A row of the table. ``operators`` maps each operator that is understood to the clause that words it."""

    nature: Nature
    operators: Mapping[str, str]
    judge: Judge


YES: Final = Verdict(truth=Truth.YES)
PROMISED: Final = Verdict(truth=Truth.PROMISED)
NOT_UNDERSTOOD: Final = Verdict(truth=Truth.UNCLEAR, have="not understood", remedy=Remedy("unknown"))


def operand_of(constraint: Constraint) -> Operand | None:
    """Return the row for ``constraint``; None if operand, operator or values are not understood."""
    row = OPERANDS.get(constraint.left_operand)
    if row is None or constraint.operator not in row.operators:
        return None
    values = constraint.right_operand
    several = constraint.operator in terms.SET_OPERATORS
    if not values or (len(values) > 1 and not several):
        return None
    kind = VALUE_TYPES[constraint.left_operand]
    if not all(_readable(value, kind) for value in values):
        return None
    versioned = constraint.left_operand == terms.RULEBOOK and constraint.operator in {"gteq", "lteq"}
    if versioned and version(values[0].term)[1] is None:
        return None
    return row


def judge(constraint: Constraint, situation: Situation) -> Verdict:
    """Return the verdict about ``constraint`` in ``situation``."""
    row = operand_of(constraint)
    return NOT_UNDERSTOOD if row is None else row.judge(constraint, situation)


def _readable(value: Value, kind: ValueType) -> bool:
    match kind:
        case ValueType.MOMENT:
            return moment(value) is not None
        case ValueType.DURATION:
            return duration(value) is not None
        case ValueType.NUMBER:
            return number(value) is not None
        case part if part in terms.PART_TYPES:
            return states_part(kind, value.text)
        case _:
            return bool(value.text.strip())


# Facts ---------------------------------------------------------------------------------------------------

_BOUND_WORDS: Final = {
    "lt": "before",
    "lteq": "until",
    "gt": "after",
    "gteq": "from",
    "eq": "on",
    "neq": "not on",
}


def _date(constraint: Constraint, situation: Situation) -> Verdict:
    value = constraint.right_operand[0]
    point = moment(value)
    at = in_utc(situation.at)
    if point is None or point.holds(constraint.operator, at):
        return NOT_UNDERSTOOD if point is None else YES
    early = at < point.start
    return Verdict(
        truth=Truth.NO,
        have=stamp(at).split(".")[0] + "Z",
        need=f"{_BOUND_WORDS[constraint.operator]} {value.text.strip()}",
        remedy=Remedy("not_yet" if early or constraint.operator == "neq" else "expired"),
        since=None if early else point.end,
    )


def _credential(constraint: Constraint, situation: Situation) -> Verdict:
    types = tuple(dict.fromkeys(credential_type(value.text) for value in constraint.right_operand))
    missing = tuple(name for name in types if not _holds(name, situation))
    every = constraint.operator == "isAllOf"
    if not missing or (not every and len(missing) < len(types)):
        return YES
    return _lacking(missing[0], (" and " if every else " or ").join(missing if every else types), situation)


def _membership(constraint: Constraint, situation: Situation) -> Verdict:
    regions = {value.term for value in constraint.right_operand}
    for credential in situation.caller.credentials:
        if _counts(credential, MEMBERSHIP_CREDENTIAL, situation) and credential.claims.get("memberOf") in regions:
            return YES
    region = constraint.right_operand[0].term
    need = "membership of " + " or ".join(sorted(regions))
    return _lacking(MEMBERSHIP_CREDENTIAL, need, situation, issuer=region)


def _holds(name: str, situation: Situation) -> bool:
    return any(_counts(credential, name, situation) for credential in situation.caller.credentials)


def _counts(credential: Credential, name: str, situation: Situation) -> bool:
    # An empty list of issuers trusts no issuer: it must never mean "any issuer" (governance digest §8.9).
    trusted = credential.issuer in situation.issuers.get(name, ())
    return credential.has_type(name) and trusted and _invalidity(credential, situation.at) is None


def _invalidity(credential: Credential, at: datetime) -> str | None:
    now = in_utc(at)
    if in_utc(credential.valid_from) > now:
        return "not valid yet"
    if credential.valid_until is not None and in_utc(credential.valid_until) <= now:
        return "expired"
    return None


def _lacking(name: str, need: str, situation: Situation, *, issuer: str = "") -> Verdict:
    caller = situation.caller
    issuers = situation.issuers.get(name, ())
    command = join_command(issuer or (issuers[0] if issuers else ""), name)
    apply = Remedy("join", (("command", command),))
    if caller.is_anonymous:
        return Verdict(truth=Truth.NO, have="nobody known", need=need, remedy=Remedy("identify"))
    for rejection in caller.rejections:
        if name in rejection.types:
            again = Remedy("rejected", (("issuer", rejection.issuer), ("command", command)))
            have = f"{name} ({rejection.why})"
            return Verdict(truth=Truth.NO, have=have, need=need, remedy=again, since=rejection.since)
    for credential in caller.credentials:
        if credential.has_type(name):
            fault = _invalidity(credential, situation.at)
            of = f"of {credential.claims.get('memberOf', 'another region')}"
            why = fault or (of if credential.issuer in issuers else f"issued by {credential.issuer}")
            since = credential.valid_until if fault == "expired" else None
            return Verdict(truth=Truth.NO, have=f"{name} ({why})", need=need, remedy=apply, since=since)
    types = sorted({kind for credential in caller.credentials for kind in credential.types})
    return Verdict(truth=Truth.NO, have=", ".join(types) or "no credential", need=need, remedy=apply)


def _participant(constraint: Constraint, situation: Situation) -> Verdict:
    did = situation.caller.did
    names = {value.term for value in constraint.right_operand}
    none = constraint.operator in {"neq", "isNoneOf"}
    if did is None:
        need = "a known participant"
        return Verdict(truth=Truth.UNCLEAR, have="nobody known", need=need, remedy=Remedy("identify"))
    if (did in names) != none:
        return YES
    need = ("anybody but " if none else "") + ", ".join(sorted(names))
    return Verdict(truth=Truth.NO, have=did, need=need, remedy=Remedy("ask_provider"))


def _rulebook(constraint: Constraint, situation: Situation) -> Verdict:
    need = " or ".join(value.term for value in constraint.right_operand)
    if situation.rulebook is None:
        return Verdict(truth=Truth.UNCLEAR, have="no rulebook", need=need, remedy=Remedy("ask_provider"))
    base, current = version(situation.rulebook)
    for value in constraint.right_operand:
        asked, bound = version(value.term)
        if asked != base:
            continue
        met = {
            "gteq": current is not None and bound is not None and current >= bound,
            "lteq": current is not None and bound is not None and current <= bound,
        }.get(constraint.operator, bound is None or bound == current)
        if met:
            return YES
    need = {"gteq": f"{need} or later", "lteq": f"{need} or earlier"}.get(constraint.operator, need)
    return Verdict(truth=Truth.NO, have=situation.rulebook, need=need, remedy=Remedy("ask_provider"))


def _of_a_run(constraint: Constraint, situation: Situation) -> Verdict:
    need = f"{constraint.operator} " + ", ".join(value.text for value in constraint.right_operand)
    if (fact := situation.facts.get(constraint.left_operand)) is None:
        if situation.negotiating:
            return Verdict(truth=Truth.PROMISED, need=need)
        return Verdict(truth=Truth.UNCLEAR, have="not met here", need=need, remedy=Remedy("run"))
    met = _fact_meets(constraint, fact)
    if met is None:
        return Verdict(truth=Truth.UNCLEAR, have=_fact_text(fact), need=need, remedy=Remedy("run"))
    remedy = Remedy("used_up" if constraint.left_operand == terms.COUNT else "run")
    return YES if met else Verdict(truth=Truth.NO, have=_fact_text(fact), need=need, remedy=remedy)


def _part(constraint: Constraint, situation: Situation) -> Verdict:
    # Under an agreement, only a read that gives no more than the part says so; any other use would give the whole.
    if not situation.agreed or situation.facts.get(constraint.left_operand) is True:
        return YES
    return Verdict(truth=Truth.UNCLEAR, have="all of the data", need="a part", remedy=Remedy("part"))


def _fact_text(fact: Any) -> str:
    return str(fact[0] if isinstance(fact, list | tuple) and fact else fact)[:200]


def _fact_meets(constraint: Constraint, fact: Any) -> bool | None:
    if VALUE_TYPES[constraint.left_operand] is not ValueType.NUMBER:
        # One thing may have several names: a model has its IRI, and its IRI with the hash of its code.
        names = fact if isinstance(fact, list | tuple) else (fact,)
        return bool({str(name) for name in names} & {value.text for value in constraint.right_operand})
    bound = number(constraint.right_operand[0])
    try:
        decimal_value = Decimal(str(fact))
    except InvalidOperation:
        return None
    if bound is None or not decimal_value.is_finite():
        return None
    return compares(constraint.operator, decimal_value, bound)


# Undertakings --------------------------------------------------------------------------------------------


def _purpose(constraint: Constraint, situation: Situation) -> Verdict:
    if not situation.purpose:
        return PROMISED
    purposes_of_caller = purposes(situation.purpose)
    demands = {value.term for value in constraint.right_operand}
    inside = [bool(wider_purposes(purpose) & demands) for purpose in purposes_of_caller]
    # A declared purpose that is wider than a listed one is too vague: neither within nor outside it.
    wider = any(purpose in wider_purposes(other) for purpose in purposes_of_caller for other in demands)
    if constraint.operator in {"neq", "isNoneOf"}:
        truth = Truth.NO if any(inside) else Truth.UNCLEAR if wider else Truth.YES
    else:
        truth = Truth.YES if all(inside) else Truth.UNCLEAR if wider else Truth.NO
    if truth is Truth.YES:
        return YES
    names = ", ".join(local_name(iri) for iri in sorted(demands))
    excluded = constraint.operator in {"neq", "isNoneOf"}
    return Verdict(
        truth=truth,
        have=", ".join(local_name(purpose) for purpose in purposes_of_caller),
        need=f"any but {names}" if excluded else names,
        remedy=Remedy("ask_provider") if excluded else Remedy("purpose", purposes=tuple(sorted(demands))),
    )


def _judge_undertaking(constraint: Constraint, situation: Situation) -> Verdict:
    if (fact := situation.facts.get(constraint.left_operand)) is None:
        return PROMISED
    names = {value.term for value in constraint.right_operand}
    values = {terms.expand(str(item)) for item in (fact if isinstance(fact, list | tuple | set) else [fact])}
    none = constraint.operator in {"neq", "isNoneOf"}
    if not (values & names if none else values - names):
        return YES
    if constraint.operator == "isPartOf":
        within = {lies_within(place, region) for place in values for region in names}
        if within <= {True} or None in within:
            # Containment of places is known for NUTS regions only; for other places it stays a promise.
            return PROMISED if None in within else YES
    return Verdict(
        truth=Truth.NO,
        have=", ".join(sorted(values))[:200],
        need=("any but " if none else "") + ", ".join(sorted(names)),
        remedy=Remedy("ask_provider"),
    )


def lies_within(place: str, region: str) -> bool | None:
    if place.startswith(_NUTS) and region.startswith(_NUTS):
        return place.startswith(region)
    return None


def _promise(_constraint: Constraint, _situation: Situation) -> Verdict:
    return PROMISED


_ANY_NONE_PARTIES = {"eq": "any", "isAnyOf": "any", "neq": "none", "isNoneOf": "none"}


def _any_none(stem: str, *more: str) -> dict[str, str]:
    rows = {operator: f"{stem}_{end}" for operator, end in _ANY_NONE_PARTIES.items()}
    return rows | dict.fromkeys(more, f"{stem}_any")


OPERANDS: Final[dict[str, Operand]] = {
    terms.DATE_TIME: Operand(
        Nature.FACT,
        {
            "lt": "date_before",
            "lteq": "date_until",
            "gt": "date_after",
            "gteq": "date_from",
            "eq": "date_on",
            "neq": "date_not_on",
        },
        _date,
    ),
    terms.CREDENTIAL: Operand(
        Nature.FACT, {**dict.fromkeys(("eq", "isAnyOf"), "credential_any"), "isAllOf": "credential_all"}, _credential
    ),
    terms.MEMBERSHIP: Operand(Nature.FACT, {"eq": "membership", "isAnyOf": "membership"}, _membership),
    terms.PARTICIPANT: Operand(Nature.FACT, _any_none("participant"), _participant),
    terms.RULEBOOK: Operand(
        Nature.FACT,
        {"eq": "rulebook_any", "isAnyOf": "rulebook_any", "gteq": "rulebook_from", "lteq": "rulebook_upto"},
        _rulebook,
    ),
    terms.ALGORITHM: Operand(Nature.FACT, {"eq": "algorithm_any", "isAnyOf": "algorithm_any"}, _of_a_run),
    terms.MINIMUM_CELL_SIZE: Operand(Nature.FACT, {"gteq": "cells_min"}, _of_a_run),
    terms.COUNT: Operand(Nature.FACT, {"lteq": "count_max"}, _of_a_run),
    **{
        operand: Operand(Nature.FACT, {operator: clause}, _part)
        for operand, operator, clause in (
            (terms.COLUMNS, "isAnyOf", "part_columns"),
            (terms.ROWS, "isAllOf", "part_rows"),
            (terms.BOX, "eq", "part_box"),
            (terms.CONCEALED, "isAllOf", "part_concealed"),
            (terms.SMALLEST_GROUP, "eq", "part_group"),
        )
    },
    terms.PURPOSE: Operand(Nature.UNDERTAKING, _any_none("purpose", "isA"), _purpose),
    terms.RECIPIENT: Operand(Nature.UNDERTAKING, _any_none("recipient"), _judge_undertaking),
    terms.SPATIAL: Operand(
        Nature.UNDERTAKING,
        {
            "eq": "spatial_in",
            "isPartOf": "spatial_in",
            "isAnyOf": "spatial_in",
            "neq": "spatial_not",
            "isNoneOf": "spatial_not",
        },
        _judge_undertaking,
    ),
    terms.ELAPSED_TIME: Operand(Nature.UNDERTAKING, {"lteq": "elapsed_max"}, _promise),
    terms.PAY_AMOUNT: Operand(Nature.UNDERTAKING, {"eq": "amount"}, _promise),
}
