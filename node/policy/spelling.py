"""Conversion of rules to the one spelling of the DSP 2025-1 schemas (``contract-schema.json``); ODRL has many.

``node.policy.odrl`` reads more than may be sent: prefixed members and operators, references as objects, one object
instead of the array that the schema requires. The terms stay the same; only their spelling changes. Members that
DSP's context does not define keep a prefix, so that they survive at a peer that expands JSON-LD.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from node.base.errors import InvalidInput
from node.policy.terms import LOGICAL, OPERATORS, PREFIXES, expand, expand_term
from node.vocab.namespaces import ODRL

_INNER_RULES: Final = {"duty": "duty", "remedy": "odrl:remedy", "consequence": "odrl:consequence"}
"""DSP's context (``odrl-profile.jsonld``) has a bare term only for the first."""


def rules_for_dsp(value: Any) -> list[dict[str, Any]]:
    """Return the rules of one member of a policy that ``node.policy.odrl.parse`` has read.

    Raises ``InvalidInput`` for an operator that DSP 2025-1 does not know: no peer could take such an offer.
    """
    return [_rule(item) for item in _members(value)]


def _rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for key, value in rule.items():
        if value is None:
            continue
        match _name(key):
            case "action":
                members["action"] = _plain(value)
            case "constraint":
                members["constraint"] = [_constraint(item) for item in _members(value)]
            case inner if inner in _INNER_RULES:
                members[_INNER_RULES[inner]] = rules_for_dsp(value)
            case "":
                members[key] = _written_out(value)
            case other:
                members[f"odrl:{other}"] = _plain(value)
    return members


def _constraint(constraint: Mapping[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for key, value in constraint.items():
        if value is None:
            continue
        match _name(key):
            case logical if logical in LOGICAL:
                body[logical] = [_constraint(item) for item in _members(value)]
            case "leftOperand":
                body["leftOperand"] = _plain(value)
            case "operator":
                body["operator"] = _operator(_plain(value))
            case "rightOperand":
                # An array of one item is not the same as its item: peers compare what they read.
                body["rightOperand"] = _written_out(value)
            case "":
                body[key] = _written_out(value)
            case other:
                body[f"odrl:{other}"] = _plain(value)
    return body


def _operator(text: Any) -> str:
    name = expand_term(str(text)).removeprefix(ODRL)
    if name not in OPERATORS:
        raise InvalidInput(
            f"policy: {name[:80]} is not an operator of the Dataspace Protocol",
            remedy="use one of " + ", ".join(sorted(OPERATORS)),
            facts={"field": "conditions"},
        )
    return name


def _name(key: str) -> str:
    """Return the bare name of an ODRL member; empty for other members."""
    iri = expand_term(key)
    return iri.removeprefix(ODRL) if iri.startswith(ODRL) and not key.startswith("@") else ""


def _members(value: Any) -> list[Any]:
    if isinstance(value, Mapping) and len(value) == 1:
        for wrapper in ("@list", "@set"):
            if isinstance(value.get(wrapper), list | tuple):
                return list(value[wrapper])
    return list(value) if isinstance(value, list | tuple) else [value]


def _plain(value: Any) -> Any:
    """Return a term as text, also if it is given as a reference."""
    if isinstance(value, list | tuple) and len(value) == 1:
        value = value[0]
    if isinstance(value, Mapping) and set(value) == {"@id"}:
        value = value["@id"]
    return _written_out(value)


def _written_out(part: Any) -> Any:
    """Return ``part`` with all prefixes expanded except ``odrl:``, which DSP's context has, at any depth."""
    if isinstance(part, Mapping):
        return {key: _written_out(item) for key, item in part.items()}
    if isinstance(part, list | tuple):
        return [_written_out(item) for item in part]
    if isinstance(part, str):
        prefix = part.partition(":")[0]
        return expand(part) if prefix in PREFIXES and prefix != "odrl" else part
    return part
