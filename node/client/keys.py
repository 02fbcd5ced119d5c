"""The keys of a node, from its API."""

from __future__ import annotations

from typing import Any


class KeyDoors:
    """What a client can do with the keys of its node; ``_get`` and ``_json`` are the client's own."""

    def _get(self, url: str, **options: Any) -> Any:
        raise NotImplementedError

    def _json(self, method: str, url: str, **options: Any) -> Any:
        raise NotImplementedError

    def keys(self) -> list[dict[str, Any]]:
        """The node's keys."""
        return list(self._get("/api/keys"))

    def rotate_keys(self, kinds: list[str]) -> list[dict[str, Any]]:
        """Put new keys of these kinds in the place of those in use."""
        return list(self._json("POST", "/api/keys/rotate", json={"kinds": kinds}))

    def revoke_key(self, key: str, as_of: str, reason: str) -> list[dict[str, Any]]:
        """Revoke a key as of a moment."""
        return list(self._json("POST", "/api/keys/revoke", json={"key": key, "as_of": as_of, "reason": reason}))
