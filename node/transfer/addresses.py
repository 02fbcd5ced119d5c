"""DSP data addresses for pulling and calling over HTTP: write ours, read those of others.

DSP 2025-1 §9.2.1, §9.2.2 DataAddress: an ``endpoint`` of a registered ``endpointType`` and ``endpointProperties``;
the standard defines two of these properties, ``authorization`` and ``authType``. Three more are ours, named by IRIs
that other connectors ignore: the address for a new token, the address of the manifest, and the time when the token
expires.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import SplitResult, quote, urlsplit

from node.base.clock import stamp
from node.base.errors import InvalidInput
from node.vocab.dsp import HTTP_ENDPOINT, PUSH
from node.vocab.namespaces import HANSA

OGC_PATH: Final = "/ogc"
"""The path of a node's OGC API below its public URL: landing page, processes and jobs."""
TOKEN_ENDPOINT: Final = f"{HANSA}tokenEndpoint"
MANIFEST_ENDPOINT: Final = f"{HANSA}manifestEndpoint"
MANIFEST_HEADER: Final = f"{HANSA}manifestHeader"
HTTP_DATA: Final = "HttpData"
_HEADER: Final = re.compile(r"(?i:authorization|api-key|x-[a-z0-9-]{1,60})", re.ASCII)
_HEADER_VALUE: Final = re.compile(r"[\x20-\x7e]{1,4096}", re.ASCII)
EXPIRES: Final = f"{HANSA}expires"
_EDC: Final = "https://w3id.org/edc/v0.0.1/ns/"
"""EDC reads everything but the type from the properties, and keeps those named by IRIs
(docs/reference/interoperability.md)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """The address to pull from. ``authorization`` is the value of the HTTP header, scheme included."""

    endpoint: str
    authorization: str | None = field(repr=False)
    token_endpoint: str | None = None
    manifest_endpoint: str | None = None

    def in_other_words(self) -> Address | None:
        """Return the same address with its token in the other form: without ``Bearer``, or with it.

        EDC announces its public API with the ``authType`` ``bearer``, but takes only the token without a scheme. None
        if there is no token, or one under another scheme; None also for an address that names a place to renew the
        token: it is from a node like this one, and exact.
        """
        if self.authorization is None or self.token_endpoint is not None:
            return None
        token = _without_scheme(self.authorization)
        if token is not None:
            return replace(self, authorization=token)
        return None if " " in self.authorization else replace(self, authorization=f"Bearer {self.authorization}")


def pull_address(public_url: str, pid: str, *, token: str, expires: datetime) -> dict[str, Any]:
    """Return the DataAddress of the provider's process ``pid``."""
    endpoint = _door(public_url, pid)
    return _address(
        endpoint,
        {
            **_bearer(endpoint, token),
            TOKEN_ENDPOINT: f"{endpoint}/token",
            MANIFEST_ENDPOINT: f"{endpoint}/manifest",
            EXPIRES: stamp(expires),
        },
    )


def live_address(public_url: str, pid: str, *, token: str, expires: datetime) -> dict[str, Any]:
    """Return the DataAddress of live data in the provider's process ``pid``: it is read as often as needed."""
    endpoint = f"{public_url.rstrip('/')}/live/{quote(pid, safe=':')}"
    return _address(
        endpoint,
        {
            **_bearer(endpoint, token),
            TOKEN_ENDPOINT: f"{_door(public_url, pid)}/token",
            EXPIRES: stamp(expires),
        },
    )


def query_address(public_url: str, pid: str, *, token: str, expires: datetime) -> dict[str, Any]:
    """Return the DataAddress of a table that is asked in the provider's process ``pid``."""
    endpoint = f"{public_url.rstrip('/')}/query/{quote(pid, safe=':')}"
    return _address(
        endpoint,
        {
            **_bearer(endpoint, token),
            TOKEN_ENDPOINT: f"{_door(public_url, pid)}/token",
            EXPIRES: stamp(expires),
        },
    )


def push_address(public_url: str, pid: str, *, token: str) -> dict[str, Any]:
    """Return the DataAddress of this node, as consumer, for a push in its process ``pid``.

    Beside the standard's names it has those of EDC's ``HttpData`` addresses, which that connector uses for pushes.
    """
    endpoint = f"{public_url.rstrip('/')}/pushed/{quote(pid, safe=':')}"
    header = f"Bearer {token}"
    properties = {
        "authorization": token,
        "authType": "bearer",
        f"{_EDC}baseUrl": endpoint,
        f"{_EDC}authKey": "Authorization",
        f"{_EDC}authCode": header,
        MANIFEST_HEADER: "Hansa-Manifest",
    }
    return _address(endpoint, properties) | {"endpointType": HTTP_DATA}


def sink_address(
    endpoint: str, *, header: tuple[str, str] | None = None, method: str | None = None
) -> dict[str, Any]:
    """Return the DataAddress of any service that takes bytes by HTTP at ``endpoint``; ``header`` (name and value)
    gives access to it.

    The names are those of EDC's ``HttpData`` addresses, which every connector that pushes over HTTP reads; if the
    header is a bearer token, the address has the standard's names too. Raises ``InvalidInput`` if bytes cannot be
    pushed to the address.
    """
    properties = {f"{_EDC}baseUrl": endpoint}
    if method is not None:
        properties[f"{_EDC}method"] = method
    if header is not None:
        name, value = header
        properties |= {f"{_EDC}authKey": name, f"{_EDC}authCode": value}
        if name.lower() == "authorization" and value.lower().startswith("bearer "):
            properties |= {"authorization": value[7:].strip(), "authType": "bearer"}
    address = _address(endpoint, properties) | {"endpointType": HTTP_DATA}
    read_push_address(address)
    return address


def execute_address(public_url: str, pid: str, process: str, *, token: str, expires: datetime) -> dict[str, Any]:
    """Return the DataAddress of an execution: ``process`` is the URL of a process of OGC API Processes, at this
    origin."""
    return _address(
        process,
        {
            **_bearer(process, token),
            TOKEN_ENDPOINT: f"{_door(public_url, pid)}/token",
            EXPIRES: stamp(expires),
        },
    )


def process_url(public_url: str, model: str) -> str:
    """Return the URL of a model of this node as a process of OGC API Processes, named by the last segment of its
    IRI."""
    return f"{public_url.rstrip('/')}{OGC_PATH}/processes/{quote(model.rpartition('/')[2], safe='')}"


def _door(public_url: str, pid: str) -> str:
    return f"{public_url.rstrip('/')}/data/{quote(pid, safe=':')}"


def _bearer(endpoint: str, token: str) -> dict[str, str]:
    return {
        "authorization": token,
        "authType": "bearer",
        f"{_EDC}endpoint": endpoint,
        f"{_EDC}endpointType": HTTP_ENDPOINT,
        f"{_EDC}authorization": token,
        f"{_EDC}authType": "bearer",
    }


def _address(endpoint: str, properties: Mapping[str, str]) -> dict[str, Any]:
    return {
        "@type": "DataAddress",
        "endpointType": HTTP_ENDPOINT,
        "endpoint": endpoint,
        "endpointProperties": [
            {"@type": "EndpointProperty", "name": name, "value": value} for name, value in properties.items()
        ],
    }


_PLACES: Final = frozenset({"baseUrl", "endpoint", "manifestEndpoint", "path", "tokenEndpoint"})
_TOLD: Final = _PLACES | {"authKey", "authType", "endpointType", "expires", "manifestHeader", "method", "type"}
"""The properties that are not secret, from either side. Any other may be secret: connectors have their own names for
keys (``sasToken``), headers (``header:Authorization``) and signed queries (``queryParams``)."""
_USED: Final = _TOLD | {"authorization", "authCode"}
_OPENING: Final = re.compile(r"\A((?:[A-Za-z][A-Za-z0-9+.-]*:)?[/\\]*)[^/\\]*@")
"""A URL up to the end of its user information, or of text that a lenient parser might take for user information."""


def without_token(address: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same address without anything that may be secret: for the process, for pages and logs.

    Only members and properties that are known not to be secret stay. User information, query and fragment of an
    address are left out as well: an upload address may be signed, and gives access to everyone who has it.
    """
    return _only(address, _TOLD, _text)


def without_unused(address: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same address without the parts that this node does not use: while a transfer runs, it keeps what it
    reads or pushes with, but neither a token that would renew that one nor other keys."""
    return _only(address, _USED, lambda _, value: value)


def _only(address: Mapping[str, Any], names: Collection[str], show: Callable[[str, str], str]) -> dict[str, Any]:
    properties = [
        {"@type": "EndpointProperty", "name": item["name"], "value": show(name, item["value"])}
        for item in _items(address)
        if (name := _plain_name(item.get("name"))) in names and isinstance(item.get("value"), str)
    ]
    members = {name: address[name] for name in ("@type", "endpointType") if isinstance(address.get(name), str)}
    if isinstance(address.get("endpoint"), str):
        members["endpoint"] = show("endpoint", address["endpoint"])
    return {**members, "endpointProperties": properties}


def _text(name: str, value: str) -> str:
    """Return the value of a property without secrets: of an address, its scheme, host, port and path."""
    if name not in _PLACES:
        return value
    place = re.split(r"[?#]", value, maxsplit=1)[0]
    return place if name == "path" else _OPENING.sub(r"\1", place)


def read_address(address: Mapping[str, Any] | None) -> Address:
    """Return an address that a provider sent. Raises ``InvalidInput`` if it is not an address for pulling over HTTP.

    The end point is a member of the address (DSP 2025-1 §9.2.2); EDC puts it into the properties only.
    """
    if not address:
        raise InvalidInput("the provider started the transfer without a data address")
    kind, properties = address.get("endpointType"), _properties(address)
    endpoint = address.get("endpoint") or properties.get("endpoint")
    if not isinstance(kind, str) or _plain_name(kind).upper() not in ("HTTP", "HTTPS"):
        raise InvalidInput(f"this node does not support the type of the data address: {str(kind)[:80]}")
    if not isinstance(endpoint, str) or _split(endpoint) is None:
        raise InvalidInput("the data address has no HTTP endpoint")
    token = properties.get("authorization")
    if token is not None and properties.get("authType", "").lower() == "bearer":
        token = f"Bearer {_without_scheme(token) or token}"
    return Address(
        endpoint=endpoint,
        authorization=token,
        token_endpoint=_beside(endpoint, properties.get("tokenEndpoint")),
        manifest_endpoint=_beside(endpoint, properties.get("manifestEndpoint")),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PushAddress:
    """The address to push to. ``header`` is the name and the value of the header that authorises us;
    ``manifest_header`` is the header in which the receiver takes our manifest, if it knows manifests."""

    method: str
    endpoint: str
    header: tuple[str, str] | None = field(repr=False)
    manifest_header: str | None = None


def read_push_address(address: Mapping[str, Any] | None) -> PushAddress:
    """Return an address that a consumer sent. Raises ``InvalidInput`` if it is not an address for pushing over
    HTTP."""
    if not address:
        raise InvalidInput("dataAddress is missing: where should the bytes go?", remedy="send one, or ask for a pull")
    kind = address.get("endpointType")
    if not isinstance(kind, str) or _plain_name(kind).upper() not in ("HTTP", "HTTPS", "HTTPDATA"):
        raise InvalidInput(f"this node cannot push to this type of dataAddress: {str(kind)[:80]}")
    properties = _properties(address)
    endpoint = properties.get("baseUrl") or address.get("endpoint") or properties.get("endpoint")
    parts = _split(endpoint)
    if not isinstance(endpoint, str) or parts is None:
        raise InvalidInput("dataAddress has no HTTP endpoint")
    if "@" in parts.netloc:
        raise InvalidInput(
            "dataAddress has a user name or a password in its URL", remedy="name the header that opens it instead"
        )
    if properties.get("path"):
        endpoint = f"{endpoint.rstrip('/')}/{properties['path'].lstrip('/')}"
    method = properties.get("method", "POST").upper()
    if method not in ("POST", "PUT"):
        raise InvalidInput(f"dataAddress asks for the method {method[:20]}; bytes are pushed by POST or PUT")
    manifest_header = properties.get("manifestHeader")
    if manifest_header is not None and manifest_header.lower() != "hansa-manifest":
        manifest_header = None
    return PushAddress(method=method, endpoint=endpoint, header=_proof(properties), manifest_header=manifest_header)


def pushed_to(format: str, address: Mapping[str, Any] | None) -> str | None:  # noqa: A002 - the protocol's name
    """Return the push address of a transfer, for people to read; None if its bytes are not pushed, or go to this node
    itself."""
    if format != PUSH or not address:
        return None
    properties = _properties(address)
    endpoint = properties.get("baseUrl") or address.get("endpoint") or properties.get("endpoint")
    return _text("endpoint", endpoint) if isinstance(endpoint, str) else None


def _proof(properties: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the header that gives access to a push address: EDC's ``authKey`` and ``authCode``, or a token."""
    name, value = properties.get("authKey"), properties.get("authCode")
    if name is None or value is None:
        name, value = "Authorization", properties.get("authorization")
        if value is not None and properties.get("authType", "").lower() == "bearer":
            value = f"Bearer {_without_scheme(value) or value}"
    if value is None:
        return None
    if not _HEADER.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
        raise InvalidInput(
            "this node does not send the header that dataAddress asks for", remedy="use Authorization, or X-…"
        )
    return name, value


def _without_scheme(authorization: str) -> str | None:
    """Return the token in ``Bearer <token>``; None if that scheme is missing."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def _properties(address: Mapping[str, Any]) -> dict[str, str]:
    properties: dict[str, str] = {}
    for item in _items(address):
        if isinstance(item.get("value"), str):
            properties.setdefault(_plain_name(item.get("name")), item["value"])
    return properties


def _items(address: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    items = address.get("endpointProperties")
    return [item for item in items if isinstance(item, Mapping)] if isinstance(items, list) else []


def _split(url: object) -> SplitResult | None:
    """Return the parts of ``url``, or None if it is not an HTTP URL."""
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
    except ValueError:
        return None
    return parts if parts is not None and parts.scheme in ("http", "https") else None


def _beside(endpoint: str, url: str | None) -> str | None:
    """Return ``url``, which must have the origin of the endpoint: no other server gets our tokens."""
    if url is None:
        return None
    there, here = _split(url), _split(endpoint)
    if there is None or here is None or there[:2] != here[:2]:
        raise InvalidInput("the data address points to several hosts")
    return url


def _plain_name(name: object) -> str:
    """Return the last segment of an IRI or a prefixed name: connectors write property names in different ways."""
    text = name if isinstance(name, str) else ""
    for mark in ("#", "/", ":"):
        text = text.rpartition(mark)[2]
    return text
