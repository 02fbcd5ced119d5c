"""The node's own way to bargain, as the plug-in that it is: counter-offers within limits."""

from __future__ import annotations

import pluggy

from node.negotiation.limits import WithinLimits
from node.negotiation.strategy import Strategy

hookimpl = pluggy.HookimplMarker("hansa")


@hookimpl
def hansa_negotiation_strategy(otherwise: Strategy) -> Strategy:
    """As ``node.hookspecs``."""
    return WithinLimits(otherwise)
