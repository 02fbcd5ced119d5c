"""The page of the limits of bargaining of an asset: the terms beside the offer that the node accepts by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from anyio.to_thread import run_sync
from starlette.responses import Response

from node.base.errors import HansaError, InvalidInput, NotFound
from node.catalogue.drafts.answers import chosen_conditions
from node.identity.roles import UseCase, allowed
from node.policy.odrl import parse
from node.policy.words import sentences
from node.portal.visit import Visit

if TYPE_CHECKING:
    from node.portal.responder import Responder

_LONGEST: Final = 2048


async def show(responder: Responder, visit: Visit) -> Response:
    """``GET /record/limits?iri=…``: the offer, the limits beside it, and the form that sets them."""
    return await _page(responder, visit, visit.request.query_params.get("iri", ""))


async def change(responder: Responder, visit: Visit) -> Response:
    """``POST /record/limits``: set the limits, or remove them (``do=clear``)."""
    iri, limits = visit.fields.get("iri", ""), responder.node.contracts.limits
    if visit.fields.get("do") == "clear":
        await run_sync(lambda: limits.clear(iri, by=visit.caller))
        return responder.go(visit, visit.url("/record/limits", iri=iri, done="limits-cleared"))
    limits.require_role(visit.caller)
    answers = {name: text.strip() for name, text in visit.fields.items()}
    try:
        conditions = chosen_conditions(answers, responder.node.catalogue.drafts.terms.gallery)
        await run_sync(lambda: limits.set(iri, conditions, by=visit.caller))
    except InvalidInput as error:
        return await _page(responder, visit, iri, answers, error)
    return responder.go(visit, visit.url("/record/limits", iri=iri, done="limits-set"))


async def _page(
    responder: Responder,
    visit: Visit,
    iri: str,
    answers: Mapping[str, str] | None = None,
    error: HansaError | None = None,
) -> Response:
    if len(iri) > _LONGEST:
        raise NotFound
    use_cases, catalogue = responder.node.contracts.limits, responder.node.catalogue
    limits = await run_sync(use_cases.of, iri, visit.caller)
    record = await catalogue.browse.record(iri, visit.caller)
    terms = catalogue.drafts.terms.templates()
    return responder.render(
        visit,
        "limits.html",
        status=200 if error is None else error.status,
        record=record,
        offer=catalogue.access.sentences(record, visit.language),
        limits=limits,
        words=sentences(parse(limits.terms), visit.language) if limits else (),
        in_force=limits is not None and await run_sync(use_cases.in_force, limits),
        may_set=allowed(visit.caller, UseCase.SET_LIMITS),
        answers=answers or {},
        conditions=[each for each, _ in terms if each.policy is not None],
        unavailable=[each for each, is_usable in terms if not is_usable],
        trouble=None if error is None else visit.explain(error),
    )
