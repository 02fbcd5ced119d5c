"""The batch operations of a scripted context broker, written from ETSI GS CIM 009 v1.8.

Clauses 5.6.7 to 5.6.10, 5.7.2, 6.14 to 6.17 and 6.23.

It shows entities as brokers do: with times of its own, moments with milliseconds, and single values instead of lists
of one.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

ERRORS = "https://uri.etsi.org/ngsi-ld/errors"


@dataclass
class EntityStore:
    """A broker that takes entities. ``fault``: the status of every answer, of the ``operations`` that it is about.
    ``deaf``: the next batch is done and answered with 500. ``rival``: an entity that somebody makes just before the
    next batch is created. ``alters``: what it makes of an entity that it stores; ``spoils`` are ids that it refuses.
    ``ends_after``: batches that write after which it is gone."""

    entities: dict[str, dict[str, Any]] = field(default_factory=dict)
    authorization: str = "Bearer writer-secret"
    fault: int = 0
    operations: tuple[str, ...] = ("create", "upsert", "delete", "query")
    deaf: bool = False
    rival: dict[str, Any] | None = None
    alters: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    spoils: tuple[str, ...] = ()
    ends_after: int | None = None
    requests: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)

    def app(self) -> Starlette:
        root = "/ngsi-ld/v1"
        operation = Route(f"{root}/entityOperations/{{name}}", self.answer, methods=["POST"])
        return Starlette(routes=[operation, Route(f"{root}/types", self.types)])

    def of(self, type_name: str) -> dict[str, dict[str, Any]]:
        """The entities of a type, by their ids."""
        return {name: entity for name, entity in self.entities.items() if entity["type"] == type_name}

    async def types(self, _request: Request) -> Response:
        names = sorted({entity["type"] for entity in self.entities.values()})
        return JSONResponse({"id": "urn:ngsi-ld:EntityTypeList:1", "type": "EntityTypeList", "typeList": names})

    async def answer(self, request: Request) -> Response:
        name = request.path_params["name"]
        body = json.loads(await request.body())
        self.requests.append((name, dict(request.headers), body))
        if request.headers.get("authorization") != self.authorization:
            return Response(status_code=401)
        if self.fault and name in self.operations:
            headers = {"Retry-After": "120"} if self.fault in (429, 503) else {"Location": "http://10.0.0.1/"}
            return Response(status_code=self.fault, headers=headers)
        if name != "query" and self.ends_after is not None:
            self.ends_after -= 1
            if self.ends_after < 0:
                return Response(status_code=503)
        if name == "query":
            return self.query(request, body)
        answer = self.delete(body) if name == "delete" else self.write(name, body)
        if self.deaf and name != "delete":
            self.deaf = False
            return Response(status_code=500)
        return answer

    def query(self, request: Request, body: Any) -> Response:
        assert body["type"] == "Query"
        selectors = body["entities"]
        matching = [
            self.shown(entity)
            for entity in self.entities.values()
            if any(entity["type"] == one["type"] and one.get("id", entity["id"]) == entity["id"] for one in selectors)
        ]
        return JSONResponse(matching[: int(request.query_params.get("limit", 20))])

    def write(self, name: str, body: list[dict[str, Any]]) -> Response:
        if name == "create" and self.rival is not None:
            self.entities[self.rival["id"]], self.rival = self.rival, None
        successes, failures = [], []
        for entity in body:
            if entity["id"] in self.spoils:
                failures.append(failure(entity["id"], "BadRequestData", "an attribute is not to our taste", 400))
            elif name == "create" and entity["id"] in self.entities:
                failures.append(failure(entity["id"], "AlreadyExists", "it is there", 409))
            else:
                self.entities[entity["id"]] = self.alters(entity) if self.alters is not None else entity
                successes.append(entity["id"])
        if failures:
            return JSONResponse({"success": successes, "errors": failures}, 207)
        return JSONResponse(successes, 201)

    def delete(self, body: list[str]) -> Response:
        missing = [name for name in body if self.entities.pop(name, None) is None]
        if missing:
            failures = [failure(name, "ResourceNotFound", "it is not there", 404) for name in missing]
            return JSONResponse({"success": [*({*body} - {*missing})], "errors": failures}, 207)
        return Response(status_code=204)

    def shown(self, entity: dict[str, Any]) -> dict[str, Any]:
        """An entity as a broker shows it that keeps JSON-LD."""
        times = {"createdAt": "2026-11-20T08:00:00.000Z", "modifiedAt": "2026-11-20T08:00:00.000Z"}
        return {**{name: _shown(value) for name, value in entity.items()}, **times}


def _shown(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: entry.replace("Z", ".000Z") if name == "observedAt" and "." not in entry else _shown(entry)
            for name, entry in value.items()
        }
    if isinstance(value, list):
        return _shown(value[0]) if len(value) == 1 else [_shown(entry) for entry in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def failure(name: str, kind: str, title: str, status: int) -> dict[str, Any]:
    return {"entityId": name, "error": {"type": f"{ERRORS}/{kind}", "title": title, "status": status}}
