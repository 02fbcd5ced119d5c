"""``did:web`` names: their grammar, the address of their document, and the checks of a document.

The grammar is narrower than the method's (w3c-ccg/did-method-web): lower-case ASCII, a host with at least one
dot, a port from the list, plain path segments. A name from an unauthenticated token decides where we connect to, so
every name that two readers could understand differently is refused. Percent-encoding is read only for the colon of
the port; other encoded characters in a name could turn a segment into a path.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

from node.base.errors import InvalidInput, LocalFault
from node.identity.model import DidDocument

DEFAULT_PORTS: Final = frozenset({443, 8443})
MAX_DID: Final = 512
_PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})

_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)", re.ASCII)
_TOP_LABEL = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])", re.ASCII)
_SEGMENT = re.compile(r"[A-Za-z0-9._~-]{1,128}", re.ASCII)
_PORT = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)


@dataclass(frozen=True, slots=True)
class WebName:
    """The parts of a ``did:web``: host, port (None for 443), path segments."""

    host: str
    port: int | None
    segments: tuple[str, ...]

    @property
    def authority(self) -> str:
        return self.host if self.port is None else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        return is_loopback(self.host)


@lru_cache(maxsize=1024)
def is_loopback(host: str) -> bool:
    """Return whether ``host`` names this machine: ``localhost``, 127.0.0.0/8 in its plain form, ``::1``."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    # The text must be the canonical form: `ipaddress` is strict about IPv4, and `::1` has many spellings.
    return address.is_loopback and str(address) == host


def is_public_name(host: str) -> bool:
    """Return whether ``host`` has the form of a DNS name under some top-level domain, and is not a number."""
    labels = host.split(".")
    return (
        len(host) <= 253
        and len(labels) >= 2
        and all(_LABEL.fullmatch(label) and label != "xn--" for label in labels)
        and _TOP_LABEL.fullmatch(labels[-1]) is not None
    )


def read_did(did: str, *, allow_loopback: bool = False, ports: Collection[int] = DEFAULT_PORTS) -> WebName:
    """Return the parts of ``did``. Raises ``InvalidInput`` for every name that this node does not resolve.

    ``allow_loopback`` admits names of this machine, with any port; other names may only use ``ports``.
    """
    if len(did) > MAX_DID or not did.startswith("did:web:"):
        raise InvalidInput("the identifier is not a did:web", remedy="use did:web:<host>[%3A<port>][:<path>…]")
    # Split first, decode afterwards: an encoded colon belongs to the port, and an encoded slash is invalid.
    authority, *segments = did.removeprefix("did:web:").split(":")
    host, encoded_colon, port_text = authority.partition("%3A")
    if encoded_colon and not _PORT.fullmatch(port_text):
        raise InvalidInput("the port of the did:web is not a port")
    port = int(port_text) if encoded_colon else None
    if is_loopback(host):
        if not allow_loopback or (port is not None and port > 65535):
            raise InvalidInput("the did:web names this machine", remedy="use the public host name of the node")
    elif not is_public_name(host):
        raise InvalidInput("the host of the did:web is not a public DNS name in lower case")
    elif port is not None and port not in ports:
        raise InvalidInput(f"port {port} is not a port that this node connects to")
    if any(not _SEGMENT.fullmatch(segment) or segment in (".", "..") for segment in segments):
        raise InvalidInput("a path segment of the did:web is empty or has characters that it may not have")
    return WebName(host, port, tuple(segments))


def did_of(public_url: str) -> str:
    """Return the ``did:web`` of the node with this base URL: the inverse of ``base_url``.

    Raises ``InvalidInput`` if the URL cannot be the base of a did:web: https is required, except on loopback.
    """
    try:
        parts = urlsplit(public_url)
        host, number = parts.hostname or "", parts.port
    except ValueError as error:
        raise InvalidInput(
            f"{public_url[:200]} is not a web address", remedy="write an address such as https://region.example"
        ) from error
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise InvalidInput(
            f"{public_url} cannot carry a did:web: those are resolved over https",
            remedy="put the node behind TLS and set public_url to its https address",
        )
    if parts.query or parts.fragment or parts.username or parts.password:
        raise InvalidInput(f"{public_url} is not a plain base URL")
    port = "" if number is None else f"%3A{number}"
    path = "".join(f":{segment}" for segment in parts.path.strip("/").split("/") if segment)
    did = f"did:web:{host}{port}{path}"
    read_did(did, allow_loopback=True, ports=(number or 443,))
    return did


def base_url(did: str, *, allow_loopback_http: bool = False, ports: Collection[int] = DEFAULT_PORTS) -> str:
    """Return the base URL for ``did``, without a trailing slash; http for loopback names if that is allowed."""
    name = read_did(did, allow_loopback=allow_loopback_http, ports=ports)
    scheme = "http" if name.is_loopback else "https"
    return "/".join((f"{scheme}://{name.authority}", *name.segments))


def document_url(did: str, *, allow_loopback_http: bool = False, ports: Collection[int] = DEFAULT_PORTS) -> str:
    """Return the address of the DID document of ``did`` (did:web §Read): ``/.well-known`` replaces an empty path."""
    base = base_url(did, allow_loopback_http=allow_loopback_http, ports=ports)
    well_known = "" if read_did(did, allow_loopback=True, ports=ports).segments else "/.well-known"
    return f"{base}{well_known}/did.json"


def plain_name(did: str) -> str:
    """Return the base URL for ``did`` without its scheme: the origin line of its ledger's checkpoints."""
    name = read_did(did, allow_loopback=True, ports=range(1, 65536))
    return "/".join((name.authority, *name.segments))


def same_party(url: str, document: DidDocument) -> bool:
    """Return whether ``url`` belongs to the party of ``document``: it has the host of its did:web or of a service.

    On loopback every node has the same host, so the port has to match too.
    """
    place = _place(url)
    if place is None:
        return False
    name = read_did(document.id, allow_loopback=True, ports=range(1, 65536))
    own = (name.host, name.port or 443) if name.is_loopback else (name.host, None)
    return place == own or any(place == _place(endpoint) for endpoint in _endpoints(document))


def _place(url: str) -> tuple[str, int | None] | None:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host:
        return None
    if is_loopback(host):
        return host, port or (443 if parts.scheme == "https" else 80)
    return host, None


def _endpoints(document: DidDocument) -> list[str]:
    services = document.raw.get("service")
    endpoints = [
        service.get("serviceEndpoint")
        for service in (services if isinstance(services, list) else [])
        if isinstance(service, dict)
    ]
    return [endpoint for endpoint in endpoints if isinstance(endpoint, str)]


def check_document(did: str, raw: Any) -> DidDocument:
    """Return the DID document that was fetched for ``did``. Raises ``InvalidInput`` if it is not usable.

    ``id`` must equal the requested DID (did:web §Read, step 6), method ids must be unique, and no key may show its
    private half.
    """
    if not isinstance(raw, dict):
        raise InvalidInput("the DID document is not a JSON object")
    if raw.get("id") != did:
        raise InvalidInput("the DID document is about another DID", facts={"did": did})
    methods = raw.get("verificationMethod", [])
    if not isinstance(methods, list) or not all(isinstance(method, dict) for method in methods):
        raise InvalidInput("verificationMethod of the DID document must be a list of objects")
    if "service" in raw and not (
        isinstance(raw["service"], list) and all(isinstance(entry, dict) for entry in raw["service"])
    ):
        raise InvalidInput("service of the DID document must be a list of objects")
    names = [method_id(did, method.get("id")) for method in methods]
    if len(set(names)) != len(names):
        raise InvalidInput("two verification methods of the DID document have the same id")
    for method in methods:
        jwk = method.get("publicKeyJwk")
        if isinstance(jwk, dict) and not _PRIVATE_MEMBERS.isdisjoint(jwk):
            raise InvalidInput("the DID document shows a private key; it counts as compromised")
    return DidDocument(id=did, raw=raw)


def method_id(did: str, name: Any) -> str:
    """Return the absolute form of a verification method's id: ``did#key``, ``#key`` and ``key`` are all in use."""
    if not isinstance(name, str) or not name:
        raise InvalidInput("a verification method of the DID document has no id")
    if name.startswith("did:"):
        return name
    return f"{did}#{name.removeprefix('#')}"


def check_identity(did: str, public_url: str) -> None:
    """Check that the keys belong to the public address. Raises ``LocalFault`` if they do not: peers would resolve
    another identity than the one that signs here, and refuse everything."""
    did_of_settings = did_of(public_url)
    if did != did_of_settings:
        raise LocalFault(
            f"the keys are those of {did}, and public_url {public_url} would make this node {did_of_settings}",
            remedy="set public_url back; a node at another address is a new participant: hansa init",
        )
