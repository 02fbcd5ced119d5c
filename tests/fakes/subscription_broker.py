"""The entities and subscriptions of a scripted context broker, written from ETSI GS CIM 009 v1.8.

Clauses 5.2.12, 5.3.1, 5.7.2, 5.8, 6.4, 6.10 and 6.11. It notifies once, as brokers do, and notes what failed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


@dataclass
class SubscriptionBroker:
    """``fault``: the status of every answer. ``deaf``: notifications are lost, and it does not notice."""

    authorization: str = "Bearer broker-secret"
    fault: int = 0
    deaf: bool = False
    entities: dict[str, dict[str, Any]] = field(default_factory=dict)
    subscriptions: dict[str, dict[str, Any]] = field(default_factory=dict)
    renewals: int = 0
    _clock: int = 0

    def app(self) -> Starlette:
        root = "/ngsi-ld/v1"
        return Starlette(
            routes=[
                Route(f"{root}/types", self.types),
                Route(f"{root}/entities", self.read),
                Route(f"{root}/subscriptions", self.create, methods=["POST"]),
                Route(f"{root}/subscriptions/{{name}}", self.subscription, methods=["GET", "PATCH", "DELETE"]),
            ]
        )

    def refusal(self, request: Request) -> Response | None:
        if request.headers.get("authorization") != self.authorization:
            return Response(status_code=401)
        return Response(status_code=self.fault) if self.fault else None

    async def types(self, request: Request) -> Response:
        names = sorted({entity["type"] for entity in self.entities.values()})
        return self.refusal(request) or JSONResponse({"type": "EntityTypeList", "typeList": names})

    async def read(self, request: Request) -> Response:
        query = request.query_params
        matching = [entity for entity in self.entities.values() if entity["type"] == query["type"]]
        first = int(query.get("offset", 0))
        return self.refusal(request) or JSONResponse(matching[first : first + int(query["limit"])])

    async def create(self, request: Request) -> Response:
        body = json.loads(await request.body())
        if refusal := self.refusal(request):
            return refusal
        if body["id"] in self.subscriptions:
            return JSONResponse({"type": "https://uri.etsi.org/ngsi-ld/errors/AlreadyExists"}, 409)
        self.subscriptions[body["id"]] = {**body, "status": "active", "isActive": True}
        return Response(status_code=201, headers={"Location": f"/ngsi-ld/v1/subscriptions/{body['id']}"})

    async def subscription(self, request: Request) -> Response:
        name = request.path_params["name"]
        if refusal := self.refusal(request):
            return refusal
        if name not in self.subscriptions:
            return JSONResponse({"type": "https://uri.etsi.org/ngsi-ld/errors/ResourceNotFound"}, 404)
        if request.method == "GET":
            return JSONResponse(self.subscriptions[name])
        if request.method == "DELETE":
            del self.subscriptions[name]
        else:
            self.subscriptions[name] |= json.loads(await request.body())
            self.renewals += 1
        return Response(status_code=204)

    def change(self, entity: dict[str, Any]) -> list[int]:
        """Store an entity, and notify those who watch it; return the statuses of their answers."""
        self._clock += 1
        now = f"2026-11-20T08:{self._clock // 60:02d}:{self._clock % 60:02d}.000Z"
        self.entities[entity["id"]] = {**entity, "modifiedAt": now}
        statuses = []
        for subscription in self.subscriptions.values():
            watched = subscription.get("watchedAttributes")
            if subscription["entities"][0]["type"] != entity["type"] or self.deaf:
                continue
            if watched and not set(watched).intersection(entity):
                continue
            notification = {
                "id": f"urn:ngsi-ld:Notification:{self._clock}",
                "type": "Notification",
                "subscriptionId": subscription["id"],
                "notifiedAt": now,
                "data": [entity],
            }
            statuses.append(self._notify(subscription, notification, now))
        return statuses

    def _notify(self, subscription: dict[str, Any], notification: dict[str, Any], now: str) -> int:
        with httpx2.Client(timeout=20, trust_env=False) as client:
            try:
                status = client.post(subscription["notification"]["endpoint"]["uri"], json=notification).status_code
            except httpx2.HTTPError:
                status = 0
        subscription["notification"]["lastSuccess" if 200 <= status < 300 else "lastFailure"] = now
        return status
