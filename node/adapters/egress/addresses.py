"""The addresses that this node dials: a list of our own, applied to the text of a URL and to the addresses of a name.

``ipaddress.is_private`` and ``is_global`` are not this list: they let carrier-grade NAT, 192.0.0.192, multicast and
several spellings of loopback inside IPv6 through. Transitional IPv6 addresses are unwrapped, and the IPv4 address
inside is checked again. The text of a URL is read by one strict grammar, because an attacker only needs two readers
that disagree about where the host ends.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from node.base.errors import ForbiddenAddress
from node.identity.did import DEFAULT_PORTS, is_loopback, is_public_name

MAX_URL: Final = 4096
Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Lookup = Callable[[str, int], Awaitable[Sequence[tuple[int, str]]]]
"""Host, port → (address family, address): resolves names; tests replace it."""

_V4: Final[tuple[tuple[IPv4Network, str], ...]] = tuple(
    (IPv4Network(block), why)
    for block, why in (
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "a private network"),
        ("100.64.0.0/10", "a provider's shared network"),
        ("127.0.0.0/8", "this machine"),
        ("168.63.129.16/32", "a cloud's own services"),
        ("169.254.0.0/16", "the local link, and the metadata of clouds"),
        ("172.16.0.0/12", "a private network"),
        ("192.0.0.0/24", "protocol assignments"),
        ("192.0.2.0/24", "documentation"),
        ("192.31.196.0/24", "an anycast sink"),
        ("192.52.193.0/24", "an anycast relay"),
        ("192.88.99.0/24", "6to4 relays"),
        ("192.168.0.0/16", "a private network"),
        ("192.175.48.0/24", "an anycast sink"),
        ("198.18.0.0/15", "benchmarks"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved, and broadcast"),
    )
)
_V6: Final[tuple[tuple[IPv6Network, str], ...]] = tuple(
    (IPv6Network(block), why)
    for block, why in (
        ("2001::/23", "protocol assignments, Teredo among them"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4"),
        ("3fff::/20", "documentation"),
    )
)
_V6_GLOBAL: Final = IPv6Network("2000::/3")
_NAT64: Final = IPv6Network("64:ff9b::/96")
_MAPPED: Final = IPv6Network("::ffff:0:0/96")

_INNER_NAMES: Final = ("internal", "local", "localdomain", "localhost", "lan", "home.arpa", "onion")
_URL = re.compile(r"(https?)://([^/?#]+)([/?#].*)?", re.ASCII | re.IGNORECASE)
_CHARACTERS = re.compile(r"[!#$%&'()*+,\-./0-9:;=?@A-Z\[\]_a-z~]+", re.ASCII)
_PORT = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Target:
    """The parts of a URL that a request needs; ``rest`` begins with ``/``."""

    scheme: str
    host: str
    port: int
    rest: str

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        standard = 443 if self.scheme == "https" else 80
        port = "" if self.port == standard else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.rest}"

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.scheme, self.host, self.port

    @property
    def is_loopback(self) -> bool:
        return is_loopback(self.host)


class AddressRules:
    """The rules of one node. ``allow_loopback`` is for demonstrations and tests on one machine.

    ``allow_networks`` admits networks (CIDR) that would be refused, for nodes that communicate inside such a network;
    over https and on ``ports`` like everything else.
    """

    def __init__(
        self,
        *,
        allow_loopback: bool = False,
        ports: Iterable[int] = DEFAULT_PORTS,
        allow_networks: Iterable[str] = (),
    ) -> None:
        self.allow_loopback = allow_loopback
        self.ports = frozenset(ports)
        self.allow_networks: tuple[Network, ...] = tuple(ip_network(block) for block in allow_networks)

    def check_url(self, url: str) -> Target:
        """Check the text of ``url`` and return its parts, if this node may dial it.

        Raises ``ForbiddenAddress`` for another scheme than https (http is for loopback, where that is allowed), user
        information, odd characters, forbidden addresses and inner names, odd ports. The addresses of a name are
        checked when it is dialled.
        """
        match = _URL.fullmatch(url) if len(url) <= MAX_URL and _CHARACTERS.fullmatch(url) else None
        if match is None:
            raise ForbiddenAddress("the address is not a plain http(s) address", remedy="use https://<host>/<path>")
        scheme, authority, rest = match[1].lower(), match[2].lower(), match[3] or ""
        host, port = _host_and_port(authority)
        target = Target(
            scheme, host, port or (443 if scheme == "https" else 80), rest if rest.startswith("/") else f"/{rest}"
        )
        if is_loopback(host):
            if not self.allow_loopback:
                raise ForbiddenAddress("the address names this machine", remedy="use a public address")
            return target
        self._check_host(host)
        if scheme != "https":
            raise ForbiddenAddress("the address is not https", remedy="serve it over https")
        if target.port not in self.ports:
            raise ForbiddenAddress(f"port {target.port} is not a port that this node connects to")
        return target

    def check_address(self, address: Address, *, host: str | None = None) -> None:
        """Raise ``ForbiddenAddress`` unless this node may connect to ``address``.

        With ``host``, loopback is admitted only under a name of loopback: a public name that leads to loopback is the
        sign of an attack (DNS rebinding). Without it, the caller has checked the name.
        """
        if self.allow_loopback and address.is_loopback and (host is None or is_loopback(host)):
            return
        why = forbidden(address)
        if why is not None and not any(address in network for network in self.allow_networks):
            raise ForbiddenAddress(f"the address belongs to {why}", remedy="use a public address")

    def _check_host(self, host: str) -> None:
        address = _literal(host)
        if address is not None:
            self.check_address(address, host=host)
        elif not is_public_name(host):
            raise ForbiddenAddress("the host of the address is not a public DNS name")
        elif not self.allow_networks and host.endswith(tuple(f".{name}" for name in _INNER_NAMES)):
            raise ForbiddenAddress("the host of the address is an internal name", remedy="use a public address")


def forbidden(address: Address) -> str | None:
    """Return why ``address`` may not be dialled, as the name of its network; None for a public address."""
    if isinstance(address, IPv4Address):
        return next((why for network, why in _V4 if address in network), None)
    if address.scope_id is not None:
        return "one link only"
    if address in _MAPPED or address in _NAT64:
        return forbidden(IPv4Address(int(address) & 0xFFFFFFFF))
    if address not in _V6_GLOBAL:
        return "no public network"
    return next((why for network, why in _V6 if address in network), None)


def _host_and_port(authority: str) -> tuple[str, int | None]:
    if "@" in authority or "%" in authority:
        raise ForbiddenAddress("the address has user information or an encoded host")
    if authority.startswith("["):
        literal, bracket, tail = authority.removeprefix("[").partition("]")
        if not bracket or _literal(literal) is None or ":" not in literal:
            raise ForbiddenAddress("the host of the address is not an IPv6 address")
        host = str(_literal(literal))
        colon, port = tail[:1], tail[1:]
    else:
        host, colon, port = authority.partition(":")
    if colon not in ("", ":") or (colon and not (_PORT.fullmatch(port) and int(port) <= 65535)):
        raise ForbiddenAddress("the port of the address is not a number from 1 to 65535")
    return host, int(port) if port else None


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
