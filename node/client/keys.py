"""The keys of a node, from the caller's side."""

from __future__ import annotations

from typing import Any

from node.client.calls import Call, endpoint, rows


class KeyCalls:
    """The part of a client that is about the node's keys."""

    @endpoint
    def keys(self) -> Call[list[dict[str, Any]]]:
        """Return the node's keys."""
        return rows("GET", "/api/keys")

    @endpoint
    def rotate_keys(self, kinds: list[str]) -> Call[list[dict[str, Any]]]:
        """Replace the keys of these kinds that are in use with new ones."""
        return rows("POST", "/api/keys/rotate", json={"kinds": kinds})

    @endpoint
    def revoke_key(self, key: str, as_of: str, reason: str) -> Call[list[dict[str, Any]]]:
        """Revoke a key as of a moment."""
        body = {"key": key, "as_of": as_of, "reason": reason}
        return rows("POST", "/api/keys/revoke", json=body)
