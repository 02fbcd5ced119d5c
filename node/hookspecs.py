"""Hooks are the functions with which plug-ins extend a node.

A plug-in is a module with functions of these names, marked with ``pluggy.HookimplMarker("hansa")``. The node finds it
through the entry point group ``hansa.plugins``. It passes ``host`` (``node.plugins.Host``) to its plug-ins.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pluggy

hookspec = pluggy.HookspecMarker("hansa")


@hookspec
def hansa_routes(host: Any) -> Sequence[Any]:  # type: ignore[empty-body]
    """Return the plug-in's HTTP routes: FastAPI routers, which the node serves at its root.

    The node calls this at the first request for a page or an API, or at its start if the setting ``plugins`` names
    modules. Import FastAPI inside the function, so that a node without such requests does not load it.
    """


@hookspec
def hansa_tasks(host: Any) -> Sequence[tuple[str, Callable[[], Awaitable[None]]]]:  # type: ignore[empty-body]
    """Return background tasks: pairs of a name and a function that runs until it is cancelled.

    They run in the process of the node's worker.
    """


@hookspec
def hansa_admitted(host: Any, address: str, by: Any) -> Awaitable[None]:  # type: ignore[empty-body]
    """Take note that a participant was admitted. Only nodes that issue credentials call this.

    ``address`` is the base URL of the participant's node, and ``by`` the person who admitted it.
    """


@hookspec
def hansa_data_sources(egress: Any, clock: Any) -> Sequence[Any]:  # type: ignore[empty-body]
    """Return further kinds of data sources: ``Connector`` objects of ``node.api.data_source_ports``.

    Send every request through ``egress``, the node's way out: ``request``, ``stream`` and ``upload`` check each
    address and bound each answer. For other protocols than HTTP, connect only to ``addresses(host, port)``. A
    connector must pass the contract test ``tests/contract/test_data_sources.py``. It cannot replace a kind that comes
    with Hansa.
    """


@hookspec
def hansa_negotiation_strategy(otherwise: Any) -> Any:
    """Return the strategy that decides what the node does by itself in a negotiation.

    It is an object with a method ``next(look)`` that returns an action. ``otherwise`` is the strategy that the node
    would use without this plug-in: pass to it every negotiation that your strategy does not decide about. ``look``
    (``Look``) contains the negotiation, the decision of the policy engine about it, whether the terms are those of
    the offer, the limits, and the messages. Actions are ``Hold``, ``Offer``, ``Counter``, ``Accept``, ``Agree``,
    ``Verify``, ``Finalize``, ``Ask`` (a person) and ``Terminate`` (with reasons). All of them are in
    ``node.api.negotiation_strategy``.

    The method must have no side effects. If the protocol does not allow an action in the current state, the node logs
    it and does nothing. If the node cannot express the terms in words (``look.in_our_words``), it does not ``Agree``
    to them, but ends the negotiation.
    """
