"""The node's own keys, the next step for each, and their replacement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from node.base.errors import InvalidInput, NotAllowed, TooMany
from node.identity.periods import KeyKind
from node.portal.pages.profile import refusal, refusal_status
from node.portal.views.keys import ListedKeys
from node.portal.visit import Visit

if TYPE_CHECKING:
    from node.portal.responder import Responder

_MAX_ID: Final = 60


async def keys(responder: Responder, visit: Visit) -> Response:
    """``GET /keys``: each key with its purpose, period and state, and the operator's next step."""
    return await _page(responder, visit, await responder.node.operation.keys.all_keys(visit.caller))


async def replace(responder: Responder, visit: Visit) -> Response:
    """``POST /keys/replace``: replace the ticked keys, or show the form again with the reason.

    A tick names the key that was in use when the page was shown: a form that is sent twice replaces it once.
    """
    kinds = {kind: visit.fields[kind.value][:_MAX_ID] for kind in KeyKind if visit.fields.get(kind.value)}
    password, code = visit.fields.get("password", ""), visit.fields.get("code", "")
    try:
        replacement = await responder.node.operation.replace_keys.replace(kinds, password, code, visit.caller)
    except (NotAllowed, InvalidInput, TooMany) as error:
        keys = await responder.node.operation.keys.all_keys(visit.caller)
        if not keys.may_change:
            raise
        trouble = refusal(error, "signin.stale") if kinds else "none"
        return await _page(responder, visit, keys, trouble, refusal_status(error), ticks=set(kinds))
    return responder.go(visit, visit.url("/keys", done="keys-replaced" if replacement else "already-replaced"))


async def _page(
    responder: Responder,
    visit: Visit,
    keys: ListedKeys,
    trouble: str = "",
    status: int = 200,
    *,
    ticks: set[KeyKind] | None = None,
) -> Response:
    person = await responder.node.people.account.person(visit.caller)
    response = responder.render(
        visit,
        "keys.html",
        status=status,
        listed=keys,
        did=visit.caller.did or "",
        second_factor=person.account.second_factor is not None,
        trouble=trouble,
        ticked=ticks or set(),
    )
    response.headers["Cache-Control"] = "private, no-store"
    return response
