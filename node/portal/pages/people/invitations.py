"""The page behind a one-time link: its owner chooses a password and is signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from node.base.errors import InvalidInput, Unauthenticated
from node.portal.pages.account import FORM_SECONDS, browser_of
from node.portal.visit import Visit

if TYPE_CHECKING:
    from node.portal.responder import Responder


async def invitation(responder: Responder, visit: Visit) -> Response:
    """``GET /invitation/{secret}``: the form. Reading it uses nothing up, as programs that preview links do."""
    return await _form(responder, visit, str(visit.request.path_params["secret"]))


async def accept(responder: Responder, visit: Visit) -> Response:
    """``POST /invitation``: set the password and start a session, which is always new; or the form again.

    An account with a second factor signs in as usual: the link is in place of the password only.
    """
    secret, password = visit.fields.get("secret", ""), visit.fields.get("password", "")
    if password != visit.fields.get("again", ""):
        return await _form(responder, visit, secret, trouble="signin.differ", status=422)
    try:
        account = await responder.node.people.users.accept(secret, password)
    except InvalidInput:
        return await _form(responder, visit, secret, trouble="signin.length", status=422)
    except Unauthenticated:
        return await _form(responder, visit, secret)
    if visit.session:
        await responder.node.people.sign_in.sign_out(visit.session)
    if account.second_factor is not None:
        return responder.go(visit, visit.url("/sign-in", done="password-chosen"))
    session = await responder.node.people.sign_in.open(account.login, browser=browser_of(visit))
    response = responder.go(visit, visit.url("/account", done="password-chosen"))
    responder.set_cookie(response, responder.settings.session_cookie, session, responder.settings.session_seconds)
    responder.drop_form_cookie(response)
    return response


async def _form(responder: Responder, visit: Visit, secret: str, *, trouble: str = "", status: int = 200) -> Response:
    try:
        account = await responder.node.people.users.account_of_link(secret)
    except Unauthenticated:
        account, status = None, 404
    shown = {"account": account, "secret": secret, "trouble": trouble}
    response = responder.render(visit, "invitation.html", status=status, **shown)
    if not visit.session:
        responder.set_form_cookie(response, visit.form_cookie, FORM_SECONDS)
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
