"""Transfers, and the data that they brought to this node."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, PlainTextResponse, Response
from fastapi.routing import APIRoute

from node.base.changes import Changes
from node.base.clock import stamp
from node.base.errors import InvalidInput, NotFound
from node.dialogue.process import Exchange
from node.identity.model import Caller
from node.semantics.conversions import Wish
from node.transfer import machine
from node.transfer.live.access import LiveAccess
from node.transfer.model import Reception, Transfer
from node.transfer.requests import TransferRequests
from node.transfer.usecases import Transfers
from node.vocab.dsp import ASKED, LIVE, PULL, PUSH
from node.web.api_router import PlacedApiRouter
from node.web.management.commands import carry_out
from node.web.management.json_forms import (
    process_json,
    transfer_json,
)
from node.web.management.person import Person
from node.web.management.requests import Fetch, State, Wait, Why

LONGEST_WAIT = 30.0
LOOK_AGAIN = 0.25  # seconds; bytes arrive without telling


class TransferReader(Protocol):
    """Reads transfers and what was received (``node.transfer.overview``)."""

    def transfers(self, *, state: str | None = None) -> list[Transfer]: ...

    def transfer(self, pid: str) -> tuple[Transfer, list[Exchange], Reception | None]: ...

    def reception(self, pid: str) -> Reception: ...

    def received_bytes(self, pid: str, by: Caller) -> Reception: ...


def router(
    *,
    person: Person,
    transfers: Transfers,
    transfer_requests: TransferRequests,
    live_access: LiveAccess,
    reading: TransferReader,
    receptions_folder: Path,
    changes: Changes,
    is_stuck: Callable[[str], bool],
    route_class: type[APIRoute],
) -> APIRouter:
    """Return the routes. ``route_class`` makes requests with a key repeatable; ``receptions_folder`` is the folder of
    received files; ``is_stuck`` returns whether a delivery that a transfer waits for was given up."""
    api = PlacedApiRouter(prefix="/api", tags=["exchange"], route_class=route_class)

    @api.post(
        "/transfers",
        status_code=202,
        summary="Start a transfer under an agreement; publishers and stewards may have the data sent elsewhere. A "
        "repeated `Idempotency-Key` means the same transfer",
    )
    async def transfer(request: Request, fetch: Fetch) -> Any:
        caller = await person(request)
        if fetch.push_to is not None and fetch.data_address is not None:
            raise InvalidInput("give pushTo or dataAddress, not both", remedy="leave one of them out")
        to = fetch.push_to.address if fetch.push_to is not None else fetch.data_address
        if to is not None and fetch.format in (PULL, LIVE, *ASKED):
            raise InvalidInput(
                "a pulled transfer always delivers to this node", remedy=f"leave the format out, or set it to {PUSH}"
            )
        transfer_format = fetch.format or (PUSH if to is not None else PULL)
        wish = Wish.of(fetch.convert_to, fetch.crs, fetch.through, fetch.schema_)
        if wish is not None and transfer_format in (LIVE, *ASKED):
            raise InvalidInput("only stored files are converted", remedy="leave convertTo or format out")
        process = await run_sync(
            lambda: transfer_requests.request(
                fetch.agreement_id,
                caller,
                format=transfer_format,
                file=fetch.file,
                to=to,
                version=fetch.version,
                wish=wish,
            )
        )
        return {"pid": process.pid, "state": process.state}

    @api.get("/transfers", summary="The newest transfers, optionally only those in one state")
    async def all_transfers(request: Request, state: State = None) -> Any:
        await person(request)
        return [process_json(one) for one in await run_sync(lambda: reading.transfers(state=state))]

    @api.get("/transfers/{pid}", summary="A transfer with its progress and its messages")
    async def one_transfer(request: Request, pid: str, wait: Wait = 0.0) -> Any:
        await person(request)
        until = time.monotonic() + min(wait, LONGEST_WAIT)
        before: Any = None
        with changes.watch(pid) as watch:
            while True:
                process, exchanges, reception = await run_sync(lambda: reading.transfer(pid))
                now = (process.state, reception)
                settled = process.state in ("COMPLETED", "TERMINATED")
                if settled or (before is not None and now != before) or time.monotonic() >= until:
                    return transfer_json(process, exchanges, reception, stuck=await run_sync(is_stuck, pid))
                before = now
                await watch.wait(LOOK_AGAIN)

    @api.post(
        "/transfers/{pid}/access",
        summary="The address and the token of live data or of a table to ask, for programs of one's own",
        description="`renew` asks for a new token, which makes the last one void. A token that ends soon is renewed.",
    )
    async def access(request: Request, pid: str, renew: bool = False) -> Any:
        address = await live_access(pid, await person(request), renew=renew)
        return {
            "endpoint": address.endpoint,
            "authorization": address.authorization,
            "expires": stamp(address.expires) if address.expires else None,
        }

    def commands(verb: str, message: str, code: str, summary: str) -> None:
        @api.post(f"/transfers/{{pid}}/{verb}", summary=summary, operation_id=f"{verb}_transfer")
        async def command(request: Request, pid: str, why: Why) -> Any:
            caller = await person(request)
            return await carry_out(lambda: transfers.command(pid, message, caller, code=code, reason=why.reasons))

    commands("suspend", machine.SUSPENSION, "suspended-by-person", "Pause a transfer; the provider closes the access")
    commands("resume", machine.START, "", "Resume a suspended transfer")
    commands("complete", machine.COMPLETION, "", "Complete a transfer and tell the other side")
    commands("terminate", machine.TERMINATION, "ended-by-person", "End a transfer")

    @api.get("/transfers/{pid}/content", summary="The received bytes", response_class=FileResponse)
    async def content(request: Request, pid: str) -> Response:
        reception = await run_sync(reading.received_bytes, pid, await person(request))
        return await run_sync(_file, receptions_folder / str(reception.path), reception.name)

    @api.get(
        "/transfers/{pid}/sealed", summary="The received bytes as they arrived, sealed", response_class=FileResponse
    )
    async def read_sealed(request: Request, pid: str) -> Response:
        reception = await run_sync(reading.received_bytes, pid, await person(request))
        if not reception.sealed:
            raise NotFound("this transfer was not sealed", remedy="read the received file instead")
        return await run_sync(_file, receptions_folder / f"{reception.path}.age", reception.name + ".age")

    @api.get("/transfers/{pid}/manifest", summary="The provider's signed manifest", response_class=PlainTextResponse)
    async def manifest(request: Request, pid: str) -> Response:
        await person(request)
        reception = await run_sync(reading.reception, pid)
        return PlainTextResponse(reception.manifest or "", media_type="application/jose")

    return api


def _file(path: Path, name: str) -> Response:
    """Return the file at ``path`` as a download. Raises ``NotFound`` if it was deleted, for instance by duty."""
    if not path.is_file():
        raise NotFound("the received file was deleted", remedy="get the data again, if the agreement still allows it")
    return FileResponse(
        path,
        filename=name,
        media_type="application/octet-stream",
        headers={"X-Content-Type-Options": "nosniff", "Cache-Control": "private, no-store"},
    )
