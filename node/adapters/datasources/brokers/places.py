"""Addresses of brokers, and the rules for dialling them that all kinds have in common."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from node.adapters.egress.client import Egress
from node.base.errors import ForbiddenAddress, InvalidInput
from node.datasources.errors import DataSourceUnreachable
from node.datasources.model import Credentials, Scheme

Client = TypeVar("Client")


@dataclass(frozen=True, slots=True)
class BrokerPlace:
    """The place of a broker. ``path`` is what stands behind its host, without the first slash."""

    host: str
    port: int
    is_secure: bool
    path: str


def read_place(address: str, ports: Mapping[str, int], *, example: str) -> BrokerPlace:
    """Return the place that an address names. ``ports`` has the standard port of each scheme, the secure one with an
    s at its end. Raises ``InvalidInput``, with ``example`` in the remedy."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, ports.get(parts.scheme, 0) if parts.port is None else parts.port
    except ValueError:
        host, port, parts = None, 0, urlsplit("")
    if not host or not port or parts.scheme not in ports or parts.query or parts.fragment:
        raise InvalidInput("this is no address of a broker", remedy=f"such as {example}")
    if "@" in parts.netloc:
        raise InvalidInput("the address has a user or a password in it", remedy="give them apart: --user NAME")
    return BrokerPlace(host, port, parts.scheme.endswith("s"), unquote(parts.path.removeprefix("/")))


def check_broker(egress: Egress, place: BrokerPlace, credentials: Credentials, *, secure_scheme: str) -> None:
    """Check that this node may dial a place with these credentials. Raises ``ForbiddenAddress``, ``InvalidInput``."""
    egress.check_host(place.host)
    if not place.is_secure and not egress.is_loopback(place.host):
        raise ForbiddenAddress("passwords and messages would be sent in the clear", remedy=f"use {secure_scheme}://")
    if credentials.scheme not in (Scheme.NONE, Scheme.BASIC):
        raise InvalidInput("a broker takes a user and a password", remedy="give them: --user NAME")


async def dial(egress: Egress, host: str, port: int, connect: Callable[[str], Awaitable[Client]]) -> Client:
    """Return what ``connect`` makes of the first address of ``host`` that answers.

    The name is resolved and checked here, and ``connect`` gets a number: the name cannot lead elsewhere in between.
    Raises ``DataSourceUnreachable``, ``ForbiddenAddress``, ``PeerUnreachable``.
    """
    failure = DataSourceUnreachable("the broker cannot be reached: its name is unknown", remedy="check the address")
    for address in await egress.addresses(host, port):
        try:
            return await connect(address)
        except DataSourceUnreachable as error:
            failure = error
    raise failure
