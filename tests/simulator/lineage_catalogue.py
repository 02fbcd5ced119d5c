"""A catalogue of lineage that takes what the specification of OpenLineage takes, and nothing else.

No catalogue can be had from the registries that the tests may use; the checks are those of the specification 2-0-2.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

UUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}")


@dataclass
class LineageCatalogue:
    """A catalogue that takes what the specification of OpenLineage (2-0-2) takes, and nothing else."""

    events: list[dict[str, Any]] = field(default_factory=list)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/api/v1/lineage", self.take, methods=["POST"])])

    async def take(self, request: Request) -> Response:
        event = json.loads(await request.body())
        if request.headers["content-type"] != "application/json" or not is_run_event(event):
            return Response(status_code=422)
        self.events.append(event)
        return Response(status_code=201)

    def has_told(self, event_type: str) -> bool:
        return event_type in types(self.events)

    def of(self, run_id: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["run"]["runId"] == run_id]


def is_run_event(event: dict[str, Any]) -> bool:
    """Whether it has what ``RunEvent`` requires, and each facet says who made it and by which schema."""
    facets = [
        facet
        for part in (event["run"], event["job"], *event.get("inputs", ()), *event.get("outputs", ()))
        for facet in part.get("facets", {}).values()
    ]
    return (
        event["eventType"] in ("START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER")
        and event["eventTime"].endswith("Z")
        and event["schemaURL"] == "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
        and event["producer"].startswith("https://")
        and UUID.fullmatch(event["run"]["runId"]) is not None
        and all(part["namespace"] and part["name"] for part in (event["job"], *event["inputs"], *event["outputs"]))
        and all(facet["_producer"] and facet["_schemaURL"].startswith("https://openlineage.io/") for facet in facets)
        and set(event) <= {"eventType", "eventTime", "run", "job", "inputs", "outputs", "producer", "schemaURL"}
    )


def types(events: list[dict[str, Any]]) -> list[str]:
    return [event["eventType"] for event in events]
