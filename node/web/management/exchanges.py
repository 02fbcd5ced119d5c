"""Getting and giving: conditions, negotiations, transfers, agreements, decisions."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Protocol

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, HTMLResponse, PlainTextResponse, Response

from node.base.changes import Changes
from node.base.errors import Conflict, InvalidInput, LocalProtocolError, NotFound
from node.dialogue.process import Exchange, Process
from node.evidence.archive import file_name
from node.identity.model import Caller
from node.negotiation.acquire import Acquire
from node.negotiation.decisions import Decisions
from node.negotiation.model import Agreement, Negotiation, PendingDecision
from node.negotiation.usecases import Negotiations
from node.negotiation.uses import Tally
from node.transfer import machine
from node.transfer.deletions import Deletions
from node.transfer.model import Reception, Transfer
from node.transfer.requests import TransferRequests
from node.transfer.usecases import Transfers
from node.vocab.dsp import PULL, PUSH
from node.web.api_router import PlacedApiRouter
from node.web.management.person import Person
from node.web.management.requests import Ask, AskFor, Fetch, Terms, Verdict, Why, read_ask
from node.web.management.shown import (
    agreement_json,
    conditions_json,
    decision_json,
    negotiation_json,
    process_json,
    transfer_json,
    transfer_under_json,
)
from node.web.unread import knowing

LONGEST_WAIT = 30.0
Wait = Annotated[float, Query(ge=0, allow_inf_nan=False, description="Seconds, at most 30.")]
State = Annotated[str | None, Query(max_length=32, description="A state of the protocol, such as OFFERED.")]
LOOK_AGAIN = 0.25  # seconds; bytes arrive without telling


class Reading(Protocol):
    """Reads what has been kept (``node.transfer.overview``)."""

    def negotiations(self, *, state: str | None = None) -> list[Negotiation]: ...

    def negotiation(self, pid: str) -> tuple[Negotiation, list[Exchange], PendingDecision | None]: ...

    def is_settled(self, pid: str) -> bool: ...

    def transfers(self, *, state: str | None = None) -> list[Transfer]: ...

    def transfer(self, pid: str) -> tuple[Transfer, list[Exchange], Reception | None]: ...

    def received(self, pid: str) -> Reception: ...

    def received_bytes(self, pid: str, by: Caller) -> Reception: ...

    def agreements(self) -> list[Agreement]: ...

    def agreement(self, agreement_id: str) -> Agreement: ...

    def transfers_under(self, agreement: Agreement) -> list[tuple[Transfer, Reception | None]]: ...

    def uses(self, agreement: Agreement) -> Tally | None: ...

    def accesses(self, agreement_id: str) -> list[dict[str, Any]]: ...


def router(
    *,
    person: Person,
    acquire: Acquire,
    negotiations: Negotiations,
    transfers: Transfers,
    transfer_requests: TransferRequests,
    decisions: Decisions,
    reading: Reading,
    document: Callable[[Mapping[str, Any], str], str],
    export: Callable[[str], Awaitable[bytes]],
    deletions: Deletions,
    received: Path,
    changes: Changes,
    region: Callable[[], str | None],
    stuck: Callable[[str], bool],
    named: Callable[[str], str] = str,
) -> APIRouter:
    """The routes; ``document`` renders an agreement in a language as HTML, ``export`` writes it with its evidence;
    ``received`` is where files arrive; ``region`` is what conditions mean that name none; ``stuck`` tells whether
    a delivery for which a process waits was given up; ``named`` puts names in place of DIDs."""
    api = PlacedApiRouter(prefix="/api", tags=["exchange"], route_class=knowing(person))

    @api.get("/conditions", summary="Conditions of an asset, whether this node meets them, and existing agreements")
    async def conditions(
        request: Request, iri: Annotated[str, Query(max_length=2048)], purpose: str | None = None, ask: Ask = None
    ) -> Any:
        await person(request)
        asking = read_ask(ask) if ask is not None else None
        return conditions_json(await acquire.conditions(iri, purpose=purpose, asking=asking), named)

    @api.post("/negotiations", status_code=202, summary="Request an asset on its offered terms or on others")
    async def negotiate(request: Request, ask: AskFor) -> Any:
        negotiation = await acquire.request(
            ask.dataset,
            await person(request),
            offer_id=ask.offer_id,
            purpose=ask.purpose,
            asking=ask.ask,
            least=ask.least,
        )
        return {"pid": negotiation.pid, "state": negotiation.state, "provider": negotiation.peer}

    @api.get("/negotiations", summary="The newest negotiations, optionally only those in one state")
    async def all_negotiations(request: Request, state: State = None) -> Any:
        await person(request)
        return [process_json(one) for one in await run_sync(lambda: reading.negotiations(state=state))]

    @api.get("/negotiations/{pid}", summary="A negotiation with its messages; can wait for a change")
    async def one_negotiation(request: Request, pid: str, wait: Wait = 0.0) -> Any:
        await person(request)
        until = time.monotonic() + min(wait, LONGEST_WAIT)

        def look() -> dict[str, Any] | None:
            if time.monotonic() < until and not reading.is_settled(pid):
                return None
            negotiation, exchanges, decision = reading.negotiation(pid)
            return negotiation_json(negotiation, exchanges, decision, stuck=stuck(pid))

        with changes.watch(pid) as watch:
            while (negotiation := await run_sync(look)) is None:
                await watch.changed(min(watch.pause, max(until - time.monotonic(), 0.0)))
        return negotiation

    @api.post("/negotiations/{pid}/terminate", summary="End a negotiation")
    async def terminate(request: Request, pid: str, why: Why) -> Any:
        caller = await person(request)
        return await _commanded(lambda: negotiations.terminate(pid, "ended-by-person", why.reasons, by=caller))

    @api.post("/negotiations/{pid}/counter", summary="Request other terms than those that the provider offers")
    async def counter(request: Request, pid: str, terms: Terms) -> Any:
        caller = await person(request)
        return await _commanded(lambda: negotiations.counter(pid, terms.ask, region=region(), by=caller))

    @api.post("/negotiations/{pid}/accept", summary="Accept the provider's current offer")
    async def accept(request: Request, pid: str) -> Any:
        caller = await person(request)
        return await _commanded(lambda: negotiations.accept(pid, by=caller))

    @api.post(
        "/transfers",
        status_code=202,
        summary="Start a transfer under an agreement; publishers and stewards may have the data sent elsewhere",
    )
    async def transfer(request: Request, fetch: Fetch) -> Any:
        caller = await person(request)
        if fetch.push_to is not None and fetch.data_address is not None:
            raise InvalidInput("give pushTo or dataAddress, not both")
        to = fetch.push_to.address if fetch.push_to is not None else fetch.data_address
        if to is not None and fetch.format == PULL:
            raise InvalidInput(
                "a pulled transfer always delivers to this node", remedy=f"leave the format out, or set it to {PUSH}"
            )
        chosen = fetch.format or (PUSH if to is not None else PULL)
        begun = await run_sync(
            lambda: transfer_requests.request(fetch.agreement_id, caller, format=chosen, file=fetch.file, to=to)
        )
        return {"pid": begun.pid, "state": begun.state}

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
                    return transfer_json(process, exchanges, reception, stuck=await run_sync(stuck, pid))
                before = now
                await watch.changed(LOOK_AGAIN)

    def commands(verb: str, message: str, code: str, summary: str) -> None:
        @api.post(f"/transfers/{{pid}}/{verb}", summary=summary, operation_id=f"{verb}_transfer")
        async def command(request: Request, pid: str, why: Why) -> Any:
            caller = await person(request)
            return await _commanded(lambda: transfers.command(pid, message, caller, code=code, reason=why.reasons))

    commands("suspend", machine.SUSPENSION, "suspended-by-person", "Pause a transfer; the provider closes the access")
    commands("resume", machine.START, "", "Resume a suspended transfer")
    commands("complete", machine.COMPLETION, "", "Complete a transfer and tell the other side")
    commands("terminate", machine.TERMINATION, "ended-by-person", "End a transfer")

    @api.get("/transfers/{pid}/content", summary="The received bytes", response_class=FileResponse)
    async def content(request: Request, pid: str) -> Response:
        reception = await run_sync(reading.received_bytes, pid, await person(request))
        return _file(received / str(reception.path), reception.name)

    @api.get(
        "/transfers/{pid}/sealed", summary="The received bytes as they arrived, sealed", response_class=FileResponse
    )
    async def sealed(request: Request, pid: str) -> Response:
        reception = await run_sync(reading.received_bytes, pid, await person(request))
        if not reception.sealed:
            raise NotFound("this transfer was not sealed")
        return _file(received / f"{reception.path}.age", reception.name + ".age")

    @api.get("/transfers/{pid}/manifest", summary="The provider's signed manifest", response_class=PlainTextResponse)
    async def manifest(request: Request, pid: str) -> Response:
        await person(request)
        reception = await run_sync(reading.received, pid)
        return PlainTextResponse(reception.manifest or "", media_type="application/jose")

    @api.get("/agreements", summary="All agreements, newest first")
    async def all_agreements(request: Request) -> Any:
        await person(request)
        return [agreement_json(one) for one in await run_sync(reading.agreements)]

    @api.get("/agreements/{agreement_id}", summary="An agreement with every access and every transfer under it")
    async def one_agreement(request: Request, agreement_id: str) -> Any:
        await person(request)
        agreement = await run_sync(lambda: reading.agreement(agreement_id))
        accesses = await run_sync(lambda: reading.accesses(agreement_id))
        transfers = await run_sync(lambda: reading.transfers_under(agreement))
        tally = await run_sync(lambda: reading.uses(agreement))
        due = await run_sync(deletions.of, agreement)
        return {
            **agreement_json(agreement),
            "agreement": agreement.body,
            "accesses": accesses,
            "uses": tally.to_json() if tally is not None else None,
            "deletion": due.to_json() if due is not None else None,
            "transfers": [transfer_under_json(*one) for one in transfers],
        }

    @api.get("/agreements/{agreement_id}/document", summary="The agreement as a readable document")
    async def agreement_document(request: Request, agreement_id: str, lang: str = "en") -> Response:
        await person(request)
        found = await run_sync(lambda: reading.agreement(agreement_id))
        return HTMLResponse(await run_sync(lambda: document(found.body, lang)))

    @api.get(
        "/agreements/{agreement_id}/export",
        summary="The agreement with its evidence, as a zip archive that can be checked offline",
        response_class=Response,
        responses={200: {"content": {"application/zip": {}}}},
    )
    async def agreement_export(request: Request, agreement_id: str) -> Response:
        await person(request)
        return evidence_file(agreement_id, await export(agreement_id))

    @api.post("/agreements/{agreement_id}/confirm-deletion", summary="Delete the received data and confirm it")
    async def confirm_deletion(request: Request, agreement_id: str) -> Any:
        return (await run_sync(deletions.confirm, agreement_id, await person(request))).to_json()

    @api.get("/deletions", summary="Deletions that agreements require: confirmed, due, overdue")
    async def all_deletions(request: Request) -> Any:
        await person(request)
        return [one.to_json() for one in await run_sync(deletions.all)]

    @api.get("/decisions", summary="Decisions that wait for a person")
    async def waiting(request: Request) -> Any:
        await person(request)
        return [decision_json(one) for one in await run_sync(decisions.waiting)]

    @api.post("/decisions/{decision_id}", summary="Decide")
    async def decide(request: Request, decision_id: str, verdict: Verdict) -> Any:
        caller = await person(request)
        decided = await decisions.decide(decision_id, approve=verdict.approve, by=caller, reason=verdict.reason)
        return decision_json(decided)

    return api


async def _commanded(command: Callable[[], Process]) -> dict[str, Any]:
    """Carry out a person's command. Raises ``Conflict`` where it comes too late or too early."""
    try:
        return process_json(await run_sync(command))
    except LocalProtocolError as untimely:
        raise Conflict(untimely.detail, remedy=untimely.remedy) from untimely


def evidence_file(agreement_id: str, content: bytes) -> Response:
    """The file of an agreement, to be saved."""
    return Response(
        content,
        media_type="application/zip",
        headers={
            "Content-Disposition": f'attachment; filename="{file_name(agreement_id)}"',
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "private, no-store",
        },
    )


def _file(path: Path, name: str) -> Response:
    return FileResponse(
        path,
        filename=name,
        media_type="application/octet-stream",
        headers={"X-Content-Type-Options": "nosniff", "Cache-Control": "private, no-store"},
    )
