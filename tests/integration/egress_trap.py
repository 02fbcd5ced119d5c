"""A node that notes what it would fetch, and fetches nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.nodes import Running


def trap(city: Running, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list to which each request that ``city`` would send is added; none is sent."""
    requests: list[str] = []

    async def note(method: str, url: str, **_: Any) -> Any:
        requests.append(f"{method} {url}")
        raise AssertionError(url)

    monkeypatch.setattr(city.node.parts.egress, "request", note)
    return requests
