"""Other participants' documents and credential services, over HTTP."""

from node.adapters.peers.http import HttpPeers

__all__ = ["HttpPeers"]
