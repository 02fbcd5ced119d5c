"""Ends of a transfer whose bytes are refused before the message that ends it has arrived."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.network import Proxy, Switch, apart, refused
from tests.nodes import Running, agree, if_ended, publish, until


@pytest.mark.parametrize("command", ["terminate", "complete"])
def test_the_provider_says_why_it_ended(tmp_path: Path, sqlite_template: Path, command: str) -> None:
    """The refused bytes overtake the provider's message. The consumer does not end it by itself meanwhile: its own
    termination would cross the provider's, and hide who ended it and why."""
    to_provider, to_consumer = Switch(), Switch()
    with apart(tmp_path, sqlite_template, Proxy(to_provider), Proxy(to_consumer)) as two:
        agreement = agree(two.consumer, publish(two.provider)["iri"])["agreementId"]
        to_provider.paths, to_provider.fault, to_provider.seen = ("/data/",), refused, 0
        with two.consumer.client() as client, two.provider.client() as there:
            pid = client.transfer(agreement)["pid"]
            until("it is fetched", lambda: to_provider.seen)
            theirs = client.transfer_state(pid)["peerPid"]
            to_consumer.fault, to_consumer.seen = refused, 0
            there.steer(theirs, command, reason="the works have ended")
            until("the consumer cannot be told", lambda: to_consumer.seen)
            to_provider.fault = None
            until("the bytes are refused", lambda: _state(two.consumer, pid) == "failed", 30)
            before = client.transfer_state(pid)
            assert (before["state"], before["pending"]) == ("STARTED", None)
            to_consumer.fault = None
            wanted = "TERMINATED" if command == "terminate" else "COMPLETED"
            ended = until("it is told", lambda: if_ended(client.transfer_state(pid, wait=2)), 60)
            assert ended["state"] == wanted
            assert ended["status"]["endedBy"] == "other-side"
            if command == "terminate":
                assert ended["reason"] == ["the works have ended"]


def _state(node: Running, pid: str) -> str | None:
    with node.node.parts.stores.uow.read() as tx:
        found = node.node.parts.stores.transfer.receptions.get(tx, pid)
    return found.state if found else None
