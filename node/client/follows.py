"""Following through a node's API: the signed evidence about a followed node, and a person's decision about it."""

from __future__ import annotations

from typing import Any

from node.base.errors import InvalidInput
from node.client.scenarios import Speaks

PATH = "/api/members"


class Follows:
    """The nodes that one node follows. All methods raise ``Refusal`` if the node refuses, ``PeerUnreachable``."""

    def __init__(self, client: Speaks) -> None:
        self._client = client

    def find(self, which: str) -> dict[str, Any]:
        """Return the followed node with this address, DID or name. Raises ``InvalidInput``."""
        for member in self._client.call("GET", PATH):
            if which.rstrip("/") in (member["url"], member["did"], member["name"]):
                return dict(member)
        raise InvalidInput(f"this node does not follow {which}", remedy="see the list: hansa members")

    def evidence(self, which: str) -> dict[str, Any]:
        """Return the contradicting heads that a followed node signed, and the losses that it announced."""
        return dict(self._client.call("GET", f"{PATH}/evidence", params={"url": which}))

    def accept(self, which: str) -> dict[str, Any]:
        """Accept the history that a node in quarantine shows now."""
        return dict(self._client.call("POST", f"{PATH}/accept", json={"url": which}))

    def leave(self, which: str) -> dict[str, Any]:
        """Stop following a node; return its entry."""
        member = self.find(which)
        self._client.call("DELETE", PATH, params={"url": member["url"]})
        return member
