"""Reading DSP policy JSON (DSP 2025-1 §5.3.2, ``contract-schema.json``) into rules.

It reads the compact form with bare DSP terms, with prefixes, with full IRIs, and the form that an expanding peer
writes (``{"@id": …}``, ``{"@value": …}``, one object instead of an array). The reader is strict where a silent error
would change the permissions: an unknown member inside a policy or rule is refused, with its path. Members in foreign
namespaces at the policy's top level are ignored. Terms — actions, operands, operators — are not judged here: an
unknown term is kept and counts as unmet later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from node.base.errors import InvalidInput
from node.base.jsons import canonical
from node.policy.rules import Condition, Constraint, Logical, Policy, Rule, Value, leaves
from node.policy.terms import CONFLICT_STRATEGIES, LOGICAL, PROFILE, action_iri, expand, expand_term
from node.policy.values import normal_values
from node.vocab.namespaces import DCT, HANSA, ODRL

SEALED: Final = HANSA + "sealed"
"""Our extra member of an offer: the bytes leave only sealed for the recipient's key."""

MAX_DEPTH: Final = 12
MAX_LEAVES: Final = 2000

_POLICY_MEMBERS: Final = frozenset(
    ["profile", "target", "assigner", "assignee", "timestamp", "permission", "prohibition", "obligation", "conflict"]
)
_PARTY_FUNCTIONS: Final = frozenset(
    [
        "consentingParty",
        "consentedParty",
        "attributedParty",
        "attributingParty",
        "compensatedParty",
        "compensatingParty",
        "informedParty",
        "informingParty",
        "trackedParty",
        "trackingParty",
        "contractedParty",
        "contractingParty",
    ]
)
_RULE_MEMBERS: Final = frozenset(
    ["action", "constraint", "duty", "remedy", "consequence", "target", "assigner", "assignee"]
)
_CONSTRAINT_MEMBERS: Final = frozenset(["leftOperand", "operator", "rightOperand", "unit", "dataType"])
_OWN_RULES: Final = {"permission": "duty", "prohibition": "remedy", "obligation": "consequence"}


def offer_json(
    rules: Mapping[str, Any], *, target: str, offer_id: str, sealed: bool = False, permissions_win: bool = False
) -> dict[str, Any]:
    """Return a DSP 2025-1 MessageOffer of our profile about ``target``.

    ``rules`` are its members by name; empty ones are left out. Prohibitions win over permissions, unless
    ``permissions_win``.
    """
    offer: dict[str, Any] = {
        "@id": offer_id,
        "@type": "Offer",
        "profile": PROFILE,
        "target": target,
        "odrl:conflict": {"@id": "odrl:perm" if permissions_win else "odrl:prohibit"},
        **{name: listed for name, listed in rules.items() if listed},
    }
    if sealed:
        offer[SEALED] = True
    return offer


def parse(document: Mapping[str, Any]) -> Policy:
    """Return the policy in ``document`` (an Offer, an Agreement or a Set).

    Raises ``InvalidInput`` for every shape that is not a policy's, with the path in ``facts["path"]``.
    """
    if not isinstance(document, Mapping):
        raise _invalid("policy", "a policy is a JSON object")
    members = _members(document, "", _POLICY_MEMBERS, extensions=True)
    context = _Context(
        target=_iri(members.get("target"), "target"),
        assigner=_iri(members.get("assigner"), "assigner"),
        assignee=_iri(members.get("assignee"), "assignee"),
    )
    rules = {name: _rules(members.get(name), name, context, 0) for name in _OWN_RULES}
    policy = Policy(
        id=_iri(document.get("@id", document.get("uid")), "@id"),
        type=_type(document.get("@type")),
        profile=tuple(sorted(_iri(item, f"profile[{i}]") for i, item in enumerate(_list(members.get("profile"))))),
        target=context.target,
        assigner=context.assigner,
        assignee=context.assignee,
        permissions=rules["permission"],
        prohibitions=rules["prohibition"],
        obligations=rules["obligation"],
        conflict=_conflict(members.get("conflict")),
        sealed=_flag(document.get(SEALED, document.get("hansa:sealed"))),
    )
    for count, _ in enumerate(leaves(policy), start=1):
        if count > MAX_LEAVES:
            raise _invalid("policy", f"it has more than {MAX_LEAVES} rules and constraints")
    return policy


def normal(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the terms of ``document`` alone, in one spelling: equal terms give equal values.

    Ids, target, parties, timestamps and foreign members are left out. The order of rules, of constraints (all of them
    must hold: ODRL 2.2 §2.6.1), of set operands and of and/or/xone does not count; that of andSequence does.
    ``conflict`` counts only if it differs from ``prohibit``, which is our profile's default.
    Raises ``InvalidInput`` as ``parse``.
    """
    policy = parse(document)
    terms: dict[str, Any] = {
        name: _sort(normal_rule(rule) for rule in rules)
        for name, rules in (
            ("permission", policy.permissions),
            ("prohibition", policy.prohibitions),
            ("obligation", policy.obligations),
        )
        if rules
    }
    if policy.profile:
        terms["profile"] = list(policy.profile)
    if policy.conflict not in {"", "prohibit"}:
        terms["conflict"] = policy.conflict
    return terms


class _Context:
    """Members that the rules inherit from their policy: a rule about another asset or other parties is refused."""

    def __init__(self, *, target: str, assigner: str, assignee: str) -> None:
        self.target, self.assigner, self.assignee = target, assigner, assignee

    def check(self, name: str, value: str, path: str) -> None:
        mine = getattr(self, name)
        if not mine:
            setattr(self, name, value)
        elif mine != value:
            raise _invalid(f"{path}.{name}", f"the rule states another {name} than its policy")


def _rules(value: Any, path: str, context: _Context, depth: int) -> tuple[Rule, ...]:
    if depth > MAX_DEPTH:
        raise _invalid(path, f"rules are nested deeper than {MAX_DEPTH} levels")
    return tuple(_rule(item, f"{path}[{index}]", context, depth) for index, item in enumerate(_list(value)))


def _rule(value: Any, path: str, context: _Context, depth: int) -> Rule:
    members = _members(_object(value, path), path, _RULE_MEMBERS | _PARTY_FUNCTIONS)
    if "action" not in members:
        raise _invalid(path, "a rule needs an action")
    for name in ("target", "assigner", "assignee"):
        if name in members:
            context.check(name, _iri(members[name], f"{path}.{name}"), path)
    inner = {name: _rules(members.get(name), f"{path}.{name}", context, depth + 1) for name in _OWN_RULES.values()}
    return Rule(
        action=_action(members["action"], f"{path}.action"),
        constraints=tuple(
            _condition(item, f"{path}.constraint[{index}]", 0)
            for index, item in enumerate(_list(members.get("constraint")))
        ),
        duties=inner["duty"],
        remedies=inner["remedy"],
        consequences=inner["consequence"],
        parties=tuple(
            sorted(
                (ODRL + name, _iri(item, f"{path}.{name}"))
                for name in _PARTY_FUNCTIONS & members.keys()
                for item in _list(members[name])
            )
        ),
    )


def _action(value: Any, path: str) -> str:
    # DSP 2025-1 knows an action as a string only. A refined action (ODRL 2.2 §2.4) is refused: without the refinement
    # it would permit something else.
    values = _list(value)
    if len(values) != 1:
        raise _invalid(path, "a rule has exactly one action")
    iri = action_iri(_iri(values[0], path))
    if not iri:
        raise _invalid(path, "the action is empty")
    return iri


def _condition(value: Any, path: str, depth: int) -> Condition:
    if depth > MAX_DEPTH:
        raise _invalid(path, f"constraints are nested deeper than {MAX_DEPTH} levels")
    members = _members(_object(value, path), path, _CONSTRAINT_MEMBERS | frozenset(LOGICAL))
    for operator in LOGICAL:
        if operator in members:
            if len(members) != 1:
                raise _invalid(path, f"a logical constraint has {operator} and no other member")
            items = _list(members[operator])
            if not items:
                raise _invalid(f"{path}.{operator}", "a logical constraint needs operands")
            return Logical(
                operator=operator,
                operands=tuple(
                    _condition(item, f"{path}.{operator}[{index}]", depth + 1) for index, item in enumerate(items)
                ),
            )
    for name in ("leftOperand", "operator", "rightOperand"):
        if name not in members:
            raise _invalid(path, f"a constraint needs {name}")
    datatype = _iri(members.get("dataType"), f"{path}.dataType")
    return Constraint(
        left_operand=expand_term(_iri(members["leftOperand"], f"{path}.leftOperand")),
        operator=_operator(members["operator"], f"{path}.operator"),
        right_operand=tuple(
            _value(item, f"{path}.rightOperand", datatype) for item in _list(members["rightOperand"])
        ),
        unit=expand(_iri(members.get("unit"), f"{path}.unit")),
    )


def _operator(value: Any, path: str) -> str:
    iri = expand_term(_iri(value, path))
    return iri[len(ODRL) :] if iri.startswith(ODRL) else iri


def _value(value: Any, path: str, datatype: str) -> Value:
    if isinstance(value, str):
        return Value(value, datatype=expand(datatype))
    if isinstance(value, Mapping):
        keys = set(value)
        if keys == {"@id"} and isinstance(value["@id"], str):
            return Value(value["@id"], iri=True)
        text = value.get("@value")
        # An expanding peer turns {"@value": "10", "@type": "xsd:integer"} into a JSON number, by the rules of
        # JSON-LD; a bare number in an offer stays forbidden, since DSP's schema forbids it.
        if isinstance(text, bool | int):
            text = str(text).lower()
        if "@value" in value and isinstance(text, str) and keys <= {"@value", "@type", "@language"}:
            kind, language = value.get("@type", datatype), value.get("@language", "")
            if isinstance(kind, str) and isinstance(language, str):
                return Value(text, datatype=expand(kind), language=language.lower())
    raise _invalid(
        path,
        "a right operand is a string, {'@value', '@type'}, {'@id'} or an array of these",
        remedy='write a number as {"@value": "10", "@type": "xsd:integer"}',
    )


def _members(
    value: Mapping[str, Any], path: str, names: frozenset[str], *, extensions: bool = False
) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for key, item in value.items():
        if not isinstance(key, str):
            raise _invalid(path or "policy", "member names are strings")
        if key.startswith("@") or key == "uid":
            continue
        iri = expand_term(key)
        name = iri[len(ODRL) :] if iri.startswith(ODRL) else ""
        if name in names:
            if name in members:
                raise _invalid(_at(path, key), f"{name} is there twice, in two spellings")
            if item is not None:
                members[name] = item
            continue
        foreign = ":" in key and not name
        # Descriptions and our own additions change no terms, wherever they stand.
        if foreign and (extensions or iri.startswith((DCT, HANSA))):
            continue
        raise _invalid(_at(path, key), f"{key[:80]} is not a member that this node understands")
    return members


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    if isinstance(value, Mapping) and len(value) == 1:
        for wrapper in ("@list", "@set"):
            if isinstance(value.get(wrapper), Sequence) and not isinstance(value[wrapper], str):
                return list(value[wrapper])
    return list(value) if isinstance(value, list | tuple) else [value]


def _object(value: Any, path: str) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    raise _invalid(path, "this node expects an object here")


def _iri(value: Any, path: str) -> str:
    if value is None:
        return ""
    if isinstance(value, list | tuple) and len(value) == 1:
        value = value[0]
    if isinstance(value, Mapping) and set(value) == {"@id"}:
        value = value["@id"]
    if isinstance(value, str):
        return value
    raise _invalid(path, "this node expects an IRI here, as a string")


def _type(value: Any) -> str:
    text = expand_term(_iri(value, "@type")) if value is not None else ODRL + "Offer"
    name = text[len(ODRL) :] if text.startswith(ODRL) else text
    if name not in {"Offer", "Agreement", "Set", "Policy"}:
        raise _invalid("@type", f"{name[:80]} is not a kind of policy that this node reads")
    return name


def _conflict(value: Any) -> str:
    iri = expand_term(_iri(value, "conflict"))
    name = iri[len(ODRL) :] if iri.startswith(ODRL) else iri
    if name and name not in CONFLICT_STRATEGIES:
        raise _invalid("conflict", f"{name[:80]} is not a conflict strategy of ODRL")
    return name


def _flag(value: Any) -> bool:
    if isinstance(value, Mapping):
        value = value.get("@value")
    return value is True or value == "true"


def normal_rule(rule: Rule) -> dict[str, Any]:
    body: dict[str, Any] = {"action": rule.action}
    if rule.constraints:
        body["constraint"] = _sort(normal_condition(item) for item in rule.constraints)
    for name, rules in (("duty", rule.duties), ("remedy", rule.remedies), ("consequence", rule.consequences)):
        if rules:
            body[name] = _sort(normal_rule(inner) for inner in rules)
    if rule.parties:
        body["parties"] = [list(party) for party in rule.parties]
    return body


def normal_condition(condition: Condition) -> dict[str, Any]:
    if isinstance(condition, Logical):
        operands = [normal_condition(item) for item in condition.operands]
        return {condition.operator: operands if condition.operator == "andSequence" else _sort(operands)}
    body: dict[str, Any] = {
        "leftOperand": condition.left_operand,
        "operator": condition.operator,
        "rightOperand": normal_values(condition),
    }
    if condition.unit:
        body["unit"] = condition.unit
    return body


def _sort(items: Any) -> list[Any]:
    return sorted(items, key=canonical)


def _at(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _invalid(path: str, why: str, *, remedy: str = "") -> InvalidInput:
    return InvalidInput(
        f"policy, at {path[:200]}: {why}",
        remedy=remedy or "write the policy as DSP 2025-1 does, and terms with their prefix (odrl:, hz:)",
        facts={"path": path[:200]},
    )
