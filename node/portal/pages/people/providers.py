"""Sign-in with an identity provider: to the provider, back from it, and out again."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from starlette.responses import JSONResponse, Response

from node.base.errors import HansaError, NotAllowed, PeerUnreachable, Unauthenticated
from node.portal.forms import local_path, read_form
from node.portal.pages import account
from node.portal.visit import Visit

if TYPE_CHECKING:
    from node.portal.responder import Responder

log = logging.getLogger("hansa.portal")

PENDING: Final = "hansa_provider"
PENDING_SECONDS: Final = 600


async def begin(responder: Responder, visit: Visit) -> Response:
    """``GET /sign-in/with/{provider}``: go to the provider. The browser keeps the secrets of this attempt."""
    target = local_path(visit.request.query_params.get("next", ""), "")
    try:
        address, pending = await responder.node.people.provider_sign_in.begin(_provider(visit), target)
    except PeerUnreachable as error:
        log.warning("an identity provider is not reached", extra={"why": error.detail})
        return account.form(responder, visit, target=target, trouble="provider.down", status=503)
    response = responder.go(visit, address)
    responder.set_cookie(response, PENDING, pending, PENDING_SECONDS)
    return response


async def complete(responder: Responder, visit: Visit) -> Response:
    """``GET /sign-in/with/{provider}/callback``: start a session, which is always new; or say why not."""
    query, sign_in = visit.request.query_params, responder.node.people.provider_sign_in
    try:
        session = await sign_in.complete(
            _provider(visit),
            state=query.get("state", "")[:200],
            code=query.get("code", "")[:2000],
            issuer=query.get("iss", "")[:2000],
            pending=visit.request.cookies.get(PENDING, ""),
            browser=account.browser_of(visit),
        )
    except (Unauthenticated, NotAllowed, PeerUnreachable) as error:
        log.warning("a sign-in with an identity provider failed", extra={"why": error.detail})
        return _refusal(responder, visit, error)
    if visit.session:
        await responder.node.people.sign_in.sign_out(visit.session)
    target = local_path(session.target, "") or visit.url("/decisions")
    response = responder.go(visit, visit.url("/account", done="level") if session.withheld else target)
    responder.set_cookie(
        response, responder.settings.session_cookie, session.session, responder.settings.session_seconds
    )
    response.delete_cookie(PENDING, path=responder.settings.prefix or "/")
    return response


async def end_sessions(responder: Responder, visit: Visit) -> Response:
    """``POST /sign-in/with/{provider}/logout``: the provider says that somebody signed out there (OpenID Connect
    Back-Channel Logout 1.0 §2.5). Its signature is the proof; there is no browser and no session here."""
    headers = {"Cache-Control": "no-store"}
    responder.node.people.provider_sign_in.require(_provider(visit))  # before a stranger's body is read
    try:
        fields = await read_form(visit.request)
        await responder.node.people.provider_sign_in.end_sessions(_provider(visit), fields.get("logout_token", ""))
    except HansaError as error:
        log.warning("a logout of an identity provider failed", extra={"why": error.detail})
        return JSONResponse({"error": "invalid_request"}, status_code=400, headers=headers)
    return Response(headers=headers)


def _provider(visit: Visit) -> str:
    return str(visit.request.path_params["provider"])


def _refusal(responder: Responder, visit: Visit, error: HansaError) -> Response:
    if isinstance(error, PeerUnreachable):
        trouble, status = "provider.down", 503
    elif isinstance(error, NotAllowed):
        trouble = "provider.blocked" if error.facts.get("case") == "blocked" else "provider.no-group"
        status = 403
    else:
        trouble, status = "provider.wrong", 401
    response = account.form(responder, visit, target="", trouble=trouble, status=status)
    response.delete_cookie(PENDING, path=responder.settings.prefix or "/")
    return response
