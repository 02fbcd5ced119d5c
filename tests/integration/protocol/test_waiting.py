"""Who waits for a negotiation looks again when that one has changed, however much else is committed meanwhile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from node.base import changes
from node.base.jsons import read_object
from node.negotiation import machine, strategy
from node.transfer.overview import NegotiationInFull, Overview
from tests.nodes import Pair, agree, publish, running, until

ASKS = {"permission": [{"action": "odrl:use", "duty": [{"action": "odrl:obtainConsent"}]}]}
WAITERS = 64


class AsksAPerson(strategy.StandardStrategy):
    """The provider answers a request with its offer; the consumer leaves an offer to a person."""

    def next(self, look: strategy.Look) -> strategy.Action:
        if not look.negotiation.dataset.endswith("/counts"):
            return super().next(look)
        match look.negotiation.role, look.negotiation.state:
            case "provider", machine.REQUESTED:
                return strategy.Offer(look.own_offer or {})
            case "consumer", machine.OFFERED:
                return strategy.Ask()
            case _:
                return strategy.Hold()


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Pair]:
    """Two nodes on which a waiter sees nothing but what it is told."""
    home = tmp_path_factory.mktemp("waiting")
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setattr(changes, "ALONE", 3600.0)
        patch.setattr("node.web.management.negotiations.LONGEST_WAIT", 60.0)
        options = {"strategy": AsksAPerson()}
        provider, consumer = (
            stack.enter_context(running(home / name, template=sqlite_template, options=options))
            for name in ("provider", "consumer")
        )
        yield Pair(provider, consumer)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each negotiation was looked at for somebody who waits for it."""
    counted: Counter[str] = Counter()
    look = Overview.settled_negotiation

    def counting(self: Overview, pid: str) -> NegotiationInFull | None:
        counted[pid] += 1
        return look(self, pid)

    monkeypatch.setattr(Overview, "settled_negotiation", counting)
    return counted


def test_other_negotiations_wake_nobody(patient: Pair, looks: Counter[str]) -> None:
    provider, consumer = patient.provider, patient.consumer
    asks = publish(provider, "asks-first", conditions=ASKS)["iri"]
    other = publish(provider, "open-counts")["iri"]
    with consumer.client() as client, provider.client() as office, ThreadPoolExecutor(WAITERS) as pool:
        pid = client.negotiate(asks)["pid"]
        (decision,) = until("the provider's people are asked", office.decisions)
        until("the answer is recorded", lambda: client.negotiation(pid)["messages"] and not consumer.node.worker.busy)
        before = looks[pid]

        def wait() -> str:
            with consumer.client() as waiter:
                return str(waiter.negotiation(pid, wait=50)["state"])

        waiting = [pool.submit(wait) for _ in range(WAITERS)]
        until("all have looked", lambda: looks[pid] - before == WAITERS)
        assert agree(consumer, other)["state"] == "FINALIZED"
        assert looks[pid] - before == WAITERS, "a negotiation woke those who wait for another one"
        office.decide(decision["id"], approve=True)
        assert {one.result() for one in waiting} == {"FINALIZED"}


def test_the_steps_between_agreement_and_end_wake_nobody(patient: Pair, looks: Counter[str]) -> None:
    provider, consumer = patient.provider, patient.consumer
    iri = publish(provider, "steps")["iri"]
    with consumer.client() as client:
        pid = client.negotiate(iri)["pid"]
        assert client.negotiation(pid, wait=50)["state"] == "FINALIZED"
    stores = consumer.node.parts.stores
    with stores.uow.read() as tx:
        states = [read_object(entry.body)["state"] for entry in stores.ledger.history(tx, pid)]
    assert states[-3:] == ["AGREED", "VERIFIED", "FINALIZED"]
    assert looks[pid] <= len(states) - 2, "a look at first, and one for each further step that may settle it"


def test_an_open_decision_ends_the_wait(patient: Pair) -> None:
    provider, consumer = patient.provider, patient.consumer
    iri = publish(provider, "counts")["iri"]
    with consumer.client() as client:
        pid = client.negotiate(iri)["pid"]
        waiting = client.negotiation(pid, wait=50)
    assert (waiting["state"], bool(waiting["waitsFor"])) == ("OFFERED", True)
