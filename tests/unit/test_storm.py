"""The kill storm's own faults are found: a node that dies by itself, a load that stops, a storm without load, a rest
that is none. Its nodes are stubs here; ``tests/integration/faults/test_storm_slice.py`` has real ones."""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from demo.nodes import free_ports
from node.base.errors import HansaError, PeerUnreachable
from node.base.work import Task
from node.cli.creation import create
from node.client import HansaClient
from node.ledger.model import Entry, EntryKind
from tests import storm as storms
from tests.contract.stores.test_processes import negotiation, transfer
from tests.forks import Fork, prepare
from tests.stores import memory_stores
from tests.storm import Storm, summary
from tests.waits import NotThere

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


# ---- nodes --------------------------------------------------------------------------------------------------------


def ends(folder: Path, environment: Mapping[str, str], log: Path) -> None:
    """The life of a node that refuses its own database."""
    prepare(environment, log)
    print(f"{folder} is damaged", flush=True)
    sys.exit(5)


def test_a_node_that_ends_while_it_comes_up(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    create(tmp_path / "node", {"name": "Node", "public_url": f"http://127.0.0.1:{port}", "port": port})
    node = Fork("node", "Node", tmp_path, port, life=ends)
    node.serve()
    with pytest.raises(NotThere, match=r"Node ended with 5 while it came up\n.*is damaged"):
        node.wait_ready()
    node.wait_ready(may_end=True)


@dataclass
class Stub:
    """A node that does nothing; ``ended`` as a process tells it."""

    name: str
    home: Path
    url: str = "http://127.0.0.1:9"
    ended: int | None = None
    started: int = 0
    fails: bool = False
    lines: list[str] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        return self.home

    def serve(self) -> None:
        self.started += 1
        self.ended = None

    def wait_ready(self) -> float:
        if self.fails:
            raise NotThere(f"{self.name} ended with 5 while it came up")
        return 0.0

    def kill(self) -> None:
        self.ended = -9

    def log_tail(self) -> str:
        return "its last words"


@pytest.fixture
def storm(tmp_path: Path) -> Any:
    """A storm whose nodes are stubs, and whose load does all it shall at once."""
    new_storm: Any = Storm(tmp_path, 1, "sqlite", None)
    (tmp_path / "token").write_text("token")
    new_storm.provider, new_storm.consumer = new_storm.members = (
        Stub("Provider", tmp_path),
        Stub("Consumer", tmp_path),
    )
    load = new_storm.load
    load.provider, load.consumer = new_storm.members

    def publish(_: HansaClient, chance: random.Random) -> None:
        new_storm.tally.records[str(chance.random())] = "ab" * 32

    def negotiate(_: HansaClient, chance: random.Random) -> None:
        new_storm.tally.negotiations.add(str(chance.random()))

    def transfer_(_: HansaClient, chance: random.Random) -> None:
        new_storm.tally.transfers.add(str(chance.random()))

    def haggle(_: HansaClient, chance: random.Random) -> None:
        new_storm.tally.terminated.add(str(chance.random()))

    def nothing(_: HansaClient, __: random.Random) -> None:
        return None

    load._publish, load._negotiate, load._transfer = publish, negotiate, transfer_
    load._haggle, load._interfere = haggle, nothing
    return new_storm


def fails(storm: Any, error: BaseException) -> None:
    """One hand of the load fails each time, and the storm goes on until it has at least once."""

    def hand(_: HansaClient, __: random.Random) -> None:
        storm.tally.terminated.add("at all")
        raise error

    storm.load._haggle = hand


def test_a_storm_that_finds_nothing(storm: Any) -> None:
    storm.rage(3)
    assert storm.tally.kills >= 3
    assert not storm.tally.findings.count, summary(storm.tally)


def test_a_node_that_ended_before_it_was_killed(storm: Any) -> None:
    storm.provider.ended = storm.consumer.ended = 5
    storm.rage(1)
    assert "ended by itself, with 5:\nits last words" in storm.tally.findings.diverged[0]


def test_a_node_that_does_not_come_up_again(storm: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for stub in storm.members:
        stub.fails = True
    with pytest.raises(NotThere, match="ended with 5"):
        storm.rage(1)

    class Begun(Storm):
        def begin(self) -> None:
            raise NotThere("Provider ended with 5 while it came up")

    monkeypatch.setattr(storms, "Storm", Begun)
    tally = storms.run(kills=1, seed=1, store="sqlite", home=tmp_path)
    assert tally.findings.diverged == ["Provider ended with 5 while it came up"]


def test_a_load_that_stops(storm: Any) -> None:
    fails(storm, KeyError("pid"))
    storm.rage(1)
    (found,) = storm.tally.findings.diverged
    assert found.startswith("the load hand stopped"), found
    assert "KeyError: 'pid'" in found


@pytest.mark.parametrize("code", ["internal", "invalid-input", "not-found"])
def test_a_refusal_that_no_death_explains(storm: Any, code: str) -> None:
    fails(storm, HansaError("so it is", facts={"code": code}))
    storm.rage(1)
    assert storm.tally.findings.diverged == [f"refused to hand: {code}, so it is"]
    assert storm.tally.refused[code] > 0


def test_a_refusal_that_a_death_explains(storm: Any) -> None:
    fails(storm, PeerUnreachable("it is dead"))
    storm.rage(1)
    assert not storm.tally.findings.count


def test_a_storm_without_load(storm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storms, "LOAD_SECONDS", 0.0)
    storm.load._haggle = storm.load._transfer = storm.load._interfere
    storm.rage(1)
    assert {"transferred", "terminated"} <= set(storm.tally.missing())


# ---- rest ---------------------------------------------------------------------------------------------------------


def note(stores: Any, name: str) -> None:
    entry = Entry(id=name, kind=EntryKind.PROCESS, subject="urn:n", at=NOW, by="did:web:me.example", body=b"{}")
    with stores.uow.begin() as tx:
        stores.ledger.append(tx, entry)
        stores.ledger.number(tx, stores.ledger.unsequenced_entries(tx, 100), stores.ledger.size(tx))


def task() -> Task:
    return Task(id="urn:t", topic="dsp", lane="a", subject="urn:n", body=b"", due=NOW)


@pytest.fixture
def resting(storm: Any) -> tuple[Any, tuple[Any, Any]]:
    """A storm, and the databases of its nodes."""
    stores: tuple[Any, Any] = (memory_stores(), memory_stores())
    storm.__dict__["stores"] = stores
    return storm, stores


@pytest.fixture
def briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a rest that does not come: what waits for one that does has all the time that a storm has."""
    monkeypatch.setattr(storms, "REST_SECONDS", 0.5)


def test_two_nodes_that_have_nothing_to_do_rest(resting: tuple[Any, Any]) -> None:
    assert resting[0].rest(ended=True)


@pytest.mark.usefixtures("briefly")
@pytest.mark.parametrize("side", [0, 1])
def test_a_message_on_its_way_is_no_rest(resting: tuple[Any, Any], side: int) -> None:
    storm, stores = resting
    with stores[side].uow.begin() as tx:
        stores[side].outbox.put(tx, task())
    assert not storm.rest(ended=False)


@pytest.mark.parametrize("side", [0, 1])
def test_a_conversation_that_has_not_ended_is_no_rest(
    resting: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch, side: int
) -> None:
    storm, stores = resting
    with stores[side].uow.begin() as tx:
        stores[side].negotiations.add(tx, negotiation(state="AGREED"))
        stores[side].transfers.add(tx, replace(transfer(), state="SUSPENDED"))
    assert storm.rest(ended=False)
    monkeypatch.setattr(storms, "REST_SECONDS", 0.5)
    assert not storm.rest(ended=True)


@pytest.mark.usefixtures("briefly")
def test_two_looks_between_which_something_was_noted_are_no_rest(
    resting: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    storm, stores = resting
    looks = 0
    real = storms._noted

    def noted(member: Any, *, ended: bool) -> int | None:
        nonlocal looks
        looks += 1
        note(stores[0], f"urn:e:{looks}")
        return real(member, ended=ended)

    monkeypatch.setattr(storms, "_noted", noted)
    assert not storm.rest(ended=False)
