"""Scenarios through a node's API: runs and change layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from node.client.calls import C_co, Call, CallGroup, content, document, endpoint, idempotency, rows


class Scenarios(CallGroup[C_co]):
    """Runs and layers of one node. All methods raise ``Refusal`` if the node refuses, ``PeerUnreachable``."""

    @endpoint
    def check(self, binding: Mapping[str, Any]) -> Call[dict[str, Any]]:
        """Bind without running: ``{fits, findings, binding}``."""
        return document("POST", "/api/runs/check", json=dict(binding))

    @endpoint
    def start(self, binding: Mapping[str, Any], *, key: str = "") -> Call[dict[str, Any]]:
        """Start a run of a scenario; return the run in its present state. The same ``key`` again means the same
        run."""
        return document("POST", "/api/runs", json=dict(binding), headers=idempotency(key))

    @endpoint
    def runs(self, scenario: str | None = None, limit: int = 50) -> Call[list[dict[str, Any]]]:
        """Return the runs, newest first."""
        params = {"limit": limit, **({"scenario": scenario} if scenario else {})}
        return rows("GET", "/api/runs", params=params)

    @endpoint
    def run(self, pid: str, *, wait: float = 0.0) -> Call[dict[str, Any]]:
        """Return a run; wait up to ``wait`` seconds (at most 30) for its end."""
        return document("GET", f"/api/runs/{_part(pid)}", params={"wait": wait})

    @endpoint
    def cancel(self, pid: str) -> Call[dict[str, Any]]:
        """Stop a run."""
        return document("POST", f"/api/runs/{_part(pid)}/cancel")

    @endpoint
    def again(self, pid: str) -> Call[dict[str, Any]]:
        """Run the same binding once more."""
        return document("POST", f"/api/runs/{_part(pid)}/again")

    @endpoint
    def output(self, pid: str, branch: str, name: str, *, form: str = "json") -> Call[bytes]:
        """Return the result of a step, as JSON, CSV or GeoJSON."""
        return content(
            "GET", f"/api/runs/{_part(pid)}/outputs/{_part(branch)}/{_part(name)}", params={"format": form}
        )

    @endpoint
    def why(self, pid: str, output: str, row: str) -> Call[dict[str, Any]]:
        """Return where a row of a result comes from."""
        return document("GET", f"/api/runs/{_part(pid)}/why/{_part(output)}/{_part(row)}")

    @endpoint
    def crate(self, pid: str) -> Call[bytes]:
        """Return the RO-Crate of a run (zip)."""
        return content("GET", f"/api/runs/{_part(pid)}/crate")

    @endpoint
    def publish(self, pid: str, publication: Mapping[str, Any]) -> Call[dict[str, Any]]:
        """Publish the result of a run: ``{id, title?, conditions?, audience?}``."""
        return document("POST", f"/api/runs/{_part(pid)}/publish", json=dict(publication))

    @endpoint
    def layers(self, target: str | None = None) -> Call[list[dict[str, Any]]]:
        """Return the change layers."""
        return rows("GET", "/api/layers", params={"target": target} if target else None)

    @endpoint
    def save_layer(self, layer: Mapping[str, Any]) -> Call[dict[str, Any]]:
        """Save a change layer."""
        return document("POST", "/api/layers", json=dict(layer))

    @endpoint
    def layer(self, name: str, *, version: int | None = None) -> Call[dict[str, Any]]:
        """Return a change layer with its conflicts, on its own version or on another one."""
        params = {"version": version} if version else None
        return document("GET", f"/api/layers/{_part(name)}", params=params)


def _part(text: str) -> str:
    return quote(text, safe=":")
