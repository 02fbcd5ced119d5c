"""Trying again all that was given up."""

from __future__ import annotations

from typing import Any

import pytest

from node.base.errors import Conflict, PeerUnreachable
from node.cli.commands.deliveries import _retry_all

SHOWN = 3


class Node:
    """Of its dead letters it shows the newest ``SHOWN``, as a node shows a hundred."""

    def __init__(self, dead: list[str], gone: set[str]) -> None:
        self.dead, self.gone, self.away = dead, gone, False

    def deliveries(self) -> dict[str, Any]:
        return {"waiting": 0, "dead": [{"id": one} for one in self.dead[:SHOWN]]}

    def retry(self, name: str) -> dict[str, Any]:
        if self.away:
            raise PeerUnreachable("no answer")
        if name in self.gone:
            raise Conflict("the asset is gone")
        self.dead.remove(name)
        return {"id": name, "state": "waiting"}


def test_one_that_cannot_be_sent_hinders_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    node = Node([str(number) for number in range(10)], {"1", "6"})
    outcomes = _retry_all(node)  # type: ignore[arg-type]
    assert node.dead == ["1", "6"]
    assert sorted(one["id"] for one in outcomes) == [str(number) for number in range(10)]
    assert [one["id"] for one in outcomes if "error" in one] == ["1", "6"]
    assert "hansa deliveries give-up 6" in capsys.readouterr().err


def test_a_node_that_is_away_is_asked_once() -> None:
    node = Node(["1", "2"], set())
    node.away = True
    with pytest.raises(PeerUnreachable):
        _retry_all(node)  # type: ignore[arg-type]
