"""Name resolution for the client library: our own look-up, with all answers checked."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import ip_address

from aiohttp.abc import AbstractResolver, ResolveResult

from node.adapters.egress.addresses import AddressRules, Lookup


class CheckedResolver(AbstractResolver):
    """Resolves names; answers only if *all* addresses may be dialled, so that a mixed answer gains nothing."""

    def __init__(self, rules: AddressRules, lookup: Lookup, seconds: float) -> None:
        """``seconds``: the longest time of a look-up."""
        self._rules = rules
        self._lookup = lookup
        self._seconds = seconds

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        async with asyncio.timeout(self._seconds):
            addresses = await self._lookup(host, port)
        if not addresses:
            raise OSError(f"{host} cannot be resolved to an address")
        for _, address in addresses:
            self._rules.check_address(ip_address(address), host=host)
        flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return [
            ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=flags)
            for kind, address in addresses
            if family in (socket.AF_UNSPEC, kind)
        ]

    async def close(self) -> None:
        """Do nothing: the resolver holds nothing open."""
