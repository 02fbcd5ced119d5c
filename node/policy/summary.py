"""A policy in one line: who may do what, for what, until when, and at which cost."""

from __future__ import annotations

from functools import lru_cache

from node.policy import terms
from node.policy.clauses import clauses
from node.policy.figures import bound_text, duration_text, join, value_names
from node.policy.labels import MEMBERSHIP_CREDENTIAL, credential_label, group_label, holders_label
from node.policy.operands import operand_of
from node.policy.phrases import phrases
from node.policy.phrases.model import Phrases
from node.policy.rules import Condition, Constraint, Policy, Rule
from node.policy.terms import compact


def summary(policy: Policy, language: str, *, sealed: bool | None = None) -> str:
    """One line such as "mobility partners may use, for mobility planning, until 31 December 2027; sealed".

    ``sealed``: the bytes leave this node only sealed; by default the policy's own statement about it counts.
    """
    return _summary(policy, phrases(language).language, policy.sealed if sealed is None else sealed)


@lru_cache(maxsize=1024)
def _summary(policy: Policy, language: str, sealed: bool) -> str:
    words = phrases(language)
    brief = words.brief
    if not policy.permissions:
        return brief.nobody
    first, *others = [_permission(rule, words) for rule in policy.permissions]
    parts = [first, *(brief.alternatives.format(other=other) for other in others)]
    if sealed:
        parts.append(brief.sealed)
    parts += [_duty(duty, words) for rule in policy.permissions for duty in rule.duties]
    forbidden = [_prohibition(rule, words) for rule in policy.prohibitions]
    parts += [brief.unless_allowed.format(text=text) if policy.permissions_win else text for text in forbidden]
    parts += [_duty(rule, words) for rule in policy.obligations]
    return "; ".join(dict.fromkeys(parts))


def _permission(rule: Rule, words: Phrases) -> str:
    who, rest = _who(rule.constraints, words)
    verb = words.brief.verbs.get(rule.action) or words.brief.other_verb.format(action=compact(rule.action))
    parts = [who.format(verb=verb)]
    # With a first day too, the clause states the whole term.
    dated = any(
        isinstance(condition, Constraint)
        and condition.left_operand == terms.DATE_TIME
        and condition.operator != "lteq"
        for condition in rest
    )
    short = [_short(condition, words, dated=dated) for condition in rest]
    plain = tuple(condition for condition, text in zip(rest, short, strict=True) if text is None)
    parts += [text for text in short if text is not None]
    parts += [part.text for part in clauses(plain, "", words)]
    return ", ".join(parts)


def _who(conditions: tuple[Condition, ...], words: Phrases) -> tuple[str, tuple[Condition, ...]]:
    """Return the subject of the sentence (with ``{verb}`` open), and the conditions that it does not mention."""
    for operand in (terms.CREDENTIAL, terms.MEMBERSHIP, terms.PARTICIPANT):
        for condition in conditions:
            subject = _subject(condition, operand, words)
            if subject is not None:
                return subject, tuple(other for other in conditions if other is not condition)
    return words.brief.everyone_may, conditions


def _subject(condition: Condition, operand: str, words: Phrases) -> str | None:
    if not isinstance(condition, Constraint) or condition.left_operand != operand:
        return None
    row = operand_of(condition)
    if row is None:
        return None
    brief = words.brief
    match row.operators[condition.operator]:
        case "credential_any":
            holders = [_holders(value.text, words) for value in condition.right_operand]
            return brief.holders_may.format(who=_safe(join(holders, words.or_)), verb="{verb}")
        case "membership":
            holders = [_holders(MEMBERSHIP_CREDENTIAL, words)]
            return brief.holders_may.format(who=_safe(holders[0]), verb="{verb}")
        case "participant_any":
            names = value_names(condition, words)
            return brief.named_may.format(who=_safe(join(names, words.or_)), verb="{verb}")
        case _:
            return None


def _holders(name: str, words: Phrases) -> str:
    known = holders_label(name, words.language)
    return known or words.brief.holders_of.format(
        credential=words.quote.format(credential_label(name, words.language))
    )


def _safe(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _short(condition: Condition, words: Phrases, *, dated: bool) -> str | None:
    """Return a shorter text for a condition than its clause, or None."""
    if not isinstance(condition, Constraint) or operand_of(condition) is None:
        return None
    if condition.left_operand == terms.PURPOSE and condition.operator in {"eq", "isA", "isAnyOf"}:
        name = group_label(frozenset(value.term for value in condition.right_operand), words.language)
        names = name or join(value_names(condition, words), words.or_)
        return words.brief.purpose.format(any=names)
    if condition.left_operand == terms.DATE_TIME and condition.operator == "lteq" and not dated:
        return words.brief.until.format(date=bound_text(condition.right_operand[0], "lteq", words))
    return None


def _prohibition(rule: Rule, words: Phrases) -> str:
    brief = words.brief
    text = {
        terms.DISTRIBUTE: brief.no_distribute,
        terms.REPRODUCE: brief.no_reproduce,
        terms.COMMERCIAL_USE: brief.no_commercial,
        terms.MODIFY: brief.no_modify,
    }.get(rule.action) or brief.no_other.format(action=words.brief.verbs.get(rule.action, compact(rule.action)))
    return _with(text, rule.constraints, words)


def _duty(rule: Rule, words: Phrases) -> str:
    brief = words.brief
    if rule.action == terms.DELETE and len(rule.constraints) == 1:
        within = rule.constraints[0]
        known = isinstance(within, Constraint) and within.left_operand == terms.ELAPSED_TIME
        if known and isinstance(within, Constraint) and operand_of(within) is not None:
            return brief.delete_within.format(duration=duration_text(within.right_operand[0], words))
    text = {
        terms.DELETE: brief.delete,
        terms.ATTRIBUTE: brief.attribute,
        terms.CREDIT: brief.attribute,
        terms.INFORM: brief.inform,
        terms.COMPENSATE: brief.compensate,
        terms.ANONYMIZE: brief.anonymize,
        terms.OBTAIN_CONSENT: brief.consent,
        terms.SHARE_ALIKE: brief.share_alike,
    }.get(rule.action) or brief.unknown.format(term=compact(rule.action))
    return _with(text, rule.constraints, words)


def _with(text: str, conditions: tuple[Condition, ...], words: Phrases) -> str:
    parts = [part.text for part in clauses(conditions, "", words)]
    return f"{text} ({join(parts, words.and_)})" if parts else text
