"""Convert ODRL in a description to the JSON of a DSP offer, the form in which conditions are sent and signed.

Some constructs have no place in an offer: a refined action, a party of its own, an operand that is a structure. A
policy with such a part is refused, because dropping the part would change the permissions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pyoxigraph import BlankNode, Dataset, Literal, NamedNode

from node.semantics.triples import TYPE, Node, Term, drop, items, nodes, objects, reachable, types
from node.vocab.namespaces import CC, DCAT, DCT, DPV, HANSA, HANSA_POLICY, ODRL, RDF, RDFS, XSD

HAS_POLICY: Final = f"{ODRL}hasPolicy"
_PREFIXES: Final = {"odrl": ODRL, "hz": HANSA_POLICY, "hansa": HANSA, "dpv": DPV, "cc": CC, "xsd": XSD, "dct": DCT}
_RULES: Final = ("permission", "prohibition", "obligation", "duty", "remedy", "consequence")
_OF_POLICY: Final = ("permission", "prohibition", "obligation")
_DEPTH: Final = 8
_LOGICAL: Final = ("and", "or", "xone", "andSequence")
_IDLE: Final = frozenset(
    {
        f"{ODRL}target",
        f"{ODRL}assigner",
        f"{ODRL}uid",
        f"{RDFS}label",
        f"{RDFS}comment",
        f"{DCT}title",
        f"{DCT}description",
    }
)
"""Properties that an offer has no place or no need for: it is for its own asset, from its own node."""
_OWN_TYPES: Final = frozenset(f"{ODRL}{name}" for name in ("Offer", "Policy", "Set"))


class NotUnderstood(Exception):
    """A policy contains a part that has no place in an offer. The text names the part."""


def offer(dataset: Dataset, subject: Node) -> dict[str, Any] | None:
    """Return the offer from the policy of ``subject`` or its files, or None. Its statements are removed from the
    dataset.

    Raises ``NotUnderstood`` for a policy that cannot be converted, for several policies that differ, and for a policy
    at another address: nobody can agree to terms that cannot be read.
    """
    holders = [subject, *nodes(dataset, subject, f"{DCAT}distribution")]
    policies = {policy for holder in holders for policy in objects(dataset, holder, HAS_POLICY)}
    if not policies:
        return None
    if any(isinstance(policy, Literal) for policy in policies):
        raise NotUnderstood("it is a string")
    offers = [_policy(dataset, policy) for policy in sorted(policies, key=str) if not isinstance(policy, Literal)]
    if any(other != offers[0] for other in offers[1:]):
        raise NotUnderstood("there are several different ones")
    _take_out(dataset, holders)
    return offers[0]


def has_rules(fields: Mapping[str, Any]) -> bool:
    """Return whether fields of a description are an ODRL policy, not a template with its parameters."""
    return any(str(name).removeprefix("odrl:") in _OF_POLICY for name in fields)


def _take_out(dataset: Dataset, holders: list[Node]) -> None:
    policies = [node for holder in holders for node in nodes(dataset, holder, HAS_POLICY)]
    for holder in holders:
        drop(dataset, holder, HAS_POLICY)
    triples = reachable(dataset, holders)
    for node in reachable(dataset, policies) - triples:
        for quad in list(dataset.quads_for_subject(node)):
            dataset.remove(quad)


def _policy(dataset: Dataset, policy: Node) -> dict[str, Any]:
    members = _statements(dataset, policy)
    if not members:
        raise NotUnderstood(f"{policy} is not in this document")
    kinds = types(dataset, policy)
    if kinds - _OWN_TYPES:
        raise NotUnderstood(f"it is of type {', '.join(sorted(kinds - _OWN_TYPES))}")
    body: dict[str, Any] = {"@type": "Offer"}
    for property_, values in members.items():
        name = property_.removeprefix(ODRL)
        if property_ == TYPE.value or property_ in _IDLE:
            continue
        if name in _OF_POLICY:
            body[name] = [_rule(dataset, value) for value in values]
        elif name == "profile":
            body[name] = [_iri(value) for value in values]
        elif property_ == f"{HANSA}sealed":
            body[property_] = values[0].value == "true"
        elif name == "conflict":
            body["odrl:conflict"] = _compact(_iri(values[0]))
        else:
            raise NotUnderstood(f"it has {_compact(property_)}")
    if not any(name in body for name in ("permission", "prohibition")):
        raise NotUnderstood("it has neither a permission nor a prohibition")
    return body


def _rule(dataset: Dataset, rule: Term, depth: int = 0) -> dict[str, Any]:
    if isinstance(rule, Literal):
        raise NotUnderstood("a rule is a string")
    if depth > _DEPTH:
        raise NotUnderstood("its rules are nested too deeply")
    body: dict[str, Any] = {}
    for property_, values in _statements(dataset, rule).items():
        name = property_.removeprefix(ODRL)
        if property_ == TYPE.value or property_ in _IDLE:
            continue
        if name == "action":
            body["action"] = _compact(_iri(_only(values, "action")))
        elif name == "constraint":
            body["constraint"] = [_constraint(dataset, value) for value in values]
        elif name in _RULES:
            # DSP's context has no term for these, so a bare one would be lost at a peer that expands JSON-LD.
            body[f"odrl:{name}"] = [_rule(dataset, value, depth + 1) for value in values]
        elif property_.startswith(ODRL) and name.endswith("Party"):
            body[f"odrl:{name}"] = _iri(_only(values, name))
        else:
            raise NotUnderstood(f"a rule has {_compact(property_)}")
    if "action" not in body:
        raise NotUnderstood("a rule has no action")
    return body


def _constraint(dataset: Dataset, constraint: Term, depth: int = 0) -> dict[str, Any]:
    if isinstance(constraint, Literal):
        raise NotUnderstood("a constraint is a string")
    if depth > _DEPTH:
        raise NotUnderstood("its constraints are nested too deeply")
    members = _statements(dataset, constraint)
    body: dict[str, Any] = {}
    for property_, values in members.items():
        name = property_.removeprefix(ODRL)
        if property_ == TYPE.value or property_ in _IDLE:
            continue
        if name in _LOGICAL:
            operands = [operand for value in values for operand in _operands(dataset, value)]
            return {name: [_constraint(dataset, operand, depth + 1) for operand in operands]}
        if name == "leftOperand":
            body[name] = _compact(_iri(_only(values, name)))
        elif name == "operator":
            body[name] = _iri(_only(values, name)).removeprefix(ODRL)
        elif name in ("rightOperand", "rightOperandReference"):
            right = [_right(value) for operand in values for value in _operands(dataset, operand)]
            body["rightOperand"] = right[0] if len(right) == 1 else right
        elif name == "unit":
            body["odrl:unit"] = _compact(_iri(_only(values, name)))
        elif name != "dataType":
            raise NotUnderstood(f"a constraint has {_compact(property_)}")
    missing = {"leftOperand", "operator", "rightOperand"} - set(body)
    if missing:
        raise NotUnderstood(f"a constraint lacks {', '.join(sorted(missing))}")
    return body


def _operands(dataset: Dataset, value: Term) -> list[Term]:
    """Return the members of an RDF list, or the value itself."""
    if isinstance(value, BlankNode) and objects(dataset, value, f"{RDF}first"):
        return list(items(dataset, value))
    return [value]


def _right(value: Term) -> Any:
    if isinstance(value, NamedNode):
        return {"@id": value.value}
    if isinstance(value, BlankNode):
        raise NotUnderstood("a right operand is not a plain value")
    if value.language:
        return {"@value": value.value, "@language": value.language}
    if value.datatype.value == f"{XSD}string":
        return value.value
    return {"@value": value.value, "@type": _compact(value.datatype.value)}


def _statements(dataset: Dataset, subject: Node) -> dict[str, list[Term]]:
    predicates = sorted({quad.predicate.value for quad in dataset.quads_for_subject(subject)})
    return {property_: objects(dataset, subject, property_) for property_ in predicates}


def _only(values: list[Term], name: str) -> Term:
    if len(values) != 1:
        raise NotUnderstood(f"there is more than one {name}")
    return values[0]


def _iri(value: Term) -> str:
    if not isinstance(value, NamedNode):
        raise NotUnderstood("an action or operand is not a plain name")
    return value.value


def _compact(iri: str) -> str:
    for prefix, namespace in _PREFIXES.items():
        if iri.startswith(namespace):
            return f"{prefix}:{iri[len(namespace) :]}"
    return iri
