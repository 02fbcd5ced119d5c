"""A negotiation strategy of one's own, as a plug-in of a real node: it decides, and leaves the rest to the node's."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from node.api import negotiation_strategy as strategy
from tests.nodes import agree, if_ended, publish, running, until

SOURCE = """
import pluggy
from node.api import negotiation_strategy as strategy

hookimpl = pluggy.HookimplMarker("hansa")


class Closed:
    def __init__(self, otherwise):
        self.otherwise = otherwise

    def next(self, look):
        if look.negotiation.role == "provider" and look.title.startswith("Closed"):
            return strategy.Terminate("closed", ["we are closed today"])
        return self.otherwise.next(look)


@hookimpl
def hansa_negotiation_strategy(otherwise):
    return Closed(otherwise)
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of an importable module with a strategy."""
    name = "closed_today"
    (tmp_path / f"{name}.py").write_text(SOURCE, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield name
    sys.modules.pop(name, None)


def test_a_plug_in_decides_and_the_node_does_the_rest(tmp_path: Path, sqlite_template: Path, plugin: str) -> None:
    with (
        running(tmp_path / "provider", template=sqlite_template, plugins=[plugin]) as provider,
        running(tmp_path / "consumer", template=sqlite_template) as consumer,
    ):
        refused = agree(consumer, publish(provider, "closed-counts")["iri"])
        assert (refused["state"], refused["code"]) == ("TERMINATED", "closed")
        assert refused["reason"] == ["we are closed today"]
        assert agree(consumer, publish(provider, "open-counts")["iri"])["state"] == "FINALIZED"


YIELDING = """
import pluggy
from node.api import negotiation_strategy as strategy

hookimpl = pluggy.HookimplMarker("hansa")


class Yielding:
    def __init__(self, otherwise):
        self.otherwise = otherwise

    def next(self, look):
        if look.negotiation.role == "provider" and look.negotiation.state == "REQUESTED":
            return strategy.Agree()
        return self.otherwise.next(look)


@hookimpl
def hansa_negotiation_strategy(otherwise):
    return Yielding(otherwise)
"""


def test_nothing_is_signed_in_the_words_of_a_consumer(
    tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A strategy may agree to other terms than the offered ones, and only to such as this node can write itself."""
    (tmp_path / "yielding.py").write_text(YIELDING, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with (
        running(tmp_path / "provider", template=sqlite_template, plugins=["yielding"]) as provider,
        running(tmp_path / "consumer", template=sqlite_template) as consumer,
        consumer.client() as client,
    ):
        strange = {"permission": [{"action": "odrl:use"}, {"action": "https://x.example/cook"}]}
        pid = client.negotiate(publish(provider, "strange")["iri"], ask=strange)["pid"]
        refused = until("it has ended", lambda: if_ended(client.negotiation(pid, wait=2)))
        assert (refused["state"], refused["code"]) == ("TERMINATED", "other-terms"), refused
        plain = {"permission": [{"action": "odrl:use"}], "prohibition": [{"action": "odrl:distribute"}]}
        pid = client.negotiate(publish(provider, "plain")["iri"], ask=plain)["pid"]
        agreed = until("it has ended", lambda: if_ended(client.negotiation(pid, wait=2)))
        assert agreed["state"] == "FINALIZED", agreed
    sys.modules.pop("yielding", None)


def test_what_a_strategy_may_answer_is_promised() -> None:
    assert isinstance(strategy, ModuleType)
    actions = {"Accept", "Agree", "Ask", "Counter", "Finalize", "Hold", "Offer", "Terminate", "Verify"}
    assert [name for name in actions | {"Look", "Strategy"} if not hasattr(strategy, name)] == []
