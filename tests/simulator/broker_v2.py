"""A context broker of NGSIv2 that a test scripts, over real HTTP on loopback.

No real one can be had from the registries that the tests may use.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


def parking(number: int) -> dict[str, Any]:
    """An entity of the type that is to be shared."""
    return {
        "id": f"parking:{number}",
        "type": "OffStreetParking",
        "name": {"type": "Text", "value": f"P{number}", "metadata": {}},
        "free": {"type": "Number", "value": number * 10, "metadata": {}},
        "guard": {"type": "Text", "value": f"guard-{number}", "metadata": {}},
        "location": {"type": "geo:json", "value": {"type": "Point", "coordinates": [3.6 + number / 100, 51.0]}},
    }


@dataclass
class BrokerV2:
    """Entities of ``OffStreetParking``, and one of a type that stays at home; ``lies`` are sent for every list."""

    entities: list[dict[str, Any]] = field(
        default_factory=lambda: [*map(parking, range(9)), {"id": "d", "type": "Depot", "secret": {"value": "s"}}]
    )
    service: str | None = "city"
    lies: list[dict[str, Any]] | None = None
    requests: list[Request] = field(default_factory=list)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v2/types", self.types),
                Route("/v2/entities", self.list),
                Route("/v2/entities/{id}", self.get),
            ]
        )

    async def types(self, request: Request) -> Response:
        names = sorted({entity["type"] for entity in self.visible(request)})
        counts = {name: sum(entity["type"] == name for entity in self.entities) for name in names}
        return JSONResponse([{"type": name, "attrs": {"name": {}}, "count": counts[name]} for name in names])

    async def list(self, request: Request) -> Response:
        query = request.query_params
        matching = [entity for entity in self.visible(request) if entity["type"] == query.get("type")]
        if "q" in query:
            name, _, value = query["q"].partition(">")
            if not value:
                return JSONResponse({"error": "BadRequest"}, 400)
            matching = [entity for entity in matching if entity[name]["value"] > int(value)]
        start = int(query.get("offset", 0))
        page = matching[start : start + int(query.get("limit", 20))]
        headers = {"Fiware-Total-Count": str(len(matching))} if "count" in query.get("options", "") else {}
        return JSONResponse(page if self.lies is None else self.lies, headers=headers)

    async def get(self, request: Request) -> Response:
        visible = [one for one in self.visible(request) if one["id"] == request.path_params["id"]]
        matching = [one for one in visible if one["type"] == request.query_params.get("type", one["type"])]
        return JSONResponse(matching[0]) if matching else JSONResponse({"error": "NotFound"}, 404)

    def visible(self, request: Request) -> list[dict[str, Any]]:
        self.requests.append(request)
        return self.entities if request.headers.get("fiware-service") == self.service else []
