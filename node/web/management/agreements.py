"""Agreements with their evidence, and the deletions that they require."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from node.evidence.archive import file_name
from node.identity.model import Caller
from node.negotiation.model import Agreement
from node.negotiation.uses import Tally
from node.policy.odrl import parse
from node.policy.words import sentences
from node.semantics.profiles.table_queries_client import PARQUET
from node.texts.languages import LANGUAGES
from node.transfer.deletion.due import DeletionDuties
from node.transfer.model import Reception, Transfer
from node.transfer.queries.requests import AskPartner
from node.transfer.shipments.model import Shipment
from node.transfer.shipments.removal import DeleteEverywhere
from node.web.api_router import PlacedApiRouter
from node.web.caller_checks import knowing
from node.web.management.json_forms import (
    agreement_json,
    transfer_under_json,
)
from node.web.management.person import Person
from node.web.management.requests import TableAsk
from node.web.replies import reply_about_table

_ANSWERS: Final[dict[str, Any]] = {
    "application/json": {},
    "text/csv": {},
    PARQUET: {},
    "text/turtle": {},
    "application/geo+json": {},
}
"""The media types of answers to questions."""


class AgreementReader(Protocol):
    """Reads agreements and what happened under them (``node.transfer.overview``)."""

    def agreements(self) -> list[Agreement]: ...

    def agreement(self, agreement_id: str) -> Agreement: ...

    def transfers_under(self, agreement: Agreement) -> list[tuple[Transfer, Reception | None]]: ...

    def uses(self, agreement: Agreement) -> Tally | None: ...

    def accesses(self, agreement_id: str) -> list[dict[str, Any]]: ...


def router(
    *,
    person: Person,
    reading: AgreementReader,
    document: Callable[[Mapping[str, Any], str], str],
    export: Callable[[str], Awaitable[bytes]],
    duties: DeletionDuties,
    confirm: DeleteEverywhere,
    copies: Callable[[str, Caller], Sequence[Shipment]],
    ask: AskPartner,
) -> APIRouter:
    """Return the routes. ``document`` renders an agreement in a language as HTML; ``export`` writes it with its
    evidence; ``copies`` are those that may be at data sources of this node, as far as a caller may
    know of them."""
    api = PlacedApiRouter(prefix="/api", tags=["exchange"], route_class=knowing(person))

    @api.get("/agreements", summary="All agreements, newest first")
    async def all_agreements(request: Request) -> Any:
        await person(request)
        return [agreement_json(one) for one in await run_sync(reading.agreements)]

    @api.get("/agreements/{agreement_id}", summary="An agreement with every access and every transfer under it")
    async def one_agreement(request: Request, agreement_id: str) -> Any:
        caller = await person(request)
        agreement = await run_sync(lambda: reading.agreement(agreement_id))
        current_copies = await run_sync(copies, agreement.id, caller)
        accesses = await run_sync(lambda: reading.accesses(agreement_id))
        transfers = await run_sync(lambda: reading.transfers_under(agreement))
        tally = await run_sync(lambda: reading.uses(agreement))
        due = await run_sync(duties.of, agreement)
        return {
            **agreement_json(agreement),
            "agreement": agreement.body,
            "sentences": {language: sentences(parse(agreement.body), language) for language in LANGUAGES},
            "accesses": accesses,
            "uses": tally.to_json() if tally is not None else None,
            "deletion": due.to_json() if due is not None else None,
            "copies": [{"source": copy.source, "place": copy.path} for copy in current_copies],
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

    @api.post(
        "/agreements/{agreement_id}/query",
        summary="Ask a table of the provider in SQL, a graph in SPARQL, or features with a filter",
        description="The table is called `data`. The provider checks the agreement, and records the question. The "
        "headers say how many rows the answer has (`Hansa-Rows`), whether there are more (`Hansa-More`), and which "
        "version of the asset the provider says that it is about (`Hansa-Version`).",
        response_class=Response,
        responses={200: {"content": {**_ANSWERS}}},
    )
    async def query(request: Request, agreement_id: str, asking: TableAsk) -> Response:
        caller = await person(request)
        question = asking.question(request.headers.get("accept"))
        answer = await ask(agreement_id, question, caller, file=asking.file, version=asking.version)
        return reply_about_table(answer, answer.version)

    @api.post(
        "/agreements/{agreement_id}/confirm-deletion",
        summary="Delete the received data, with the copies that this node sent elsewhere, and confirm it",
        description="`copies` says of each copy how it was removed. If one cannot be deleted, nothing is confirmed.",
    )
    async def confirm_deletion(request: Request, agreement_id: str) -> Any:
        due, former_copies = await confirm(agreement_id, await person(request))
        return {
            **due.to_json(),
            "copies": [
                {"source": copy.source, "place": copy.path, "sha256": copy.sha256, "result": copy.reason}
                for copy in former_copies
            ],
        }

    @api.get("/deletions", summary="Deletions that agreements require: confirmed, due, overdue")
    async def all_deletions(request: Request) -> Any:
        await person(request)
        return [one.to_json() for one in await run_sync(duties.all)]

    return api


def evidence_file(agreement_id: str, content: bytes) -> Response:
    """Return the file of an agreement, as a download."""
    return Response(
        content,
        media_type="application/zip",
        headers={
            "Content-Disposition": f'attachment; filename="{file_name(agreement_id)}"',
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "private, no-store",
        },
    )
