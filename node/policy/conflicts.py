"""Checks of an offer before anybody requests it: contradictions, unknown terms, traps.

Findings are for the steward who writes conditions: the place, the problem, the remedy. A violation makes the offer
useless or gives it the opposite of its apparent meaning; a warning is a known trap.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from node.base.errors import InvalidInput
from node.policy import terms
from node.policy.labels import known_purposes, wider_purposes
from node.policy.odrl import parse
from node.policy.operands import operand_of
from node.policy.rules import Condition, Constraint, Leaf, Logical, Part, Policy, Rule, leaves, sections
from node.policy.terms import ACTIONS, DSP_BARE_TERMS, DUTIES, PROFILE, compact, includes
from node.policy.values import duration, in_utc, moment
from node.semantics.model import Finding
from node.texts.catalogue import Catalogue
from node.texts.languages import FALLBACK

_CATALOGUE: Final = Catalogue("conflicts")
_STRATEGY: Final = '"odrl:conflict": {"@id": "odrl:prohibit"}'
_RULES: Final = ("permission", "prohibition", "obligation")
# Duties that make sense before the use; all others come after it (ODRL 2.2 §2.6.3, governance digest §1).
_PRECONDITIONS: Final = frozenset({terms.OBTAIN_CONSENT, terms.COMPENSATE, terms.ANONYMIZE})
_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)
_LATEST: Final = datetime.max.replace(tzinfo=UTC)


def lint(offer: Mapping[str, Any], *, at: datetime | None = None) -> list[Finding]:
    """Return all findings about ``offer``, violations first. ``at`` is the present, to find terms that have ended."""
    findings = list(_json_problems(offer, ""))
    try:
        policy = parse(offer)
    except InvalidInput as error:
        return [*findings, _unreadable(error)]
    findings += _unknown_terms(policy)
    findings += _permits(policy)
    findings += _strategy(policy)
    for name, _part, rules in sections(policy):
        for index, rule in enumerate(rules):
            findings += _rule(rule, f"{name}[{index}]", at)
    findings += _taken_back(policy)
    findings += _ineffective_permissions(policy)
    order = {"violation": 0, "warning": 1, "info": 2}
    return sorted(findings, key=lambda finding: order[finding.severity])


def _json_problems(part: Any, path: str) -> Iterator[Finding]:
    """Yield the problems of the JSON itself: empty lists, and bare words that a JSON-LD processor would drop."""
    if not isinstance(part, Mapping):
        return
    for key, value in part.items():
        where = f"{path}.{key}" if path else str(key)
        name = terms.expand(str(key)).removeprefix(terms.expand("odrl:"))
        if name in {*_RULES, "constraint", "duty", *terms.LOGICAL} and isinstance(value, list | tuple):
            if not value:
                yield _finding("violation", where, "problem.empty-list", name=name)
            for index, item in enumerate(value):
                yield from _json_problems(item, f"{where}[{index}]")
        if name == "rightOperand" and isinstance(value, list | tuple) and not value:
            yield _finding("violation", where, "problem.no-value", rule="empty-list")
        bare = isinstance(value, str) and ":" not in value and value not in DSP_BARE_TERMS
        if name in {"action", "leftOperand"} and bare:
            yield _finding("warning", where, "problem.bare-term", term=repr(value), name=value)


def _unknown_terms(policy: Policy) -> Iterator[Finding]:
    for leaf in leaves(policy):
        if isinstance(leaf.content, Constraint):
            if operand_of(leaf.content) is None:
                yield _unknown(leaf, _term(leaf.content))
        elif leaf.content.action not in (DUTIES if leaf.part is Part.DUTY else ACTIONS):
            yield _unknown(leaf, compact(leaf.content.action))


def _unknown(leaf: Leaf, term: str) -> Finding:
    return _finding("violation", leaf.path, "problem.unknown-term", term=term, profile=PROFILE)


def _permits(policy: Policy) -> Iterator[Finding]:
    if not policy.permissions:
        yield _finding("violation", "permission", "problem.no-permission")
    if not policy.profile:
        yield _finding("info", "profile", "problem.no-profile", profile=PROFILE)


def _strategy(policy: Policy) -> Iterator[Finding]:
    overlap = any(
        _meet(permitted, forbidden) for permitted in policy.permissions for forbidden in policy.prohibitions
    )
    if overlap and policy.conflict == "invalid":
        yield _finding("violation", "conflict", "problem.void", rule="conflict-strategy", strategy=_STRATEGY)


def _meet(permission: Rule, forbidden: Rule) -> bool:
    """Return whether an action exists that both rules cover."""
    return includes(permission.action, forbidden.action) or includes(forbidden.action, permission.action)


def _rule(rule: Rule, path: str, at: datetime | None) -> Iterator[Finding]:
    yield from _conjunction(rule.constraints, f"{path}.constraint", at)
    for leaf in leaves(Policy(id="", permissions=(rule,))):
        if isinstance(leaf.content, Constraint) and leaf.content.left_operand == terms.ELAPSED_TIME:
            yield from _months(leaf, path)
    for index, duty in enumerate(rule.duties):
        if duty.action not in _PRECONDITIONS:
            where = f"{path}.duty[{index}]"
            yield _finding("warning", where, "problem.duty-after", rule="precondition", action=compact(duty.action))


def _months(leaf: Leaf, path: str) -> Iterator[Finding]:
    assert isinstance(leaf.content, Constraint)
    for value in leaf.content.right_operand:
        span = duration(value)
        parts = dict(span.parts) if span else {}
        if parts.get("months", 0) > 12 and len(parts) == 1:
            yield _finding("warning", path, "problem.months", value=value.text, number=parts["months"])


def _conjunction(conditions: Sequence[Condition], path: str, at: datetime | None) -> Iterator[Finding]:
    atoms = list(together(conditions))
    start, end = term_of(atoms)
    if start > end:
        yield _finding("violation", path, "problem.dates")
    elif at is not None and end < in_utc(at):
        yield _finding("warning", path, "problem.ended", rule="dates")
    for operand in (terms.PURPOSE, terms.PARTICIPANT, terms.RECIPIENT, terms.MEMBERSHIP, terms.ALGORITHM):
        about = [atom for atom in atoms if atom.left_operand == operand]
        if len(about) > 1 and not _satisfiable(about, operand):
            yield _finding("violation", path, "problem.contradiction", operand=compact(operand))
    for condition in conditions:
        if isinstance(condition, Logical) and condition.operator != "and":
            for operand_ in condition.operands:
                yield from _conjunction((operand_,), path, at)


def together(conditions: Sequence[Condition]) -> Iterator[Constraint]:
    """Yield the understood constraints that must hold together: those of nested conjunctions included."""
    for condition in conditions:
        if isinstance(condition, Constraint):
            if operand_of(condition) is not None:
                yield condition
        elif condition.operator in {"and", "andSequence"}:
            yield from together(condition.operands)


def term_of(atoms: Sequence[Constraint]) -> tuple[datetime, datetime]:
    """Return the first and the last moment that the date constraints allow."""
    start, end = _EARLIEST, _LATEST
    tick = timedelta(microseconds=1)
    for atom in atoms:
        point = moment(atom.right_operand[0]) if atom.left_operand == terms.DATE_TIME else None
        if point is None:
            continue
        last = point.end - tick if point.is_day else point.end
        if atom.operator in {"gteq", "eq"}:
            start = max(start, point.start)
        if atom.operator == "gt":
            start = max(start, last + tick)
        if atom.operator in {"lteq", "eq"}:
            end = min(end, last)
        if atom.operator == "lt":
            end = min(end, point.start - tick)
    return start, end


def _satisfiable(atoms: Sequence[Constraint], operand: str) -> bool:
    positive = [atom for atom in atoms if atom.operator not in {"neq", "isNoneOf"}]
    if not positive:
        return True
    candidates = {value.term for atom in atoms for value in atom.right_operand}
    if operand == terms.PURPOSE:
        candidates |= set(known_purposes())
    return any(all(_meets(atom, candidate) for atom in atoms) for candidate in candidates)


def _meets(atom: Constraint, candidate: str) -> bool:
    listed = {value.term for value in atom.right_operand}
    inside = bool((wider_purposes(candidate) if atom.left_operand == terms.PURPOSE else {candidate}) & listed)
    return inside != (atom.operator in {"neq", "isNoneOf"})


def _taken_back(policy: Policy) -> Iterator[Finding]:
    """Yield prohibitions that leave nothing of a permission or forbid a duty. A narrower prohibition only narrows."""
    for index, forbidden in enumerate(policy.prohibitions):
        path = f"prohibition[{index}]"
        for number, permission in enumerate(policy.permissions):
            if policy.permissions_win:
                if _meet(permission, forbidden):
                    place = f"permission[{number}]"
                    yield _finding("warning", path, "problem.overridden", permission=place, strategy=_STRATEGY)
            elif includes(forbidden.action, permission.action) and _covers(forbidden, permission):
                action = compact(permission.action)
                yield _finding(
                    "violation", path, "problem.forbidden-use", rule="forbidden-and-permitted", action=action
                )
        asked = [*policy.obligations, *(duty for rule in policy.permissions for duty in rule.duties)]
        for duty in asked:
            if duty.action == forbidden.action and _covers(forbidden, duty):
                action = compact(duty.action)
                yield _finding("violation", path, "problem.forbidden-duty", rule="forbidden-and-due", action=action)


def _covers(forbidden: Rule, other: Rule) -> bool:
    """Return whether the prohibition holds whenever the other rule does, judged by dates and equal constraints."""
    if not forbidden.constraints:
        return True
    mine = [c for c in forbidden.constraints if not _is_date(c)]
    if any(condition not in other.constraints for condition in mine):
        return False
    start, end = term_of(list(together(forbidden.constraints)))
    first, last = term_of(list(together(other.constraints)))
    return start <= first and last <= end


def _is_date(condition: Condition) -> bool:
    if isinstance(condition, Logical):
        return condition.operator == "and" and all(_is_date(item) for item in condition.operands)
    return condition.left_operand == terms.DATE_TIME and condition.operator in {"lt", "lteq", "gt", "gteq", "eq"}


def _ineffective_permissions(policy: Policy) -> Iterator[Finding]:
    """Yield permissions whose conditions have no effect: another one permits the same with fewer."""
    if len(policy.permissions) < 2:
        return
    asks = [frozenset((*rule.constraints, *rule.duties)) for rule in policy.permissions]
    for broad, rule in enumerate(policy.permissions):
        for narrow, other in enumerate(policy.permissions):
            if broad != narrow and includes(rule.action, other.action) and asks[broad] < asks[narrow]:
                where, stronger = f"permission[{narrow}]", f"permission[{broad}]"
                yield _finding("warning", where, "problem.no-effect", rule="sidestepped", permission=stronger)


def _finding(severity: str, path: str, text: str, /, *, rule: str = "", **values: object) -> Finding:
    """Return a finding with the text of this key and its remedy in every language; ``rule``: if not named as the
    text."""
    name = text.partition(".")[2]
    messages, remedies = _CATALOGUE.in_all(text, **values), _CATALOGUE.in_all(f"remedy.{name}", **values)
    capitals = {language: message[:1].upper() + message[1:] for language, message in messages.items()}
    return Finding(
        severity=severity,
        message=capitals[FALLBACK],
        remedy=remedies[FALLBACK],
        rule=f"policy-{rule or name}",
        field=f"conditions.{path}" if path else "conditions",
        translations={
            language: {"message": message, "remedy": remedies[language]}
            for language, message in capitals.items()
            if language != FALLBACK
        },
    )


def _unreadable(error: InvalidInput) -> Finding:
    path = str(error.facts.get("path", ""))
    return Finding(
        severity="violation",
        message=error.detail[:1].upper() + error.detail[1:],
        remedy=error.remedy,
        rule="policy-unreadable",
        field=f"conditions.{path}" if path else "conditions",
    )


def _term(constraint: Constraint) -> str:
    values = ", ".join(value.text for value in constraint.right_operand)
    return f"{compact(constraint.left_operand)} {constraint.operator} {values}"[:200]
