"""How the versions of the Dataspace Protocol write the same message: one table, one reader, one writer.

Inside this node a message has the members of 2025-1, whichever version it came or leaves in; its ``@context`` says
which. DSP 2024/1 has the same paths, messages and states, and writes them as JSON-LD with prefixes: ``dspace:``
before the protocol's own terms, ``odrl:``, ``dcat:`` and ``dct:`` before the others; process ids and other
identifiers as ``{"@id": …}``; states and events as ``{"@id": "dspace:…"}``; the type of a message with its prefix.
Reading takes prefixes, whole IRIs and bare terms alike, one object for a list of one, and never loads a context.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import Any, Final

from node.base.errors import InvalidInput
from node.base.jsons import canonical, read_object
from node.vocab.dsp import V2024_1, V2025_1, VERSIONS, DspVersion


class Kind(Enum):
    """How a member's value is written."""

    ID = auto()
    TEXT = auto()
    STATE = auto()
    TERM = auto()
    OBJECT = auto()
    LIST = auto()
    ANY = auto()
    ANYS = auto()


_NAMESPACES: Final[Mapping[str, str]] = {
    "dspace": V2024_1.namespace,
    "odrl": "http://www.w3.org/ns/odrl/2/",
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
}

_TERMS: Final[Mapping[str, tuple[str, Kind]]] = {
    "consumerPid": ("dspace", Kind.ID),
    "providerPid": ("dspace", Kind.ID),
    "agreementId": ("dspace", Kind.ID),
    "participantId": ("dspace", Kind.ID),
    "callbackAddress": ("dspace", Kind.TEXT),
    "timestamp": ("dspace", Kind.TEXT),
    "code": ("dspace", Kind.TEXT),
    "reason": ("dspace", Kind.ANYS),
    "filter": ("dspace", Kind.ANYS),
    "state": ("dspace", Kind.STATE),
    "eventType": ("dspace", Kind.STATE),
    "offer": ("dspace", Kind.OBJECT),
    "agreement": ("dspace", Kind.OBJECT),
    "dataAddress": ("dspace", Kind.OBJECT),
    "endpointType": ("dspace", Kind.ID),
    "endpoint": ("dspace", Kind.TEXT),
    "endpointProperties": ("dspace", Kind.LIST),
    "name": ("dspace", Kind.TEXT),
    "value": ("dspace", Kind.TEXT),
    "format": ("dct", Kind.ID),
    "catalog": ("dcat", Kind.LIST),
    "dataset": ("dcat", Kind.LIST),
    "service": ("dcat", Kind.LIST),
    "distribution": ("dcat", Kind.LIST),
    "accessService": ("dcat", Kind.OBJECT),
    "endpointURL": ("dcat", Kind.TEXT),
    "endpointDescription": ("dcat", Kind.TEXT),
    "hasPolicy": ("odrl", Kind.LIST),
    "permission": ("odrl", Kind.LIST),
    "prohibition": ("odrl", Kind.LIST),
    "obligation": ("odrl", Kind.LIST),
    "duty": ("odrl", Kind.LIST),
    "remedy": ("odrl", Kind.LIST),
    "consequence": ("odrl", Kind.LIST),
    "constraint": ("odrl", Kind.LIST),
    "and": ("odrl", Kind.LIST),
    "or": ("odrl", Kind.LIST),
    "xone": ("odrl", Kind.LIST),
    "andSequence": ("odrl", Kind.LIST),
    "action": ("odrl", Kind.TERM),
    "leftOperand": ("odrl", Kind.TERM),
    "operator": ("odrl", Kind.TERM),
    "rightOperand": ("odrl", Kind.ANY),
    "target": ("odrl", Kind.ID),
    "assigner": ("odrl", Kind.ID),
    "assignee": ("odrl", Kind.ID),
    "profile": ("odrl", Kind.ID),
}

_TYPES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("Catalog", "Dataset", "Distribution", "DataService"), "dcat"),
    **dict.fromkeys(("Offer", "Agreement", "Set", "Duty"), "odrl"),
}


def version_named(context: Any) -> DspVersion | None:
    """The version that a ``@context`` names: by its address, or by the namespace of a prefix."""
    entries = context if isinstance(context, list) else [context]
    for version in VERSIONS.values():
        for entry in entries:
            named = entry.values() if isinstance(entry, Mapping) else [entry]
            if any(name in (version.context, version.namespace) for name in named if isinstance(name, str)):
                return version
    return None


def read(raw: bytes, version: DspVersion) -> bytes:
    """A message that came in ``version``, with the members of 2025-1. Raises ``InvalidInput``."""
    if version == V2025_1 or not raw.strip():
        return raw
    body = read_object(raw)
    if version_named(body.get("@context")) != version:
        raise InvalidInput(f"@context does not name version {version.name} of the Dataspace Protocol")
    return canonical({**_plain(body), "@context": [version.context]})


def sent(body: bytes) -> bytes:
    """A message of ours, with the members of 2025-1, as it goes over the wire."""
    if V2024_1.context.encode() not in body:
        return body
    return canonical(written(read_object(body)))


def told(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a peer told in whatever version, with the members of 2025-1."""
    return body if version_named(body.get("@context")) in (None, V2025_1) else _plain(body)


def written(body: Mapping[str, Any]) -> dict[str, Any]:
    """A message or an answer of ours as the version writes it that its ``@context`` names."""
    if version_named(body.get("@context")) != V2024_1:
        return dict(body)
    return {**_prefixed(body), "@context": dict(_NAMESPACES)}


def _plain(body: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, said in body.items():
        short = _short(name)
        if short in found:
            raise InvalidInput(f"{short} is said twice")
        if name == "@type":
            found[name] = _type(said)
        elif short not in _TERMS:
            found[short] = said
        else:
            kind = _TERMS[short][1]
            value = _read_value(kind, said)
            # 2025-1 leaves out a list that has nothing in it.
            if kind is not Kind.LIST or value:
                found[short] = value
    return found


def _read_value(kind: Kind, value: Any) -> Any:
    several = value if isinstance(value, list) else [value]
    match kind:
        case Kind.LIST:
            return [_plain(one) if isinstance(one, Mapping) else one for one in several]
        case Kind.ANYS:
            return [_bare(one) for one in several]
        case Kind.ANY:
            return value
    one = several[0] if len(several) == 1 else value
    if kind is Kind.OBJECT:
        return _plain(one) if isinstance(one, Mapping) else one
    one = _bare(one)
    return one.removeprefix(V2024_1.namespace).removeprefix("dspace:") if kind is Kind.STATE and one else one


def _bare(value: Any) -> Any:
    """What ``{"@id": …}`` or ``{"@value": …}`` holds."""
    if isinstance(value, Mapping) and set(value) <= {"@id"} | {"@value", "@type"} and value:
        return value.get("@id", value.get("@value", value))
    return value


def _type(value: Any) -> Any:
    one = value[0] if isinstance(value, list) and len(value) == 1 else value
    return _short(one, types=True) if isinstance(one, str) else value


def _short(name: str, *, types: bool = False) -> str:
    """A term without its prefix or namespace, where it is one of the protocol's; other names as they are."""
    for prefix, namespace in _NAMESPACES.items():
        for head in (f"{prefix}:", namespace):
            rest = name.removeprefix(head)
            if rest != name and (types or _TERMS.get(rest, ("", None))[0] == prefix):
                return rest
    return name


def _prefixed(body: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in body.items():
        if name == "@type" and isinstance(value, str):
            found[name] = f"{_TYPES.get(value, 'dspace')}:{value}"
        elif name in _TERMS:
            prefix, kind = _TERMS[name]
            found[f"{prefix}:{name}"] = _write_value(kind, value)
        else:
            found[name] = value
    return found


def _write_value(kind: Kind, value: Any) -> Any:
    match kind:
        case Kind.ID:
            return {"@id": value} if isinstance(value, str) else value
        case Kind.STATE:
            return {"@id": f"dspace:{value}"}
        case Kind.TERM if isinstance(value, str):
            return {"@id": value if ":" in value else f"odrl:{value}"}
        case Kind.OBJECT:
            return _prefixed(value) if isinstance(value, Mapping) else value
        case Kind.LIST:
            several = value if isinstance(value, list) else [value]
            return [_prefixed(one) if isinstance(one, Mapping) else one for one in several]
        case _:
            return value
