"""Signing in and out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from node.base.errors import InvalidInput, NotAllowed, TooMany, Unauthenticated
from node.identity.accounts.secondfactor import SecondFactorNeeded
from node.identity.accounts.throttle import place
from node.identity.model import Browser
from node.portal.forms import local_path
from node.portal.visit import Visit

if TYPE_CHECKING:
    from node.portal.responder import Responder

FORM_SECONDS: Final = 3600
PENDING: Final = "hansa_code"
PENDING_SECONDS: Final = 300


async def sign_in_form(responder: Responder, visit: Visit) -> Response:
    """``GET /sign-in``: the form, tied to this browser by a cookie, so that nobody can sign another person in."""
    target = local_path(visit.request.query_params.get("next", ""), "")
    if visit.signed_in:
        return responder.go(visit, _next_page(visit, target))
    return form(responder, visit, target=target, login="", trouble="", status=200)


async def sign_in(responder: Responder, visit: Visit) -> Response:
    """``POST /sign-in``: start a session and return to the reader's page, or show the form again with the reason."""
    login = visit.fields.get("login", "").strip()[:200]
    password = visit.fields.get("password", "")
    target = local_path(visit.fields.get("next", ""), "")
    if not login or not password:
        return form(responder, visit, target=target, login=login, trouble="signin.empty", status=422)
    try:
        browser = browser_of(visit)
        _, token = await responder.node.people.sign_in.sign_in(
            login, password, origin=browser.address, agent=browser.agent
        )
    except SecondFactorNeeded as needed:
        response = responder.go(visit, visit.url("/sign-in/code", next=target))
        responder.set_cookie(response, PENDING, needed.pending, PENDING_SECONDS)
        return response
    except Unauthenticated:
        return form(responder, visit, target=target, login=login, trouble="signin.wrong", status=401)
    except TooMany:
        return form(responder, visit, target=target, login=login, trouble="signin.slow", status=429)
    return _signed_in(responder, visit, token, target)


async def code_form(responder: Responder, visit: Visit) -> Response:
    """``GET /sign-in/code``: ask for the code of the second factor; without a pending sign-in, start again."""
    target = local_path(visit.request.query_params.get("next", ""), "")
    if visit.signed_in or not visit.request.cookies.get(PENDING):
        return responder.go(visit, visit.url("/sign-in", next=target))
    return _code_form(responder, visit, target=target, trouble="", status=200)


async def complete(responder: Responder, visit: Visit) -> Response:
    """``POST /sign-in/code``: start a session, or show the form again with the reason."""
    target = local_path(visit.fields.get("next", ""), "")
    try:
        pending = visit.request.cookies.get(PENDING, "")
        token = await responder.node.people.sign_in.complete(
            pending, visit.fields.get("code", ""), browser=browser_of(visit)
        )
    except Unauthenticated:
        return form(responder, visit, target=target, login="", trouble="signin.late", status=401)
    except (NotAllowed, InvalidInput):
        return _code_form(responder, visit, target=target, trouble="signin.stale", status=401)
    except TooMany:
        return _code_form(responder, visit, target=target, trouble="signin.slow", status=429)
    response = _signed_in(responder, visit, token, target)
    response.delete_cookie(PENDING, path=responder.settings.prefix or "/")
    return response


def browser_of(visit: Visit) -> Browser:
    """Return where a sign-in comes from, as its session remembers it."""
    client = visit.request.client
    return Browser(
        address=place(client.host) if client else "", agent=visit.request.headers.get("user-agent", "")[:300]
    )


def _signed_in(responder: Responder, visit: Visit, token: str, target: str) -> Response:
    response = responder.go(visit, _next_page(visit, target))
    responder.set_cookie(response, responder.settings.session_cookie, token, responder.settings.session_seconds)
    responder.drop_form_cookie(response)
    return response


async def sign_out(responder: Responder, visit: Visit) -> Response:
    """``POST /sign-out``: end the session here and in the node."""
    elsewhere = await responder.node.people.provider_sign_in.sign_out_address(visit.session)
    await responder.node.people.sign_in.sign_out(visit.session)
    if elsewhere:
        # A page, not a redirect: forms may lead to this site only.
        response = responder.render(visit, "signed-out.html", elsewhere=elsewhere)
    else:
        response = responder.go(visit, visit.url("/", done="signed-out"))
    response.delete_cookie(responder.settings.session_cookie, path=responder.settings.prefix or "/")
    return response


def _code_form(responder: Responder, visit: Visit, *, target: str, trouble: str, status: int) -> Response:
    response = responder.render(visit, "sign-in-code.html", status=status, target=target, trouble=trouble)
    return _asking(responder, visit, response, status)


def form(
    responder: Responder, visit: Visit, *, target: str, login: str = "", trouble: str = "", status: int = 200
) -> Response:
    """Return the form to sign in, with the identity providers."""
    providers = responder.node.people.provider_sign_in.providers
    shown = {"target": target, "login": login, "trouble": trouble, "providers": providers}
    response = responder.render(visit, "sign-in.html", status=status, **shown)
    return _asking(responder, visit, response, status)


def _asking(responder: Responder, visit: Visit, response: Response, status: int) -> Response:
    responder.set_form_cookie(response, visit.form_cookie, FORM_SECONDS)
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _next_page(visit: Visit, target: str) -> str:
    """Return where to go next: the requested page, else the pending decisions."""
    return target or visit.url("/decisions")
