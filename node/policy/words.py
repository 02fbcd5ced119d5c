"""Policies in plain words: every leaf in exactly one sentence, and a summary of one line.

A sentence knows which leaves it covers and whether they are facts ("checked at every access") or undertakings
("promised"). A restricted permission is never worded as "must not"; conditions narrow a prohibition too; a term that
is not understood is printed as written (governance digest §1).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache

from node.policy import terms
from node.policy.clauses import Clause, clauses
from node.policy.figures import amount_text, duration_text, join
from node.policy.labels import purpose_label
from node.policy.model import Nature
from node.policy.operands import Remedy, operand_of
from node.policy.phrases import phrases
from node.policy.phrases.model import Phrases
from node.policy.rules import Condition, Constraint, Policy, Rule, constrain_to_assignee, leaves, members
from node.policy.summary import summary
from node.policy.terms import DUTIES, compact
from node.texts.languages import LANGUAGES
from node.vocab.namespaces import ODRL

__all__ = [
    "LANGUAGES",
    "Section",
    "Sentence",
    "explain",
    "part_sentences",
    "remedy_text",
    "sentences",
    "summary",
    "texts_by_leaf",
]


class Section(StrEnum):
    """The subject of a sentence, for documents that separate permissions, duties and prohibitions."""

    PERMISSION = "permission"
    CONDITION = "condition"
    CONSENT = "consent"
    PROHIBITION = "prohibition"
    DUTY = "duty"


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence. ``rule`` is the path of the rule it belongs to; ``natures`` is empty for a bare permission."""

    text: str
    section: Section
    rule: str
    paths: tuple[str, ...]
    natures: frozenset[Nature] = frozenset()


def sentences(policy: Policy, language: str, *, kind: str = "") -> list[str]:
    """Return the policy in sentences of ``language``. ``kind`` (``dataset``, ``model``, …) names the asset."""
    return [sentence.text for sentence in explain(policy, language, kind)]


def explain(policy: Policy, language: str, kind: str = "") -> tuple[Sentence, ...]:
    """As ``sentences``, each with its leaves. Cached: terms are immutable and few, and what they are about has no
    part in their sentences."""
    return _explain(replace(policy, id="", target=""), language, kind)


@lru_cache(maxsize=1024)
def _explain(policy: Policy, language: str, kind: str) -> tuple[Sentence, ...]:
    words = phrases(language)
    policy = constrain_to_assignee(policy)
    result: list[Sentence] = []
    for index, rule in enumerate(policy.permissions):
        result += _permission(rule, f"permission[{index}]", words, kind)
    for index, rule in enumerate(policy.prohibitions):
        result += _prohibition(rule, f"prohibition[{index}]", words, kind, yields=policy.permissions_win)
    for index, rule in enumerate(policy.obligations):
        result += _duty(rule, f"obligation[{index}]", words, kind, "{sentence}")
    return tuple(result)


def part_sentences(policy: Policy, language: str) -> list[str]:
    """Return the sentences about the part of the data that the policy gives; empty if it gives everything."""
    limits = {
        leaf.path
        for leaf in leaves(constrain_to_assignee(policy))
        if isinstance(leaf.content, Constraint) and leaf.content.left_operand in terms.PART
    }
    about = [sentence.text for sentence in explain(policy, language) if limits.intersection(sentence.paths)]
    return list(dict.fromkeys(about))


@lru_cache(maxsize=512)
def texts_by_leaf(policy: Policy) -> dict[str, dict[str, str]]:
    """Return path of each leaf → language → its sentence. Cached: callers must not change it."""
    texts: dict[str, dict[str, str]] = {}
    for language in LANGUAGES:
        for sentence in explain(policy, language):
            for path in sentence.paths:
                texts.setdefault(path, {})[language] = sentence.text
    return texts


def remedy_text(remedy: Remedy, language: str) -> str:
    """Return the remedies, in ``language``."""
    words = phrases(language)
    template: str = getattr(words.remedies, remedy.phrase)
    values = dict(remedy.values)
    if remedy.purposes:
        values["any"] = join([purpose_label(iri, words.language) for iri in remedy.purposes], words.or_)
    # A command is copied as it is: no full stop after it.
    return template.format(**values) + ("" if template.endswith("{command}") else ".")


def _permission(rule: Rule, path: str, words: Phrases, kind: str) -> list[Sentence]:
    text = words.may.get(rule.action, words.may_other).format(**_nouns(rule, words, kind))
    if rule.constraints or rule.duties:
        text = words.on_conditions.format(sentence=text)
    result = [_sentence(text, Section.PERMISSION, path, (path,))]
    for item in clauses(rule.constraints, f"{path}.constraint", words):
        only = words.only.format(clause=item.text)
        result.append(_sentence(only, Section.CONDITION, path, item.paths, item.natures))
    return result + _inner(rule, path, words, kind)


def _prohibition(rule: Rule, path: str, words: Phrases, kind: str, *, yields: bool) -> list[Sentence]:
    text = words.must_not.get(rule.action, words.must_not_other).format(**_nouns(rule, words, kind))
    parts = clauses(rule.constraints, f"{path}.constraint", words)
    if parts:
        text = words.prohibited_when.format(sentence=text, clauses=join([part.text for part in parts], words.and_))
    if yields:
        text = words.unless_allowed.format(sentence=text)
    paths = (path, *(leaf for part in parts for leaf in part.paths))
    natures = frozenset({Nature.UNDERTAKING})
    return [_sentence(text, Section.PROHIBITION, path, paths, natures), *_inner(rule, path, words, kind)]


def _duty(rule: Rule, path: str, words: Phrases, kind: str, frame: str) -> list[Sentence]:
    text, constraints = _duty_text(rule, words, kind)
    left = tuple(condition for condition in rule.constraints if condition is not constraints)
    parts = _clauses_except(rule.constraints, constraints, f"{path}.constraint", words)
    if left:
        text = words.duty_when.format(sentence=text, clauses=join([part.text for part in parts], words.and_))
    consent = rule.action == terms.OBTAIN_CONSENT
    paths = (path, *(leaf for part in parts for leaf in part.paths))
    if constraints is not None:
        paths += (f"{path}.constraint[{_position(rule.constraints, constraints)}]",)
    return [
        _sentence(
            frame.format(sentence=text),
            Section.CONSENT if consent else Section.DUTY,
            path,
            paths,
            frozenset({Nature.FACT if consent or rule.action not in DUTIES else Nature.UNDERTAKING}),
        ),
        *_inner(rule, path, words, kind),
    ]


def _inner(rule: Rule, path: str, words: Phrases, kind: str) -> list[Sentence]:
    frames = {"duty": words.beforehand, "remedy": words.if_breached, "consequence": words.if_unfulfilled}
    result: list[Sentence] = []
    for name, rules in members(rule):
        for index, inner in enumerate(rules):
            waits = inner.action == terms.OBTAIN_CONSENT and name == "duty"
            frame = "{sentence}" if waits else frames[name]
            result += _duty(inner, f"{path}.{name}[{index}]", words, kind, frame)
    return result


def _duty_text(rule: Rule, words: Phrases, kind: str) -> tuple[str, Constraint | None]:
    """Return the sentence of a duty, and the constraint that this sentence already contains."""
    duties = words.duties
    match rule.action:
        case terms.DELETE:
            within = _constraint(rule, terms.ELAPSED_TIME)
            if within is not None:
                span = duration_text(within.right_operand[0], words)
                return duties.delete_within.format(**_nouns(rule, words, kind), duration=span), within
            return duties.delete.format(**_nouns(rule, words, kind)), None
        case terms.COMPENSATE:
            amount = _constraint(rule, terms.PAY_AMOUNT)
            if amount is not None:
                return duties.compensate_amount.format(amount=amount_text(amount, words)), amount
            return duties.compensate, None
        case terms.ATTRIBUTE:
            return _with_party(rule, "attributedParty", duties.attribute, duties.attribute_party), None
        case terms.INFORM:
            return _with_party(rule, "informedParty", duties.inform, duties.inform_party), None
        case terms.OBTAIN_CONSENT:
            return _with_party(rule, "consentingParty", duties.consent, duties.consent_party), None
        case terms.ANONYMIZE:
            return duties.anonymize, None
        case terms.CREDIT:
            return duties.credit, None
        case terms.SHARE_ALIKE:
            return duties.share_alike, None
        case _:
            return duties.unknown.format(action=compact(rule.action)), None


def _with_party(rule: Rule, function: str, plain: str, pattern: str) -> str:
    parties = [party for name, party in rule.parties if name == ODRL + function]
    return pattern.format(who=", ".join(parties)) if parties else plain


def _constraint(rule: Rule, operand: str) -> Constraint | None:
    constraints = [
        condition
        for condition in rule.constraints
        if isinstance(condition, Constraint)
        and condition.left_operand == operand
        and operand_of(condition) is not None
    ]
    return constraints[0] if len(constraints) == 1 else None


def _clauses_except(
    conditions: tuple[Condition, ...], exception: Constraint | None, path: str, words: Phrases
) -> list[Clause]:
    if exception is None:
        return clauses(conditions, path, words)
    skipped = f"{path}[{_position(conditions, exception)}]"
    return [part for part in clauses(conditions, path, words) if part.paths != (skipped,)]


def _position(conditions: tuple[Condition, ...], exception: Constraint) -> int:
    return next(index for index, condition in enumerate(conditions) if condition is exception)


def _nouns(rule: Rule, words: Phrases, kind: str) -> dict[str, str]:
    asset, of_asset = words.assets.get(kind, words.assets[""])
    return {"asset": asset, "of_asset": of_asset, "action": compact(rule.action)}


def _sentence(
    text: str,
    section: Section,
    rule: str,
    paths: tuple[str, ...],
    natures: frozenset[Nature] = frozenset(),
) -> Sentence:
    return Sentence(text[:1].upper() + text[1:] + ".", section, rule, paths, natures)
