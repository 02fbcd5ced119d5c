"""Policy templates: named conditions for stewards, compiled to an offer.

A template is a file in ``policies/``: labels, parameters, flags, and a policy with ``${parameter}`` placeholders.
A part of the policy whose placeholder has no value is left out, up to the nearest member of a list; a member with
``"$if": name`` is left out unless that parameter is true. The output is the content of a DSP 2025-1 MessageOffer: no
empty lists, no bare numbers, every term with the ``odrl:`` prefix or as a full IRI, since the JSON-LD context of DSP
defines no other prefix of ours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Final

from node.base.errors import InvalidInput
from node.policy.odrl import offer_json, parse
from node.policy.parameters import Parameter, read_value
from node.policy.portion import constraints_of
from node.policy.spelling import rules_for_dsp
from node.policy.terms import PROFILE, expand
from node.policy.visible import PUBLIC
from node.semantics.resources import names, read
from node.vocab.namespaces import ODRL

_PLACEHOLDER: Final = re.compile(r"\$\{([A-Za-z][A-Za-z0-9]*)\}")
_RULES: Final = ("permission", "prohibition", "obligation")
_NOTHING: Final = object()
PART: Final = "part"
"""The member of conditions that says which part of the data is given (``node.policy.portion``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A template. ``policy`` is None if nothing is offered; ``sealed`` may be a placeholder. ``publisher`` is the
    name of the region that offers it, empty for those of Hansa."""

    id: str
    order: int
    label: dict[str, str]
    explanation: dict[str, str]
    parameters: tuple[Parameter, ...]
    audience: str
    sealed: bool | str
    ask: bool
    policy: dict[str, Any] | None = field(default=None, hash=False)
    publisher: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the members for galleries and forms."""
        return {
            "id": self.id,
            "label": self.label,
            "explanation": self.explanation,
            "audience": self.audience,
            "ask": self.ask,
            "offers": self.policy is not None,
            "parameters": [parameter.to_json() for parameter in self.parameters],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledConditions:
    """The result of compiled conditions: the offer (None: no offer), how bytes travel, who may see the asset."""

    offer: dict[str, Any] | None
    sealed: bool
    audience: str
    template: str = ""
    ask: bool = False


@lru_cache(maxsize=1)
def templates() -> tuple[Template, ...]:
    """Return all templates, in the order of the gallery."""
    loaded = [_load(json.loads(read("policies", name))) for name in names("policies", ".json")]
    return tuple(sorted(loaded, key=lambda template: template.order))


def template(name: str) -> Template:
    """Return the template with this id. Raises ``InvalidInput`` with the list of all ids."""
    for candidate in templates():
        if candidate.id == name:
            return candidate
    raise InvalidInput(
        f"there are no conditions called {name[:80]!r}",
        remedy="choose one of: " + ", ".join(candidate.id for candidate in templates()),
        facts={"field": "conditions", "choices": [candidate.id for candidate in templates()]},
    )


def compile_conditions(
    conditions: Mapping[str, Any] | str, *, target: str, offer_id: str, region: str | None = None
) -> CompiledConditions:
    """Compile ``conditions`` to an offer of the asset ``target``.

    ``conditions`` is the id of a template; ``{"template": id, parameter: value, …}``; ``{id: {parameter: value}}``;
    or an ODRL policy in DSP form, which is taken as it is. Each may have a ``part`` beside it
    (``node.policy.portion``). ``region`` (a DID) fills the parameter of that name.
    Raises ``InvalidInput``: the sentence lists every parameter that is missing, unknown or unreadable, ``remedy``
    describes the allowed values, ``facts["findings"]`` has them one by one.
    """
    if isinstance(conditions, Mapping) and conditions.get(PART) is not None:
        rest = {name: value for name, value in conditions.items() if name != PART}
        whole = compile_conditions(rest, target=target, offer_id=offer_id, region=region)
        return replace(whole, offer=_with_part(whole.offer, conditions[PART]))
    if isinstance(conditions, Mapping) and any(is_rule_member(key) for key in conditions):
        return _own_policy(conditions, target, offer_id)
    name, given = _name_and_values(conditions)
    choice = template(name)
    values = _values(choice, given, region)
    seal_choice = (
        values.get(_PLACEHOLDER.sub(r"\1", choice.sealed)) if isinstance(choice.sealed, str) else choice.sealed
    )
    offer = None
    if choice.policy is not None:
        offer = _offer(_fill(choice.policy, values), target, offer_id, sealed=bool(seal_choice))
    return CompiledConditions(
        offer=offer, sealed=bool(seal_choice), audience=choice.audience, template=choice.id, ask=choice.ask
    )


def outline(choice: Template, answers: Mapping[str, Any], region: str | None) -> tuple[dict[str, Any], bool]:
    """Return the policy of a template with the values that can be read, and whether it is sealed: of a required value
    that is missing or cannot be read, the operand stays empty."""
    values: dict[str, Any] = {}
    for parameter in choice.parameters:
        value = answers.get(parameter.name) or (region if parameter.name == "region" else None)
        for candidate in (value, parameter.default):
            try:
                if candidate is not None:
                    values[parameter.name] = read_value(parameter, candidate)
                    break
            except ValueError:
                continue
        else:
            if parameter.required:
                values[parameter.name] = ""
    sealed = values.get(_PLACEHOLDER.sub(r"\1", choice.sealed)) if isinstance(choice.sealed, str) else choice.sealed
    filled = _fill(choice.policy, values) if choice.policy is not None else {}
    return {name: filled[name] for name in _RULES if filled.get(name)}, bool(sealed)


def compile_terms(
    conditions: Mapping[str, Any] | str, *, target: str, offer_id: str, region: str | None
) -> dict[str, Any]:
    """As ``compile_conditions``, for terms that a party requests or would accept: return the offer alone. Raises
    ``InvalidInput`` also for conditions that offer nothing."""
    offer = compile_conditions(conditions, target=target, offer_id=offer_id, region=region).offer
    if offer is None:
        raise InvalidInput(
            "these conditions do not offer the asset to anybody",
            remedy="choose conditions under which others may use the asset",
            facts={"field": "conditions"},
        )
    parse(offer)
    return offer


def in_catalogue(offer: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``offer`` as a catalogue shows it and a negotiation stores it: without target (DSP 2025-1,
    ``contract-schema.json``, Offer)."""
    return {name: value for name, value in offer.items() if name != "target"}


def _with_part(offer: Mapping[str, Any] | None, part: Any) -> dict[str, Any]:
    """Return ``offer`` with the part of the data as constraints of each permission."""
    if offer is None or not offer.get("permission"):
        raise InvalidInput(
            "the conditions give a part of the data, and permit nobody to use it",
            remedy="choose conditions under which others may use the asset, or leave out part",
            facts={"field": "conditions"},
        )
    constraints = constraints_of(part)
    permissions = [
        {**rule, "constraint": [*rule.get("constraint", ()), *constraints]} for rule in offer["permission"]
    ]
    narrowed = {**offer, "permission": permissions}
    parse(narrowed)
    return narrowed


def _load(data: Mapping[str, Any]) -> Template:
    return Template(
        id=data["id"],
        order=data["order"],
        label=data["label"],
        explanation=data["explanation"],
        parameters=tuple(Parameter.from_json(name, item) for name, item in data["parameters"].items()),
        audience=data["audience"],
        sealed=data["sealed"],
        ask=data["ask"],
        policy=data["policy"],
    )


def is_rule_member(key: Any) -> bool:
    """Return whether ``key`` is the name of a list of rules: conditions with such a member are an ODRL policy."""
    return isinstance(key, str) and (key in _RULES or expand(key) in {ODRL + name for name in _RULES})


def _name_and_values(conditions: Any) -> tuple[str, dict[str, Any]]:
    if isinstance(conditions, str):
        return conditions.strip(), {}
    if isinstance(conditions, Mapping):
        if isinstance(conditions.get("template"), str):
            return conditions["template"].strip(), {k: v for k, v in conditions.items() if k != "template"}
        if len(conditions) == 1:
            name, values = next(iter(conditions.items()))
            if isinstance(name, str) and (values is None or isinstance(values, Mapping)):
                return name.strip(), dict(values or {})
    raise InvalidInput(
        "conditions name a template and its parameters",
        remedy="write, for example, conditions: members or conditions: {template: mobility-partners, "
        "until: 2027-12-31}",
        facts={"field": "conditions", "choices": [candidate.id for candidate in templates()]},
    )


def _values(template: Template, answers: Mapping[str, Any], region: str | None) -> dict[str, Any]:
    findings: list[dict[str, str]] = []
    parameters = {parameter.name: parameter for parameter in template.parameters}
    for name in answers:
        if name not in parameters:
            names_ = ", ".join(parameters) or "none"
            findings.append(_finding(str(name), "is not a parameter of this template", f"parameters: {names_}"))
    values: dict[str, Any] = {}
    for parameter in template.parameters:
        value = answers.get(parameter.name)
        if value is None and parameter.name == "region":
            value = region
        if value is None:
            value = parameter.default
        if value is None:
            if parameter.required:
                findings.append(_finding(parameter.name, "is missing", parameter.remedy))
            continue
        try:
            values[parameter.name] = read_value(parameter, value)
        except ValueError as error:
            findings.append(_finding(parameter.name, str(error), parameter.remedy))
    if findings:
        raise InvalidInput(
            f"conditions {template.id}: " + "; ".join(finding["message"] for finding in findings),
            remedy="; ".join(f"{finding['field'].split('.')[1]}: {finding['remedy']}" for finding in findings),
            facts={"field": "conditions", "findings": findings},
        )
    return values


def _finding(name: str, message: str, remedy: str) -> dict[str, str]:
    return {
        "severity": "violation",
        "field": f"conditions.{name[:80]}",
        "message": f"{name} {message}",
        "remedy": remedy,
        "rule": "policy-template",
    }


def _fill(part: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(part, str):
        whole = _PLACEHOLDER.fullmatch(part)
        return values.get(whole[1], _NOTHING) if whole else part
    if isinstance(part, Mapping):
        if "$if" in part and values.get(part["$if"]) is not True:
            return _NOTHING
        members = {key: _fill(item, values) for key, item in part.items() if key != "$if"}
        if any(item is _NOTHING for item in members.values()):
            return _NOTHING
        return {key: item for key, item in members.items() if item != []}
    if isinstance(part, list):
        items: list[Any] = []
        for item in part:
            filled = _fill(item, values)
            if filled is not _NOTHING:
                items.append(filled)
        return items
    return part


def _offer(policy: Mapping[str, Any], target: str, offer_id: str, *, sealed: bool) -> dict[str, Any]:
    rules = {name: rules_for_dsp(policy[name]) for name in _RULES if policy.get(name)}
    offer = offer_json(rules, target=target, offer_id=offer_id, sealed=sealed)
    parse(offer)
    return offer


def _own_policy(policy: Mapping[str, Any], target: str, offer_id: str) -> CompiledConditions:
    """Return a policy that the publisher wrote: its terms stay, in DSP's spelling; id and target become ours."""
    read_policy = parse({**policy, "@id": offer_id, "@type": "Offer"})
    if not read_policy.permissions and not read_policy.prohibitions:
        raise InvalidInput(
            "an offer needs a permission or a prohibition",
            remedy="add a permission, or name a template",
            facts={"field": "conditions"},
        )
    if read_policy.target and read_policy.target != target:
        raise InvalidInput(f"the policy is for another asset: {read_policy.target[:200]}", remedy="omit target")
    own: dict[str, Any] = {}
    for key, value in policy.items():
        name = expand(key).removeprefix(ODRL)
        if name in _RULES and value:
            own[name] = rules_for_dsp(value)
        elif name == "profile":
            own["profile"] = value
        elif name == "conflict" and read_policy.conflict:
            own["odrl:conflict"] = {"@id": f"odrl:{read_policy.conflict}"}
        elif name == "assignee":
            own["odrl:assignee"] = value
        elif ":" in key and not key.startswith("@"):
            own[key] = value
    offer = {"@id": offer_id, "@type": "Offer", "profile": PROFILE, "target": target, **own}
    return CompiledConditions(offer=offer, sealed=read_policy.sealed, audience=PUBLIC, ask=False)
