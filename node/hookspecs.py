"""All hooks: what plug-ins may add to a node. Each is called once, while a node is put together; routes later.

``host`` is what a node gives to its plug-ins (``node.plugins.Host``). A plug-in is a module with functions of these
names, marked with ``pluggy.HookimplMarker("hansa")``, found through the entry point group ``hansa.plugins``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pluggy

hookspec = pluggy.HookspecMarker("hansa")


@hookspec
def hansa_routes(host: Any) -> Sequence[Any]:  # type: ignore[empty-body]
    """HTTP routes of the plug-in: FastAPI routers, served at the root of the node.

    Called with the first request for a page or an API, or at the start where the setting ``plugins`` names modules.
    Import FastAPI inside it, so that a node without such requests need not load it.
    """


@hookspec
def hansa_tasks(host: Any) -> Sequence[tuple[str, Callable[[], Awaitable[None]]]]:  # type: ignore[empty-body]
    """Background work: (name, what to run until it is cancelled). It runs where the node's worker runs."""


@hookspec
def hansa_admitted(host: Any, address: str, by: Any) -> Awaitable[None]:  # type: ignore[empty-body]
    """A participant was admitted: its node's base URL, and the person who admitted it. Only at an issuer."""


@hookspec
def hansa_negotiation_strategy(otherwise: Any) -> Any:
    """What the node does by itself in a negotiation: an object whose method ``next(look)`` gives an action.

    ``otherwise`` is the strategy so far: hand to it whatever is none of your business. ``look`` (``Look``) has the
    negotiation, the decision of the policy engine about it, whether the terms are those of the offer, the limits, and
    what was said; actions are ``Hold``, ``Offer``, ``Counter``, ``Accept``, ``Agree``, ``Verify``, ``Finalize``,
    ``Ask`` (a person) and ``Terminate`` (with reasons): all in ``node.api.negotiation_strategy``. The method must be
    pure. An action that the protocol does not allow in that state is not carried out, and logged. Nor is
    ``Agree`` to terms that the node cannot put into its own words (``look.in_our_words``): that ends the negotiation.
    """
