"""The decision point: takes a policy, a situation and an action; returns an outcome with a reason for every leaf.

Total and pure: no clock, no network, no exception for any policy that could be read. The parts combine as follows:

1. A permission covers the requested action or a wider one (odrl:includedIn); its constraints and preconditions
   must hold. One satisfied permission is enough. Without any permission nothing is permitted.
2. A prohibition applies if the requested action lies within the forbidden one, never the other way round:
   forbidding ``distribute`` does not void ``use`` (governance digest §8.8). It wins over permissions, unless the
   policy has ``conflict: perm``: then a permission that is met wins over every prohibition (ODRL 2.2 §2.10), but
   not over one that is not understood.
3. Obligations are promises of the recipient; they refuse only if one is not understood, or known to be broken.
4. A term that is not understood counts as unmet. Truth has more than two values, so that no ``xone`` or prohibition
   turns an unknown into a permission.
5. An offer with an ``odrl:assignee`` permits that party alone.
6. ``odrl:obtainConsent`` asks a person, if nothing else prevents the use.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from node.policy import terms
from node.policy.model import Decision, Nature, Outcome, Reason, Situation
from node.policy.operands import NOT_UNDERSTOOD, PROMISED, YES, Remedy, Truth, Verdict, judge, operand_of
from node.policy.phrases import phrases
from node.policy.rules import (
    Condition,
    Constraint,
    Logical,
    Part,
    Policy,
    Rule,
    condition_leaves,
    constrain_to_assignee,
    members,
)
from node.policy.terms import ACTIONS, DUTIES, includes, local_name
from node.policy.words import remedy_text, texts_by_leaf
from node.texts.languages import LANGUAGES
from node.vocab.namespaces import ODRL

RANK = (Truth.NO, Truth.UNCLEAR, Truth.WAITING, Truth.PROMISED, Truth.YES)
"""From worst to best: a conjunction is as good as its worst member."""


@dataclass(frozen=True, slots=True)
class _Line:
    """A leaf and its verdict."""

    path: str
    operand: str
    nature: Nature
    verdict: Verdict
    met: bool
    counts: bool = True


@dataclass(frozen=True, slots=True)
class _Judgement:
    """A rule or condition: its truth as a whole, and its leaves."""

    truth: Truth
    lines: tuple[_Line, ...]


def decide(policy: Policy, situation: Situation, *, action: str = terms.USE) -> Decision:
    """Return whether ``situation.caller`` may do ``action`` (an IRI) under ``policy``; see the module's docstring."""
    policy = constrain_to_assignee(policy)
    action_iri = terms.action_iri(action)
    permissions = [
        _permission(rule, f"permission[{index}]", action_iri, situation)
        for index, rule in enumerate(policy.permissions)
    ]
    obligations = [
        _duty(rule, f"obligation[{index}]", situation, asks=True) for index, rule in enumerate(policy.obligations)
    ]
    best = max((judgement.truth for judgement in permissions), key=RANK.index, default=Truth.NO)
    overridden = policy.permissions_win and (best.satisfies or best is Truth.WAITING)
    prohibitions = [
        _prohibition(rule, f"prohibition[{index}]", action_iri, situation, overridden=overridden)
        for index, rule in enumerate(policy.prohibitions)
    ]
    lines = [
        *_alternatives(permissions, best, action_iri, policy),
        *(line for judgement in (*prohibitions, *obligations) for line in judgement.lines),
        *_remarks(policy),
    ]
    void = Truth.NO if declared_void(policy) else Truth.YES
    whole = _worst([best, void, *(judgement.truth for judgement in (*prohibitions, *obligations))])
    texts = texts_by_leaf(policy)
    return Decision(
        outcome=_outcome(whole),
        reasons=tuple(_reason(texts, line) for line in lines),
        policy=policy.id,
    )


def principal_action(policy: Policy) -> str:
    """Return the action that the policy is about: the widest that it permits (``odrl:use`` where it permits nothing).

    A negotiation asks whether *this* may be done; the data plane asks for the action it is about to perform.
    """
    actions = [rule.action for rule in policy.permissions]
    for candidate in actions:
        if all(includes(candidate, other) for other in actions):
            return candidate
    return actions[0] if actions else terms.USE


def _outcome(truth: Truth) -> Outcome:
    if truth.satisfies:
        return Outcome.PERMIT
    return Outcome.ASK if truth is Truth.WAITING else Outcome.REFUSE


def _permission(rule: Rule, path: str, action: str, situation: Situation) -> _Judgement:
    if includes(rule.action, action):
        verdict = YES
    elif rule.action in ACTIONS:
        verdict = Verdict(
            truth=Truth.NO,
            have=local_name(action),
            need=local_name(rule.action),
            remedy=Remedy("other_action", (("any", local_name(rule.action)),)),
        )
    else:
        verdict = replace(NOT_UNDERSTOOD, need=rule.action)
    own = _Line(path, rule.action, Nature.FACT, verdict, verdict.truth.satisfies)
    conditions = _conditions(rule.constraints, f"{path}.constraint", situation)
    duties = [_duty(duty, f"{path}.duty[{index}]", situation, asks=True) for index, duty in enumerate(rule.duties)]
    others = _breaches(rule, path, situation, skip="duty")
    return _Judgement(
        _worst([verdict.truth, conditions.truth, *(judged.truth for judged in (*duties, *others))]),
        (own, *conditions.lines, *(line for judged in (*duties, *others) for line in judged.lines)),
    )


def _alternatives(permissions: Sequence[_Judgement], outcome: Truth, action: str, policy: Policy) -> Iterable[_Line]:
    """Yield the lines of all permissions. If one suffices, unmet conditions of the others do not count. Unmet
    conditions of a permission for another action do not count either, if there is a permission for this action."""
    suffices = outcome.satisfies or outcome is Truth.WAITING
    covering = [includes(rule.action, action) for rule in policy.permissions]
    for judgement, covers in zip(permissions, covering, strict=True):
        counts = judgement.truth is outcome if suffices else (covers or not any(covering))
        for line in judgement.lines:
            # For a permission for another action, only that fact is worth showing.
            beside = not covers and line is not judgement.lines[0]
            yield line if line.met or (counts and not beside) else replace(line, counts=False)


def _prohibition(rule: Rule, path: str, action: str, situation: Situation, *, overridden: bool) -> _Judgement:
    """Judge a prohibition. ``overridden``: a permission that wins over it covers the requested action."""
    understood = rule.action in ACTIONS
    bites = understood and includes(rule.action, action)
    conditions = _conditions(rule.constraints, f"{path}.constraint", situation)
    applies = bites and not overridden and conditions.truth in {Truth.YES, Truth.UNCLEAR}
    verdict = YES if bites else PROMISED
    if not understood:
        verdict = replace(NOT_UNDERSTOOD, have=rule.action)
    elif applies:
        verdict = Verdict(
            truth=Truth.NO,
            have=local_name(action),
            need=f"not {local_name(rule.action)}",
            remedy=Remedy("ask_provider"),
        )
    lines = [_Line(path, rule.action, Nature.FACT if bites else Nature.UNDERTAKING, verdict, verdict.truth.satisfies)]
    readable = True
    for line in conditions.lines:
        # For the caller, a condition of a prohibition is met if it does not prevent the use.
        legible = line.verdict is not NOT_UNDERSTOOD
        readable = readable and legible
        in_the_way = not legible or (applies and line.verdict.truth in {Truth.YES, Truth.UNCLEAR})
        verdict_of_line = line.verdict
        if in_the_way and verdict_of_line.remedy is None:
            verdict_of_line = replace(verdict_of_line, remedy=Remedy("ask_provider"))
        lines.append(replace(line, verdict=verdict_of_line, met=not in_the_way, counts=True))
    others = _breaches(rule, path, situation)
    blocked = applies or not understood or not readable
    return _Judgement(
        _worst([Truth.NO if blocked else Truth.YES, *(judged.truth for judged in others)]),
        (*lines, *(line for judged in others for line in judged.lines)),
    )


def _duty(rule: Rule, path: str, situation: Situation, *, asks: bool) -> _Judgement:
    """Return a duty. Its constraints describe what has to be done; they are not conditions of access."""
    verdict = _duty_verdict(rule, situation, asks=asks)
    fact = (asks and rule.action == terms.OBTAIN_CONSENT) or rule.action not in DUTIES
    nature = Nature.FACT if fact else Nature.UNDERTAKING
    lines = [_Line(path, rule.action, nature, verdict, verdict.truth.satisfies)]
    for index, condition in enumerate(rule.constraints):
        for leaf in condition_leaves(condition, f"{path}.constraint[{index}]", Part.DUTY):
            assert isinstance(leaf.content, Constraint)
            known = operand_of(leaf.content) is not None
            shape = PROMISED if known else NOT_UNDERSTOOD
            kind = Nature.UNDERTAKING if known else Nature.FACT
            lines.append(_Line(leaf.path, leaf.content.left_operand, kind, shape, known))
    others = _breaches(rule, path, situation)
    return _Judgement(
        _worst([*(line.verdict.truth for line in lines), *(judged.truth for judged in others)]),
        (*lines, *(line for judged in others for line in judged.lines)),
    )


def _duty_verdict(rule: Rule, situation: Situation, *, asks: bool) -> Verdict:
    if rule.action not in DUTIES:
        return replace(NOT_UNDERSTOOD, have=rule.action)
    if asks and rule.action == terms.OBTAIN_CONSENT:
        if situation.approved or situation.agreed:
            return YES
        return Verdict(truth=Truth.WAITING, have="nobody yet", need="approval by a person", remedy=Remedy("consent"))
    if situation.facts.get(rule.action) is False:
        return Verdict(
            truth=Truth.NO,
            have=f"{local_name(rule.action)}: not done",
            need=local_name(rule.action),
            remedy=Remedy("ask_provider"),
        )
    return PROMISED


def _breaches(rule: Rule, path: str, situation: Situation, *, skip: str = "") -> list[_Judgement]:
    """Return the rules that apply after a breach (remedies, consequences), and duties that are no preconditions."""
    return [
        _duty(inner, f"{path}.{name}[{index}]", situation, asks=False)
        for name, rules in members(rule)
        if name != skip
        for index, inner in enumerate(rules)
    ]


def _conditions(conditions: Sequence[Condition], path: str, situation: Situation) -> _Judgement:
    judged = [_condition(item, f"{path}[{index}]", situation) for index, item in enumerate(conditions)]
    return _Judgement(_worst([item.truth for item in judged]), tuple(line for item in judged for line in item.lines))


def _condition(condition: Condition, path: str, situation: Situation) -> _Judgement:
    if isinstance(condition, Constraint):
        row = operand_of(condition)
        verdict = judge(condition, situation)
        nature = Nature.FACT if row is None else row.nature
        line = _Line(path, condition.left_operand, nature, verdict, verdict.truth.satisfies)
        return _Judgement(verdict.truth, (line,))
    parts = [
        _condition(item, f"{path}.{condition.operator}[{index}]", situation)
        for index, item in enumerate(condition.operands)
    ]
    truth = _combine(condition, [part.truth for part in parts])
    lines = tuple(line for part in parts for line in part.lines)
    if truth.satisfies:
        lines = tuple(line if line.met else replace(line, counts=False) for line in lines)
    elif all(line.met or not line.counts for line in lines):
        # Too many alternatives hold: no single leaf is the cause, the whole is.
        whole = Verdict(truth=truth, have="more than one", need="exactly one", remedy=Remedy("ask_provider"))
        lines = (*lines, _Line(path, ODRL + condition.operator, Nature.FACT, whole, False))
    return _Judgement(truth, lines)


def _combine(condition: Logical, truths: list[Truth]) -> Truth:
    match condition.operator:
        case "or":
            return max(truths, key=_either)
        case "xone":
            return _exactly_one(truths)
        case _:
            return _worst(truths)


def _either(truth: Truth) -> int:
    return (Truth.NO, Truth.UNCLEAR, Truth.PROMISED, Truth.YES).index(truth)


def _exactly_one(truths: list[Truth]) -> Truth:
    holding = truths.count(Truth.YES)
    if holding > 1:
        return Truth.NO
    if Truth.UNCLEAR in truths:
        return Truth.UNCLEAR
    if holding == 1:
        return Truth.YES
    # The recipient can keep exactly one of the promises.
    return Truth.PROMISED if Truth.PROMISED in truths else Truth.NO


def _worst(truths: Iterable[Truth]) -> Truth:
    return min(truths, key=RANK.index, default=Truth.YES)


def declared_void(policy: Policy) -> bool:
    """Return whether a policy that asks to be void in case of conflict has one (ODRL 2.2 §2.10, ``invalid``)."""
    if policy.conflict != "invalid":
        return False
    return any(
        includes(permitted.action, forbidden.action) or includes(forbidden.action, permitted.action)
        for permitted in policy.permissions
        for forbidden in policy.prohibitions
    )


def _remarks(policy: Policy) -> Iterable[_Line]:
    """Yield the problems of the policy as a whole."""
    if not policy.permissions:
        verdict = Verdict(truth=Truth.NO, need="a permission", remedy=Remedy("ask_provider"))
        yield _Line("permission", ODRL + "permission", Nature.FACT, verdict, False)
    if declared_void(policy):
        verdict = Verdict(truth=Truth.NO, have="invalid", remedy=Remedy("ask_provider"))
        yield _Line("conflict", ODRL + "conflict", Nature.FACT, verdict, False)


def _reason(texts: Mapping[str, dict[str, str]], line: _Line) -> Reason:
    verdict = line.verdict
    remedy = None if line.met else verdict.remedy
    return Reason(
        rule=line.path,
        operand=line.operand,
        nature=line.nature,
        met=line.met,
        text=_text(texts, line.path),
        have=verdict.have,
        need=verdict.need,
        remedy={language: remedy_text(remedy, language) for language in LANGUAGES} if remedy else {},
        since=None if line.met else verdict.since,
        counts=line.counts,
    )


def _text(texts: Mapping[str, dict[str, str]], path: str) -> dict[str, str]:
    if path in texts:
        return dict(texts[path])
    if path == "permission":
        return {language: phrases(language).nothing_permitted + "." for language in LANGUAGES}
    if path == "conflict":
        return {language: phrases(language).self_contradiction + "." for language in LANGUAGES}
    # The sentence of its first leaf covers a whole logical constraint.
    return dict(next(text for leaf, text in texts.items() if leaf.startswith(path + ".")))
