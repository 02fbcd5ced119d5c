"""The schemas of the catalogue in the form of the Confluent Schema Registry API, for reading."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

from fastapi import Query, Request
from starlette.responses import JSONResponse, Response

from node.base.errors import HansaError, InvalidInput, TooLarge
from node.base.jsons import read_json
from node.catalogue.meaning.schema_registry import (
    TYPES,
    NoSchema,
    NoSubject,
    NoVersion,
    RegisteredSchema,
    SchemaRegistry,
    UnreadableSchema,
    type_named,
)
from node.identity.model import Caller
from node.web.api_router import PlacedApiRouter
from node.web.bodies import read_body
from node.web.replies import kept_for

Identify = Callable[[Request], Awaitable[Caller]]

LARGEST: Final = 512 << 10
"""Bytes of a request with a schema."""
LEVEL: Final = "BACKWARD"
_TYPE: Final = "application/vnd.schemaregistry.v1+json"
_CODES: Final[tuple[tuple[type[HansaError], int], ...]] = (
    (NoSubject, 40401),
    (NoVersion, 40402),
    (NoSchema, 40403),
    (UnreadableSchema, 42201),
)
_NO_LEVEL: Final = 40408
_BAD_VERSION: Final = 42202
_READ_ONLY: Final = 42205
_BAD_REQUEST: Final = 42201


class _Refusal(Exception):
    """An answer with an error of the registry."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def router(*, registry: SchemaRegistry, identify: Identify) -> PlacedApiRouter:
    """Return the routes below ``/registry``, in the form of registries."""
    endpoints = _Endpoints(registry, identify)
    routes = PlacedApiRouter(prefix="/registry", tags=["catalogue"])
    for path, method, endpoint in (
        ("/subjects", "GET", endpoints.subjects),
        ("/subjects/{subject:path}/versions", "GET", endpoints.versions),
        ("/subjects/{subject:path}/versions", "POST", endpoints.refuse),
        ("/subjects/{subject:path}/versions/{version}", "GET", endpoints.version),
        ("/subjects/{subject:path}/versions/{version}/schema", "GET", endpoints.text),
        ("/subjects/{subject:path}", "POST", endpoints.look_up),
        ("/schemas/ids/{number}", "GET", endpoints.schema),
        ("/schemas/ids/{number}/versions", "GET", endpoints.uses),
        ("/schemas/types", "GET", endpoints.types),
        ("/compatibility/subjects/{subject:path}/versions/{version}", "POST", endpoints.compare),
        ("/config", "GET", endpoints.level),
        ("/config/{subject:path}", "GET", endpoints.level_of),
        ("/mode", "GET", endpoints.mode),
    ):
        routes.add_api_route(path, endpoint, methods=[method], response_class=JSONResponse)
    return routes


class _Endpoints:
    def __init__(self, registry: SchemaRegistry, identify: Identify) -> None:
        self._registry = registry
        self._identify = identify

    async def _answer(self, request: Request, content: Callable[[Caller], Awaitable[Any]]) -> Response:
        """Return the answer, or an error as registries write it."""
        try:
            caller = await self._identify(request)
            answer = await content(caller)
            if isinstance(answer, Response):
                return answer
            return JSONResponse(answer, media_type=_TYPE, headers=kept_for(caller))
        except _Refusal as refusal:
            return _error(refusal.code, str(refusal))
        except HansaError as error:
            code = next((code for kind, code in _CODES if isinstance(error, kind)), error.status)
            text = f"{error.detail} ({error.remedy})" if error.remedy else error.detail
            return _error(code, text, error.status if code == error.status else None)

    async def subjects(
        self,
        request: Request,
        prefix: Annotated[str, Query(alias="subjectPrefix", max_length=2048)] = "",
        offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
        limit: Annotated[int, Query(ge=-1, le=1_000_000)] = -1,
    ) -> Response:
        """The names of the schemas that you may see and that are JSON Schema, Avro or Protocol Buffers; at most
        2,000. A schema of this node has its name, one of another node its address."""

        async def content(caller: Caller) -> list[str]:
            names = [name for name in await self._registry.subjects(caller) if name.startswith(prefix)]
            return names[offset : None if limit < 0 else offset + limit]

        return await self._answer(request, content)

    async def versions(self, request: Request, subject: str) -> Response:
        """The numbers of the versions of a schema; they are those of the asset."""

        async def content(caller: Caller) -> list[int]:
            return [schema.version for schema in await self._registry.versions(subject, caller)]

        return await self._answer(request, content)

    async def version(self, request: Request, subject: str, version: str) -> Response:
        """One version of a schema, or the `latest`, with its `id`."""

        async def content(caller: Caller) -> dict[str, Any]:
            return _with_names(await self._registry.version(subject, _version(version), caller))

        return await self._answer(request, content)

    async def text(self, request: Request, subject: str, version: str) -> Response:
        """The schema alone, as it was published."""

        async def content(caller: Caller) -> Response:
            schema = await self._registry.version(subject, _version(version), caller)
            return Response(schema.text, media_type="text/plain; charset=utf-8", headers=kept_for(caller))

        return await self._answer(request, content)

    async def schema(self, request: Request, number: str) -> Response:
        """The schema with this `id`. The same schema has the same `id` in every version and at every node."""

        async def content(caller: Caller) -> dict[str, Any]:
            return _plain((await self._registry.with_number(_number(number), caller))[-1])

        return await self._answer(request, content)

    async def uses(self, request: Request, number: str) -> Response:
        """The subjects and versions that have this schema."""

        async def content(caller: Caller) -> list[dict[str, Any]]:
            schemas = await self._registry.with_number(_number(number), caller)
            return [{"subject": schema.subject, "version": schema.version} for schema in schemas]

        return await self._answer(request, content)

    async def types(self, request: Request) -> Response:
        """The types of schemas."""

        async def content(_: Caller) -> list[str]:
            return list(TYPES)

        return await self._answer(request, content)

    async def look_up(self, request: Request, subject: str) -> Response:
        """The version of `subject` that has the schema in the body (`schema`, and `schemaType` unless it is Avro)."""

        async def content(caller: Caller) -> dict[str, Any]:
            type_, text = await _read_schema(request)
            return _with_names(await self._registry.with_text(subject, type_, text, caller))

        return await self._answer(request, content)

    async def compare(self, request: Request, subject: str, version: str, verbose: bool = False) -> Response:
        """`is_compatible`: the schema in the body can read data of a version; with `verbose=true`, `messages` has
        the reasons why not. Nothing is kept."""

        async def content(caller: Caller) -> dict[str, Any]:
            type_, text = await _read_schema(request)
            faults = await self._registry.faults(subject, _version(version), type_, text, caller)
            return {"is_compatible": not faults, **({"messages": list(faults)} if verbose else {})}

        return await self._answer(request, content)

    async def level(self, request: Request) -> Response:
        """The level at which compatibility is checked here."""

        async def content(_: Caller) -> dict[str, str]:
            return {"compatibilityLevel": LEVEL}

        return await self._answer(request, content)

    async def level_of(
        self, request: Request, subject: str, default: Annotated[bool, Query(alias="defaultToGlobal")] = False
    ) -> Response:
        """The level of one schema: that of all, with `defaultToGlobal=true`; schemas have none of their own."""

        async def content(caller: Caller) -> dict[str, str]:
            await self._registry.versions(subject, caller)
            if not default:
                raise _Refusal(_NO_LEVEL, f"Subject '{subject}' does not have subject-level compatibility configured")
            return {"compatibilityLevel": LEVEL}

        return await self._answer(request, content)

    async def mode(self, request: Request) -> Response:
        """`READONLY`: schemas are published in the catalogue."""

        async def content(_: Caller) -> dict[str, str]:
            return {"mode": "READONLY"}

        return await self._answer(request, content)

    async def refuse(self, request: Request, subject: str) -> Response:
        """Refused: schemas are published in the catalogue, where their changes are checked."""

        async def content(_: Caller) -> None:
            remedy = "publish schemas in the catalogue, with hansa publish, on the page Publish or by /api/records"
            raise _Refusal(_READ_ONLY, f"Subject {subject[:200]} is in read-only mode: {remedy}")

        return await self._answer(request, content)


def _error(code: int, message: str, status: int | None = None) -> Response:
    status = status or int(str(code)[:3])
    return JSONResponse({"error_code": code, "message": message}, status_code=status, media_type=_TYPE)


def _plain(schema: RegisteredSchema) -> dict[str, Any]:
    # Registries leave the type out if it is Avro.
    type_ = {} if schema.type == "AVRO" else {"schemaType": schema.type}
    return {**type_, "schema": schema.text}


def _with_names(schema: RegisteredSchema) -> dict[str, Any]:
    return {"subject": schema.subject, "version": schema.version, "id": schema.number, **_plain(schema)}


def _version(text: str) -> int | None:
    if text in ("latest", "-1"):
        return None
    if not (text.isascii() and text.isdigit() and 0 < int(text[:12]) < 1 << 31):
        raise _Refusal(
            _BAD_VERSION, f"The specified version '{text[:40]}' is not a valid version id. Use a number or 'latest'."
        )
    return int(text)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise _Refusal(40403, f"Schema {text[:40]} not found")
    return int(text)


async def _read_schema(request: Request) -> tuple[str, str]:
    """Return the type and the text of the schema in the body."""
    refusal = TooLarge(
        f"a schema may have at most {LARGEST} bytes here", remedy="leave out what does not concern the data"
    )
    body = await read_body(request, LARGEST, refusal)
    try:
        order = read_json(body)
    except InvalidInput as error:
        raise _Refusal(_BAD_REQUEST, error.detail) from error
    if not isinstance(order, dict) or not isinstance(order.get("schema"), str) or not order["schema"].strip():
        raise _Refusal(_BAD_REQUEST, 'the body has no schema: send {"schema": "…", "schemaType": "JSON"}')
    if order.get("references"):
        raise _Refusal(_BAD_REQUEST, "references to other subjects are not followed: send the schema in one piece")
    type_ = order.get("schemaType") or ""
    return type_named(type_ if isinstance(type_, str) else "?"), order["schema"]
