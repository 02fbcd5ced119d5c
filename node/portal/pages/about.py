"""Pages about the node: its operator, the state of its ledger, its API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import Response

from node.portal.visit import Visit

if TYPE_CHECKING:
    from node.portal.responder import Responder

METHODS: Final = ("get", "post", "put", "patch", "delete")
MAX_DEPTH: Final = 4


async def about(responder: Responder, visit: Visit) -> Response:
    """``/about``: the organisation that runs this node, its rulebook, what it does not do."""
    checks = None
    if visit.signed_in and visit.request.query_params.get("check") == "now":
        checks = await responder.node.contracts.proofs.own_ledger()
    return responder.render(visit, "about.html", facts=await responder.node.operation.facts(), checks=checks)


async def api_docs(responder: Responder, visit: Visit) -> Response:
    """``/docs/api``: the OpenAPI description as a page, from the running application itself."""
    document = responder.openapi() if responder.openapi else {}
    return responder.render(
        visit,
        "api.html",
        info=document.get("info", {}),
        groups=group_by_tag(document),
        source=visit.url("/openapi.json"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A parameter or member: its name, type in words, whether it is required, its meaning."""

    name: str
    type: str
    required: bool
    where: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method on one path."""

    method: str
    path: str
    anchor: str
    summary: str
    description: str
    fields: tuple[Field, ...]
    body: tuple[Field, ...]
    body_type: str
    answers: tuple[tuple[str, str], ...]


def group_by_tag(document: Mapping[str, Any]) -> dict[str, list[Operation]]:
    """Return tag → operations, in the order of the document (OpenAPI 3.1)."""
    groups: dict[str, list[Operation]] = {}
    for path, item in document.get("paths", {}).items():
        for method in METHODS:
            if operation := item.get(method):
                tag = (operation.get("tags") or [""])[0]
                groups.setdefault(tag, []).append(_operation(document, path, method, item, operation))
    return groups


def _operation(
    document: Mapping[str, Any], path: str, method: str, item: Mapping[str, Any], operation: Mapping[str, Any]
) -> Operation:
    parameters = [_resolve(document, p) for p in (*item.get("parameters", ()), *operation.get("parameters", ()))]
    content = _resolve(document, operation.get("requestBody", {})).get("content", {})
    body_type = next(iter(content), "")
    media: Mapping[str, Any] = content.get(body_type, {})
    anchor = "".join(c if c.isalnum() else "-" for c in f"{method}{path}")
    return Operation(
        method=method.upper(),
        path=path,
        anchor=anchor,
        summary=operation.get("summary", ""),
        description=operation.get("description", ""),
        fields=tuple(
            Field(
                name=p.get("name", ""),
                type=_type(document, p.get("schema", {})),
                required=bool(p.get("required")),
                where=p.get("in", ""),
                description=p.get("description", ""),
            )
            for p in parameters
        ),
        body=_members(document, media.get("schema", {})),
        body_type=body_type,
        answers=tuple(
            (status, _resolve(document, answer).get("description", ""))
            for status, answer in operation.get("responses", {}).items()
        ),
    )


def _members(document: Mapping[str, Any], schema: Mapping[str, Any]) -> tuple[Field, ...]:
    schema_part = _resolve(document, schema)
    names = schema_part.get("required", ())
    return tuple(
        Field(
            name=name,
            type=_type(document, member),
            required=name in names,
            description=_resolve(document, member).get("description", ""),
        )
        for name, member in schema_part.get("properties", {}).items()
    )


def _resolve(document: Mapping[str, Any], value: Mapping[str, Any]) -> Mapping[str, Any]:
    for _ in range(MAX_DEPTH):
        reference = value.get("$ref", "")
        if not isinstance(reference, str) or not reference.startswith("#/"):
            return value
        member: Any = document
        for part in reference[2:].split("/"):
            member = member.get(part.replace("~1", "/").replace("~0", "~"), {}) if isinstance(member, Mapping) else {}
        value = member if isinstance(member, Mapping) else {}
    return value


def _type(document: Mapping[str, Any], schema: Mapping[str, Any], depth: int = 0) -> str:
    """Return a schema in a few words: ``string (date-time)``, ``array of string``, ``string or null``."""
    if depth >= MAX_DEPTH:
        return "…"
    reference = schema.get("$ref")
    schema_part = _resolve(document, schema)
    for joined, word in (("anyOf", " or "), ("oneOf", " or "), ("allOf", " and ")):
        if joined in schema_part:
            return word.join(dict.fromkeys(_type(document, s, depth + 1) for s in schema_part[joined]))
    if "enum" in schema_part:
        return " or ".join(str(value) for value in schema_part["enum"])
    kind = schema_part.get("type", "")
    if isinstance(kind, list):
        return " or ".join(str(one) for one in kind)
    if kind == "array":
        return f"array of {_type(document, schema_part.get('items', {}), depth + 1)}"
    if reference and kind == "object":
        return str(reference).rsplit("/", 1)[-1]
    return f"{kind} ({schema_part['format']})" if kind and schema_part.get("format") else str(kind or "any")
