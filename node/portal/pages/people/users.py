"""The users of this node: list, invitation, roles, blocks, sessions, tokens, deletion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from node.base.errors import Conflict, InvalidInput
from node.identity.accounts.invitations import Invitation
from node.identity.model import UserRole
from node.portal.visit import Visit

if TYPE_CHECKING:
    from node.portal.responder import Responder

_TROUBLES: Final = {
    "last-operator": "user.trouble.last",
    "own-account": "user.trouble.own",
    "own-operator": "user.trouble.own-operator",
    "external": "user.trouble.external",
    "login": "users.trouble.login",
    "login-in-use": "users.trouble.used",
}


async def users(responder: Responder, visit: Visit) -> Response:
    """``GET /users``: everybody with an account, and a form to invite somebody."""
    return await _list(responder, visit)


async def invite(responder: Responder, visit: Visit) -> Response:
    """``POST /users``: create the account and show its one-time link once, or the form again with the reason."""
    login, name = (visit.fields.get(field, "").strip()[:200] for field in ("login", "name"))
    roles = _roles(visit)
    if not roles:
        return await _list(responder, visit, trouble="user.trouble.roles", status=422)
    try:
        invitation = await responder.node.people.users.invite(visit.caller, login.lower(), name, roles)
    except (Conflict, InvalidInput) as error:
        return await _list(responder, visit, trouble=_trouble(error), status=_status(error))
    return await _list(responder, visit, invitation=invitation)


async def user(responder: Responder, visit: Visit) -> Response:
    """``GET /users/{login}``: one account with its sessions, tokens and history."""
    return await _page(responder, visit)


async def set_roles(responder: Responder, visit: Visit) -> Response:
    """``POST /users/{login}/roles``: the ticked roles are the person's roles from the next click on."""
    roles = _roles(visit)
    if not roles:
        return await _page(responder, visit, form="roles", trouble="user.trouble.roles", status=422)
    try:
        await responder.node.people.users.set_roles(visit.caller, _login(visit), roles)
    except (Conflict, InvalidInput) as error:
        return await _page(responder, visit, form="roles", trouble=_trouble(error), status=_status(error))
    return _back(responder, visit, "roles-changed")


async def make_link(responder: Responder, visit: Visit) -> Response:
    """``POST /users/{login}/link``: show a one-time link for a new password, this once."""
    invitation = await responder.node.people.users.make_link(visit.caller, _login(visit))
    return await _page(responder, visit, invitation=invitation)


async def block(responder: Responder, visit: Visit) -> Response:
    """``POST /users/{login}/block``."""
    reason = visit.fields.get("reason", "").strip()
    if not reason:
        return await _page(responder, visit, form="block", trouble="user.trouble.reason", status=422)
    try:
        await responder.node.people.users.set_blocked(visit.caller, _login(visit), True, reason)
    except Conflict as error:
        return await _page(responder, visit, form="block", trouble=_trouble(error), status=_status(error))
    return _back(responder, visit, "user-blocked")


async def unblock(responder: Responder, visit: Visit) -> Response:
    """``POST /users/{login}/unblock``."""
    await responder.node.people.users.set_blocked(visit.caller, _login(visit), False)
    return _back(responder, visit, "user-unblocked")


async def end_sessions(responder: Responder, visit: Visit) -> Response:
    """``POST /users/{login}/sessions/end``."""
    await responder.node.people.users.end_sessions(visit.caller, _login(visit))
    return _back(responder, visit, "sessions-ended")


async def end_token(responder: Responder, visit: Visit) -> Response:
    """``POST /users/{login}/tokens/{sha256}/end``."""
    await responder.node.people.users.end_token(visit.caller, _login(visit), visit.request.path_params["sha256"])
    return _back(responder, visit, "token-ended")


async def remove_factor(responder: Responder, visit: Visit) -> Response:
    """``POST /users/{login}/second-factor/remove``."""
    await responder.node.people.users.remove_factor(visit.caller, _login(visit))
    return _back(responder, visit, "factor-removed")


async def remove(responder: Responder, visit: Visit) -> Response:
    """``POST /users/{login}/remove``: delete the account."""
    try:
        await responder.node.people.users.remove(visit.caller, _login(visit))
    except Conflict as error:
        return await _page(responder, visit, form="remove", trouble=_trouble(error), status=_status(error))
    return responder.go(visit, visit.url("/users", done="user-removed"))


def _login(visit: Visit) -> str:
    return str(visit.request.path_params["login"])


def _roles(visit: Visit) -> list[UserRole]:
    return [role for role in UserRole if visit.fields.get(f"role-{role}") == "yes"]


def _trouble(error: Conflict | InvalidInput) -> str:
    return _TROUBLES.get(str(error.facts.get("case")), "users.trouble.other")


def _status(error: Conflict | InvalidInput) -> int:
    return 422 if isinstance(error, InvalidInput) else error.status


def _back(responder: Responder, visit: Visit, notice: str) -> Response:
    return responder.go(visit, visit.url(f"/users/{_login(visit)}", done=notice))


async def _list(
    responder: Responder,
    visit: Visit,
    *,
    trouble: str = "",
    status: int = 200,
    invitation: Invitation | None = None,
) -> Response:
    accounts = await responder.node.people.users.all(visit.caller)
    response = responder.render(
        visit,
        "users.html",
        status=status,
        listed=accounts,
        trouble=trouble,
        invitation=invitation,
        fields=visit.fields if trouble else {},
        roles=list(UserRole),
    )
    response.headers["Cache-Control"] = "private, no-store"
    return response


async def _page(
    responder: Responder,
    visit: Visit,
    *,
    form: str = "",
    trouble: str = "",
    status: int = 200,
    invitation: Invitation | None = None,
) -> Response:
    response = responder.render(
        visit,
        "user.html",
        status=status,
        user=await responder.node.people.users.user(visit.caller, _login(visit)),
        form=form,
        trouble=trouble,
        invitation=invitation,
        roles=list(UserRole),
    )
    response.headers["Cache-Control"] = "private, no-store"
    return response
