"""The oversight of a node for operators and auditors: health, settings, storage, and the audit trail."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request
from starlette.responses import StreamingResponse

from node.evidence.audit_file import MEDIA_TYPE
from node.ledger.model import EntryKind
from node.operation.audit import AuditFilter, AuditTrail
from node.operation.configuration import Configuration
from node.operation.health import Checkup
from node.operation.storage import Storage
from node.policy.values import in_utc
from node.web.api_router import PlacedApiRouter
from node.web.caller_checks import knowing
from node.web.management.person import Person
from node.web.replies import PRIVATE

Text = Annotated[str, Query(max_length=2048)]


def router(
    *, person: Person, checkup: Checkup, configuration: Configuration, storage: Storage, audit: AuditTrail
) -> APIRouter:
    """Return the routes."""
    api = PlacedApiRouter(prefix="/api", tags=["operation"], route_class=knowing(person))

    @api.get("/checks", summary="Checks of this node, faults first")
    async def checks(request: Request) -> Any:
        return [check.to_json() for check in await checkup.checks(await person(request))]

    @api.get("/consumption", summary="Requests, queries, bytes and time of callers in the last day, by group")
    async def consumption(request: Request) -> Any:
        return checkup.daily_load(await person(request)).to_json()

    @api.get("/settings", summary="Settings in force and where they come from, without secrets")
    async def settings(request: Request) -> Any:
        return [setting.to_json() for setting in configuration.settings(await person(request))]

    @api.get("/storage", summary="Use of the disk by place and by asset, and the backups")
    async def use_of_disk(request: Request, after: Text = "") -> Any:
        return (await storage.view(await person(request), after=after)).to_json()

    @api.get("/audit", summary="Entries of the ledger, newest first")
    async def entries(
        request: Request,
        kind: EntryKind | None = None,
        subject: Text = "",
        by: Text = "",
        since: datetime | None = None,
        until: datetime | None = None,
        before: Annotated[int | None, Query(ge=0, le=1 << 53)] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
    ) -> Any:
        criteria = _filter(kind, subject, by, since, until)
        caller = await person(request)
        return (await run_sync(lambda: audit.page(criteria, caller, before=before, limit=limit))).to_json()

    @api.get(
        "/audit/signed",
        summary="The newest fifty thousand entries of the ledger as JSON lines, with a signature of this node",
        response_class=StreamingResponse,
        responses={200: {"content": {MEDIA_TYPE: {}}}},
    )
    async def signed_entries(
        request: Request,
        kind: EntryKind | None = None,
        subject: Text = "",
        by: Text = "",
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Any:
        criteria = _filter(kind, subject, by, since, until)
        lines = audit.sign(criteria, await person(request))
        return StreamingResponse(lines, media_type=MEDIA_TYPE, headers=PRIVATE)

    return api


def _filter(
    kind: EntryKind | None, subject: str, by: str, since: datetime | None, until: datetime | None
) -> AuditFilter:
    return AuditFilter(
        kind=kind, subject=subject, by=by, since=since and in_utc(since), until=until and in_utc(until)
    )
