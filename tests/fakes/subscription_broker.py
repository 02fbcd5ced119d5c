"""The entities and subscriptions of a scripted context broker, written from ETSI GS CIM 009 v1.8.

Clauses 5.2.12, 5.3.1, 5.7.2, 5.8, 6.4, 6.10 and 6.11. It notifies once, as brokers do, and notes what failed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, ClassVar

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


@dataclass
class SubscriptionBroker:
    """``fault``: the status of every answer. ``deaf``: notifications are lost, and it does not notice."""

    kind: ClassVar[str] = "ngsi-ld"
    root: ClassVar[str] = "/ngsi-ld/v1"
    authorization: str = "Bearer broker-secret"
    fault: int = 0
    deaf: bool = False
    entities: dict[str, dict[str, Any]] = field(default_factory=dict)
    subscriptions: dict[str, dict[str, Any]] = field(default_factory=dict)
    renewals: int = 0
    _clock: int = 0

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route(f"{self.root}/types", self.types),
                Route(f"{self.root}/entities", self.read),
                Route(f"{self.root}/subscriptions", self.create, methods=["POST"]),
                Route(f"{self.root}/subscriptions", self.list, methods=["GET"]),
                Route(f"{self.root}/subscriptions/{{name}}", self.subscription, methods=["GET", "PATCH", "DELETE"]),
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

    async def list(self, request: Request) -> Response:
        first, most = (int(request.query_params[name]) for name in ("offset", "limit"))
        states = list(self.subscriptions.values())
        return self.refusal(request) or JSONResponse(states[first : first + most])

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
        self.entities[entity["id"]] = self.changed(entity, now)
        statuses = []
        for subscription in self.subscriptions.values():
            watched = self.watched(subscription)
            if self.type_of(subscription) != entity["type"] or self.deaf:
                continue
            if watched and not set(watched).intersection(entity):
                continue
            notification = self.notification(subscription, entity, now)
            statuses.append(self._notify(subscription, notification, now))
        return statuses

    def _notify(self, subscription: dict[str, Any], notification: dict[str, Any], now: str) -> int:
        with httpx2.Client(timeout=20, trust_env=False) as client:
            try:
                status = client.post(self.receiver(subscription), json=notification).status_code
            except httpx2.HTTPError:
                status = 0
        subscription["notification"]["lastSuccess" if 200 <= status < 300 else "lastFailure"] = now
        return status

    def counter(self, number: int, value: Any) -> dict[str, Any]:
        """An entity, as the broker has it."""
        return {
            "id": f"urn:ngsi-ld:TrafficCounter:{number}",
            "type": "TrafficCounter",
            "intensity": {"type": "Property", "value": value},
        }

    def changed(self, entity: dict[str, Any], now: str) -> dict[str, Any]:
        """An entity with the time of its change."""
        return {**entity, "modifiedAt": now}

    def notification(self, subscription: dict[str, Any], entity: dict[str, Any], now: str) -> dict[str, Any]:
        return {
            "id": f"urn:ngsi-ld:Notification:{self._clock}",
            "type": "Notification",
            "subscriptionId": subscription["id"],
            "notifiedAt": now,
            "data": [entity],
        }

    def type_of(self, subscription: dict[str, Any]) -> str:
        return str(subscription["entities"][0]["type"])

    def watched(self, subscription: dict[str, Any]) -> list[str]:
        return list(subscription.get("watchedAttributes", []))

    def receiver(self, subscription: dict[str, Any]) -> str:
        """The address to which notifications go."""
        return str(subscription["notification"]["endpoint"]["uri"])

    def end_of(self, subscription: dict[str, Any]) -> str:
        return str(subscription["expiresAt"])

    def pause(self, subscription: dict[str, Any]) -> None:
        subscription["isActive"] = False

    def is_active(self, subscription: dict[str, Any]) -> bool:
        return subscription["isActive"] is True


class SubscriptionBrokerV2(SubscriptionBroker):
    """The same of a broker that speaks NGSIv2, written from the specification of FIWARE-NGSI v2: it names the
    subscriptions itself."""

    kind = "ngsi-v2"
    root = "/v2"

    async def types(self, request: Request) -> Response:
        names = sorted({entity["type"] for entity in self.entities.values()})
        return self.refusal(request) or JSONResponse([{"type": name, "attrs": {}} for name in names])

    async def read(self, request: Request) -> Response:
        if "dateModified" not in request.query_params["attrs"].split(","):
            return Response(status_code=400)
        return await super().read(request)

    async def create(self, request: Request) -> Response:
        body = json.loads(await request.body())
        if refusal := self.refusal(request):
            return refusal
        if not body["subject"]["entities"][0]["idPattern"] or "id" in body:
            return JSONResponse({"error": "BadRequest"}, 400)
        self._clock += 1
        name = f"{self._clock:024x}"
        self.subscriptions[name] = {**body, "id": name, "status": "active"}
        return Response(status_code=201, headers={"Location": f"/v2/subscriptions/{name}"})

    def counter(self, number: int, value: Any) -> dict[str, Any]:
        attribute = {"type": "Number", "value": value, "metadata": {}}
        return {"id": f"urn:counter:{number}", "type": "TrafficCounter", "intensity": attribute}

    def changed(self, entity: dict[str, Any], now: str) -> dict[str, Any]:
        return {**entity, "dateModified": {"type": "DateTime", "value": now, "metadata": {}}}

    def notification(self, subscription: dict[str, Any], entity: dict[str, Any], now: str) -> dict[str, Any]:
        is_timed = "dateModified" in subscription["notification"]["attrs"]
        return {"subscriptionId": subscription["id"], "data": [self.changed(entity, now) if is_timed else entity]}

    def type_of(self, subscription: dict[str, Any]) -> str:
        return str(subscription["subject"]["entities"][0]["type"])

    def watched(self, subscription: dict[str, Any]) -> list[str]:
        return list(subscription["subject"].get("condition", {}).get("attrs", []))

    def receiver(self, subscription: dict[str, Any]) -> str:
        return str(subscription["notification"]["http"]["url"])

    def end_of(self, subscription: dict[str, Any]) -> str:
        return str(subscription["expires"])

    def pause(self, subscription: dict[str, Any]) -> None:
        subscription["status"] = "inactive"

    def is_active(self, subscription: dict[str, Any]) -> bool:
        return subscription["status"] == "active"
