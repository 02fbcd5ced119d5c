"""The HTTP API from the caller's side, for the terminal and for integrators."""

from node.base.errors import PeerUnreachable
from node.client.api import HansaClient
from node.client.asynchronous import AsyncHansaClient
from node.client.downloads import Download, NoAgreement, NoDelivery
from node.client.locate import NodeAddress, locate
from node.client.open_streams import OpenStream
from node.client.transport import Refusal

__all__ = [
    "AsyncHansaClient",
    "Download",
    "HansaClient",
    "NoAgreement",
    "NoDelivery",
    "NodeAddress",
    "OpenStream",
    "PeerUnreachable",
    "Refusal",
    "locate",
]
