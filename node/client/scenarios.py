"""Scenarios through a node's API: runs and change layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import quote


class Speaks(Protocol):
    """The methods of a client that are needed here (``node.client.HansaClient``)."""

    def call(self, method: str, path: str, *, json: Any = None, params: Mapping[str, Any] | None = None) -> Any: ...

    def raw(self, path: str, *, params: Mapping[str, Any] | None = None) -> bytes: ...


class Scenarios:
    """Runs and layers of one node. All methods raise ``Refusal`` if the node refuses, ``PeerUnreachable``."""

    def __init__(self, client: Speaks) -> None:
        self._client = client

    def check(self, binding: Mapping[str, Any]) -> dict[str, Any]:
        """Bind without running: ``{fits, findings, binding}``."""
        return dict(self._client.call("POST", "/api/runs/check", json=dict(binding)))

    def start(self, binding: Mapping[str, Any]) -> dict[str, Any]:
        """Start a run of a scenario; return the run in its present state."""
        return dict(self._client.call("POST", "/api/runs", json=dict(binding)))

    def runs(self, scenario: str | None = None, limit: int = 50) -> list[dict[str, Any]]:
        """Return the runs, newest first."""
        params = {"limit": limit, **({"scenario": scenario} if scenario else {})}
        return list(self._client.call("GET", "/api/runs", params=params))

    def run(self, pid: str, *, wait: float = 0.0) -> dict[str, Any]:
        """Return a run; wait up to ``wait`` seconds (at most 30) for its end."""
        return dict(self._client.call("GET", f"/api/runs/{_part(pid)}", params={"wait": wait}))

    def cancel(self, pid: str) -> dict[str, Any]:
        """Stop a run."""
        return dict(self._client.call("POST", f"/api/runs/{_part(pid)}/cancel"))

    def again(self, pid: str) -> dict[str, Any]:
        """Run the same binding once more."""
        return dict(self._client.call("POST", f"/api/runs/{_part(pid)}/again"))

    def output(self, pid: str, branch: str, name: str, *, form: str = "json") -> bytes:
        """Return the result of a step, as JSON, CSV or GeoJSON."""
        return self._client.raw(
            f"/api/runs/{_part(pid)}/outputs/{_part(branch)}/{_part(name)}", params={"format": form}
        )

    def why(self, pid: str, output: str, row: str) -> dict[str, Any]:
        """Return where a row of a result comes from."""
        return dict(self._client.call("GET", f"/api/runs/{_part(pid)}/why/{_part(output)}/{_part(row)}"))

    def crate(self, pid: str) -> bytes:
        """Return the RO-Crate of a run (zip)."""
        return self._client.raw(f"/api/runs/{_part(pid)}/crate")

    def publish(self, pid: str, publication: Mapping[str, Any]) -> dict[str, Any]:
        """Publish the result of a run: ``{id, title?, conditions?, audience?}``."""
        return dict(self._client.call("POST", f"/api/runs/{_part(pid)}/publish", json=dict(publication)))

    def layers(self, target: str | None = None) -> list[dict[str, Any]]:
        """Return the change layers."""
        return list(self._client.call("GET", "/api/layers", params={"target": target} if target else None))

    def save_layer(self, layer: Mapping[str, Any]) -> dict[str, Any]:
        """Save a change layer."""
        return dict(self._client.call("POST", "/api/layers", json=dict(layer)))

    def layer(self, name: str, *, version: int | None = None) -> dict[str, Any]:
        """Return a change layer with its conflicts, on its own version or on another one."""
        params = {"version": version} if version else None
        return dict(self._client.call("GET", f"/api/layers/{_part(name)}", params=params))


def _part(text: str) -> str:
    return quote(text, safe=":")
