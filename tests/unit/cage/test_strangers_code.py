"""What a stranger's code meets: on this system, without Landlock, without namespaces, and without either."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from node.base.errors import LocalFault, NotConfined, Overloaded
from node.cage.barriers import Barriers
from node.cage.cage import Cage
from node.cage.model import Limits
from node.cage.wire import frame
from tests.fork_servers import fork_server_pid
from tests.unit.cage import hostile_code
from tests.unit.cage.test_cage import children, until
from tests.unit.cage.without import starting_without

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs the barriers of Linux")

DEEDS = "look_around hold_and_stay hold_off_the_clock forge_an_answer ask_without_end"
TABLE = {f"code.{name}": f"tests.unit.cage.hostile_code:{name}" for name in DEEDS.split()} | {
    f"data.{name}": f"tests.unit.cage.hostile_code:{name}" for name in DEEDS.split()
}
TABLE |= {"code.echo": "tests.unit.cage.hostile:echo", "data.echo": "tests.unit.cage.hostile:echo"}
CODE = frozenset(name for name in TABLE if name.startswith("code."))
LIMITS = Limits(memory=256 << 20, cpu=10, wall=20.0)

LOOKS = ("stat", "statx", "open", "open as a path", "access", "statfs", "newfstatat from a folder", "load")

SYSTEMS = {
    "as it is": [],
    "without Landlock": ["landlock"],
    "without namespaces": ["unshare"],
    "with namespaces that are good for nothing": ["mount"],
    "without Landlock's answers": ["landlock", "answers"],
}
POOR = {
    "without Landlock and namespaces": (["landlock", "unshare"], "neither Landlock nor namespaces"),
    "without namespaces and answers": (["unshare", "answers"], "neither namespaces nor answers"),
}


def cage_without(monkeypatch: pytest.MonkeyPatch, missing: list[str], **more: Any) -> Cage:
    monkeypatch.setattr("node.cage.launcher.subprocess.Popen", starting_without(*missing))
    return Cage(targets=TABLE, code=CODE, **more)


@pytest.fixture(params=SYSTEMS)
async def cage(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cage]:
    missing = SYSTEMS[request.param]
    cage = cage_without(monkeypatch, missing)
    barriers = cage.barriers()
    if barriers.lacking:
        await cage.stop()
        pytest.skip(f"this machine has too little: {barriers.lacking}")
    assert barriers.seccomp
    assert barriers.landlock is (False if "landlock" in missing else barriers.landlock)
    assert barriers.root is (False if {"unshare", "mount"} & set(missing) else barriers.root)
    yield cage
    await cage.stop()


async def test_no_path_tells_whether_it_exists_and_proc_is_closed(cage: Cage, tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_bytes(b"swordfish")
    (tmp_path / "link").symlink_to(secret)
    (tmp_path / "folder").mkdir()
    pairs = [(str(tmp_path / name), str(tmp_path / f"{name}2")) for name in ("key", "link", "folder")]
    pairs += [
        (name, f"{name}2") for name in ("/etc/passwd", "/etc/shadow", "/proc/self/mountinfo", "/var/log", "/boot")
    ]
    seen, _ = await cage.call("code.look_around", {"pairs": pairs}, limits=LIMITS)
    assert seen["told"] == []
    assert seen["read"] == []
    assert seen["ways"] == 33
    assert seen["own"] > 1000, "what it may read, it can"


async def test_memory_clocks_and_the_death_of_the_parent_cannot_be_evaded(cage: Cage) -> None:
    for room in ("code", "data"):
        seen, _ = await cage.call(f"{room}.hold_and_stay", {}, limits=LIMITS)
        assert seen == {"done": [], "tried": 28}


async def test_the_clock_of_the_fork_server_ends_who_holds_off_its_own(cage: Cage) -> None:
    began = time.monotonic()
    with pytest.raises(Overloaded) as caught:
        await cage.call("code.hold_off_the_clock", {}, limits=Limits(memory=256 << 20, wall=0.5))
    assert caught.value.facts == {"limit": "time"}
    assert time.monotonic() - began < 4.9, "before the caller's own patience ends"
    await until(lambda: children(fork_server_pid() or 0) == [])
    assert await cage.call("code.echo", {"a": 1}, limits=LIMITS) == ({"a": 1}, [])


@pytest.mark.parametrize("header", [{"value": {}, "bars": []}, {"value": {}}, {"value": {}, "bars": "none"}])
async def test_a_forged_answer_makes_no_warning(
    header: dict[str, Any], cage: Cage, caplog: pytest.LogCaptureFixture
) -> None:
    message = {"bytes": b"".join(frame(header)).hex()}
    assert await cage.call("code.forge_an_answer", message, limits=LIMITS) == ({}, [])
    assert [entry for entry in caplog.records if entry.levelname in ("WARNING", "ERROR")] == []


@pytest.mark.parametrize("value", [[], "text", 5, None])
async def test_an_answer_that_is_no_object_is_nonsense(value: Any, cage: Cage) -> None:
    message = {"bytes": b"".join(frame({"value": value})).hex()}
    with pytest.raises(LocalFault, match="invalid answer"):
        await cage.call("code.forge_an_answer", message, limits=LIMITS)


@pytest.mark.parametrize("system", POOR)
async def test_where_files_cannot_be_kept_from_it_no_strangers_code_runs(
    system: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    taken, words = POOR[system]
    cage = cage_without(monkeypatch, taken)
    try:
        with pytest.raises(NotConfined, match=words) as caught:
            await cage.call("code.echo", {}, limits=LIMITS)
        assert caught.value.remedy
        assert words in cage.barriers().lacking
        with pytest.raises(NotConfined):
            cage.call_sync("code.echo", {}, limits=LIMITS)
        # What is parsed is no stranger's code: it goes on, with the barriers that there are.
        assert await cage.call("data.echo", {"a": 1}, limits=LIMITS) == ({"a": 1}, [])
    finally:
        await cage.stop()


@pytest.mark.parametrize("system", POOR)
async def test_the_child_refuses_too_whatever_its_caller_believes(
    system: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cage = cage_without(monkeypatch, POOR[system][0])
    monkeypatch.setattr("node.cage.launcher.Launcher.barriers", lambda _: Barriers.of(15))
    try:
        with pytest.raises(LocalFault, match="the system offers neither"):
            await cage.call("code.echo", {}, limits=LIMITS)
    finally:
        await cage.stop()


async def test_code_of_ones_own_may_run_unconfined_where_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    cage = cage_without(monkeypatch, ["landlock", "unshare"], unconfined=True)
    try:
        assert await cage.call("code.echo", {"a": 1}, limits=LIMITS) == ({"a": 1}, [])
    finally:
        await cage.stop()


@pytest.mark.parametrize("missing", [["unshare"], []])
async def test_threads_that_ask_for_paths_without_end_keep_nobody_else_waiting(
    missing: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cage = cage_without(monkeypatch, missing)
    try:
        if cage.barriers().lacking:
            pytest.skip(cage.barriers().lacking)
        asking = [asyncio.create_task(cage.call("code.ask_without_end", {}, limits=LIMITS)) for _ in range(2)]
        await until(lambda: len(children(fork_server_pid() or 0)) == 2)
        async with asyncio.timeout(10):
            for _ in range(5):
                assert await cage.call("code.echo", {"a": 1}, limits=LIMITS) == ({"a": 1}, [])
                assert await cage.call("data.echo", {"a": 1}, limits=LIMITS) == ({"a": 1}, [])
        for one in asking:
            one.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        await until(lambda: children(fork_server_pid() or 0) == [])
    finally:
        await cage.stop()


def test_the_ways_to_look_work_where_nothing_is_confined(tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_bytes(b"swordfish")
    folder = os.open(os.path.dirname(os.__file__), os.O_RDONLY | os.O_DIRECTORY)
    try:
        there, absent = hostile_code.looks(str(secret), folder), hostile_code.looks(f"{secret}2", folder)
        blind = [name for name in LOOKS if hostile_code.outcome(there[name]) == hostile_code.outcome(absent[name])]
    finally:
        os.close(folder)
    assert blind == []


async def test_nobody_waits_for_a_fork_server_that_says_nothing_once_the_cage_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start = subprocess.Popen
    started: list[subprocess.Popen[bytes]] = []

    def silent(words: list[str], **more: Any) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-c", "import sys, time; sys.stdin.close(); time.sleep(60)"]
        started.append(start(words, **more))
        return started[-1]

    monkeypatch.setattr("node.cage.launcher.subprocess.Popen", silent)
    cage = Cage(targets=TABLE, code=CODE)
    asking = asyncio.create_task(asyncio.to_thread(cage.barriers))
    await until(lambda: bool(started))
    closing = asyncio.create_task(cage.stop())
    await asyncio.sleep(0.3)
    os.kill(started[0].pid, signal.SIGKILL)
    with pytest.raises(LocalFault, match="closed"):
        await asyncio.wait_for(asking, 30)
    await closing
