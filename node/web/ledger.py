"""The ledger door: signed checkpoints and proofs, for everybody (C2SP tlog-checkpoint; RFC 6962 §2.1).

An entry's leaf tells what it is about in hashes; the body of an entry is not served here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request
from fastapi.responses import PlainTextResponse

from node.identity.model import Caller
from node.ledger.proofs import consistency_to_json, inclusion_to_json
from node.ledger.usecases import Prover

Entries = Callable[[str, str | None], dict[str, Any]]
"""(agreement id, DID of the caller) → the ledger entry of the agreement, for its parties; else ``NotFound``."""


def router(prover: Prover, *, entries: Entries, identify: Callable[[Request], Awaitable[Caller]]) -> APIRouter:
    """The routes below ``/ledger``."""
    api = APIRouter(prefix="/ledger", tags=["ledger"])

    @api.get("/checkpoint", summary="The newest signed checkpoint", response_class=PlainTextResponse)
    async def checkpoint(size: Annotated[int | None, Query(ge=1)] = None) -> Any:
        found = await run_sync(lambda: prover.checkpoint(size))
        return PlainTextResponse(found.note, headers={"Cache-Control": "no-cache"})

    @api.get("/inclusion", summary="Proof that an entry is in the ledger")
    async def inclusion(
        entry: Annotated[str, Query(max_length=256)], size: Annotated[int | None, Query(ge=1)] = None
    ) -> Any:
        proof = await run_sync(lambda: prover.inclusion(entry, size))
        return inclusion_to_json(proof)

    @api.get("/consistency", summary="Proof that the ledger only grew")
    async def consistency(old: Annotated[int, Query(ge=0)], new: Annotated[int | None, Query(ge=0)] = None) -> Any:
        proof = await run_sync(lambda: prover.consistency(old, new))
        return consistency_to_json(proof)

    @api.get("/agreements/{agreement_id}", summary="The ledger entry of an agreement, for its parties")
    async def agreement(request: Request, agreement_id: str) -> Any:
        caller = await identify(request)
        return await run_sync(lambda: entries(agreement_id, caller.did))

    return api
