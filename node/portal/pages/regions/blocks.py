"""Block a participant, and unblock it: what this stops, and the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from node.base.errors import Conflict, InvalidInput, NotAllowed, NotFound
from node.identity.blocks import LONGEST_REASON
from node.portal.visit import Visit

if TYPE_CHECKING:
    from node.portal.responder import Responder

_LONGEST_DID = 512


async def participant(responder: Responder, visit: Visit) -> Response:
    """``GET /members/block?did=…``: what a block of the participant stops, or its block."""
    return await _page(responder, visit, visit.request.query_params.get("did", ""))


async def block(responder: Responder, visit: Visit) -> Response:
    """``POST /members/block``: block a participant, for a reason."""
    did = visit.fields.get("did", "")
    try:
        await responder.node.region.blocking.block(did, visit.fields.get("reason", ""), visit.caller)
    except InvalidInput:
        return await _page(responder, visit, did, missing=True)
    except Conflict:
        return responder.go(visit, visit.url("/members/block", did=did))
    return responder.go(visit, visit.url("/members", done="participant-blocked"))


async def unblock(responder: Responder, visit: Visit) -> Response:
    """``POST /members/unblock``: admit a participant again."""
    try:
        await responder.node.region.blocking.unblock(visit.fields.get("did", ""), visit.caller)
    except NotAllowed:
        raise
    except NotFound:
        return responder.go(visit, visit.url("/members"))
    return responder.go(visit, visit.url("/members", done="participant-unblocked"))


async def _page(responder: Responder, visit: Visit, did: str, *, missing: bool = False) -> Response:
    status = await responder.node.region.blocking.foresee(did.strip()[:_LONGEST_DID], visit.caller)
    if not status.did.startswith("did:") or status.did == visit.caller.did:
        raise NotFound
    return responder.render(
        visit,
        "block.html",
        status=422 if missing else 200,
        participant=status,
        missing=missing,
        longest=LONGEST_REASON,
    )
