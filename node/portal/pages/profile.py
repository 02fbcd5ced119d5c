"""The reader's own account: the password, the second factor, and API tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from node.base.errors import InvalidInput, NotAllowed, TooMany
from node.identity.accounts.hashes import token_hash
from node.identity.accounts.secondfactor import Enrolment, SecondFactorNeeded
from node.identity.model import UserRole
from node.portal.drawing.qr import qr_svg
from node.portal.pages.account import browser_of
from node.portal.visit import Visit

if TYPE_CHECKING:
    from node.portal.responder import Responder


async def account(responder: Responder, visit: Visit) -> Response:
    """``GET /account``."""
    return await _page(responder, visit)


async def change_password(responder: Responder, visit: Visit) -> Response:
    """``POST /account/password``: set a password and start a session, or show the form again with the reason."""
    old, new, again = (visit.fields.get(name, "") for name in ("old", "password", "again"))
    if new != again:
        return await _page(responder, visit, "password", "signin.differ", 422)
    try:
        keep = visit.fields.get("keep") == "yes"
        session = await responder.node.people.account.change_password(
            visit.caller, old, new, keep_tokens=keep, browser=browser_of(visit)
        )
    except (NotAllowed, InvalidInput, TooMany) as error:
        return await _page(responder, visit, "password", refusal(error, "signin.length"), refusal_status(error))
    response = responder.go(visit, visit.url("/account", done="password"))
    responder.set_cookie(response, responder.settings.session_cookie, session, responder.settings.session_seconds)
    return response


async def make_token(responder: Responder, visit: Visit) -> Response:
    """``POST /account/tokens``: show the token, this once, or the form again with the reason."""
    label, days = visit.fields.get("label", "").strip()[:200], visit.fields.get("days", "")
    if not label or not (days.isascii() and days.isdigit() and len(days) < 6):
        return await _page(responder, visit, "token", "signin.term", 422)
    try:
        password, code = visit.fields.get("password", ""), visit.fields.get("code", "")
        token = await responder.node.people.account.make_token(
            visit.caller, label, int(days), password, code, roles=_token_roles(visit)
        )
    except (NotAllowed, InvalidInput, TooMany) as error:
        return await _page(responder, visit, "token", refusal(error, "signin.term"), refusal_status(error))
    return await _page(responder, visit, token=token)


async def end_token(responder: Responder, visit: Visit) -> Response:
    """``POST /account/tokens/{sha256}/end``."""
    await responder.node.people.account.end_token(visit.caller, visit.request.path_params["sha256"])
    return responder.go(visit, visit.url("/account", done="token-ended"))


def _token_roles(visit: Visit) -> list[UserRole] | None:
    """Return the ticked roles of a new token; None for all."""
    if visit.fields.get("rights") != "some":
        return None
    return [role for role in UserRole if visit.fields.get(f"role-{role}") == "yes"]


async def end_session(responder: Responder, visit: Visit) -> Response:
    """``POST /account/sessions/{sha256}/end``: end a session of one's own; of the present one, sign out."""
    await responder.node.people.account.end_session(visit.caller, visit.request.path_params["sha256"])
    return responder.go(visit, visit.url("/account", done="session-ended"))


async def end_other_sessions(responder: Responder, visit: Visit) -> Response:
    """``POST /account/sessions/end``: end all sessions but this one."""
    await responder.node.people.account.end_other_sessions(visit.caller, visit.session)
    return responder.go(visit, visit.url("/account", done="sessions-ended"))


async def set_language(responder: Responder, visit: Visit) -> Response:
    """``POST /account/language``: the language of pages, in this browser at once and in others from sign-in on."""
    language = visit.fields.get("language", "")
    await responder.node.people.account.set_language(visit.caller, language)
    response = responder.go(visit, visit.url("/account", done="language"))
    responder.remember_language(response, language)
    return response


async def begin_factor(responder: Responder, visit: Visit) -> Response:
    """``POST /account/second-factor``: show the QR code to scan, or the form again with the reason."""
    try:
        enrolment = await responder.node.people.account.begin_factor(visit.caller, visit.fields.get("password", ""))
    except (NotAllowed, TooMany) as error:
        return await _page(responder, visit, "factor", refusal(error, ""), refusal_status(error))
    return _enrolment(responder, visit, enrolment)


async def confirm_factor(responder: Responder, visit: Visit) -> Response:
    """``POST /account/second-factor/confirm``: show the recovery codes once, or the form again with the reason."""
    try:
        codes = await responder.node.people.account.confirm_factor(
            visit.caller, visit.fields.get("code", ""), visit.session
        )
    except (NotAllowed, InvalidInput, TooMany) as error:
        trouble = "signin.slow" if isinstance(error, TooMany) else "signin.stale"
        enrolment = await responder.node.people.account.pending_factor(visit.caller)
        return _enrolment(responder, visit, enrolment, trouble=trouble, status=refusal_status(error))
    response = responder.render(visit, "recovery-codes.html", recovery=codes)
    response.headers["Cache-Control"] = "private, no-store"
    return response


async def remove_factor(responder: Responder, visit: Visit) -> Response:
    """``POST /account/second-factor/remove``."""
    password, code = visit.fields.get("password", ""), visit.fields.get("code", "")
    try:
        await responder.node.people.account.remove_factor(visit.caller, password, code)
    except (NotAllowed, InvalidInput, TooMany) as error:
        return await _page(responder, visit, "factor", refusal(error, "signin.stale"), refusal_status(error))
    return responder.go(visit, visit.url("/account", done="factor-removed"))


def _enrolment(
    responder: Responder, visit: Visit, enrolment: Enrolment, *, trouble: str = "", status: int = 200
) -> Response:
    picture = qr_svg(enrolment.uri, visit.t("factor.picture"))
    shown = {"enrolment": enrolment, "picture": picture, "trouble": trouble}
    response = responder.render(visit, "second-factor.html", status=status, **shown)
    response.headers["Cache-Control"] = "private, no-store"
    return response


async def _page(
    responder: Responder, visit: Visit, form: str = "", trouble: str = "", status: int = 200, *, token: str = ""
) -> Response:
    person = await responder.node.people.account.person(visit.caller)
    response = responder.render(
        visit,
        "account.html",
        status=status,
        person=person,
        form=form,
        trouble=trouble,
        token=token,
        here=token_hash(visit.session),
        fields=visit.fields if trouble else {},
    )
    response.headers["Cache-Control"] = "private, no-store"
    return response


def refusal(error: Exception, unfit: str) -> str:
    """Return the key of the text about a refused password or code; ``unfit`` if another field was refused."""
    if isinstance(error, TooMany):
        return "signin.slow"
    if isinstance(error, SecondFactorNeeded) or (isinstance(error, NotAllowed) and error.facts.get("case") == "code"):
        return "signin.stale"
    return "signin.refused" if isinstance(error, NotAllowed) else unfit


def refusal_status(error: NotAllowed | InvalidInput | TooMany) -> int:
    """Return the status of the form that is shown again."""
    return 422 if isinstance(error, InvalidInput) else error.status
