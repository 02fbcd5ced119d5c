"""Loading plug-ins, and what a node gives to them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, cast

import pluggy
from starlette.requests import Request

from node import hookspecs
from node.base.clock import Clock
from node.base.errors import InvalidInput
from node.base.work import UnitOfWork
from node.catalogue.accession import Allegiance
from node.catalogue.browse import Browse
from node.catalogue.ports import FollowStore, RecordStore
from node.identity.model import Caller, UserRole
from node.identity.ports import Peers
from node.ledger.ports import Append
from node.negotiation.strategy import Strategy

GROUP = "hansa.plugins"

Fetch = Callable[..., Awaitable[tuple[int, Mapping[str, str], bytes]]]
"""(url, headers, *, audience) → (status, headers, body): an HTTP GET as this node, capped in size and time."""


@dataclass(kw_only=True)
class Host:
    """What a node passes to its plug-ins. A plug-in stores objects that belong to this node in ``extensions``."""

    uow: UnitOfWork
    clock: Clock
    records: RecordStore
    follows: FollowStore
    append: Append
    peers: Peers
    fetch: Fetch
    browse: Browse
    did: str
    base: str
    polling: float
    followed_records: int
    followed_bytes: int
    identify: Callable[[Request], Awaitable[Caller]]
    changed: Callable[[], None]
    audiences: Callable[[Caller], Collection[str] | None]
    region: Callable[[], tuple[str, str] | None]
    extensions: dict[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True)
class AdmissionNews:
    """Tells plug-ins of new members. ``host`` is set once there is one."""

    manager: pluggy.PluginManager
    me: str
    address: Callable[[str], str]
    host: Host | None = None

    async def __call__(self, holder: str, by: str) -> None:
        """``holder`` was admitted, as ``by`` decided."""
        person = Caller(did=self.me, account=by, roles=frozenset({UserRole.OPERATOR}))
        for news in self.manager.hook.hansa_admitted(host=self.host, address=self.address(holder), by=person):
            await news


def region_of(allegiance: Allegiance, me: str, address: Callable[[str], str]) -> tuple[str, str] | None:
    """(URL, DID) of the region that the node has joined, if that is another node. It may join while it runs."""
    did = allegiance.elsewhere(me)
    return (address(did), did) if did else None


def strategy_of(manager: pluggy.PluginManager, standard: Strategy) -> Strategy:
    """The negotiation strategy that all plug-ins make of ``standard``: each is given what those before it made."""
    strategy: Strategy = standard
    for plugin in manager.hook.hansa_negotiation_strategy.get_hookimpls():
        strategy = cast("Strategy", plugin.function(otherwise=strategy))
    return strategy


def load(further: tuple[str, ...] = ()) -> pluggy.PluginManager:
    """All plug-ins: installed ones by entry point, and the modules named in ``further``.

    Raises ``InvalidInput`` for a module that cannot be imported, or that implements a hook which does not exist.
    """
    manager = pluggy.PluginManager("hansa")
    manager.add_hookspecs(hookspecs)
    names = [entry.value for entry in entry_points(group=GROUP)]
    for name in (*names, *further):
        try:
            module = import_module(name.partition(":")[0])
        except ImportError as error:
            raise InvalidInput(
                f"plug-in {name} cannot be loaded: {error}", remedy="correct the setting plugins, or install it"
            ) from error
        if not manager.is_registered(module):
            manager.register(module, name=name)
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise InvalidInput(f"a plug-in implements a hook that does not exist: {error}") from error
    return manager
