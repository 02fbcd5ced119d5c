"""The keys of a node, from the caller's side."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any


class KeyCalls(ABC):
    """The part of a client that is about the node's keys."""

    @abstractmethod
    def _send(self, method: str, url: str, **options: Any) -> Any:
        """Return the node's answer. Raises ``Refusal``, ``PeerUnreachable``."""

    def keys(self) -> list[dict[str, Any]]:
        """Return the node's keys."""
        return list(self._send("GET", "/api/keys").json())

    def rotate_keys(self, kinds: list[str]) -> list[dict[str, Any]]:
        """Replace the keys of these kinds that are in use with new ones."""
        return list(self._send("POST", "/api/keys/rotate", json={"kinds": kinds}).json())

    def revoke_key(self, key: str, as_of: str, reason: str) -> list[dict[str, Any]]:
        """Revoke a key as of a moment."""
        body = {"key": key, "as_of": as_of, "reason": reason}
        return list(self._send("POST", "/api/keys/revoke", json=body).json())
