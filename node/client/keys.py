"""The keys of a node, from the caller's side."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any


class KeyCalls(ABC):
    """The part of a client that is about the node's keys."""

    @abstractmethod
    def _send(self, method: str, url: str, **options: Any) -> Any:
        """The node's answer. Raises ``Refusal``, ``PeerUnreachable``."""

    def keys(self) -> list[dict[str, Any]]:
        """The node's keys."""
        return list(self._send("GET", "/api/keys").json())

    def rotate_keys(self, kinds: list[str]) -> list[dict[str, Any]]:
        """Put new keys of these kinds in the place of those in use."""
        return list(self._send("POST", "/api/keys/rotate", json={"kinds": kinds}).json())

    def revoke_key(self, key: str, as_of: str, reason: str) -> list[dict[str, Any]]:
        """Revoke a key as of a moment."""
        body = {"key": key, "as_of": as_of, "reason": reason}
        return list(self._send("POST", "/api/keys/revoke", json=body).json())
