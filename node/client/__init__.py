"""Our own HTTP API from the caller's side: what the terminal and integrators use."""

from node.base.errors import PeerUnreachable
from node.client.api import HansaClient, Refusal
from node.client.locate import NodeAddress, locate

__all__ = ["HansaClient", "NodeAddress", "PeerUnreachable", "Refusal", "locate"]
