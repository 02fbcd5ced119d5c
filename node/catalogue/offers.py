"""The offer of a record: its id, and its statements in the description.

A DSP offer is JSON; SPARQL users and harvesters read RDF. So the description contains the complete offer as
ODRL (ODRL 2.2), with a sentence in every supported language. All parts have IRIs below the offer's, and no blank
nodes, so that the canonical form of the description need not be computed anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from node.base.errors import InvalidInput
from node.base.jsons import digest
from node.catalogue.nquads import iri_term, line, literal_term
from node.policy.odrl import parse
from node.policy.rules import Condition, Constraint, Rule, Value, members, sections
from node.policy.templates import compile_conditions, in_catalogue
from node.policy.words import LANGUAGES, sentences
from node.vocab.namespaces import DCT, HANSA, ODRL, RDF

CONDITIONS: Final = f"{HANSA}conditions"
"""Short for ``odrl:hasPolicy/dct:description``: the conditions of an asset, in words."""

_TERMS: Final = ("permission", "prohibition", "obligation", "profile", "conflict", "odrl:conflict")
_TYPE = iri_term(f"{RDF}type")
_RULE_CLASSES = {"permission": "Permission", "prohibition": "Prohibition"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The compiled conditions of the publisher: the offer (None: nothing is offered), sealed or not, the audience."""

    offer: dict[str, Any] | None
    sealed: bool
    audience: str


def terms_of(conditions: Mapping[str, Any] | str, *, iri: str, region: str | None) -> Terms:
    """Compile ``conditions`` for the asset ``iri``: a template with its parameters, or an ODRL offer.

    An offer may be given alone or, as in descriptions, under ``offer``.

    The id of the offer depends on its content: ``{iri}#offer-{digest}``. So an offer that a peer has read either is
    still the same or no longer exists, and publishing the same conditions twice makes one offer. Raises
    ``InvalidInput`` if the conditions cannot be understood.
    """
    if isinstance(conditions, Mapping) and set(conditions) == {"offer"}:
        conditions = conditions["offer"]
    policies = compile_conditions(conditions, target=iri, offer_id=f"{iri}#offer", region=region)
    offer = None
    if policies.offer is not None:
        terms = {name: value for name, value in in_catalogue(policies.offer).items() if name != "@id"}
        offer = {"@id": f"{iri}#offer-{_mark(terms)}", **terms}
    return Terms(offer=offer, sealed=policies.sealed, audience=policies.audience)


def _mark(terms: Mapping[str, Any]) -> str:
    try:
        return digest(terms)[:16]
    except ValueError as error:
        raise InvalidInput(f"the conditions cannot be signed: {error}", remedy="write fractions as text") from error


def terms_hash(policy: Mapping[str, Any]) -> str:
    """Return the hash of the terms of an offer or agreement: the same for all that permit and forbid the same in the
    same words, whatever asset and parties they name."""
    terms = {name: policy[name] for name in _TERMS if policy.get(name) is not None}
    try:
        return digest(terms)
    except ValueError:
        # Terms of others may have numbers that are never signed here.
        return hashlib.sha256(repr(terms).encode("utf-8", "replace")).hexdigest()


def offer_lines(iri: str, offer: Mapping[str, Any], kind: str) -> list[str]:
    """Return the statements about ``offer`` as lines of canonical N-Quads. Raises ``InvalidInput``.

    ``kind`` is the kind of the asset; the sentences name it.
    """
    policy = parse(offer)
    asset, node = iri_term(iri), iri_term(policy.id)
    lines = [
        line(asset, iri_term(f"{ODRL}hasPolicy"), node),
        line(node, _TYPE, iri_term(f"{ODRL}Offer")),
        line(node, iri_term(f"{ODRL}target"), asset),
    ]
    lines += [line(node, iri_term(f"{ODRL}profile"), iri_term(profile)) for profile in policy.profile]
    for language in LANGUAGES:
        words = literal_term(" ".join(sentences(policy, language, kind=kind)), language=language)
        lines += [
            line(node, iri_term(f"{DCT}description"), words),
            line(asset, iri_term(CONDITIONS), words),
        ]
    for name, _, rules in sections(policy):
        lines += _rules(policy.id, node, name, rules, _RULE_CLASSES.get(name, "Duty"))
    return lines


def _rules(base: str, parent: str, name: str, rules: Sequence[Rule], kind: str) -> Iterator[str]:
    for number, rule in enumerate(rules):
        iri = f"{base}-{name}-{number}"
        node = iri_term(iri)
        yield line(parent, iri_term(f"{ODRL}{name}"), node)
        yield line(node, _TYPE, iri_term(f"{ODRL}{kind}"))
        yield line(node, iri_term(f"{ODRL}action"), iri_term(rule.action))
        for function, party in rule.parties:
            yield line(node, iri_term(function), iri_term(party))
        yield from _conditions(iri, node, "constraint", rule.constraints)
        for member, inner in members(rule):
            yield from _rules(iri, node, member, inner, "Duty")


def _conditions(base: str, parent: str, name: str, conditions: Sequence[Condition]) -> Iterator[str]:
    for number, condition in enumerate(conditions):
        iri = f"{base}-{name}-{number}"
        node = iri_term(iri)
        yield line(parent, iri_term(f"{ODRL}{name}"), node)
        if isinstance(condition, Constraint):
            yield from _constraint(node, condition)
        else:
            yield line(node, _TYPE, iri_term(f"{ODRL}LogicalConstraint"))
            yield from _conditions(iri, node, condition.operator, condition.operands)


def _constraint(node: str, constraint: Constraint) -> Iterator[str]:
    operator = constraint.operator
    yield line(node, _TYPE, iri_term(f"{ODRL}Constraint"))
    yield line(node, iri_term(f"{ODRL}leftOperand"), iri_term(constraint.left_operand))
    yield line(node, iri_term(f"{ODRL}operator"), iri_term(operator if ":" in operator else f"{ODRL}{operator}"))
    for value in constraint.right_operand:
        yield line(node, iri_term(f"{ODRL}rightOperand"), _value(value))
    if constraint.unit:
        yield line(node, iri_term(f"{ODRL}unit"), iri_term(constraint.unit))


def _value(value: Value) -> str:
    if value.iri:
        return iri_term(value.term)
    return literal_term(value.text, language=value.language, datatype=value.datatype)
