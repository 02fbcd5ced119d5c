"""Results of runs: their explanation, everything about them in one file, and their publication as assets."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from node.scenarios.runs.publication import Release
from node.scenarios.runs.usecases import Runs
from node.web.api_router import PlacedApiRouter
from node.web.caller_checks import knowing
from node.web.management.person import Person
from node.web.management.scenarios import json_body


def router(*, person: Person, runs: Runs, release: Release) -> APIRouter:
    """Return the routes of results."""
    api = PlacedApiRouter(prefix="/api", tags=["scenarios"], route_class=knowing(person))

    @api.get("/runs/{pid}/why/{output_name}/{row}", summary="Explanation of a row of a result")
    async def why(request: Request, pid: str, output_name: str, row: str) -> Any:
        caller = await person(request)
        return await release.why(pid, output_name, row, caller)

    @api.get("/runs/{pid}/crate", summary="Everything about a run as an RO-Crate (zip)")
    async def crate(request: Request, pid: str) -> Response:
        caller = await person(request)
        body = await release.crate(pid, caller)
        name = f"run-{pid.rpartition(':')[2]}.crate.zip"
        return Response(
            body, media_type="application/zip", headers={"Content-Disposition": f'attachment; filename="{name}"'}
        )

    @api.post("/runs/{pid}/publish", status_code=201, summary="Publish the result with its lineage")
    async def publish(request: Request, pid: str) -> Any:
        caller = await person(request)
        return await release.publish(pid, await json_body(request), caller)

    return api
