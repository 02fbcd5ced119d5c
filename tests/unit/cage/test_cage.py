"""The cage: what comes back from a child, whatever the child does."""

from __future__ import annotations

import asyncio
import importlib
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from node.base.errors import Conflict, InvalidDescription, LocalFault, Overloaded, TooLarge
from node.cage.cage import Cage
from node.cage.model import Limits
from node.cage.targets import TARGETS
from node.cage.wire import Answer, frame
from tests.fork_servers import fork_server_pid

NAMES = (
    "echo spin sleep swallow reserve overrun leave recurse refuse find_fault stumble babble flood tell attempt think"
)
HOSTILE = {name: f"tests.unit.cage.hostile:{name}" for name in NAMES.split()} | {
    "missing": "tests.unit.cage.hostile:no_such_function",
    "nowhere": "tests.unit.cage.no_such_module:f",
}
SHORT = Limits(memory=256 << 20, cpu=5, wall=0.5)
LONG = Limits(memory=256 << 20, cpu=5, wall=10.0)


@pytest.fixture
async def cage() -> AsyncIterator[Cage]:
    cage = Cage(targets=HOSTILE)
    await cage.start()
    yield cage
    await cage.stop()


def gone(pid: int) -> bool:
    """Whether the process has ended (a zombie that waits for its parent has)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_of_the_table_can_be_imported(target: str) -> None:
    module, _, function = TARGETS[target].partition(":")
    assert callable(getattr(importlib.import_module(module), function))


async def test_a_message_and_bytes_go_in_and_come_back(cage: Cage) -> None:
    message = {"text": "Straße 😀 \u0000", "numbers": [1, 2.5, None, True], "nested": {"a": []}}
    blobs = [b"", b"\x00\xff" * 10, os.urandom(3 << 20)]
    assert await cage.call("echo", message, blobs, limits=LONG) == (message, blobs)


async def test_calls_from_threads_need_no_event_loop(cage: Cage) -> None:
    def call() -> tuple[object, object]:
        return cage.call_sync("echo", {"a": 1}, [b"x" * 500_000], limits=LONG)

    assert await asyncio.to_thread(call) == ({"a": 1}, [b"x" * 500_000])
    with pytest.raises(Overloaded):
        await asyncio.to_thread(cage.call_sync, "spin", {}, limits=SHORT)
    with pytest.raises(Conflict):
        await asyncio.to_thread(cage.call_sync, "refuse", {}, limits=SHORT)


async def test_the_targets_own_refusal_arrives_as_it_was_raised(cage: Cage) -> None:
    with pytest.raises(Conflict) as caught:
        await cage.call("refuse", {}, limits=LONG)
    assert (caught.value.detail, caught.value.remedy) == ("it is so already", "do nothing")
    assert caught.value.facts == {"iri": "urn:x"}
    with pytest.raises(InvalidDescription) as refusal:
        await cage.call("find_fault", {}, limits=LONG)
    assert refusal.value.findings == [{"path": "urn:p"}]
    assert refusal.value.remedy == "mend them"


async def test_other_errors_are_our_fault_and_keep_their_particulars(
    cage: Cage, caplog: pytest.LogCaptureFixture
) -> None:
    for target in ("stumble", "babble", "missing", "nowhere"):
        with pytest.raises(LocalFault) as caught:
            await cage.call(target, {}, limits=LONG)
        assert "particular" not in f"{caught.value.detail}{caught.value.facts}"
    assert "a particular that is nobody's business" in caplog.text
    with pytest.raises(LocalFault, match="not in the table"):
        await cage.call("os.system", {}, limits=LONG)


@pytest.mark.parametrize(
    ("target", "limits", "limit"),
    [
        ("spin", SHORT, "time"),
        ("spin", Limits(cpu=1, wall=10.0), "processor"),
        ("swallow", LONG, "memory"),
        ("reserve", LONG, "memory"),
        ("overrun", LONG, "memory"),
        ("recurse", LONG, "depth"),
    ],
)
async def test_what_takes_too_much_is_overloaded_and_says_what(
    cage: Cage, target: str, limits: Limits, limit: str
) -> None:
    with pytest.raises(Overloaded) as caught:
        await cage.call(target, {}, limits=limits)
    assert caught.value.facts == {"limit": limit}
    assert caught.value.remedy
    assert await cage.call("echo", {}, limits=LONG) == ({}, [])


async def test_an_exit_without_an_answer_is_our_fault(cage: Cage) -> None:
    with pytest.raises(LocalFault, match="status 3"):
        await cage.call("leave", {}, limits=LONG)


async def test_a_child_that_dies_before_it_has_read_all_is_told_apart(cage: Cage) -> None:
    # The message is larger than the socket's buffer and than the child's memory.
    with pytest.raises(Overloaded):
        await cage.call("echo", {}, [bytes(96 << 20)], limits=Limits(memory=96 << 20, wall=5.0))


async def test_an_answer_beyond_the_limit_is_refused_unread(cage: Cage) -> None:
    limits = Limits(memory=256 << 20, answer=1 << 20)
    assert len((await cage.call("flood", {"size": 1_000_000}, limits=limits))[1][0]) == 1_000_000
    with pytest.raises(TooLarge, match="1 MB"):
        await cage.call("flood", {"size": 1 << 20}, limits=limits)


async def test_a_call_waits_for_its_turn_but_not_for_ever() -> None:
    cage = Cage(targets=HOSTILE, width=1, patience=1.0)
    try:
        await cage.call("echo", {}, limits=LONG)
        quick = asyncio.create_task(cage.call("sleep", {"seconds": 0.05}, limits=LONG))
        await asyncio.sleep(0)
        assert await cage.call("echo", {}, limits=LONG) == ({}, [])
        assert await quick == ({}, [])
        endless = asyncio.create_task(cage.call("spin", {}, limits=LONG))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded, match="works on 1 of these at the same time") as caught:
            await cage.call("echo", {}, limits=LONG)
        assert caught.value.facts == {"limit": "queue"}
        endless.cancel()
        await asyncio.gather(endless, return_exceptions=True)
        assert await cage.call("echo", {}, limits=LONG) == ({}, [])
    finally:
        await cage.stop()


async def test_rooms_do_not_wait_for_one_another() -> None:
    table = {"graph.spin": HOSTILE["spin"], "semantics.echo": HOSTILE["echo"]}
    cage = Cage(targets=table, width=2, patience=0.5)
    try:
        await cage.call("semantics.echo", {}, limits=LONG)
        crowd = [asyncio.create_task(cage.call("graph.spin", {}, limits=LONG)) for _ in range(6)]
        await asyncio.sleep(0.1)
        assert await cage.call("semantics.echo", {"n": 1}, limits=LONG) == ({"n": 1}, [])
        for call in crowd:
            call.cancel()
        results = await asyncio.gather(*crowd, return_exceptions=True)
        assert all(isinstance(result, asyncio.CancelledError | Overloaded) for result in results)
    finally:
        await cage.stop()


async def test_many_calls_at_once_leave_no_zombie(cage: Cage) -> None:
    calls = [cage.call("echo", {"n": n}, limits=LONG) for n in range(40)]
    bad = [cage.call("reserve", {}, limits=LONG) for _ in range(5)]
    results = await asyncio.gather(*calls, *bad, return_exceptions=True)
    assert [value for value in results if not isinstance(value, BaseException)] == [({"n": n}, []) for n in range(40)]
    assert sum(isinstance(value, Overloaded) for value in results) == 5
    fork_server = fork_server_pid()
    assert fork_server is not None
    await until(lambda: children(fork_server) == [])


async def test_a_caller_that_gives_up_takes_the_child_along(cage: Cage) -> None:
    call = asyncio.create_task(cage.call("spin", {}, limits=LONG))
    fork_server = fork_server_pid()
    assert fork_server is not None
    await until(lambda: len(children(fork_server)) == 1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await until(lambda: children(fork_server) == [])


async def test_another_fork_server_takes_over_from_one_that_died(cage: Cage) -> None:
    first = fork_server_pid()
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert await cage.call("echo", {"a": 1}, limits=LONG) == ({"a": 1}, [])
    second = fork_server_pid()
    assert second not in (None, first)

    call = asyncio.create_task(cage.call("sleep", {"seconds": 0.3}, limits=LONG))
    await until(lambda: len(children(second or 0)) == 1)
    (child,) = children(second or 0)
    os.kill(second or 0, signal.SIGKILL)
    assert await call == ({}, [])
    assert gone(child), "a child does not outlive its fork server"


async def test_stopping_leaves_no_process() -> None:
    cage = Cage(targets=HOSTILE)
    call = asyncio.create_task(cage.call("spin", {}, limits=LONG))
    await until(lambda: fork_server_pid() is not None)
    fork_server = fork_server_pid() or 0
    await until(lambda: len(children(fork_server)) == 1)
    (child,) = children(fork_server)
    await cage.stop()
    assert gone(fork_server)
    assert gone(child)
    with pytest.raises(LocalFault, match="closed"):
        await call
    with pytest.raises(LocalFault, match="closed"):
        await cage.call("echo", {}, limits=LONG)


async def test_the_fork_server_ends_with_its_parent(tmp_path: Path) -> None:
    script = (
        "import asyncio, sys, time\n"
        "from node.cage.cage import Cage\n"
        "from tests.fork_servers import fork_server_pid\n"
        "from node.cage.model import Limits\n"
        "cage = Cage(targets={'spin': 'tests.unit.cage.hostile:spin'})\n"
        "cage.open()\n"
        "print(fork_server_pid(), flush=True)\n"
        "cage.call_sync('spin', {}, limits=Limits(wall=60.0, cpu=60))\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[3]
    )
    assert process.stdout is not None
    fork_server = int(await process.stdout.readline())
    await until(lambda: len(children(fork_server)) == 1)
    (child,) = children(fork_server)
    process.kill()
    await process.wait()
    await until(lambda: gone(fork_server) and gone(child))


async def test_a_child_knows_nothing_of_us(cage: Cage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANSA_SECRET", "swordfish")
    fresh = Cage(targets=HOSTILE)
    try:
        seen, _ = await fresh.call("tell", {}, limits=LONG)
    finally:
        await fresh.stop()
    assert "HANSA_SECRET" not in seen["environment"]
    assert set(seen["environment"]) <= {
        *("PATH", "LANG", "LC_CTYPE", "MALLOC_ARENA_MAX"),
        *("PYTHONPATH", "PYTHONSAFEPATH", "PYTHONNOUSERSITE"),
    }
    assert len(seen["files"]) == 5, "three streams to nowhere, the connection, and the listing itself"
    assert seen["threads"] == 1
    assert set(seen["capabilities"]) == {"0000000000000000"}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs the filters of Linux")
async def test_nothing_that_is_forbidden_works(cage: Cage, tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_bytes(b"swordfish")
    hits = []
    listener = socket.create_server(("127.0.0.1", 0))

    def listen() -> None:
        try:
            hits.append(listener.accept())
        except OSError:
            return

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    value, _ = await cage.call(
        "attempt",
        {
            "folder": str(tmp_path),
            "secret": str(secret),
            "victim": os.getpid(),
            "port": listener.getsockname()[1],
        },
        limits=LONG,
    )
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()
    assert value["done"] == []
    assert value["tried"] == 29
    assert hits == []
    assert secret.read_bytes() == b"swordfish"
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


async def test_what_a_target_needs_works(cage: Cage, tmp_path: Path) -> None:
    named = tmp_path / "named"
    named.write_text("hello")
    value, _ = await cage.call("think", {"named": str(named)}, limits=LONG, readable=[str(named)])
    assert value["threads"] == [0, 1, 2, 3]
    assert value["entities"] > 2000
    assert value["named"] == "hello"


async def test_calls_are_quick_enough_to_be_made_for_each_request(cage: Cage) -> None:
    took = []
    for _ in range(20):
        began = time.perf_counter()
        await cage.call("echo", {}, limits=LONG)
        took.append(time.perf_counter() - began)
    assert sorted(took)[10] < 0.25, "2.5 ms when measured on a quiet machine"


@pytest.mark.parametrize("unfiltered", [False, True])
async def test_without_a_filter_nothing_runs_unless_it_is_allowed(
    unfiltered: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    program = "from node.cage import seccomp, fork_server; seccomp.MACHINES.clear(); fork_server.main()"
    start = subprocess.Popen

    def start_without_filter(words: list[str], **more: Any) -> subprocess.Popen[bytes]:
        assert words[1:3] == ["-m", "node.cage.fork_server"]
        return start([words[0], "-c", program, *words[3:]], **more)

    monkeypatch.setattr("node.cage.launcher.subprocess.Popen", start_without_filter)
    cage = Cage(targets=HOSTILE, unfiltered=unfiltered)
    try:
        # It is the fork server that says what its children lack, when it has tried.
        await asyncio.to_thread(cage.barriers)
        for _ in range(2):
            if unfiltered:
                assert await cage.call("echo", {"a": 1}, limits=LONG) == ({"a": 1}, [])
            else:
                with pytest.raises(LocalFault, match="no filter of system calls"):
                    await cage.call("echo", {}, limits=LONG)
    finally:
        await cage.stop()
    warnings = [entry for entry in caplog.records if entry.levelname == "WARNING"]
    assert len(warnings) == int(unfiltered), "said once"


async def test_the_fork_server_outlives_a_request_to_end_that_was_meant_for_us(cage: Cage) -> None:
    fork_server = fork_server_pid()
    assert await cage.call("echo", {}, limits=LONG) == ({}, [])
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(fork_server or 0, number)
    assert await cage.call("echo", {}, limits=LONG) == ({}, [])
    assert fork_server_pid() == fork_server


@pytest.mark.parametrize("header", [b"nonsense", b"[]", b"{}", b'{"fault": 1}', b'{"fault": {}}', b"[" * 100_000])
def test_nonsense_from_a_child_is_our_fault_and_no_crash(header: bytes) -> None:
    (begin,) = frame({})
    answer = Answer(LONG)
    assert answer.feed(begin[:4] + struct.pack("!II", len(header), 0) + header)
    with pytest.raises(LocalFault, match="invalid answer"):
        answer.value()


def test_an_answer_may_come_in_any_pieces() -> None:
    whole = b"".join(frame({"value": {"a": "é"}}, [b"x", b"", b"yz"]))
    answer = Answer(LONG)
    assert [answer.feed(whole[n : n + 1]) for n in range(len(whole))] == [False] * (len(whole) - 1) + [True]
    assert answer.value() == ({"a": "é"}, [b"x", b"", b"yz"])
