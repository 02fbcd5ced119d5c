"""A context broker that a test scripts, over real HTTP on loopback.

No real broker can be had from the registries that the tests may use. This one is written from ETSI GS CIM 009 v1.8:
clauses 4.5.10 (types), 4.9 (q), 4.10 (places), 4.11 (times), 5.7 (queries), 6.3.10 (pages) and 6.3.13 (counts).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

CONTEXT = "https://context.ghent.example/city.jsonld"
TERM = re.compile(r"([\w.]+)(?:(==|!=|>=|<=|>|<)(.+))?")
MOMENT = re.compile(r"[0-9]{4}-")
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    ">": lambda a, b: type(a) is type(b) and a > b,
    "<": lambda a, b: type(a) is type(b) and a < b,
    ">=": lambda a, b: type(a) is type(b) and a >= b,
    "<=": lambda a, b: type(a) is type(b) and a <= b,
}
CORE = ("id", "type", "@context")


def counter(number: int) -> dict[str, Any]:
    """An entity of the type that is to be shared."""
    return {
        "id": f"urn:ngsi-ld:TrafficCounter:{number:02d}",
        "type": "TrafficCounter",
        "kind": {"type": "Property", "value": "bikes" if number % 2 else "secret-lane"},
        "intensity": {
            "type": "Property",
            "value": number * 10,
            "observedAt": f"2026-11-{number + 1:02d}T08:00:00Z",
            "unitCode": "E34",
        },
        "guard": {"type": "Property", "value": f"guard-{number}"},
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [3.6 + number / 100, 51.0]}},
        "refDepot": {"type": "Relationship", "object": "urn:ngsi-ld:Depot:1"},
    }


def depot() -> dict[str, Any]:
    """An entity of a type that stays at home."""
    return {"id": "urn:ngsi-ld:Depot:1", "type": "Depot", "secret": {"type": "Property", "value": "depot-secret"}}


@dataclass
class ContextBroker:
    """A broker with entities of two types. ``tenant`` is the only one that has them, if it is set; it
    ``refuses`` queries; ``lies`` changes an answer before it goes out."""

    entities: list[dict[str, Any]] = field(default_factory=lambda: [*map(counter, range(25)), depot()])
    tenant: str | None = None
    authorization: str | None = None
    has_history: bool = True
    refuses: bool = False
    lies: Callable[[Request, Any], Any] | None = None
    requests: list[Request] = field(default_factory=list)

    def app(self) -> Starlette:
        root = "/ngsi-ld/v1"
        return Starlette(
            routes=[
                Route(f"{root}/types", self.types),
                Route(f"{root}/types/{{name}}", self.type),
                Route(f"{root}/entities", self.list),
                Route(f"{root}/entities/{{id:path}}", self.get),
                Route(f"{root}/temporal/entities", self.histories),
                Route(f"{root}/temporal/entities/{{id:path}}", self.history),
            ]
        )

    async def types(self, request: Request) -> Response:
        visible = self.visible(request)
        names = sorted({entity["type"] for entity in visible})
        if request.query_params.get("details") != "true":
            content: Any = {"id": "urn:ngsi-ld:EntityTypeList:1", "type": "EntityTypeList", "typeList": names}
        else:
            content = [
                {
                    "id": f"https://ontology.example/{name}",
                    "type": "EntityType",
                    "typeName": name,
                    "attributeNames": sorted(
                        {key for one in visible if one["type"] == name for key in one} - {*CORE}
                    ),
                }
                for name in names
            ]
        return self.reply(request, content)

    async def type(self, request: Request) -> Response:
        name = request.path_params["name"]
        count = sum(entity["type"] == name for entity in self.visible(request))
        content = {"id": name, "type": "EntityTypeInformation", "typeName": name, "entityCount": count}
        return self.reply(request, content) if count else problem(404)

    async def list(self, request: Request) -> Response:
        query = request.query_params
        if self.refuses or not {"type", "attrs", "q", "georel"} & set(query):
            return problem(400)
        return self.page(request, [self.shape(entity, query) for entity in self.matching(request)])

    async def get(self, request: Request) -> Response:
        entity = next((one for one in self.visible(request) if one["id"] == request.path_params["id"]), None)
        return problem(404) if entity is None else self.reply(request, self.shape(entity, request.query_params))

    async def histories(self, request: Request) -> Response:
        if not self.has_history:
            return Response(status_code=501)
        return self.page(request, [self.past(entity, request) for entity in self.matching(request)])

    async def history(self, request: Request) -> Response:
        entity = next((one for one in self.visible(request) if one["id"] == request.path_params["id"]), None)
        if entity is None:
            return problem(404)
        header = {"content-range": "DateTime 2026-11-01T00:00:00Z-2026-11-02T00:00:00Z/*"}
        more = request.query_params.get("timerel") == "after"
        reply = self.reply(request, self.past(entity, request), header if more else {})
        reply.status_code = 206 if more else 200
        return reply

    def past(self, entity: dict[str, Any], request: Request) -> dict[str, Any]:
        """The entity through time: each attribute with two instances."""
        shape = self.shape(entity, request.query_params)
        return {name: value if name in CORE else [value, value] for name, value in shape.items()}

    def visible(self, request: Request) -> list[dict[str, Any]]:
        self.requests.append(request)
        if self.tenant is not None and request.headers.get("ngsild-tenant") != self.tenant:
            return []
        return self.entities

    def matching(self, request: Request) -> list[dict[str, Any]]:
        query = request.query_params
        matching = [one for one in self.visible(request) if one["type"] in query.get("type", "").split(",")]
        if "attrs" in query:
            matching = [one for one in matching if {*query["attrs"].split(",")} & {*one}]
        for term in query["q"].split(";") if "q" in query else []:
            matching = [one for one in matching if meets(one, term)]
        if "georel" in query:
            near = json.loads(query["coordinates"])
            east = [place[0] for place in near[0]] if query["geometry"] == "Polygon" else [near[0], near[0]]
            places = {one["id"]: one["location"]["value"]["coordinates"][0] for one in matching}
            matching = [one for one in matching if min(east) <= places[one["id"]] <= max(east)]
        return matching

    def shape(self, entity: dict[str, Any], query: Any) -> dict[str, Any]:
        words = {*query.get("options", "").split(","), query.get("format", "")}
        names = {*CORE, *query["attrs"].split(",")} if "attrs" in query else None
        chosen = {name: value for name, value in entity.items() if names is None or name in names}
        if {"keyValues", "simplified"} & words:
            return {
                name: value if name in CORE else value.get("value", value.get("object"))
                for name, value in chosen.items()
            }
        if "sysAttrs" not in words:
            return chosen
        # The numbers of the entities are in their names.
        modified = {"modifiedAt": f"2026-11-{int(entity['id'][-2:]) + 1:02d}T09:00:00Z"}
        timed = {name: value if name in CORE else {**value, **modified} for name, value in chosen.items()}
        return {**timed, **modified}

    def page(self, request: Request, matching: list[dict[str, Any]]) -> Response:
        query = request.query_params
        start, limit = int(query.get("offset", 0)), int(query.get("limit", 20))
        others = [pair for pair in query.multi_items() if pair[0] not in ("offset", "limit")]
        links = []
        for name, offset in (("next", start + limit), ("prev", start - limit)):
            if (name == "next" and limit and offset < len(matching)) or (name == "prev" and start):
                place = urlencode([*others, ("limit", str(limit)), ("offset", str(max(0, offset)))])
                links.append(f'<{request.url.path}?{place}>;rel="{name}";type="application/json"')
        header = {"link": ", ".join(links)} if links else {}
        if query.get("count") == "true":
            header["ngsild-results-count"] = str(len(matching))
        return self.reply(request, matching[start : start + limit], header)

    def reply(self, request: Request, content: Any, header: dict[str, str] | None = None) -> Response:
        if self.authorization is not None and request.headers.get("authorization") != self.authorization:
            return Response(status_code=401)
        if self.lies is not None:
            content = self.lies(request, content)
        return JSONResponse(content, headers=header or {})


def problem(status: int) -> Response:
    kind = "https://uri.etsi.org/ngsi-ld/errors/BadRequestData"
    return JSONResponse({"type": kind, "title": "no"}, status, media_type="application/json")


def meets(entity: dict[str, Any], term: str) -> bool:
    """Whether an entity meets one term of a query."""
    match = TERM.fullmatch(term)
    if match is None or match[1].split(".")[0] not in entity:
        return False
    if match[2] is None:
        return True
    expected = match[3] if MOMENT.match(match[3]) else json.loads(match[3])
    attribute = entity[match[1].split(".")[0]]
    for instance in attribute if isinstance(attribute, list) else [attribute]:
        value = instance.get("observedAt") if "." in match[1] else instance.get("value", instance.get("object"))
        if COMPARE[match[2]](value, expected):
            return True
    return False
