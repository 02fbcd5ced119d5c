"""The templates of conditions that this region offers to its members: the list, and the form that changes it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from anyio.to_thread import run_sync
from starlette.responses import Response

from node.base.errors import Conflict, HansaError, InvalidInput, NotFound
from node.catalogue.drafts.answers import conditions_of
from node.catalogue.drafts.own_conditions import OWN, POLICY, own_policy
from node.identity.roles import UseCase, allowed
from node.policy.editor.outlines import template_form
from node.policy.editor.writing import policy_json, policy_text
from node.policy.gallery import PREFIX, RegionTemplate
from node.policy.odrl import parse
from node.policy.templates import template, templates
from node.policy.words import LANGUAGES, sentences
from node.portal.pages.publication.draft_history import number_of
from node.portal.visit import Visit

if TYPE_CHECKING:
    from node.portal.responder import Responder

_FOR_DATASETS: Final = tuple(each for each in templates() if each.policy is not None and each.id != "run-not-copy")
"""The templates that a region can fill in: all that offer something, but for models."""
_LONGEST: Final = 48


class _TemplateText(NamedTuple):
    """A template of the region, what it says in sentences, and the labels of the values that members fill in."""

    template: RegionTemplate
    sentences: tuple[str, ...]
    blanks: tuple[Mapping[str, str], ...]


async def show(responder: Responder, visit: Visit) -> Response:
    """``GET /rulebook/templates``: the list and an empty form; ``?name=…``: the form of one of them."""
    return await _page(responder, visit)


async def publish(responder: Responder, visit: Visit) -> Response:
    """``POST /rulebook/templates``: offer a template from now on, in place of that of the same name."""
    responder.node.region.templates.require_region(visit.caller)
    answers = {name: text.strip() for name, text in visit.fields.items()}
    try:
        template_of_region = RegionTemplate.from_json(_template(responder, answers))
        follows = number_of(answers.get("version", ""))
        await run_sync(
            lambda: responder.node.region.templates.publish(template_of_region, visit.caller, follows=follows)
        )
    except (InvalidInput, Conflict) as error:
        return await _page(responder, visit, answers, error)
    return responder.go(visit, visit.url("/rulebook/templates", done="template-published"))


async def withdraw(responder: Responder, visit: Visit) -> Response:
    """``POST /rulebook/templates/withdraw``: offer a template no more."""
    name = visit.fields.get("name", "")
    try:
        await run_sync(lambda: responder.node.region.templates.withdraw(name, visit.caller))
    except NotFound:
        responder.node.region.templates.require_region(visit.caller)
    return responder.go(visit, visit.url("/rulebook/templates", done="template-withdrawn"))


async def _page(
    responder: Responder, visit: Visit, answers: Mapping[str, str] | None = None, error: HansaError | None = None
) -> Response:
    if not responder.settings.issuer:
        raise NotFound
    offer = await run_sync(responder.node.region.templates.offer)
    name = visit.request.query_params.get("name", "")
    present = next((each for each in offer.templates if each.name == name), None) if answers is None else None
    if name and present is None and answers is None:
        raise NotFound
    return responder.render(
        visit,
        "region-templates.html",
        status=200 if error is None else error.status,
        offer=offer,
        offered=[_in_words(visit, each) for each in offer.templates],
        may_change=allowed(visit.caller, UseCase.PUBLISH),
        answers=answers if answers is not None else _answers(present) if present else {},
        conditions=_FOR_DATASETS,
        unavailable=(),
        languages=[visit.language, *(tag for tag in LANGUAGES if tag != visit.language)],
        trouble=None if error is None else visit.explain(error),
        field=str(error.facts.get("field", "")) if error is not None else "",
    )


def _template(responder: Responder, answers: Mapping[str, str]) -> dict[str, Any]:
    """Return the template that a form describes. Raises ``InvalidInput`` for conditions that cannot be read."""
    labels = {tag: answers[f"label.{tag}"] for tag in LANGUAGES if answers.get(f"label.{tag}")}
    present = [each.name for each in responder.node.region.templates.offer().templates]
    # A label in another script makes no name.
    name = answers.get("name") or _name_of(next(iter(labels.values()), "")) or f"template-{len(present) + 1}"
    if not answers.get("name") and name in present:
        raise InvalidInput(
            f"there is a template called {name} already",
            remedy="choose another name, or change that template",
            facts={"case": "template-exists", "field": "label"},
        )
    return {
        "name": name,
        "label": labels,
        "explanation": {tag: answers[f"explanation.{tag}"] for tag in LANGUAGES if answers.get(f"explanation.{tag}")},
        "conditions": _conditions(answers),
    }


def _conditions(answers: Mapping[str, str]) -> dict[str, Any]:
    """Return the conditions with the values that were filled in: a box that is not ticked stays open to members."""
    choice = answers.get("conditions", "")
    if not choice:
        return {}
    if choice == OWN:
        return own_policy(answers)
    values = conditions_of(template(choice), answers)
    return {name: value for name, value in values.items() if value is not False and name != "region"}


def _answers(template_of_region: RegionTemplate) -> dict[str, str]:
    """Return the answers of a form about a template that is offered."""
    answers = {"name": template_of_region.name}
    answers |= {f"label.{tag}": text for tag, text in template_of_region.label.items()}
    answers |= {f"explanation.{tag}": text for tag, text in template_of_region.explanation.items()}
    if template_of_region.is_policy:
        form = template_form(template_of_region.template(), {}, None)
        return {**answers, "conditions": OWN, POLICY: policy_text(form)}
    base, values = template_of_region.basis({})
    shown = {f"{base.id}.{name}": _text(value) for name, value in values.items() if name != "template"}
    return {**answers, "conditions": base.id, **shown}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _in_words(visit: Visit, template_of_region: RegionTemplate) -> _TemplateText:
    """Return what ``template_of_region`` permits in sentences; where values are open, that of the one behind it."""
    parameters = [part for part in template_of_region.template().parameters if part.name != "region"]
    blanks = tuple(part.label for part in parameters)
    if any(part.required for part in parameters):
        return _TemplateText(
            template_of_region, (visit.translate(template_of_region.basis({})[0].explanation).text,), blanks
        )
    try:
        policy = policy_json(template_form(*template_of_region.basis({}), visit.caller.did or None))
        words = tuple(sentences(parse({**policy, "@id": "urn:hansa:template", "@type": "Offer"}), visit.language))
    except InvalidInput:
        words = (visit.translate(template_of_region.basis({})[0].explanation).text,)
    return _TemplateText(template_of_region, words, blanks)


def _name_of(label: str) -> str:
    plain = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_LONGEST].strip("-").removeprefix(PREFIX)
