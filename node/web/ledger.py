"""The routes of the ledger: signed checkpoints and proofs (C2SP tlog-checkpoint; RFC 6962 §2.1).

Checkpoints and proofs show how many entries the ledger has, and so how much a node does in private. They are only for
callers who have something to check: parties of an agreement with this node, and its own people (decision 0017).
Everybody else gets 404. The body of an entry is served only to the parties of its agreement.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import PlainTextResponse

from node.base.errors import NotFound
from node.identity.model import Caller
from node.ledger.proofs import consistency_to_json, inclusion_to_json
from node.ledger.usecases import Prover
from node.web.api_router import PlacedApiRouter

Entries = Callable[[str, str | None], dict[str, Any]]
"""(agreement id, DID of the caller) → the ledger entry of the agreement, for its parties; else ``NotFound``."""

Party = Callable[[str], bool]
"""DID of a participant → whether it has an agreement with this node."""


_MOST: Final = 2**53
"""The largest number of entries that can be asked for."""
_Size = Annotated[int | None, Query(ge=1, le=_MOST)]
_Begin = Annotated[int, Query(ge=0, le=_MOST)]
_End = Annotated[int | None, Query(ge=0, le=_MOST)]


def router(
    prover: Prover, *, entries: Entries, party: Party, identify: Callable[[Request], Awaitable[Caller]]
) -> APIRouter:
    """Return the routes below ``/ledger``."""
    api = PlacedApiRouter(prefix="/ledger", tags=["ledger"])

    async def checks(request: Request) -> None:
        """Raise ``NotFound`` for callers who have nothing to check, before anything else of the request is read."""
        caller = await identify(request)
        if caller.is_person:
            return
        if caller.is_participant and await run_sync(party, str(caller.did)):
            return
        raise NotFound(
            "only parties to an agreement with this node and its own accounts may read its ledger",
            remedy="send the ID token of a party, or sign in",
        )

    dependencies = [Depends(checks)]

    @api.get(
        "/checkpoint",
        summary="The newest signed checkpoint",
        response_class=PlainTextResponse,
        dependencies=dependencies,
    )
    async def checkpoint(size: _Size = None) -> Any:
        found = await run_sync(lambda: prover.checkpoint(size))
        return PlainTextResponse(found.note, headers={"Cache-Control": "private, no-cache"})

    @api.get("/inclusion", summary="Proof that an entry is in the ledger", dependencies=dependencies)
    async def inclusion(entry: Annotated[str, Query(max_length=256)], size: _Size = None) -> Any:
        proof = await run_sync(lambda: prover.inclusion(entry, size))
        return inclusion_to_json(proof)

    @api.get("/consistency", summary="Proof that the ledger was only extended", dependencies=dependencies)
    async def consistency(old: _Begin, new: _End = None) -> Any:
        proof = await run_sync(lambda: prover.consistency(old, new))
        return consistency_to_json(proof)

    @api.get("/agreements/{agreement_id}", summary="The ledger entry of an agreement, for its parties")
    async def agreement(request: Request, agreement_id: str) -> Any:
        caller = await identify(request)
        return await run_sync(lambda: entries(agreement_id, caller.did))

    return api
