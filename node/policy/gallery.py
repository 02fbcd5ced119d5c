"""The gallery of conditions: the templates of Hansa, and those that a region offers to its members.

A template of a region is one of Hansa's with values that the region has filled in, or an ODRL policy. Its id begins
with ``region-``. Conditions that name it are translated to the template and the values behind it before anything is
offered, so an offer never depends on what the region offers later.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from node.base.errors import InvalidInput
from node.base.jsons import canonical
from node.policy.parameters import read_value
from node.policy.templates import PART, Template, compile_conditions, is_rule_member, template, templates
from node.policy.words import LANGUAGES

PREFIX: Final = "region-"
MOST: Final = 50
"""Templates of one region."""
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,48}[a-z0-9])?")
_LABEL, _EXPLANATION, _BYTES = 120, 1000, 32 * 1024
_TRIAL: Final = "urn:hansa:template"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionTemplate:
    """Conditions that a region offers to its members under ``name``. ``conditions`` are written as in a description:
    a template with the values that the region fixes, or an ODRL policy."""

    name: str
    label: Mapping[str, str]
    explanation: Mapping[str, str]
    conditions: Mapping[str, Any] = field(hash=False)

    @property
    def id(self) -> str:
        return PREFIX + self.name

    @property
    def is_policy(self) -> bool:
        return any(is_rule_member(key) for key in self.conditions)

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "label": dict(self.label),
            "explanation": dict(self.explanation),
            "conditions": dict(self.conditions),
        }

    @classmethod
    def from_json(cls, data: Any) -> RegionTemplate:
        """Read a template that a person or another node wrote. Raises ``InvalidInput``."""
        if not isinstance(data, Mapping):
            raise InvalidInput("a template is an object", remedy="write name, label, explanation and conditions")
        unknown = sorted(set(map(str, data)) - {"name", "label", "explanation", "conditions"})
        if unknown:
            raise InvalidInput(
                f"a template has no member {unknown[0][:80]!r}",
                remedy="write name, label, explanation and conditions",
                facts={"field": unknown[0][:80]},
            )
        name, conditions = data.get("name"), data.get("conditions")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise InvalidInput(
                "the name of a template has small letters, digits and hyphens, at most 50",
                remedy="write a name such as mobility-two-years",
                facts={"case": "template-name", "field": "name"},
            )
        if isinstance(conditions, str):
            conditions = {"template": conditions}
        if not isinstance(conditions, Mapping) or not conditions:
            raise InvalidInput(
                "the conditions are missing",
                remedy="name a template with its values, or write an ODRL policy",
                facts={"case": "template-conditions", "field": "conditions"},
            )
        template_of_region = cls(
            name=name,
            label=_texts("label", data.get("label"), _LABEL, required=True),
            explanation=_texts("explanation", data.get("explanation"), _EXPLANATION),
            conditions=dict(conditions),
        )
        template_of_region.template()
        return template_of_region

    def template(self, publisher: str = "", order: int = 0) -> Template:
        """Return the template for galleries and forms, named as that of ``publisher``: its parameters are those that
        the region leaves open. Raises ``InvalidInput`` for conditions that nobody could offer."""
        _require_small(self.conditions)
        if self.is_policy:
            terms = compile_conditions(self.conditions, target=_TRIAL, offer_id=f"{_TRIAL}#offer")
            return Template(
                id=self.id,
                order=order,
                label=dict(self.label),
                explanation=dict(self.explanation),
                parameters=(),
                audience=terms.audience,
                sealed=terms.sealed,
                ask=terms.ask,
                policy=terms.offer,
                publisher=publisher,
            )
        base, values = self._base()
        open_parameters = tuple(part for part in base.parameters if part.name not in values)
        return replace(
            base,
            id=self.id,
            order=order,
            label=dict(self.label),
            explanation=dict(self.explanation),
            parameters=open_parameters,
            publisher=publisher,
        )

    def conditions_with(self, answers: Mapping[str, Any]) -> dict[str, Any]:
        """Return the conditions behind this template, with ``answers`` for the values that it leaves open. Raises
        ``InvalidInput`` for an answer that the region has fixed."""
        if self.is_policy:
            if others := sorted(set(answers) - {PART}):
                raise _fixed_error(self, others[0])
            return {**self.conditions, **answers}
        base, values = self._base()
        if changed := sorted(set(answers) & set(values)):
            raise _fixed_error(self, changed[0])
        return {"template": base.id, **values, **answers}

    def basis(self, answers: Mapping[str, Any]) -> tuple[Template, dict[str, Any]]:
        """Return the template of Hansa behind this one, and all of its values; a policy is its own."""
        if self.is_policy:
            return self.template(), {}
        base, values = self._base()
        return base, {**answers, **values}

    def _base(self) -> tuple[Template, dict[str, Any]]:
        name = self.conditions.get("template")
        if not isinstance(name, str) or name.startswith(PREFIX):
            raise InvalidInput(
                "the conditions name a template of Hansa, or are an ODRL policy",
                remedy="choose one of: " + ", ".join(known.id for known in templates()),
                facts={"case": "template-conditions", "field": "conditions"},
            )
        base = template(name.strip())
        values = {key: value for key, value in self.conditions.items() if key != "template" and value is not None}
        parameters = {part.name: part for part in base.parameters}
        for key, value in values.items():
            if key == "region" or key not in parameters:
                raise InvalidInput(
                    f"{str(key)[:80]} is not a value that a region fills in",
                    remedy="values: " + ", ".join(name for name in parameters if name != "region"),
                    facts={"field": f"conditions.{str(key)[:80]}"},
                )
            try:
                read_value(parameters[key], value)
            except ValueError as error:
                raise InvalidInput(
                    f"{key} {error}", remedy=parameters[key].remedy, facts={"field": f"conditions.{key}"}
                ) from error
        if base.policy is None:
            raise InvalidInput(
                "these conditions do not offer the asset to anybody",
                remedy="choose conditions under which others may use the asset",
                facts={"field": "conditions"},
            )
        return base, values


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionOffer:
    """The templates that a region, known by ``name``, offers in this ``version`` of its list."""

    region: str = ""
    name: str = ""
    version: int = 0
    templates: tuple[RegionTemplate, ...] = ()


class Gallery:
    """The templates that a publisher of this node chooses from."""

    def __init__(self, region: Callable[[], RegionOffer] = RegionOffer) -> None:
        """``region`` returns what the region of this node offers now."""
        self._region = region

    def templates(self) -> tuple[Template, ...]:
        """Return all templates, those of Hansa first."""
        offer = self._region()
        return (*templates(), *(each.template(offer.name, 100 + n) for n, each in enumerate(offer.templates)))

    def template(self, name: str) -> Template:
        """Return the template with this id. Raises ``InvalidInput``, also for one that the region has withdrawn."""
        if not name.startswith(PREFIX):
            return template(name)
        return self._of_region(name).template(self._region().name)

    def basis(self, name: str, answers: Mapping[str, Any]) -> tuple[Template, dict[str, Any]]:
        """Return the template of Hansa behind ``name``, and all of its values. Raises ``InvalidInput``."""
        return self._of_region(name).basis(answers) if name.startswith(PREFIX) else (template(name), dict(answers))

    def expand(self, conditions: Mapping[str, Any] | str) -> Mapping[str, Any] | str:
        """Return ``conditions`` with what is behind a template of the region in place of its id; others stay as they
        are. Raises ``InvalidInput`` for a template that the region does not offer now."""
        name, answers = _name_and_answers(conditions)
        if not name.startswith(PREFIX):
            return conditions
        return self._of_region(name).conditions_with(
            {key: value for key, value in answers.items() if value is not None}
        )

    def expand_object(self, conditions: Mapping[str, Any]) -> dict[str, Any]:
        """As ``expand``, of conditions that are an object."""
        expansion = self.expand(conditions)
        return dict(expansion) if isinstance(expansion, Mapping) else {"template": expansion}

    def _of_region(self, name: str) -> RegionTemplate:
        offer = self._region()
        for each in offer.templates:
            if each.id == name:
                return each
        choices = [each.id for each in templates()] + [each.id for each in offer.templates]
        raise InvalidInput(
            f"the region offers no conditions called {name[:80]!r} now",
            remedy="choose one of: " + ", ".join(choices),
            facts={"case": "template-withdrawn", "field": "conditions", "choices": choices},
        )


HANSA: Final = Gallery()
"""The gallery of a node without a region."""


def _name_and_answers(conditions: Mapping[str, Any] | str) -> tuple[str, dict[str, Any]]:
    """Return the id of the template that ``conditions`` name in any form, empty for none, and the values."""
    if isinstance(conditions, str):
        return conditions.strip(), {}
    rest = {key: value for key, value in conditions.items() if key != "template"}
    if isinstance(conditions.get("template"), str):
        return str(conditions["template"]).strip(), rest
    part = {PART: rest.pop(PART)} if PART in rest else {}
    if len(rest) == 1:
        name, values = next(iter(rest.items()))
        return str(name).strip(), {**(values if isinstance(values, Mapping) else {}), **part}
    return "", {}


def _fixed_error(template_of_region: RegionTemplate, name: str) -> InvalidInput:
    return InvalidInput(
        f"the region has fixed {name[:80]} in {template_of_region.id}",
        remedy=f"leave out {name[:80]}, or choose other conditions",
        facts={"field": f"conditions.{name[:80]}"},
    )


def _require_small(conditions: Mapping[str, Any]) -> None:
    try:
        size = len(canonical(dict(conditions)))
    except (ValueError, InvalidInput, RecursionError) as error:
        raise InvalidInput("the conditions cannot be signed", remedy="write fractions and days as text") from error
    if size > _BYTES:
        raise InvalidInput(f"the conditions have {size} bytes, at most are {_BYTES}", remedy="write shorter ones")


def _texts(name: str, texts: Any, longest: int, *, required: bool = False) -> dict[str, str]:
    """Return texts by language, without empty ones; a bare text is English."""
    entries = {"en": texts} if isinstance(texts, str) else texts if isinstance(texts, Mapping) else {}
    cleaned_texts = {str(tag): " ".join(text.split()) for tag, text in entries.items() if isinstance(text, str)}
    by_tag = {tag: text for tag, text in cleaned_texts.items() if text}
    if (
        (required and not by_tag)
        or set(by_tag) - set(LANGUAGES)
        or any(len(text) > longest for text in by_tag.values())
    ):
        raise InvalidInput(
            f"the {name} of a template is a text in at least one of {', '.join(LANGUAGES)}, of {longest} characters "
            "at most",
            remedy=f"write a {name} such as {{en: Mobility for two years}}",
            facts={"case": f"template-{name}", "field": name},
        )
    return by_tag


def region_templates(entries: Sequence[Any]) -> tuple[RegionTemplate, ...]:
    """Return the templates that this version of Hansa can read, of a list that a region wrote. Another one may name
    templates that a later version knows: these are left out."""
    by_name: dict[str, RegionTemplate] = {}
    for entry in entries[:MOST]:
        try:
            each = RegionTemplate.from_json(entry)
        except InvalidInput:
            continue
        by_name.setdefault(each.name, each)
    return tuple(by_name.values())
