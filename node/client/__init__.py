"""The HTTP API from the caller's side, for the terminal and for integrators."""

from node.base.errors import PeerUnreachable
from node.client.api import HansaClient, Refusal
from node.client.locate import NodeAddress, locate

__all__ = ["HansaClient", "NodeAddress", "PeerUnreachable", "Refusal", "locate"]
