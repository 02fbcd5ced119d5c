"""Load plug-ins, and pass the node's services to them."""

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
from node.catalogue.meaning.python_classes import OpenOntology
from node.catalogue.ports import FollowStore, RecordStore
from node.catalogue.versions.storage import VersionStorage
from node.identity.model import Caller, UserRole
from node.identity.ports import Peers
from node.ledger.ports import Append
from node.negotiation.strategy import Strategy

GROUP = "hansa.plugins"
BUILT_IN = ("node.builtins.datasources",)
"""Our own plug-ins that every node has; others of ours are entry points, as those of anybody."""

Fetch = Callable[..., Awaitable[tuple[int, Mapping[str, str], bytes]]]
"""(url, headers, *, audience) → (status, headers, body): an HTTP GET as this node, capped in size and time."""


@dataclass(kw_only=True)
class Host:
    """The services that a node passes to its plug-ins. A plug-in stores objects that belong to this node in
    ``extensions``."""

    uow: UnitOfWork
    clock: Clock
    records: RecordStore
    follows: FollowStore
    versions: VersionStorage
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
    report_change: Callable[[], None]
    audiences: Callable[[Caller], Collection[str] | None]
    region: Callable[[], tuple[str, str] | None]
    open_ontology: OpenOntology
    extensions: dict[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True)
class AdmissionNews:
    """Notifies plug-ins of new members. ``host`` is set as soon as the host exists."""

    manager: pluggy.PluginManager
    me: str
    address: Callable[[str], str]
    host: Host | None = None

    async def __call__(self, holder: str, by: str) -> None:
        """Notify all plug-ins that ``by`` admitted ``holder``."""
        person = Caller(did=self.me, account=by, roles=frozenset({UserRole.OPERATOR}))
        for news in self.manager.hook.hansa_admitted(host=self.host, address=self.address(holder), by=person):
            await news


def region_of(allegiance: Allegiance, me: str, address: Callable[[str], str]) -> tuple[str, str] | None:
    """Return (URL, DID) of the region that the node has joined, or None if it has joined no other node. The node may
    join a region while it runs."""
    did = allegiance.elsewhere(me)
    return (address(did), did) if did else None


def strategy_of(manager: pluggy.PluginManager, standard: Strategy) -> Strategy:
    """Return the negotiation strategy of all plug-ins: the first receives ``standard``, each other the strategy of
    the plug-in before it."""
    strategy: Strategy = standard
    for plugin in manager.hook.hansa_negotiation_strategy.get_hookimpls():
        strategy = cast("Strategy", plugin.function(otherwise=strategy))
    return strategy


def load(further: tuple[str, ...] = ()) -> pluggy.PluginManager:
    """Return a manager with all plug-ins: those installed, by entry point, and the modules named in ``further``.

    Raises ``InvalidInput`` if a module cannot be imported, or if it implements a hook that does not exist.
    """
    manager = pluggy.PluginManager("hansa")
    manager.add_hookspecs(hookspecs)
    names = [*(entry.value for entry in entry_points(group=GROUP)), *BUILT_IN]
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
        raise InvalidInput(
            f"a plug-in implements a hook that does not exist: {error}",
            remedy="install a version of the plug-in that fits this version of Hansa",
        ) from error
    return manager
