"""Following through a node's API: the signed evidence about a followed node, and a person's decision about it."""

from __future__ import annotations

from typing import Any

from node.base.errors import InvalidInput
from node.client.calls import C_co, Call, CallGroup, Steps, document, endpoint, flow, nothing, rows

PATH = "/api/members"


class Follows(CallGroup[C_co]):
    """The nodes that one node follows. All methods raise ``Refusal`` if the node refuses, ``PeerUnreachable``."""

    @flow
    def find(self, which: str) -> Steps[dict[str, Any]]:
        """Return the followed node with this address, DID or name. Raises ``InvalidInput``."""
        return (yield from _member(which))

    @endpoint
    def evidence(self, which: str) -> Call[dict[str, Any]]:
        """Return the contradicting heads that a followed node signed, and the losses that it announced."""
        return document("GET", f"{PATH}/evidence", params={"url": which})

    @endpoint
    def accept(self, which: str) -> Call[dict[str, Any]]:
        """Accept the history that a node in quarantine shows now."""
        return document("POST", f"{PATH}/accept", json={"url": which})

    @flow
    def leave(self, which: str) -> Steps[dict[str, Any]]:
        """Stop following a node; return its entry."""
        member = yield from _member(which)
        yield nothing("DELETE", PATH, params={"url": member["url"]})
        return member


def _member(which: str) -> Steps[dict[str, Any]]:
    for member in (yield rows("GET", PATH)):
        if which.rstrip("/") in (member["url"], member["did"], member["name"]):
            return dict(member)
    raise InvalidInput(f"this node does not follow {which}", remedy="see the list: hansa members")
