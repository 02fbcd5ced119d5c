"""Faults of the network between real nodes: what is doubled, late, lost, cut, overtaken or never answered."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from node.base.work import Task
from node.worker.outcomes import Outcome
from node.worker.pace import Pace
from tests import network, unkind
from tests.fakes.clock import JumpingClock
from tests.network import Fault, Proxy, Request, Switch, apart, behind
from tests.nodes import Pair, Running, if_ended, publish, running, until
from tests.postgres import fresh_schema

REQUEST, AGREEMENT = "ContractRequestMessage", "ContractAgreementMessage"
ASKS = {"permission": [{"action": "odrl:use", "duty": [{"action": "odrl:obtainConsent"}]}]}


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def either_store(
    request: pytest.FixtureRequest, tmp_path: Path, sqlite_template: Path
) -> Iterator[Callable[[str], dict[str, Any]]]:
    """What makes a node keep its data in a database of its own, of each kind in turn: options of ``running``."""
    with ExitStack() as stack:

        def options(name: str) -> dict[str, Any]:
            if request.param == "sqlite":
                return {"folder": tmp_path / name, "template": sqlite_template}
            server = request.getfixturevalue("postgres_server")
            return {"folder": tmp_path / name, "database_url": stack.enter_context(fresh_schema(server))}

        yield options


@pytest.fixture
def either_pair(either_store: Callable[[str], dict[str, Any]]) -> Iterator[Pair]:
    with running(**either_store("provider")) as provider, running(**either_store("consumer")) as consumer:
        yield Pair(provider, consumer)


def begin(consumer: Running, iri: str) -> str:
    with consumer.client() as client:
        return str(client.negotiate(iri)["pid"])


def finalized(two: Pair, pid: str) -> None:
    """Both ends hold the negotiation ``pid`` (the consumer's) as finalized, and took each message of it once."""
    with two.consumer.client() as client:
        state = until("it ends", lambda: if_ended(client.negotiation(pid, wait=2)), 60)
        assert state["state"] == "FINALIZED", state
    tally = unkind.Tally(negotiations=1)
    unkind.reckon(two.provider, two.consumer, tally)
    assert tally.wrong == []


# ---- everything at once ------------------------------------------------------------------------------------------


def test_an_unkind_network_costs_time_and_nothing_else(tmp_path: Path, sqlite_template: Path) -> None:
    """A slice of ``make unkind``: many conversations at once through two proxies."""
    tally = unkind.run(tmp_path, sqlite_template, negotiations=8, seed=1)
    assert tally.wrong == []
    assert tally.transfers == 8
    assert len(tally.faults) >= 7, f"the network was kind: {tally.faults}"


# ---- what arrives while we have not committed yet ------------------------------------------------------------------


@contextmanager
def recording_held(node: Running, message: str) -> Iterator[threading.Event]:
    """``node`` has the peer's answer to its ``message``, and does not get to recording it; the event tells that."""
    worker = node.node.worker
    conclude, reached, go_on = worker.conclude, threading.Event(), threading.Event()

    def conclude_later(task: Task, outcome: Outcome) -> None:
        if task.headers.get("message") == message:
            reached.set()
            assert go_on.wait(60)
        conclude(task, outcome)

    worker.conclude = conclude_later  # type: ignore[method-assign]
    try:
        yield reached
    finally:
        go_on.set()
        worker.conclude = conclude  # type: ignore[method-assign]


def state_of(node: Running, pid: str) -> str:
    with node.client() as client:
        return str(client.negotiation(pid)["state"])


@pytest.mark.parametrize("message", [REQUEST, AGREEMENT])
def test_the_peers_answer_overtakes_the_record_of_our_message(either_pair: Pair, message: str) -> None:
    """The consumer does not know the provider's pid yet when the agreement comes, nor the provider that its agreement
    was taken when the verification comes: both are taken, neither is refused."""
    two = either_pair
    iri = publish(two.provider)["iri"]
    with recording_held(two.consumer if message == REQUEST else two.provider, message) as reached:
        pid = begin(two.consumer, iri)
        assert reached.wait(20)
        until("the conversation goes on without it", lambda: state_of(two.consumer, pid) == "FINALIZED", 60)
    finalized(two, pid)
    said = [*two.provider.exchanges(_peer_pid(two.consumer, pid)), *two.consumer.exchanges(pid)]
    assert all(one.is_accepted for one in said), "nothing was put off, let alone refused"


def _peer_pid(node: Running, pid: str) -> str:
    stores = node.node.parts.stores
    with stores.uow.read() as tx:
        negotiation = stores.negotiation.negotiations.get(tx, pid)
    assert negotiation is not None
    assert negotiation.peer_pid is not None
    return negotiation.peer_pid


def test_a_message_waits_for_the_transaction_that_holds_its_process(either_pair: Pair) -> None:
    """EDC answers 409 to a message whose process is leased, and the negotiation is lost. Here it waits its turn."""
    two = either_pair
    iri = publish(two.provider, conditions=ASKS)["iri"]
    pid = begin(two.consumer, iri)
    stores = two.consumer.node.parts.stores
    with two.provider.client() as client:
        asked = until("a person is asked", client.decisions)
        until("the request is recorded", lambda: _recorded(two.consumer, pid))
        with stores.uow.begin() as tx:
            assert stores.negotiation.negotiations.get(tx, pid, lock=True) is not None
            client.decide(asked[0]["id"], approve=True)
            until("the agreement is on its way", lambda: two.provider.node.worker.busy > 0)
            time.sleep(0.5)
            assert two.provider.node.worker.busy > 0, "it was answered before the transaction ended"
    finalized(two, pid)
    sent = [one for one in two.provider.exchanges(_peer_pid(two.consumer, pid)) if one.outgoing]
    assert {one.answer_status for one in sent} == {200}


def _recorded(node: Running, pid: str) -> bool:
    with node.node.parts.stores.uow.read() as tx:
        found = node.node.parts.stores.negotiation.negotiations.get(tx, pid)
    return found is not None and found.pending is None


@pytest.mark.postgres
def test_one_request_that_comes_twice_at_once_is_one_negotiation(
    tmp_path: Path, sqlite_template: Path, postgres_url: str
) -> None:
    """Both see that it is unknown, both open it: the second is answered as the first, not by a conflict."""
    meet, met = threading.Barrier(2), threading.Event()

    def prepare(node: Any) -> None:
        store = node.protocol.negotiation.negotiations._store
        find = store.by_peer

        def by_peer(*ids: Any) -> Any:
            negotiation = find(*ids)
            if negotiation is None:
                try:
                    meet.wait(10)
                    met.set()
                except threading.BrokenBarrierError:
                    pass  # The later looks, when both have met.
                finally:
                    meet.abort()
            return negotiation

        store.by_peer = by_peer

    with (
        running(tmp_path / "provider", database_url=postgres_url, prepare=prepare) as provider,
        running(tmp_path / "consumer", template=sqlite_template) as consumer,
    ):
        iri = publish(provider, conditions=ASKS)["iri"]
        with consumer.http() as http:
            path = f"{provider.dsp}/catalog/datasets/{iri}"
            dataset = http.get(path, headers=consumer.as_participant(provider)).json()
            offer = {**dataset["hasPolicy"][0], "target": iri}
            message = {
                "@context": ["https://w3id.org/dspace/2025/1/context.jsonld"],
                "@type": REQUEST,
                "consumerPid": "urn:uuid:5a4d1f43-16b2-4b43-9fe7-2b5d6e2d3a11",
                "offer": offer,
                "callbackAddress": consumer.dsp,
            }

            def send(_: int) -> Any:
                headers = consumer.as_participant(provider)
                return http.post(f"{provider.dsp}/negotiations/request", json=message, headers=headers)

            with ThreadPoolExecutor(2) as pool:
                first, second = pool.map(send, range(2))
        assert met.is_set(), "each had looked before the other one wrote"
        assert (first.status_code, second.status_code) == (201, 201), second.text
        assert first.json() == second.json()
        with provider.client() as client:
            assert len(client.decisions()) == 1


# ---- peers that are slow, away, half there -------------------------------------------------------------------------


@pytest.fixture
def switched(tmp_path: Path, sqlite_template: Path) -> Iterator[tuple[Pair, Switch, Switch]]:
    """A pair behind two proxies; the switch before the provider, and the one before the consumer."""
    to_provider, to_consumer = Switch(), Switch()
    with apart(tmp_path, sqlite_template, Proxy(to_provider), Proxy(to_consumer), peer_seconds=1.0) as two:
        yield two, to_provider, to_consumer


@pytest.mark.parametrize("fault", [network.half_open, network.dripping])
def test_a_peer_that_is_slow_for_ever_delays_nobody_else(tmp_path: Path, sqlite_template: Path, fault: Fault) -> None:
    """More messages wait for the slow peer than are sent to one at a time, and none of those is given up before the
    prompt one has had all of its own."""
    width, to_consumer = Pace().lane_width, Switch()
    before_consumer = Proxy(to_consumer)
    with (
        apart(tmp_path, sqlite_template, Proxy(Switch()), before_consumer, peer_seconds=300.0) as two,
        running(tmp_path / "other", template=sqlite_template) as other,
    ):
        iris = [publish(two.provider, f"counts-{number}")["iri"] for number in range(width + 4)]
        to_consumer.fault = fault
        stuck = [begin(two.consumer, iri) for iri in iris]
        until("the slow one is being asked", lambda: to_consumer.seen >= width, 60)
        prompt = begin(other, iris[0])
        finalized_alone(other, prompt, 60)
        assert to_consumer.seen == width, "the first attempts are still under way, and no more of them at a time"
        if fault is network.half_open:
            assert {state_of(two.consumer, pid) for pid in stuck} == {"REQUESTED"}
        to_consumer.fault = None
        before_consumer.cut()
        for pid in stuck:
            finalized_alone(two.consumer, pid)


def finalized_alone(node: Running, pid: str, seconds: float = 60) -> None:
    with node.client() as client:
        state = until("it ends", lambda: if_ended(client.negotiation(pid, wait=2)), seconds)
    assert state["state"] == "FINALIZED"


@pytest.mark.parametrize("way", ["to the provider", "to the consumer"])
def test_a_partition_that_is_healed_leaves_both_ends_alike(switched: tuple[Pair, Switch, Switch], way: str) -> None:
    two, to_provider, to_consumer = switched
    cut = to_provider if way == "to the provider" else to_consumer
    iri = publish(two.provider)["iri"]
    cut.paths, cut.fault = ("/dsp/2025-1/negotiations",), network.refused
    pid = begin(two.consumer, iri)
    until("it is tried", lambda: cut.seen >= 3)
    cut.fault = None
    finalized(two, pid)


def test_a_link_that_flaps_is_a_slow_link(switched: tuple[Pair, Switch, Switch]) -> None:
    two, to_provider, to_consumer = switched
    iri = publish(two.provider)["iri"]
    over = threading.Event()

    def flap() -> None:
        down = False
        while not over.wait(0.15):
            down = not down
            to_provider.fault = to_consumer.fault = network.refused if down else None

    pids = [begin(two.consumer, iri) for _ in range(3)]
    flapping = threading.Thread(target=flap)
    flapping.start()
    try:
        for pid in pids:
            finalized_alone(two.consumer, pid)
    finally:
        over.set()
        flapping.join()
    to_provider.fault = to_consumer.fault = None
    tally = unkind.Tally(negotiations=3)
    unkind.reckon(two.provider, two.consumer, tally)
    assert tally.wrong == []


# ---- hours --------------------------------------------------------------------------------------------------------


@pytest.fixture
def timed(tmp_path: Path, sqlite_template: Path) -> Iterator[tuple[Pair, Switch, JumpingClock]]:
    """A pair with one clock that can be put on, and the switch before the provider."""
    clock, switch = JumpingClock(), Switch()
    options: dict[str, Any] = {"template": sqlite_template, "options": {"clock": clock}}
    with (
        Proxy(switch) as proxy,
        behind(proxy, tmp_path / "provider", **options) as provider,
        running(tmp_path / "consumer", **options) as consumer,
    ):
        yield Pair(provider, consumer), switch, clock


def test_a_peer_that_was_away_for_hours_gets_what_it_missed(timed: tuple[Pair, Switch, JumpingClock]) -> None:
    two, switch, clock = timed
    iri = publish(two.provider)["iri"]
    switch.paths, switch.fault = ("/dsp/2025-1/negotiations",), network.refused
    pid = begin(two.consumer, iri)
    until("it was tried in vain", lambda: switch.seen >= 3)
    clock.by = timedelta(hours=7)
    switch.fault = None
    finalized(two, pid)


def test_a_message_that_is_an_hour_late_has_no_effect(timed: tuple[Pair, Switch, JumpingClock]) -> None:
    """Its token is of no use any more; and with a fresh one it is answered as it was then."""
    two, switch, clock = timed
    iri = publish(two.provider)["iri"]
    caught: list[Request] = []

    async def record(link: network.Link) -> None:
        if link.request.path.endswith("/negotiations/request"):
            caught.append(link.request)
        await network.straight(link)

    switch.fault = record
    pid = begin(two.consumer, iri)
    finalized(two, pid)
    clock.by = timedelta(hours=1)
    [late] = caught
    _, _, body = late.raw.partition(b"\r\n\r\n")
    stale = next(line[15:] for line in late.raw.decode().split("\r\n") if line.lower().startswith("authorization: "))
    before = two.provider.exchanges(_peer_pid(two.consumer, pid))
    json_type = {"Content-Type": "application/json"}
    with two.consumer.http() as http:
        old = http.post(two.provider.url + late.path, content=body, headers={"Authorization": stale, **json_type})
        fresh = two.consumer.as_participant(two.provider)
        again = http.post(two.provider.url + late.path, content=body, headers={**fresh, **json_type})
    assert old.status_code == 401, old.text
    assert again.status_code == 201
    assert again.json()["providerPid"] == _peer_pid(two.consumer, pid)
    assert two.provider.exchanges(_peer_pid(two.consumer, pid)) == before
    finalized(two, pid)
