"""Faults of processes: two workers on one queue, a holder of leases that stands still, ends, and loops that die."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select

from demo.nodes import Member, free_ports
from node.adapters.sql.schema.outbox import outbox
from node.bootstrap.node import HansaNode
from node.bootstrap.parts import Stores, open_stores
from node.settings import load
from tests import unkind
from tests.network import Link, Proxy, Switch, behind, half_open, straight
from tests.nodes import Running, if_ended, publish, running, until

START = 60.0
"""Seconds in which a process of ours is up, on a machine that has much else to do."""


@dataclass
class Household:
    """A consumer whose processes are real, and can be stopped and ended one by one."""

    member: Member
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, verb: str, *flags: str, **settings: str) -> subprocess.Popen[bytes]:
        """``hansa serve`` or ``hansa worker``; with settings of its own."""
        own = {f"HANSA_{name.upper()}": value for name, value in settings.items()}
        with (self.member.home / f"{verb}-{len(self.processes)}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "node.cli", verb, *flags, str(self.member.folder)],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env={**self.member.environment(), **own},
            )
        self.processes.append(process)
        return process

    def serve(self, *flags: str, **settings: str) -> subprocess.Popen[bytes]:
        process = self.start("serve", *flags, **settings)
        with self.member.client() as client:
            until("it is ready", client.ready, START)
        return process

    def end(self, process: subprocess.Popen[bytes]) -> int:
        """SIGTERM; the exit status, which is 0 where it ended by itself."""
        process.terminate()
        return process.wait(START)

    def clear(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait(20)

    @contextmanager
    def stores(self) -> Iterator[Stores]:
        stores = open_stores(load(self.member.folder))
        try:
            yield stores
        finally:
            stores.uow.close()


@dataclass
class Scene:
    """``gate`` is before the provider: what befalls requests for a negotiation, while everything else passes."""

    provider: Running
    consumer: Household
    gate: Switch
    iri: str

    def negotiate(self) -> str:
        with self.consumer.member.client() as client:
            return str(client.negotiate(self.iri)["pid"])

    def finalized(self, *pids: str) -> None:
        """They end well, each message was taken once at either end, and both ends hold the same."""
        with self.consumer.member.client() as client:
            for pid in pids:
                ended = until("it ends", lambda pid=pid: if_ended(client.negotiation(pid, wait=2)), START)  # type: ignore[misc]
                assert ended["state"] == "FINALIZED", ended
        tally = unkind.Tally(negotiations=len(pids))
        with self.consumer.stores() as stores:
            node = SimpleNamespace(parts=SimpleNamespace(stores=stores))
            there: Any = SimpleNamespace(node=node, client=self.consumer.member.client, folder=Path("consumer"))
            unkind.reckon(self.provider, there, tally)
        assert tally.wrong == []


@contextmanager
def scene(home: Path, template: Path, database: str | None) -> Iterator[Scene]:
    """A provider in this process, reached through a gate, and a consumer that was made and not started yet."""
    [port] = free_ports(1)
    options = ("--database", database) if database else ()
    brisk = {"log_level": "info", "wait_for_views": "false", "ending_seconds": "0.5"}
    household = Household(Member("consumer", "Consumer", home, port, options, brisk))
    gate = Switch(paths=("/negotiations/request",))
    with ExitStack() as stack:
        stack.callback(household.clear)
        proxy = stack.enter_context(Proxy(gate))
        provider = stack.enter_context(behind(proxy, home / "provider", template=template))
        household.member.init()
        yield Scene(provider, household, gate, publish(provider)["iri"])


@pytest.mark.postgres
def test_a_worker_that_stood_still_for_longer_than_its_lease_is_fenced_off(
    tmp_path: Path, sqlite_template: Path, postgres_url: str
) -> None:
    """It is stopped while its request is under way, another one does its work, and it comes back with an answer."""
    with scene(tmp_path, sqlite_template, postgres_url) as s:
        server = s.consumer.serve("--no-worker")
        brief = {"lease_seconds": "6"}  # A shorter one runs out under a worker that a busy machine holds up.
        first = s.consumer.start("worker", **brief)

        async def stop_the_sender(link: Link) -> None:
            os.kill(first.pid, signal.SIGSTOP)
            s.gate.fault = None
            while s.gate.seen < 2:
                await asyncio.sleep(0.01)
            await straight(link)

        s.gate.fault = stop_the_sender
        pid = s.negotiate()
        until("the first stands still", lambda: s.gate.seen == 1 and s.gate.fault is None, START)
        with s.consumer.stores() as stores:
            assert _leased(stores) == [pid], "the one that stands still holds it"
            second = s.consumer.start("worker", **brief)
            with s.consumer.member.client() as client:
                until("it ends without the first", lambda: if_ended(client.negotiation(pid, wait=2)), START)
            assert s.gate.seen >= 2, "the second worker has sent it again"
            first.send_signal(signal.SIGCONT)
            # Two workers on one queue from here on.
            more = [s.negotiate() for _ in range(8)]
            s.finalized(pid, *more)
        assert [s.consumer.end(process) for process in (first, second, server)] == [0, 0, 0]


def _leased(stores: Stores) -> list[str]:
    with stores.uow.read() as tx:
        rows = tx.connection.execute(select(outbox.c.subject).where(outbox.c.leased_until.is_not(None)))
        return [row.subject for row in rows]


@pytest.mark.postgres
def test_a_worker_that_ends_hands_over_what_it_holds(
    tmp_path: Path, sqlite_template: Path, postgres_url: str
) -> None:
    """Its peer never answers, and its lease would last for an hour."""
    with scene(tmp_path, sqlite_template, postgres_url) as s:
        s.gate.fault = half_open
        s.consumer.serve("--no-worker")
        first = s.consumer.start("worker", lease_seconds="3600")
        pid = s.negotiate()
        until("the first worker waits for an answer", lambda: s.gate.seen == 1, START)
        with s.consumer.stores() as stores:
            assert _leased(stores) == [pid]
            assert s.consumer.end(first) == 0
            assert _leased(stores) == []
            s.gate.fault = None
            s.consumer.start("worker", lease_seconds="3600")
            s.finalized(pid)


def test_a_node_that_ends_while_its_peer_is_silent_goes_on_at_its_next_start(
    tmp_path: Path, sqlite_template: Path
) -> None:
    with scene(tmp_path, sqlite_template, None) as s:
        s.gate.fault = half_open
        server = s.consumer.serve()
        pid = s.negotiate()
        until("it waits for an answer", lambda: s.gate.seen == 1, START)
        assert s.consumer.end(server) == 0, "it did not end by itself"
        s.gate.fault = None
        s.consumer.serve()
        s.finalized(pid)


def test_a_process_that_hangs_while_it_ends_is_ended() -> None:
    """Whatever holds it: here a thread that the interpreter would wait for."""
    code = (
        "import threading, node.cli.server as serving\n"
        "serving.LONGEST_END = 0.2\n"
        "threading.Thread(target=threading.Event().wait).start()\n"
        "serving._end_at_the_latest()\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], check=False, timeout=START, capture_output=True)
    assert ended.returncode == 1


def test_a_worker_that_dies_is_seen_and_begun_again(tmp_path: Path, sqlite_template: Path) -> None:
    lives: list[int] = []

    def prepare(node: HansaNode) -> None:
        work = node.worker.run

        async def dies_first() -> None:
            lives.append(1)
            if len(lives) == 1:
                raise AttributeError("what nobody thought of")
            await work()

        node.worker.run = dies_first  # type: ignore[method-assign]

    with (
        running(tmp_path / "provider", template=sqlite_template) as provider,
        running(tmp_path / "consumer", template=sqlite_template, prepare=prepare) as consumer,
    ):
        iri = publish(provider)["iri"]
        with consumer.http() as http, consumer.client() as client:
            red = until("health is red", lambda: _red(http.get("/health")))
            assert red == {"status": "failing", "wrong": ["worker"]}
            assert "what nobody thought of" in str(client.call("GET", "/api/node"))
            pid = client.negotiate(iri)["pid"]
            until("it works again", lambda: client.negotiation(pid, wait=2)["state"] == "FINALIZED", START)
            assert _red(http.get("/health")), "that it works again does not show that it will go on"
            assert _red(http.get("/ready"))


def _red(answer: Any) -> dict[str, Any] | None:
    return dict(answer.json()) if answer.status_code == 503 else None
