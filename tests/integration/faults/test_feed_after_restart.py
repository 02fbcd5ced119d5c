"""A node that starts again has its feed from the snapshot that it left, and what was published since."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from node.adapters.chain_snapshot import NAME
from node.catalogue.feed import chains
from node.ledger.model import Entry
from tests.nodes import publish, running


def feed(url: str) -> list[str]:
    """Return the index and the first page of the public chain, without what is signed anew at each request."""
    with httpx2.Client(base_url=url, headers={"Accept": "application/n-quads"}) as visitor:
        pages = [visitor.get(path).raise_for_status().text for path in ("/feed", "/feed/index", "/feed/pages/0")]
    return [line for page in pages for line in sorted(page.splitlines()) if "#head>" not in line]


def test_a_restart_reads_only_what_is_new(
    tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chains, "CLOSING", 1)
    subjects: list[str] = []
    take = chains.Chains._take

    def counted(self: chains.Chains, entry: Entry) -> None:
        subjects.append(entry.subject)
        take(self, entry)

    monkeypatch.setattr(chains.Chains, "_take", counted)
    with running(tmp_path, template=sqlite_template) as node:
        first = publish(node, "set-1")["iri"]
        before, port = feed(node.url), httpx2.URL(node.url).port
    assert subjects == [first]
    assert (tmp_path / NAME).exists()
    subjects.clear()
    with running(tmp_path, port=port) as node:
        assert feed(node.url) == before
        second = publish(node, "set-2")["iri"]
        assert any(second in line for line in feed(node.url))
    assert subjects == [second]
