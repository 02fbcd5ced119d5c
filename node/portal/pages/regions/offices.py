"""Pages of a region: applications, issued credentials, members."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import quote

from anyio.to_thread import run_sync
from starlette.responses import Response

from node.base.errors import Conflict, NotFound
from node.identity.credentials.revocation import can_be_suspended
from node.identity.model import ApplicationState
from node.identity.roles import UseCase, allowed
from node.portal.pages.regions.member_map import map_of_members
from node.portal.pages.work import MAX_REASON
from node.portal.visit import Visit

if TYPE_CHECKING:
    from node.identity.credentials.revocation import ChangeCredentialStatus
    from node.identity.model import Caller, IssuedCredential
    from node.portal.responder import Responder


async def applications(responder: Responder, visit: Visit) -> Response:
    """``/applications``: who applies for a credential, what they signed, approve or refuse."""
    _for_issuers(responder)
    applications_of_members = await responder.node.region.admissions.applications()
    return responder.render(
        visit,
        "applications.html",
        waiting=[one for one in applications_of_members if one.application.state is ApplicationState.RECEIVED],
        decided=[one for one in applications_of_members if one.application.state is not ApplicationState.RECEIVED],
        trouble=visit.request.query_params.get("trouble", ""),
    )


async def issued_credentials(responder: Responder, visit: Visit) -> Response:
    """``/issued``: credentials that this node issued, and whether they are still valid."""
    _for_issuers(responder)
    return responder.render(
        visit,
        "issued.html",
        credentials=await responder.node.region.admissions.issued_credentials(),
        can_be_suspended=can_be_suspended,
        trouble=visit.request.query_params.get("trouble", ""),
    )


async def revoke(responder: Responder, visit: Visit) -> Response:
    """``POST /issued/{id}/revoke``: with a reason that the holder and its partners will read."""
    return await _change(responder, visit, "revoked", lambda status: status.revoke)


async def suspend(responder: Responder, visit: Visit) -> Response:
    """``POST /issued/{id}/suspend``: likewise with a reason, until it is reinstated."""
    return await _change(responder, visit, "suspended", lambda status: status.suspend)


async def reinstate(responder: Responder, visit: Visit) -> Response:
    """``POST /issued/{id}/reinstate``: a suspended credential counts again."""
    status, credential = _status(responder), visit.request.path_params["id"]
    try:
        await run_sync(lambda: status.reinstate(credential, visit.caller))
    except Conflict:
        return responder.go(visit, visit.url("/issued", done="already"))
    return responder.go(visit, visit.url("/issued", done="reinstated"))


async def _change(
    responder: Responder,
    visit: Visit,
    event: str,
    change_of: Callable[[ChangeCredentialStatus], Callable[[str, str, Caller], IssuedCredential]],
) -> Response:
    change, credential = change_of(_status(responder)), visit.request.path_params["id"]
    reason = visit.fields.get("reason", "").strip()[:MAX_REASON]
    if not reason:
        trouble = f"{event}:{credential}"
        return responder.go(visit, visit.url("/issued", trouble=trouble) + f"#issued-{quote(credential, safe='')}")
    try:
        await run_sync(lambda: change(credential, reason, visit.caller))
    except Conflict:
        return responder.go(visit, visit.url("/issued", done="already"))
    return responder.go(visit, visit.url("/issued", done=event))


def _status(responder: Responder) -> ChangeCredentialStatus:
    status = responder.node.region.credentials
    if status is None:
        raise NotFound
    return status


async def members(responder: Responder, visit: Visit) -> Response:
    """``/members``: the nodes that this node follows, and how far it is behind them."""
    may_block = allowed(visit.caller, UseCase.BLOCK)
    members = await responder.node.region.members.all(visit.caller)
    blocks = await responder.node.region.blocking.all() if may_block else ()
    dids = {member.id for member in members}
    places = await responder.node.region.members.places(members)
    return responder.render(
        visit,
        "members.html",
        members=members,
        places=await run_sync(map_of_members, responder, visit, members, places),
        may_block=may_block,
        others=[block for block in blocks if block.did not in dids],
    )


async def rulebook(responder: Responder, visit: Visit) -> Response:
    """``/rulebook``: the versions of the rulebook, and who accepted which one."""
    _for_issuers(responder)
    register = await responder.node.region.acceptances.read()
    versions = await responder.node.catalogue.browse.versions(register.iri, visit.caller) if register.iri else ()
    return responder.render(
        visit,
        "rulebook.html",
        register=register,
        versions=[record for record in versions if not record.withdrawn],
        counts=Counter(acceptance.version for acceptance in register.acceptances),
        may_edit=allowed(visit.caller, UseCase.PUBLISH),
        offered=(await run_sync(responder.node.region.templates.offer)).templates,
    )


def _for_issuers(responder: Responder) -> None:
    if not responder.settings.issuer:
        raise NotFound
