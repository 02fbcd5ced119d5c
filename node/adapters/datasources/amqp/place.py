"""The address of an AMQP broker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from node.base.errors import InvalidInput

_PORTS: Final = {"amqp": 5672, "amqps": 5671}


@dataclass(frozen=True, slots=True)
class AmqpPlace:
    """The place of a broker: its host, and the virtual host in it."""

    host: str
    port: int
    is_secure: bool
    virtual_host: str


def read_place(address: str) -> AmqpPlace:
    """Return the place that an address names. Raises ``InvalidInput``."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, _PORTS.get(parts.scheme, 0) if parts.port is None else parts.port
    except ValueError:
        host, port, parts = None, 0, urlsplit("")
    virtual_host = unquote(parts.path.removeprefix("/"))
    if (
        not host
        or not port
        or parts.scheme not in _PORTS
        or parts.query
        or parts.fragment
        or "/" in virtual_host[:-1]
    ):
        raise InvalidInput(
            "this is no address of a broker", remedy="such as amqps://broker.example:5671, or with /VIRTUAL-HOST"
        )
    if "@" in parts.netloc:
        raise InvalidInput("the address has a user or a password in it", remedy="give them apart: --user NAME")
    return AmqpPlace(host, port, parts.scheme == "amqps", virtual_host or "/")
